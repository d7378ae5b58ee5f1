//! The limits in force at a moment: those of the job, its schedule, and changes to the running job.

use jiff::Timestamp;

use super::Job;
use super::limits::{Caps, Concurrency, EffectiveLimits, Rates};

/// All changes to a running job, the last one for each key.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LiveSettings {
    /// Limits.
    pub rates: Rates,
    /// Concurrency.
    pub concurrency: Option<Concurrency>,
    /// Caps.
    pub caps: Caps,
    /// Pause, or continue.
    pub paused: Option<bool>,
    /// Stop.
    pub stop: bool,
    /// Cancel the batches that the provider has, and stop.
    pub cancel: bool,
}

impl Job {
    /// The limits of a run at a time: changes to the running job override the schedule, which overrides the job. `ends_at`
    /// is when the run's time is up.
    pub fn terms(&self, live: &LiveSettings, now: Timestamp, ends_at: Option<Timestamp>) -> EffectiveLimits {
        let span = self.schedule.at(now);
        let mut scheduled = span.map(|span| span.rates).unwrap_or_default();
        if live.rates.qps.or(live.rates.qpm).is_some() {
            // All limits of requests: a low rate per minute for the day would override a rate per second that was just set.
            (scheduled.qps, scheduled.qpm) = (None, None);
        }
        let rates = live.rates.over(scheduled).over(self.rates);
        EffectiveLimits {
            quotas: rates.quotas(self.known_rates),
            concurrency: live
                .concurrency
                .or(span.and_then(|span| span.concurrency))
                .unwrap_or(self.concurrency),
            caps: live.caps.over(self.caps),
            since: self.cap_period.began(now, &self.schedule.zone),
            paused: live.paused.unwrap_or(span.is_some_and(|span| span.paused)),
            cancels: live.cancel,
            time_is_up: ends_at.is_some_and(|end| end <= now),
        }
    }
}
