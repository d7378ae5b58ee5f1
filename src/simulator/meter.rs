//! The server's own limits: requests per second, requests and tokens per minute.
//!
//! Written independently of the client's pacing and differently, so that the two can check each other. A rejected request
//! uses up no quota.

use std::collections::VecDeque;
use std::str::FromStr;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// The server's limits; `None` means unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerLimits {
    pub requests_per_second: Option<u64>,
    pub requests_per_minute: Option<u64>,
    /// Input and output together.
    pub tokens_per_minute: Option<u64>,
}

/// How a minute is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MinuteWindow {
    /// Any 60 seconds.
    #[default]
    Sliding,
    /// The minutes since the server started, each with a fresh quota. Seconds always slide.
    FixedMinute,
}

impl FromStr for MinuteWindow {
    type Err = String;

    /// Reads `sliding` or `fixed-minute`.
    fn from_str(text: &str) -> Result<MinuteWindow, String> {
        match text {
            "sliding" => Ok(MinuteWindow::Sliding),
            "fixed-minute" => Ok(MinuteWindow::FixedMinute),
            other => Err(format!("unknown window `{other}`: write sliding or fixed-minute")),
        }
    }
}

/// When tokens count towards the limit per minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenCharge {
    /// When the answer is sent; a request is admitted while the last minute is below the limit.
    #[default]
    AtCompletion,
    /// When the request is admitted, which requires that all its tokens fit.
    AtAdmission,
}

/// The meter's decision about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Admitted,
    TooManyRequests,
    TooManyTokens,
}

/// The record of the last minute. Times are durations since the server started.
pub(super) struct Meter {
    limits: ServerLimits,
    window: MinuteWindow,
    token_charge: TokenCharge,
    requests: VecDeque<Duration>,
    charges: VecDeque<(Duration, u64)>,
    /// The sum of `charges`, so that a request costs the same however many the last minute had.
    spent: u64,
}

impl Meter {
    pub(super) fn new(limits: ServerLimits, window: MinuteWindow, token_charge: TokenCharge) -> Meter {
        Meter { limits, window, token_charge, requests: VecDeque::new(), charges: VecDeque::new(), spent: 0 }
    }

    /// Decides about a request of `tokens` tokens that arrived at `now`, and records it if it is admitted.
    pub(super) fn admit(&mut self, now: Duration, tokens: u64) -> Admission {
        self.forget(now);
        if self.is_full(self.limits.requests_per_second, |then| now.saturating_sub(then) < SECOND)
            || self.is_full(self.limits.requests_per_minute, |then| self.same_minute(then, now))
        {
            return Admission::TooManyRequests;
        }
        if let Some(limit) = self.limits.tokens_per_minute {
            let refused = match self.token_charge {
                TokenCharge::AtCompletion => self.spent >= limit,
                TokenCharge::AtAdmission => self.spent.saturating_add(tokens) > limit,
            };
            if refused {
                return Admission::TooManyTokens;
            }
        }
        self.requests.push_back(now);
        if self.token_charge == TokenCharge::AtAdmission {
            self.charge(now, tokens);
        }
        Admission::Admitted
    }

    /// Records the tokens of a request before its answer is sent.
    pub(super) fn complete(&mut self, now: Duration, tokens: u64) {
        if self.token_charge == TokenCharge::AtCompletion {
            self.charge(now, tokens);
        }
    }

    fn charge(&mut self, now: Duration, tokens: u64) {
        if self.limits.tokens_per_minute.is_some() && tokens > 0 {
            self.charges.push_back((now, tokens));
            self.spent += tokens;
        }
    }

    /// Whether the limit's number of requests is still in its span. They are recorded in the order of arrival, so the
    /// oldest of the last `limit` decides.
    fn is_full(&self, limit: Option<u64>, still_counts: impl Fn(Duration) -> bool) -> bool {
        match limit {
            None => false,
            Some(0) => true,
            Some(limit) => usize::try_from(limit)
                .ok()
                .and_then(|limit| self.requests.len().checked_sub(limit))
                .is_some_and(|oldest| still_counts(self.requests[oldest])),
        }
    }

    fn same_minute(&self, then: Duration, now: Duration) -> bool {
        match self.window {
            MinuteWindow::Sliding => now.saturating_sub(then) < MINUTE,
            MinuteWindow::FixedMinute => {
                then.as_secs() / MINUTE.as_secs() == now.as_secs() / MINUTE.as_secs()
            }
        }
    }

    fn forget(&mut self, now: Duration) {
        while self.requests.front().is_some_and(|then| now.saturating_sub(*then) >= MINUTE) {
            self.requests.pop_front();
        }
        while let Some(&(then, tokens)) = self.charges.front()
            && !self.same_minute(then, now)
        {
            self.charges.pop_front();
            self.spent -= tokens;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(limits: ServerLimits, window: MinuteWindow) -> Meter {
        Meter::new(limits, window, TokenCharge::AtCompletion)
    }

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn any_second_holds_no_more_than_its_limit() {
        let mut meter = meter(
            ServerLimits { requests_per_second: Some(2), ..ServerLimits::default() },
            MinuteWindow::Sliding,
        );
        assert_eq!(meter.admit(at(900), 0), Admission::Admitted);
        assert_eq!(meter.admit(at(1000), 0), Admission::Admitted);
        assert_eq!(meter.admit(at(1899), 0), Admission::TooManyRequests);
        assert_eq!(meter.admit(at(1900), 0), Admission::Admitted);
        assert_eq!(meter.admit(at(1950), 0), Admission::TooManyRequests);
    }

    #[test]
    fn a_sliding_minute_and_a_fixed_minute_differ_at_the_turn() {
        let limits = ServerLimits { requests_per_minute: Some(1), ..ServerLimits::default() };
        let mut sliding = meter(limits, MinuteWindow::Sliding);
        assert_eq!(sliding.admit(at(59_000), 0), Admission::Admitted);
        assert_eq!(sliding.admit(at(61_000), 0), Admission::TooManyRequests);
        assert_eq!(sliding.admit(at(119_000), 0), Admission::Admitted);
        let mut fixed = meter(limits, MinuteWindow::FixedMinute);
        assert_eq!(fixed.admit(at(59_000), 0), Admission::Admitted);
        assert_eq!(fixed.admit(at(61_000), 0), Admission::Admitted);
        assert_eq!(fixed.admit(at(62_000), 0), Admission::TooManyRequests);
    }

    #[test]
    fn tokens_charged_at_completion_refuse_the_requests_after_them() {
        let mut meter = meter(
            ServerLimits { tokens_per_minute: Some(100), ..ServerLimits::default() },
            MinuteWindow::Sliding,
        );
        assert_eq!(meter.admit(at(0), 150), Admission::Admitted);
        meter.complete(at(500), 150);
        assert_eq!(meter.admit(at(1000), 1), Admission::TooManyTokens);
        assert_eq!(meter.admit(at(60_499), 1), Admission::TooManyTokens);
        assert_eq!(meter.admit(at(60_500), 1), Admission::Admitted);
    }

    #[test]
    fn tokens_charged_at_admission_must_fit_whole() {
        let limits = ServerLimits { tokens_per_minute: Some(100), ..ServerLimits::default() };
        let mut meter = Meter::new(limits, MinuteWindow::Sliding, TokenCharge::AtAdmission);
        assert_eq!(meter.admit(at(0), 101), Admission::TooManyTokens);
        assert_eq!(meter.admit(at(0), 60), Admission::Admitted);
        meter.complete(at(1), 60);
        assert_eq!(meter.admit(at(2), 40), Admission::Admitted);
        assert_eq!(meter.admit(at(3), 1), Admission::TooManyTokens);
    }
}
