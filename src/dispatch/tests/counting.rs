//! How a service may count what it admits, in undocumented ways.

use std::collections::BTreeMap;
use std::time::Duration;

/// A way to count requests or tokens.
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
    /// A bucket that fills continuously, and holds the inflow of this many seconds, and at least one request.
    Bucket(f64),
    /// Tokens of any minute, those of a request when it is let in.
    TokensAtAdmission,
    /// Tokens of any minute, those of a request when it is answered; a minute that is not full lets in anything.
    TokensAtAnswer,
    /// A bucket of tokens that fills continuously, and holds the inflow of this many seconds.
    TokenBucket(f64),
}

/// The minutes and seconds of the service's clock do not start with the run's.
const SKEW: Duration = Duration::from_millis(23_400);

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

impl Way {
    /// Whether it counts tokens.
    pub(super) fn counts_tokens(self) -> bool {
        matches!(self, Self::TokensAtAdmission | Self::TokensAtAnswer | Self::TokenBucket(_))
    }
}

/// What a service has admitted, counted in one way.
#[derive(Debug)]
pub(super) struct Count {
    way: Way,
    each_second: f64,
    /// What counts, and from when.
    counted: BTreeMap<(Duration, usize), f64>,
    sum: f64,
    /// What counts from later on.
    to_come: BTreeMap<(Duration, usize), f64>,
    requests: usize,
    level: f64,
    filled: Duration,
    let_in: Vec<(Duration, f64)>,
    refused: Vec<Duration>,
}

impl Count {
    /// A service that admits this much per second.
    pub(super) fn new(way: Way, each_second: f64) -> Self {
        Self {
            way,
            each_second,
            counted: BTreeMap::new(),
            sum: 0.0,
            to_come: BTreeMap::new(),
            requests: 0,
            level: f64::INFINITY,
            filled: Duration::ZERO,
            let_in: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Whether a request of this amount is admitted, which will be answered after a while.
    pub(super) fn lets_in(&mut self, at: Duration, after: Duration, amount: f64) -> bool {
        let fits = self.fits(at + SKEW, after, amount);
        match fits {
            true => self.let_in.push((at, amount)),
            false => self.refused.push(at),
        }
        fits
    }

    /// Refuses a request for another reason.
    pub(super) fn refuse(&mut self, at: Duration) {
        self.refused.push(at);
    }

    /// What was admitted within a span, as a share of the maximum.
    pub(super) fn used(&self, from: Duration, to: Duration) -> f64 {
        let within = self.let_in.iter().filter(|(at, _)| (from..to).contains(at));
        within.map(|(_, amount)| amount).sum::<f64>() / (self.each_second * (to - from).as_secs_f64())
    }

    /// Calls that were refused within a span.
    pub(super) fn refused(&self, from: Duration, to: Duration) -> usize {
        self.refused.iter().filter(|at| (from..to).contains(*at)).count()
    }

    /// The share of what was sent within a span that was refused.
    pub(super) fn share_refused(&self, from: Duration, to: Duration) -> f64 {
        let refused = self.refused(from, to);
        let let_in = self.let_in.iter().filter(|(at, _)| (from..to).contains(at)).count();
        refused as f64 / (refused + let_in).max(1) as f64
    }

    fn fits(&mut self, now: Duration, after: Duration, amount: f64) -> bool {
        self.requests += 1;
        let of_clock = |span: u64| Duration::from_secs(now.as_secs() / span * span);
        let just = Duration::from_nanos(1);
        let (from, most) = match self.way {
            Way::FixedSecond => (of_clock(1), self.each_second),
            Way::SlidingSecond => (now - SECOND + just, self.each_second),
            Way::FixedMinute => (of_clock(60), self.each_second * 60.0),
            Way::SlidingMinute | Way::TokensAtAdmission | Way::TokensAtAnswer => {
                (now.saturating_sub(MINUTE), self.each_second * 60.0)
            }
            Way::Bucket(holds) => return self.pours(now, amount, (self.each_second * holds).max(1.0)),
            Way::TokenBucket(holds) => return self.pours(now, amount, self.each_second * holds),
        };
        self.count_until(now);
        self.forget_before(from);
        let fits = match self.way {
            Way::TokensAtAnswer => self.sum < most,
            _ => self.sum + amount <= most + 1e-6,
        };
        if fits {
            let counts_at = if self.way == Way::TokensAtAnswer { now + after } else { now };
            self.to_come.insert((counts_at, self.requests), amount);
        }
        fits
    }

    fn pours(&mut self, now: Duration, amount: f64, holds: f64) -> bool {
        let filled = (now - self.filled).as_secs_f64() * self.each_second;
        self.filled = now;
        self.level = (self.level + filled).min(holds);
        let fits = self.level + 1e-6 >= amount;
        self.level -= if fits { amount } else { 0.0 };
        fits
    }

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
