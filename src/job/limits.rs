//! The quota a job keeps and the caps it stops at.

use std::time::Duration;

use jiff::Timestamp;

/// How many of something may happen in a span of time. Always above zero and finite.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Quota {
    amount: f64,
    window: Duration,
}

impl Quota {
    /// A quota per second. `None` unless the amount is from a millionth to a billion.
    pub fn per_second(amount: f64) -> Option<Self> {
        Self::new(amount, Duration::from_secs(1))
    }

    /// A quota per minute. `None` unless the amount is from a millionth to a billion.
    pub fn per_minute(amount: f64) -> Option<Self> {
        Self::new(amount, Duration::from_secs(60))
    }

    fn new(amount: f64, window: Duration) -> Option<Self> {
        (1e-6..=1e9).contains(&amount).then_some(Self { amount, window })
    }

    /// How many.
    pub fn amount(self) -> f64 {
        self.amount
    }

    /// In what span of time.
    pub fn window(self) -> Duration {
        self.window
    }

    /// How many in each second.
    pub fn each_second(self) -> f64 {
        self.amount / self.window.as_secs_f64()
    }
}

/// The quota of a job: all of them are kept at once.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Quotas {
    /// Requests per second.
    pub requests_per_second: Option<Quota>,
    /// Requests per minute.
    pub requests_per_minute: Option<Quota>,
    /// Tokens per minute, input and output.
    pub tokens_per_minute: Option<Quota>,
}

impl Quotas {
    /// The most requests that all the request quotas allow in a second.
    pub fn requests_each_second(&self) -> Option<f64> {
        [self.requests_per_second, self.requests_per_minute]
            .into_iter()
            .flatten()
            .map(Quota::each_second)
            .reduce(f64::min)
    }
}

/// Limits as they were said, each above 0: what nobody said is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rates {
    /// Requests per second.
    pub qps: Option<f64>,
    /// Requests per minute.
    pub qpm: Option<f64>,
    /// Tokens per minute, input and output.
    pub tpm: Option<f64>,
}

impl Rates {
    /// These; of what they do not name, those.
    #[must_use]
    pub fn over(self, under: Self) -> Self {
        Self { qps: self.qps.or(under.qps), qpm: self.qpm.or(under.qpm), tpm: self.tpm.or(under.tpm) }
    }

    /// The quota that follows from what was said and from what is known of the model. A request limit of the user's own
    /// stands alone: with the table's beside it, `qps = 10` would do nothing.
    pub fn quotas(self, known: Self) -> Quotas {
        let requests = self.qps.is_none().then_some(known.qpm).flatten();
        Quotas {
            requests_per_second: self.qps.and_then(Quota::per_second),
            requests_per_minute: self.qpm.or(requests).and_then(Quota::per_minute),
            tokens_per_minute: self.tpm.or(known.tpm).and_then(Quota::per_minute),
        }
    }
}

/// How many requests may be in flight at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concurrency {
    /// Fitted to rate times latency, and to the open-files limit.
    Auto,
    /// So many; at least one.
    Fixed(usize),
}

/// What a run keeps to at a moment: limits may change while it goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// The quota.
    pub quotas: Quotas,
    /// Requests in flight at once.
    pub concurrency: Concurrency,
    /// Where to stop.
    pub caps: Caps,
    /// When the period began over which the caps count, where a clock says that one began.
    pub since: Option<Timestamp>,
    /// Whether nothing is sent for the time being.
    pub paused: bool,
    /// Whether the time of day has come at which the run is to end.
    pub time_is_up: bool,
}

/// What a job stops at. Earlier runs of the same journal count, those of the same period where the job has one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Caps {
    /// Money, in the currency of the prices.
    pub cost: Option<f64>,
    /// Tokens, input and output.
    pub total_tokens: Option<u64>,
    /// Time spent running.
    pub duration: Option<Duration>,
}

impl Caps {
    /// These; where there is none, those.
    #[must_use]
    pub fn over(self, under: Self) -> Self {
        Self {
            cost: self.cost.or(under.cost),
            total_tokens: self.total_tokens.or(under.total_tokens),
            duration: self.duration.or(under.duration),
        }
    }
}
