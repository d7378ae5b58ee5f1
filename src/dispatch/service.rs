//! One service that a job is sent to: everything that is known of it alone, and what is in flight there.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::circuit_breaker::CircuitBreaker;
use super::concurrency::Window;
use super::pace::ServicePace;
use super::preflight::Preflight;
use super::work::Work;

/// The number of ends over which the share of throttled ones is measured, and the share up to which a row that is throttled
/// while others are let in is throttled for itself.
const THROTTLED_OF: f64 = 64.0;
const FEW_THROTTLED: f64 = 0.1;

/// A service, and what is known of it.
pub(super) struct Service<'e, E> {
    pub(super) endpoint: &'e E,
    pub(super) pace: ServicePace,
    pub(super) window: Window,
    pub(super) breaker: CircuitBreaker,
    pub(super) preflight: Preflight,
    pub(super) traffic: Traffic,
}

/// The requests of a pass to one service.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// When those in flight were sent, by their order.
    sent_at: BTreeMap<u64, Instant>,
    /// The last turn in which an answered request was sent.
    let_in: u64,
    /// The share of throttled requests among the latest ends.
    throttling: f64,
}

impl<E> Service<'_, E> {
    /// How many requests may be in flight there at present.
    pub(super) fn places(&self) -> usize {
        self.window.places(self.traffic.oldest())
    }
}

impl Traffic {
    /// A request is sent.
    pub(super) fn sent(&mut self, order: u64, now: Instant) {
        self.sent_at.insert(order, now);
    }

    /// It has ended.
    pub(super) fn ended(&mut self, order: u64) {
        self.sent_at.remove(&order);
    }

    /// Whether a request sent in a range of turns is still in flight.
    pub(super) fn is_open(&self, first: u64, last: u64) -> bool {
        self.sent_at.range(first..=last).next().is_some()
    }

    /// The age of the request that has been in flight for longest.
    fn oldest(&self) -> Duration {
        self.sent_at.values().next().map_or(Duration::ZERO, Instant::elapsed)
    }

    /// A request sent in this turn was answered.
    pub(super) fn answered(&mut self, turn: u64) {
        self.let_in = self.let_in.max(turn);
        self.throttling -= self.throttling / THROTTLED_OF;
    }

    /// A row's request, sent in this turn, was throttled. Returns whether the row is throttled for itself: others sent after
    /// it were let in, and hardly any of those were throttled. If many were, the rate is too high. `is_last`: no other row
    /// is left.
    pub(super) fn is_overtaken(&mut self, work: &mut Work, turn: u64, is_last: bool) -> bool {
        self.throttling += (1.0 - self.throttling) / THROTTLED_OF;
        // A row that is alone keeps its earlier status as overtaken.
        if work.overtaken > 0 && is_last {
            work.overtaken += 1;
            return true;
        }
        if self.throttling > FEW_THROTTLED {
            return false;
        }
        work.was_throttled(turn, self.let_in)
    }
}
