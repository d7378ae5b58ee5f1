//! A service that counts, and answers each call by its count.

use std::cell::RefCell;
use std::time::Duration;

use super::counting::{Count, Way};
use super::service::{Call, answer_of, throttle};
use crate::outcome::{Fault, Reply};

/// Every way of counting.
pub(super) const WAYS: [Way; 8] = [
    Way::FixedSecond,
    Way::SlidingSecond,
    Way::FixedMinute,
    Way::SlidingMinute,
    Way::Bucket(10.0),
    Way::TokensAtAdmission,
    Way::TokensAtAnswer,
    Way::TokenBucket(10.0),
];

/// What a service has admitted, counted in one way.
#[derive(Debug)]
pub(super) struct Meter {
    way: Way,
    count: RefCell<Count>,
}

impl Meter {
    /// A meter that admits this much per second.
    pub(super) fn new(way: Way, each_second: f64) -> Self {
        Self { way, count: RefCell::new(Count::new(way, each_second)) }
    }

    /// Answers a call of this many tokens after a while, or refuses it.
    pub(super) fn reply(&self, call: Call, after: Duration, tokens: u64) -> (Duration, Reply) {
        let amount = if self.way.counts_tokens() { tokens as f64 } else { 1.0 };
        if self.count.borrow_mut().lets_in(call.at, after, amount) {
            return answer_of(after, tokens / 2, tokens - tokens / 2);
        }
        let (after, reply) = throttle(None);
        (after, reply.map_err(|fault| Fault { for_tokens: self.way.counts_tokens(), ..fault }))
    }

    /// What was admitted within a span, as a share of the maximum.
    pub(super) fn used(&self, from: Duration, to: Duration) -> f64 {
        self.count.borrow().used(from, to)
    }

    /// Calls that were refused within a span.
    pub(super) fn refused(&self, from: Duration, to: Duration) -> usize {
        self.count.borrow().refused(from, to)
    }
}
