//! Work on a list of things, on as many threads as there are processors, with results in order.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

/// How far the threads may be ahead of the first result that is missing.
const AHEAD: usize = 64;
/// How many bytes of results may wait for it, except for those being made.
const AHEAD_BYTES: usize = 64 << 20;
/// How often it is asked whether to stop.
const ASKED: Duration = Duration::from_millis(50);

/// Results that wait, and what is to be worked on next.
struct WaitingResults<T> {
    next: usize,
    taken: usize,
    done: BTreeMap<usize, T>,
    bytes: usize,
    is_over: bool,
}

struct Pool<T> {
    count: usize,
    waiting: Mutex<WaitingResults<T>>,
    changed: Condvar,
}

/// Calls `work` for every index below `count`, and `take` for the results in order, until it returns false or `is_stopped`
/// is true. Returns whether all were taken. Threads that are still at work then end by themselves.
pub(super) fn in_order<T: Send + 'static, E>(
    count: usize,
    work: impl Fn(usize) -> T + Send + Sync + 'static,
    weight: fn(&T) -> usize,
    is_stopped: &dyn Fn() -> bool,
    mut take: impl FnMut(usize, T) -> Result<(), E>,
) -> Result<bool, E> {
    let waiting = WaitingResults { next: 0, taken: 0, done: BTreeMap::new(), bytes: 0, is_over: false };
    let pool = Arc::new(Pool { count, waiting: Mutex::new(waiting), changed: Condvar::new() });
    let work = Arc::new(work);
    let threads = available_parallelism().map_or(1, NonZero::get).min(count);
    for _ in 0..threads {
        let (pool, work) = (pool.clone(), work.clone());
        std::thread::spawn(move || {
            while let Some(index) = pool.begin() {
                let result = work(index);
                pool.end(index, result, weight);
            }
        });
    }
    let _over = IsOver(&pool);
    for index in 0..count {
        let Some(result) = pool.result(index, weight, is_stopped) else { return Ok(false) };
        take(index, result)?;
    }
    Ok(true)
}

/// However the caller leaves, the threads take nothing more.
struct IsOver<'a, T>(&'a Pool<T>);

impl<T> Drop for IsOver<'_, T> {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.changed.notify_all();
    }
}

impl<T> Pool<T> {
    fn lock(&self) -> MutexGuard<'_, WaitingResults<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The index of the next work, once there is room for its result.
    fn begin(&self) -> Option<usize> {
        let mut waiting = self.lock();
        loop {
            if waiting.is_over || waiting.next >= self.count {
                return None;
            }
            let is_first = waiting.next == waiting.taken;
            if is_first || waiting.next < waiting.taken + AHEAD && waiting.bytes < AHEAD_BYTES {
                waiting.next += 1;
                return Some(waiting.next - 1);
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn end(&self, index: usize, result: T, weight: fn(&T) -> usize) {
        let mut waiting = self.lock();
        waiting.bytes += weight(&result);
        waiting.done.insert(index, result);
        self.changed.notify_all();
    }

    /// The result of an index, which is the next in order; `None` when it is to stop.
    fn result(&self, index: usize, weight: fn(&T) -> usize, is_stopped: &dyn Fn() -> bool) -> Option<T> {
        let mut waiting = self.lock();
        loop {
            if is_stopped() {
                return None;
            }
            if let Some(result) = waiting.done.remove(&index) {
                waiting.bytes -= weight(&result);
                waiting.taken = index + 1;
                self.changed.notify_all();
                return Some(result);
            }
            (waiting, _) = self.changed.wait_timeout(waiting, ASKED).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn results_come_in_order_however_long_each_takes() {
        let work = |index: usize| {
            std::thread::sleep(Duration::from_micros((index as u64 * 7919) % 300));
            index
        };
        let mut taken = Vec::new();
        let all = in_order(
            500,
            work,
            |_| 1,
            &|| false,
            |_, result| {
                taken.push(result);
                Ok::<_, Infallible>(())
            },
        );
        assert!(all.unwrap());
        assert!(taken.into_iter().eq(0..500));
    }

    #[test]
    fn results_that_are_too_heavy_to_wait_are_made_one_after_another() {
        let all = in_order(20, |_| vec![0; 1], |_| AHEAD_BYTES, &|| false, |_, _| Ok::<_, Infallible>(()));
        assert!(all.unwrap());
    }

    #[test]
    fn it_ends_when_it_is_told_to_or_a_result_cannot_be_used() {
        let mut taken = 0;
        let all = in_order(100, |index| index, |_| 1, &|| true, |_, _| Ok::<_, Infallible>(()));
        assert!(!all.unwrap());
        let refused = in_order(
            100,
            |index| index,
            |_| 1,
            &|| false,
            |index, _| {
                taken += 1;
                if index == 3 { Err(()) } else { Ok(()) }
            },
        );
        assert_eq!((refused, taken), (Err(()), 4));
        assert!(in_order(0, |index| index, |_| 1, &|| false, |_, _| Ok::<_, Infallible>(())).unwrap());
    }
}
