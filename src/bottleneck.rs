//! For how long each cause held a run back, minute by minute, from the dispatcher's state. Pure: the time is passed in.

use crate::event::{Bottleneck, DispatchState};

/// Seconds of a minute in which one thing held a run back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeldSpan {
    /// The minute, counted from 1970.
    pub minute: i64,
    /// The cause, in the words of [`Bottleneck::as_str`].
    pub cause: &'static str,
    /// The seconds.
    pub seconds: f64,
}

/// The count of a run. It holds only the minutes since it was last taken.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldCount {
    spans: Vec<HeldSpan>,
    minute: i64,
    at: f64,
    cause: &'static str,
}

impl HeldCount {
    /// A count that begins at a time, in seconds since 1970.
    pub fn new(at: f64) -> Self {
        Self { spans: Vec::new(), minute: minute_of(at), at, cause: Bottleneck::Places.as_str() }
    }

    /// Sets the state from this time on; the earlier state counts until then. If nothing holds a run back, it waits for the
    /// answers to requests in flight.
    pub fn set_state(&mut self, state: &DispatchState, at: f64) {
        self.pass(at);
        self.cause = state.held_by.unwrap_or(Bottleneck::Places).as_str();
    }

    /// Takes the counts up to the time `at`. Counting continues from `now`, which differs only if the clock was set or the
    /// machine slept: such time is not part of the run.
    pub fn take(&mut self, at: f64, now: f64) -> Vec<HeldSpan> {
        self.pass(at);
        (self.at, self.minute) = (now, minute_of(now));
        std::mem::take(&mut self.spans)
    }

    fn pass(&mut self, at: f64) {
        while at > self.at {
            let ends = (self.minute + 1) as f64 * 60.0;
            let until = at.min(ends);
            self.add(until - self.at);
            self.at = until;
            self.minute += i64::from(until >= ends);
        }
    }

    fn add(&mut self, seconds: f64) {
        let (minute, cause) = (self.minute, self.cause);
        // The last minute is at the end, and has at most one span for each cause.
        let mut latest = self.spans.iter_mut().rev().take_while(|span| span.minute == minute);
        match latest.find(|span| span.cause == cause) {
            Some(span) => span.seconds += seconds,
            None => self.spans.push(HeldSpan { minute, cause, seconds }),
        }
    }
}

fn minute_of(at: f64) -> i64 {
    (at / 60.0).floor() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_by(held_by: Option<Bottleneck>) -> DispatchState {
        DispatchState { held_by, ..DispatchState::default() }
    }

    fn triples(spans: &[HeldSpan]) -> Vec<(i64, &'static str, f64)> {
        spans.iter().map(|span| (span.minute, span.cause, span.seconds)).collect()
    }

    #[test]
    fn seconds_are_counted_for_each_cause_in_the_minute_in_which_it_held_the_run_back() {
        let mut count = HeldCount::new(590.0);
        count.set_state(&held_by(Some(Bottleneck::Rate)), 591.0);
        count.set_state(&held_by(Some(Bottleneck::Throttling)), 595.0);
        count.set_state(&held_by(Some(Bottleneck::Rate)), 597.0);
        count.set_state(&held_by(None), 725.5);
        let spans = count.take(726.0, 726.0);
        let expected = [
            (9, "concurrency", 1.0),
            (9, "rate", 7.0),
            (9, "throttling", 2.0),
            (10, "rate", 60.0),
            (11, "rate", 60.0),
            (12, "rate", 5.5),
            (12, "concurrency", 0.5),
        ];
        assert_eq!(triples(&spans), expected);
        assert!(count.take(726.0, 726.0).is_empty(), "what was taken is not counted again");
    }

    #[test]
    fn a_clock_that_was_set_adds_no_time() {
        let mut count = HeldCount::new(0.0);
        count.set_state(&held_by(Some(Bottleneck::Outage)), 1.0);
        assert_eq!(triples(&count.take(2.0, 86_400.0)), [(0, "concurrency", 1.0), (0, "outage", 1.0)]);
        assert_eq!(triples(&count.take(86_401.0, 86_401.0)), [(1440, "outage", 1.0)]);
        // The clock is set back again.
        count.take(86_401.0, 30.0);
        assert_eq!(triples(&count.take(31.0, 31.0)), [(0, "outage", 1.0)]);
    }
}
