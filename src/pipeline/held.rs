//! Tells the journal what holds a run back, every two seconds at most.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::bottleneck::HeldCount;
use crate::event::DispatchState;
use crate::journal::writer::EventSender;

/// How often the journal is told. It stores that along with the next answers.
const TELLING: Duration = Duration::from_secs(2);

/// The count of a run, and the way it gets into the journal.
pub(super) struct HeldTeller {
    count: HeldCount,
    begun: Instant,
    /// The time of day at the beginning, in seconds since 1970.
    begun_at: f64,
    told: Instant,
    pen: EventSender,
}

impl HeldTeller {
    /// A count that begins now.
    pub(super) fn new(pen: EventSender) -> Self {
        let (begun, begun_at) = (Instant::now(), seconds_now());
        Self { count: HeldCount::new(begun_at), begun, begun_at, told: begun, pen }
    }

    /// Counts how the dispatcher stands from now on.
    pub(super) fn stand(&mut self, standing: &DispatchState, now: Instant) {
        self.count.stand(standing, self.begun_at + (now - self.begun).as_secs_f64());
        if now - self.told >= TELLING {
            self.tell(now);
        }
    }

    /// Tells the journal the rest. Its writer ends when nobody has a pen any more.
    pub(super) fn finish(mut self) {
        self.tell(Instant::now());
    }

    fn tell(&mut self, now: Instant) {
        let elapsed = (now - self.begun).as_secs_f64();
        let (at, clock) = (self.begun_at + elapsed, seconds_now());
        self.begun_at = clock - elapsed;
        self.told = now;
        self.pen.held(self.count.take(at, clock));
    }
}

fn seconds_now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
