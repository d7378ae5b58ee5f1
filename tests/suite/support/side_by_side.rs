//! Runs tasks in parallel, since a run mostly waits; failures are reported together.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Mutex;

/// How many run at a time.
const SIDE_BY_SIDE: usize = 4;

/// The message of a panic.
pub fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Works on each of the tasks, some in parallel, and fails with all errors. Returns the sum.
pub fn all<T: Send>(tasks: Vec<T>, work: impl Fn(T) -> Result<usize, String> + Sync) -> usize {
    let tasks = Mutex::new(VecDeque::from(tasks));
    let ends = Mutex::new((0, Vec::new()));
    let next = || tasks.lock().expect("the tasks").pop_front();
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(task) = next() {
                    let end = work(task);
                    let mut ends = ends.lock().expect("the ends");
                    match end {
                        Ok(count) => ends.0 += count,
                        Err(problem) => ends.1.push(problem),
                    }
                }
            });
        }
    });
    let (count, problems) = ends.into_inner().expect("the ends");
    assert!(problems.is_empty(), "{} of the tasks went wrong:\n{}", problems.len(), problems.join("\n"));
    count
}

/// Plays a scenario for each of the cases, some in parallel.
pub fn each<T: Send>(cases: Vec<T>, play: impl Fn(T) + Sync) {
    all(cases, |case| {
        play(case);
        Ok(1)
    });
}
