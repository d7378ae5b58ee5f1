//! Records in the journal what holds a run back, at most every two seconds.

use std::time::Duration;

use tokio::time::Instant;

use crate::bottleneck::HeldCount;
use crate::clock;
use crate::epoch;
use crate::event::DispatchState;
use crate::journal::writer::EventSender;

/// How often it is recorded. The journal stores it along with the next answers.
const INTERVAL: Duration = Duration::from_secs(2);

/// The times of a run, and the channel to the journal.
pub(super) struct HeldRecorder {
    count: HeldCount,
    begun: Instant,
    /// The time of day at the beginning, in seconds since 1970.
    begun_at: f64,
    recorded: Instant,
    events: EventSender,
}

impl HeldRecorder {
    /// A count that begins now.
    pub(super) fn new(events: EventSender) -> Self {
        let (begun, begun_at) = (Instant::now(), epoch::seconds(clock::now()));
        Self { count: HeldCount::new(begun_at), begun, begun_at, recorded: begun, events }
    }

    /// Counts the dispatcher's state from now on.
    pub(super) fn set_state(&mut self, state: &DispatchState, now: Instant) {
        self.count.set_state(state, self.begun_at + (now - self.begun).as_secs_f64());
        if now - self.recorded >= INTERVAL {
            self.record(now);
        }
    }

    /// Records the rest. The journal's writer ends when the last sender is gone.
    pub(super) fn finish(mut self) {
        self.record(Instant::now());
    }

    fn record(&mut self, now: Instant) {
        let elapsed = (now - self.begun).as_secs_f64();
        let (at, clock) = (self.begun_at + elapsed, epoch::seconds(clock::now()));
        self.begun_at = clock - elapsed;
        self.recorded = now;
        self.events.held(self.count.take(at, clock));
    }
}
