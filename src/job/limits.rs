//! The rates that a job keeps to and the caps at which it stops.

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

    /// The amount.
    pub fn amount(self) -> f64 {
        self.amount
    }

    /// The span of time.
    #[cfg(test)]
    pub fn window(self) -> Duration {
        self.window
    }

    /// The span of time in which at least one may happen: the window, or longer if less than one fits into it.
    pub fn whole_window(self) -> Duration {
        self.window.mul_f64((1.0 / self.amount).max(1.0))
    }

    /// The amount per second.
    pub fn each_second(self) -> f64 {
        self.amount / self.window.as_secs_f64()
    }
}

/// The rates of a job, all of which it keeps to at once.
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

/// The shortest past that is considered: services count seconds and minutes, whatever the job's own limits are.
const MINUTE: Duration = Duration::from_secs(60);

/// The factor by which a window is extended: requests that left it while in flight still count.
const LEEWAY: f64 = 1.02;

/// The fewest requests of the usual size whose tokens are remembered, even if one of them exceeds a minute's quota.
const IN_DEBT: f64 = 4.0;

impl Quotas {
    /// How long requests still hold others back: the window of the slowest limit, a minute at least. `tokens`: of an average
    /// request; one that uses more than a minute's quota holds others back for minutes.
    pub fn memory(&self, tokens: u64) -> Duration {
        let all = [self.requests_per_second, self.requests_per_minute, self.tokens_per_minute];
        let windows = all.into_iter().flatten().map(|quota| quota.whole_window().mul_f64(LEEWAY));
        let debt = self.tokens_per_minute.map(|quota| {
            let seconds = IN_DEBT * tokens as f64 / quota.each_second();
            Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
        });
        windows.chain(debt).fold(MINUTE, Duration::max)
    }
}

/// The limits that were given, each above 0; `None` if not given.
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
    /// These limits, and the others where these have none.
    #[must_use]
    pub fn over(self, under: Self) -> Self {
        Self { qps: self.qps.or(under.qps), qpm: self.qpm.or(under.qpm), tpm: self.tpm.or(under.tpm) }
    }

    /// The quotas that follow from the given limits and the known limits of the model. A given request limit replaces the
    /// table's: together, `qps = 10` would have no effect.
    pub fn quotas(self, known: Self) -> Quotas {
        let requests = self.qps.is_none().then_some(known.qpm).flatten();
        Quotas {
            requests_per_second: self.qps.or(known.qps).and_then(Quota::per_second),
            requests_per_minute: self.qpm.or(requests).and_then(Quota::per_minute),
            tokens_per_minute: self.tpm.or(known.tpm).and_then(Quota::per_minute),
        }
    }
}

/// How many requests may be in flight at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concurrency {
    /// Chosen by rate times latency, and within the open-files limit.
    Auto,
    /// A fixed number; at least one.
    Fixed(usize),
}

/// The limits of a run at a moment: they may change during the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EffectiveLimits {
    /// The rates.
    pub quotas: Quotas,
    /// Requests in flight at once.
    pub concurrency: Concurrency,
    /// The caps.
    pub caps: Caps,
    /// When the current period of the caps began, if a clock determines it.
    pub since: Option<Timestamp>,
    /// Whether nothing is sent at present.
    pub paused: bool,
    /// Whether the batches that the provider has are to be cancelled.
    pub cancels: bool,
    /// Whether the time at which the run is to end has come.
    pub time_is_up: bool,
}

/// The caps of a job. Earlier runs of the same journal count; if the job has a period, those of the same period.
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
    /// These caps, and the others where these have none.
    #[must_use]
    pub fn over(self, under: Self) -> Self {
        Self {
            cost: self.cost.or(under.cost),
            total_tokens: self.total_tokens.or(under.total_tokens),
            duration: self.duration.or(under.duration),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_of_a_limit_is_as_long_as_its_window_and_a_minute_at_least() {
        let quotas = |qps: f64, qpm: f64, tpm: f64| Quotas {
            requests_per_second: Quota::per_second(qps),
            requests_per_minute: Quota::per_minute(qpm),
            tokens_per_minute: Quota::per_minute(tpm),
        };
        let seconds = |quotas: Quotas, tokens| quotas.memory(tokens).as_secs();
        assert_eq!(seconds(Quotas::default(), 1_000), 60);
        assert_eq!(seconds(quotas(10.0, 600.0, 1e6), 1_000), 61);
        assert_eq!(seconds(quotas(0.005, 600.0, 1e6), 1_000), 204);
        assert_eq!(seconds(quotas(10.0, 0.1, 1e6), 1_000), 612);
        assert_eq!(seconds(quotas(10.0, 600.0, 0.5), 0), 122);
        assert_eq!(seconds(quotas(10.0, 600.0, 1_000.0), 5_000), 1_200, "five minutes each");
        assert!(seconds(quotas(1e-6, 1e-6, 1e-6), u64::MAX) > 60_000_000);
    }
}
