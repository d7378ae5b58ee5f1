//! The space between two requests of a quota, so that no sliding window holds more than its limit.

use super::limits::Limits;

/// How much longer than the service's a window is, because requests travel at uneven speeds.
pub(super) const MARGIN: f64 = 0.006;

/// By how much the schedule of requests may lag, as a share of the window and at most, in seconds; and how late a turn may be used.
const LAG: (f64, f64) = (0.003, 0.02);
const GOOD: (f64, f64) = (0.01, 0.1);

/// By how much the schedule of tokens may lag where requests have one too, in seconds.
pub(super) const CREDIT: f64 = 1.0;

/// How long a turn is good that nothing limits.
const FREE: f64 = 1.0;

/// The spaces that follow from limits.
pub(super) struct Spaces {
    /// Seconds between two requests; 0 if requests are not limited.
    pub(super) each: f64,
    /// By how much their schedule may lag.
    pub(super) lag: f64,
    /// For how long a turn is good.
    pub(super) good: f64,
    /// By how much the schedule of tokens may lag. Without a schedule of requests there would be a burst.
    pub(super) credit: f64,
}

impl Spaces {
    pub(super) fn of(limits: Limits) -> Self {
        let minute_good = if limits.qpm > 0.0 || limits.tpm > 0.0 { GOOD.1 } else { FREE };
        let mut spaces = Self { each: 0.0, lag: LAG.1, good: minute_good, credit: LAG.1 };
        for (amount, window) in [(limits.qps, 1.0), (limits.qpm, 60.0)] {
            if amount > 0.0 {
                // Less than one in a window means one in a longer window.
                let window = window * f64::max(1.0, 1.0 / amount);
                let (lag, good) = (f64::min(window * LAG.0, LAG.1), f64::min(window * GOOD.0, GOOD.1));
                // A window, with what a turn may be early or late, has as many spaces as the limit.
                let each = (window * (1.0 + MARGIN) + lag + good) / (f64::max(amount, 1.0) + 1e-9).floor();
                spaces.each = spaces.each.max(each);
                spaces.lag = spaces.lag.min(lag);
                spaces.good = spaces.good.min(good);
                spaces.credit = CREDIT;
            }
        }
        spaces
    }
}
