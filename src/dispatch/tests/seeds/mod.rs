//! Tests of the engine from seeds. A seed determines a plan: a job, a service with clusters of faults that begin and end in
//! any order, and runs that are killed, stopped and restarted. The plan is played on a paused clock, and the promises are
//! checked against everything that happens. A failing seed is the bug report.
//!
//! `FANFOLD_SEEDS` chooses the seeds: `10000` means that many from 0 on, `300..400` means these. The default is 200.

mod book;
mod draw;
mod endpoint;
mod invariants;
mod plan;
mod world;

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use plan::Plan;

/// The default number of seeds.
const SEEDS: u64 = 200;

/// After this many failing seeds the search ends.
const ENOUGH: usize = 5;

/// How many plans are played in parallel.
const SIDE_BY_SIDE: usize = 2;

#[test]
fn no_seed_breaks_a_promise() {
    let seeds = wanted(std::env::var("FANFOLD_SEEDS").ok().as_deref());
    let (next, failures) = (AtomicU64::new(seeds.start), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while failures.lock().expect("the failures").len() < ENOUGH {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if let Err(report) = play(seed) {
                        failures.lock().expect("the failures").push(report);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("the failures");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The seeds that a text requests.
fn wanted(text: Option<&str>) -> Range<u64> {
    let number = |text: &str| text.trim().parse::<u64>().expect("FANFOLD_SEEDS is `10000` or `300..400`");
    match text.map(|text| text.split_once("..").ok_or(text)) {
        None => 0..SEEDS,
        Some(Ok((from, to))) => number(from)..number(to),
        Some(Err(count)) => 0..number(count),
    }
}

/// Plays the plan of a seed; an error has the plan and the command that shows it again.
fn play(seed: u64) -> Result<(), String> {
    let plan = Plan::of(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let played = catch_unwind(AssertUnwindSafe(|| runtime.block_on(world::play(plan.clone()))));
    played.map_err(|panic| {
        let words = words(panic.as_ref());
        let next = seed + 1;
        format!(
            "seed {seed}: {words}\n{plan:?}\nto see it again: FANFOLD_SEEDS={seed}..{next} cargo test --lib no_seed_breaks\n"
        )
    })
}

/// The message of a panic.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[test]
fn a_seed_gives_the_same_plan_each_time() {
    let plan = |seed| format!("{:?}", Plan::of(seed));
    assert_eq!(plan(17), plan(17));
    assert_ne!(plan(17), plan(18));
}

#[test]
fn seeds_are_asked_for_by_number_or_by_range() {
    assert_eq!((wanted(None), wanted(Some("10000")), wanted(Some("17..18"))), (0..200, 0..10_000, 17..18));
}
