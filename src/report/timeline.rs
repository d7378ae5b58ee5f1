//! The running time, run after run, in slices: the answers in each, throttling, and what held it back.
//!
//! Time without a run is omitted: the nights between two runs are not drawn.

use crate::epoch;
use crate::history::{PastHeld, Run};

/// Slices that the running time is divided into: at least half as many, and about this many at most.
const SLICES: f64 = 120.0;

/// Runs that are drawn: the last ones.
pub(super) const RUNS: usize = 30;

/// The possible widths of a slice, in seconds.
const WIDTHS: [f64; 20] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0,
    28_800.0, 86_400.0, 172_800.0, 432_000.0, 864_000.0,
];

/// The shortest run for which rates are shown, in seconds.
const SHORTEST: f64 = 0.1;

/// A part of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Slice {
    /// Seconds of running before it, counting only runs that are drawn.
    pub(super) from: f64,
    /// Its length in seconds.
    pub(super) seconds: f64,
    /// Rows that were answered.
    pub(super) rows: u64,
    /// Tokens that were used.
    pub(super) tokens: u64,
    /// Requests that were throttled.
    pub(super) throttled: u64,
    /// Requests that brought no answer for another reason.
    pub(super) faults: u64,
    /// What held the run back: the index of the cause, and seconds.
    pub(super) held: Vec<(usize, f64)>,
}

/// A run that is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RunSpan {
    pub(super) run: i64,
    start: f64,
    end: f64,
    pub(super) first: usize,
    slices: usize,
}

/// The running time.
#[derive(Debug, Clone, Default)]
pub(super) struct Timeline {
    pub(super) spans: Vec<RunSpan>,
    pub(super) slices: Vec<Slice>,
    /// Seconds of running, counting only runs that are drawn.
    pub(super) seconds: f64,
    width: f64,
}

impl Timeline {
    pub(super) fn new(runs: &[Run]) -> Self {
        let drawn = &runs[runs.len().saturating_sub(RUNS)..];
        let length = |run: &Run| run.spent.duration.as_secs_f64().max(SHORTEST);
        let seconds: f64 = drawn.iter().map(length).sum();
        let width = WIDTHS.into_iter().find(|width| seconds / width <= SLICES).unwrap_or(seconds / SLICES);
        let mut timeline = Self { width, ..Self::default() };
        for run in drawn {
            let length = length(run);
            // A remainder shorter than half a slice belongs to the slice before it.
            let slices = ((length / width).round() as usize).max(1);
            let first = timeline.slices.len();
            for slice in 0..slices {
                let from = slice as f64 * width;
                let until = if slice + 1 == slices { length } else { from + width };
                let from = timeline.seconds + from;
                let seconds = timeline.seconds + until - from;
                timeline.slices.push(Slice { from, seconds, ..Slice::default() });
            }
            timeline.seconds += length;
            let start = epoch::seconds(run.started_at);
            timeline.spans.push(RunSpan { run: run.number, start, end: start + length, first, slices });
        }
        timeline
    }

    /// The slice of an event that ended at a time; `None` if its run is not drawn.
    pub(super) fn at(&mut self, time: f64) -> Option<&mut Slice> {
        let next = self.spans.partition_point(|span| span.start <= time);
        let span = &self.spans[next.checked_sub(1)?];
        let slice = (((time - span.start) / self.width) as usize).min(span.slices - 1);
        self.slices.get_mut(span.first + slice)
    }

    /// Adds what held a run back in a minute; `cause` is the index of the cause.
    pub(super) fn held(&mut self, held: &PastHeld, cause: usize) {
        let Some(span) = self.spans.iter().find(|span| span.run == held.run) else { return };
        let from = (held.minute as f64 * 60.0).max(span.start);
        let until = (held.minute as f64 * 60.0 + 60.0).min(span.end);
        let whole = until - from;
        // More than 0, and not NaN.
        if !(whole > 0.0 && held.seconds > 0.0) {
            return;
        }
        for (number, slice) in self.slices[span.first..][..span.slices].iter_mut().enumerate() {
            let begins = span.start + number as f64 * self.width;
            let within = (begins + slice.seconds).min(until) - begins.max(from);
            if within <= 0.0 {
                continue;
            }
            let seconds = held.seconds.min(60.0) * within / whole;
            match slice.held.iter_mut().find(|(known, _)| *known == cause) {
                Some((_, sum)) => *sum += seconds,
                None => slice.held.push((cause, seconds)),
            }
        }
    }
}

impl Slice {
    /// The index of the cause that held the run back longest.
    pub(super) fn cause(&self) -> Option<usize> {
        self.held.iter().max_by(|one, other| one.1.total_cmp(&other.1)).map(|(cause, _)| *cause)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::history::Spent;

    fn run(number: i64, started_at: f64, last_at: f64) -> Run {
        let duration = Duration::from_secs_f64(last_at - started_at);
        Run {
            number,
            started_at: epoch::time(started_at),
            last_at: epoch::time(last_at),
            ended_at: Some(epoch::time(last_at)),
            reason: None,
            program: String::new(),
            in_doubt: 0,
            spent: Spent { duration, ..Spent::default() },
            simulated: false,
        }
    }

    #[test]
    fn the_night_between_two_runs_is_omitted() {
        let mut timeline = Timeline::new(&[run(1, 1000.0, 1100.0), run(2, 90_000.0, 90_020.3)]);
        assert!((timeline.seconds - 120.3).abs() < 1e-6, "{}", timeline.seconds);
        assert_eq!(timeline.spans.iter().map(|span| span.slices).collect::<Vec<_>>(), [50, 10]);
        for (time, slice) in [(1000.0, 0), (1099.9, 49), (2000.0, 49), (90_000.5, 50), (99_999.0, 59)] {
            timeline.at(time).expect("a slice").rows += 1;
            assert!(timeline.slices[slice].rows > 0, "{time}");
        }
        assert!(timeline.at(999.0).is_none());
        let together: f64 = timeline.slices.iter().map(|slice| slice.seconds).sum();
        assert!((together - timeline.seconds).abs() < 1e-6, "{together}");
        assert!(timeline.slices.iter().all(|slice| slice.seconds > 0.9));
    }

    #[test]
    fn what_held_a_run_back_in_a_minute_is_spread_over_the_slices_of_that_minute() {
        let mut timeline = Timeline::new(&[run(7, 90.0, 130.0)]);
        let held = |minute, seconds| PastHeld { run: 7, minute, cause: "rate".to_owned(), seconds };
        timeline.held(&held(1, 30.0), 0);
        timeline.held(&held(2, 5.0), 1);
        let sum = |cause| {
            let held = timeline.slices.iter().flat_map(|slice| &slice.held);
            held.filter(|(of, _)| *of == cause).map(|(_, seconds)| seconds).sum::<f64>()
        };
        assert!((sum(0) - 30.0).abs() < 1e-6 && (sum(1) - 5.0).abs() < 1e-6);
        assert_eq!((timeline.slices[29].cause(), timeline.slices[35].cause()), (Some(0), Some(1)));
    }

    #[test]
    fn a_run_of_no_time_does_not_make_an_infinite_rate() {
        let timeline = Timeline::new(&[run(1, 50.0, 50.0)]);
        assert_eq!((timeline.slices.len(), timeline.slices[0].seconds), (1, SHORTEST));
        assert!(Timeline::new(&[]).slices.is_empty());
    }
}
