//! Whether a row can be sent now, from which queue, or what it waits for: a pure function of queues, limits and time. What
//! a request costs, and its turn in the rates, is asked afterwards.

use std::time::Duration;

use tokio::time::Instant;

use crate::event::Bottleneck;

/// What queues and limits say at a moment.
#[derive(Debug, Clone)]
pub(super) struct Readiness {
    /// The pass ends, and starts nothing more.
    pub(super) stops: bool,
    /// A user has paused the run.
    pub(super) paused: bool,
    /// During an outage: when the next probe is due.
    pub(super) probe: Option<Instant>,
    /// Somebody was answered lately, so that the tries of a row count.
    pub(super) somebody_answered: bool,
    /// Requests in flight, and how many may be.
    pub(super) in_flight: usize,
    pub(super) places: usize,
    /// The first unsent row.
    pub(super) fresh: FreshRow,
    /// Repeated rows that can go at once, and whether the last request was one.
    pub(super) repeated: bool,
    pub(super) went_again: bool,
    /// When the first row's backoff ends.
    pub(super) due: Option<Instant>,
    /// Rows wait for a backoff, or run tools: they return without being read.
    pub(super) others_return: bool,
    /// More rows can be read.
    pub(super) more_come: bool,
    /// The longest wait that the job bears.
    pub(super) max_outage: Duration,
}

/// The first unsent row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FreshRow {
    /// There is none yet.
    Missing,
    /// The first row of its shape is out; the shape opens at that instant at the latest.
    Held(Option<Instant>),
    /// The journal does not have it as handed out yet.
    Unrecorded,
    /// It can be sent.
    Ready,
}

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SendDecision {
    /// The first row of a queue can be sent, if the caps and the rates allow it. `until`: when the next row is due.
    Take { queue: NextQueue, until: Option<Instant> },
    /// Nothing before that instant, and why; `None`: before another event.
    Wait(Option<Instant>, Option<Bottleneck>),
    /// The service asks for more patience than the job has: it is out for this job.
    GiveUp,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextQueue {
    /// A row that was sent before.
    Repeated,
    /// An unsent row.
    Fresh,
}

impl Readiness {
    /// What can be done now.
    pub(super) fn decide(&self, now: Instant) -> SendDecision {
        if self.stops {
            return SendDecision::Wait(None, None);
        }
        if self.paused {
            return SendDecision::Wait(None, Some(Bottleneck::Pause));
        }
        match self.probe {
            // One probe at a time.
            Some(_) if self.in_flight > 0 => return SendDecision::Wait(None, Some(Bottleneck::Outage)),
            Some(probe) if probe > now => return SendDecision::Wait(Some(probe), Some(Bottleneck::Outage)),
            _ => {}
        }
        // A row that is already due waits for something other than time: for the probe before it.
        let until = self.due.filter(|due| *due > now);
        if !self.repeated && self.fresh != FreshRow::Ready {
            return self.nothing_ready(now, until);
        }
        if self.in_flight >= self.places {
            return SendDecision::Wait(until, Some(Bottleneck::Places));
        }
        SendDecision::Take { queue: self.queue(), until }
    }

    /// Whose turn it is. Repeated rows come first; but while nobody is answered they alternate with new ones, or a few
    /// poisoned rows would use up a slow job's rate and look like an outage.
    pub(super) fn queue(&self) -> NextQueue {
        let takes_turns = self.went_again && !self.somebody_answered && self.fresh == FreshRow::Ready;
        if self.repeated && !takes_turns { NextQueue::Repeated } else { NextQueue::Fresh }
    }

    /// No row can be sent: either none is there yet, or all wait.
    fn nothing_ready(&self, now: Instant, until: Option<Instant>) -> SendDecision {
        let held = matches!(self.fresh, FreshRow::Held(_));
        let rows_return = self.in_flight > 0 || self.others_return;
        let rows_come = self.more_come && !held;
        let idle = !rows_return && !rows_come && (held || self.fresh == FreshRow::Missing);
        match (until, self.fresh) {
            (Some(due), _) if idle && due > now + self.max_outage => SendDecision::GiveUp,
            (_, FreshRow::Held(opens)) => {
                SendDecision::Wait(until.into_iter().chain(opens).min(), Some(Bottleneck::FirstRows))
            }
            _ => SendDecision::Wait(until, idle.then_some(Bottleneck::Backoff)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use NextQueue::{Fresh, Repeated};
    use SendDecision::{GiveUp, Take, Wait};

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Two of ten places taken, and an unsent row ready.
    fn ready() -> Readiness {
        Readiness {
            stops: false,
            paused: false,
            probe: None,
            somebody_answered: true,
            in_flight: 2,
            places: 10,
            fresh: FreshRow::Ready,
            repeated: false,
            went_again: false,
            due: None,
            others_return: false,
            more_come: true,
            max_outage: secs(600),
        }
    }

    #[test]
    fn what_ends_or_halts_the_run_comes_before_every_limit_in_this_order() {
        let now = Instant::now();
        let later = now + secs(5);
        let full = Readiness { in_flight: 10, due: Some(later), ..ready() };
        let outage = Readiness { probe: Some(now), ..full.clone() };
        let paused = Readiness { paused: true, ..outage.clone() };
        let stops = Readiness { stops: true, ..paused.clone() };
        for (readiness, decision) in [
            (stops, Wait(None, None)),
            (paused, Wait(None, Some(Bottleneck::Pause))),
            (outage, Wait(None, Some(Bottleneck::Outage))),
            (full, Wait(Some(later), Some(Bottleneck::Places))),
            (ready(), Take { queue: Fresh, until: None }),
        ] {
            assert_eq!(readiness.decide(now), decision, "{readiness:?}");
        }
    }

    #[test]
    fn a_probe_goes_out_alone_and_when_it_is_due() {
        let now = Instant::now();
        let outage = |probe, in_flight| Readiness { probe: Some(probe), in_flight, ..ready() };
        let later = now + secs(30);
        assert_eq!(outage(later, 0).decide(now), Wait(Some(later), Some(Bottleneck::Outage)));
        assert_eq!(outage(now, 1).decide(now), Wait(None, Some(Bottleneck::Outage)));
        assert_eq!(outage(now, 0).decide(now), Take { queue: Fresh, until: None });
    }

    #[test]
    fn repeated_rows_come_first_and_take_turns_with_new_ones_while_nobody_is_answered() {
        let silent = Readiness { repeated: true, somebody_answered: false, ..ready() };
        for (readiness, queue) in [
            (Readiness { repeated: true, went_again: true, ..ready() }, Repeated),
            (Readiness { went_again: false, ..silent.clone() }, Repeated),
            (Readiness { went_again: true, ..silent.clone() }, Fresh),
            (Readiness { went_again: true, fresh: FreshRow::Unrecorded, ..silent }, Repeated),
            (ready(), Fresh),
        ] {
            assert_eq!(readiness.queue(), queue, "{readiness:?}");
        }
    }

    #[test]
    fn when_no_row_is_ready_it_says_what_all_wait_for() {
        let now = Instant::now();
        let [soon, later, never] = [5, 60, 601].map(|seconds| now + secs(seconds));
        let none = Readiness { fresh: FreshRow::Missing, in_flight: 0, more_come: false, ..ready() };
        let held = |opens| Readiness { fresh: FreshRow::Held(opens), ..none.clone() };
        let due = |due, readiness: Readiness| Readiness { due: Some(due), ..readiness };
        for (readiness, decision) in [
            // Rows are in flight, or come: they decide what is next.
            (Readiness { in_flight: 1, ..none.clone() }, Wait(None, None)),
            (Readiness { more_come: true, ..none.clone() }, Wait(None, None)),
            (Readiness { fresh: FreshRow::Unrecorded, ..none.clone() }, Wait(None, None)),
            (due(never, Readiness { others_return: true, ..none.clone() }), Wait(Some(never), None)),
            // All wait for a backoff; one that is already due waits for no time.
            (due(soon, none.clone()), Wait(Some(soon), Some(Bottleneck::Backoff))),
            (due(now, none.clone()), Wait(None, Some(Bottleneck::Backoff))),
            (due(never, none.clone()), GiveUp),
            // The first rows are out: whichever is earlier.
            (held(None), Wait(None, Some(Bottleneck::FirstRows))),
            (due(later, held(Some(soon))), Wait(Some(soon), Some(Bottleneck::FirstRows))),
            (due(soon, held(Some(later))), Wait(Some(soon), Some(Bottleneck::FirstRows))),
            (due(never, held(Some(soon))), GiveUp),
        ] {
            assert_eq!(readiness.decide(now), decision, "{readiness:?}");
        }
    }
}
