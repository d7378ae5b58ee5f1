//! What a run remembers of a batch, and how long it bears a service that does not answer.

use std::time::Duration;

use tokio::time::Instant;

use crate::batch::step::Looks;
use crate::outcome::Fault;

/// The shortest and the longest pause after a fault, unless the service or the job says otherwise.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(60));

/// What a run remembers of a batch.
#[derive(Debug)]
pub(super) struct Memory {
    /// Nothing is done before.
    pub(super) due: Instant,
    /// Faults in a row.
    pub(super) failures: u32,
    pub(super) looks: Looks,
    /// Whether its file may be at the provider, although nobody has said so.
    pub(super) may_be_uploaded: bool,
    /// Whether it was asked to be cancelled.
    pub(super) is_cancelled: bool,
    /// Whether it was reported as late.
    pub(super) is_late: bool,
}

impl Memory {
    /// Of a batch that an earlier run has left.
    pub(super) fn new() -> Self {
        Self {
            due: Instant::now(),
            failures: 0,
            looks: Looks::default(),
            may_be_uploaded: true,
            is_cancelled: false,
            is_late: false,
        }
    }

    /// How long to wait after a fault.
    pub(super) fn pause(&mut self, fault: &Fault, poll: Duration) -> Duration {
        let (shortest, longest) = PAUSES;
        let doubled = shortest.saturating_mul(1 << self.failures.min(16)).min(longest.max(poll));
        self.failures += 1;
        fault.retry_after.map_or(doubled, |asked| asked.max(doubled))
    }
}

/// How long a service may give no usable answer.
#[derive(Debug)]
pub(super) struct Patience {
    most: Duration,
    since: Option<Instant>,
}

impl Patience {
    /// As long as this.
    pub(super) fn new(most: Duration) -> Self {
        Self { most, since: None }
    }

    /// It has answered.
    pub(super) fn heard(&mut self) {
        self.since = None;
    }

    /// It has not answered; whether that is borne a while longer.
    pub(super) fn lasts(&mut self) -> bool {
        let now = Instant::now();
        now.duration_since(*self.since.get_or_insert(now)) < self.most
    }
}
