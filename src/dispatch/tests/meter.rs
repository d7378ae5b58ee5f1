//! How a service may count what it lets in: the ways it does not tell anybody of.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::bench::secs;
use super::service::{Call, answer_of, throttle};
use crate::outcome::{Fault, Reply};

/// A way to count requests or tokens, with what it lets in per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Way {
    /// Seconds on the service's clock.
    FixedSecond,
    /// Any second.
    SlidingSecond,
    /// Minutes on the service's clock.
    FixedMinute,
    /// Any minute.
    SlidingMinute,
    /// A bucket that fills all the time, and holds what comes in ten seconds.
    Bucket,
    /// Tokens of any minute, those of a request when it is let in.
    TokensAtAdmission,
    /// Tokens of any minute, those of a request when it is answered; a minute that is not full lets in anything.
    TokensAtAnswer,
    /// Tokens of a bucket that fills all the time, and holds what comes in ten seconds.
    TokenBucket,
}

/// Every way.
pub(super) const WAYS: [Way; 8] = [
    Way::FixedSecond,
    Way::SlidingSecond,
    Way::FixedMinute,
    Way::SlidingMinute,
    Way::Bucket,
    Way::TokensAtAdmission,
    Way::TokensAtAnswer,
    Way::TokenBucket,
];

/// The minutes and seconds of the service's clock do not begin with the run's.
const SKEW: Duration = Duration::from_millis(23_400);

/// The longest span that is counted over.
const MINUTE: Duration = Duration::from_secs(60);

/// What a bucket holds.
const BUCKET_SECONDS: f64 = 10.0;

impl Way {
    /// Whether it counts tokens.
    pub(super) fn counts_tokens(self) -> bool {
        matches!(self, Self::TokensAtAdmission | Self::TokensAtAnswer | Self::TokenBucket)
    }
}

/// What a service has let in, counted in one way.
#[derive(Debug)]
pub(super) struct Meter {
    way: Way,
    each_second: f64,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What counts, and from when.
    counted: BTreeMap<(Duration, usize), f64>,
    sum: f64,
    /// What counts from later on.
    to_come: BTreeMap<(Duration, usize), f64>,
    level: f64,
    filled: Duration,
    let_in: Vec<(Duration, f64)>,
    refused: Vec<Duration>,
}

impl Meter {
    /// A meter that lets in so much per second.
    pub(super) fn new(way: Way, each_second: f64) -> Self {
        Self { way, each_second, state: RefCell::default() }
    }

    /// Answers a call of so many tokens after a while, or refuses it.
    pub(super) fn reply(&self, call: Call, after: Duration, tokens: u64) -> (Duration, Reply) {
        let amount = if self.way.counts_tokens() { tokens as f64 } else { 1.0 };
        let state = &mut *self.state.borrow_mut();
        if self.admits(state, call, after, amount) {
            state.let_in.push((call.at, amount));
            return answer_of(after, tokens / 2, tokens - tokens / 2);
        }
        state.refused.push(call.at);
        let (after, reply) = throttle(None);
        (after, reply.map_err(|fault| Fault { for_tokens: self.way.counts_tokens(), ..fault }))
    }

    /// What was let in within a span, as a share of what could have been.
    pub(super) fn used(&self, from: Duration, to: Duration) -> f64 {
        let state = self.state.borrow();
        let within = state.let_in.iter().filter(|(at, _)| (from..to).contains(at));
        within.map(|(_, amount)| amount).sum::<f64>() / (self.each_second * (to - from).as_secs_f64())
    }

    /// Calls that were refused within a span.
    pub(super) fn refused(&self, from: Duration, to: Duration) -> usize {
        self.state.borrow().refused.iter().filter(|at| (from..to).contains(*at)).count()
    }

    fn admits(&self, state: &mut State, call: Call, after: Duration, amount: f64) -> bool {
        let now = call.at + SKEW;
        let of_clock = |span: u64| Duration::from_secs(now.as_secs() / span * span);
        let (from, most) = match self.way {
            Way::FixedSecond => (of_clock(1), self.each_second),
            Way::SlidingSecond => (now - secs(1) + Duration::from_nanos(1), self.each_second),
            Way::FixedMinute => (of_clock(60), self.each_second * 60.0),
            Way::SlidingMinute | Way::TokensAtAdmission | Way::TokensAtAnswer => {
                (now.saturating_sub(MINUTE), self.each_second * 60.0)
            }
            Way::Bucket | Way::TokenBucket => return self.pours(state, now, amount),
        };
        state.count_until(now);
        state.forget_before(from);
        let fits = match self.way {
            Way::TokensAtAnswer => state.sum < most,
            _ => state.sum + amount <= most + 1e-6,
        };
        if fits {
            let counts_at = if self.way == Way::TokensAtAnswer { now + after } else { now };
            state.to_come.insert((counts_at, call.count), amount);
        }
        fits
    }

    fn pours(&self, state: &mut State, now: Duration, amount: f64) -> bool {
        let filled = (now - state.filled).as_secs_f64() * self.each_second;
        state.filled = now;
        state.level = (state.level + filled).min(self.each_second * BUCKET_SECONDS);
        let fits = state.level >= amount;
        state.level -= if fits { amount } else { 0.0 };
        fits
    }
}

impl State {
    fn count_until(&mut self, now: Duration) {
        while let Some(first) = self.to_come.first_entry().filter(|entry| entry.key().0 <= now) {
            let (key, amount) = first.remove_entry();
            self.sum += amount;
            self.counted.insert(key, amount);
        }
    }

    fn forget_before(&mut self, from: Duration) {
        while let Some(first) = self.counted.first_entry().filter(|entry| entry.key().0 < from) {
            self.sum -= first.remove();
        }
    }
}
