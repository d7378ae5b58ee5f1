//! The limits in force at a moment: of the job, of its schedule, and of what a running job was set to.

use jiff::Timestamp;

use super::Job;
use super::limits::{Caps, Concurrency, EffectiveLimits, Rates};

/// All that a run was told, the last word on each thing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LiveSettings {
    /// Limits.
    pub rates: Rates,
    /// Places.
    pub concurrency: Option<Concurrency>,
    /// Caps.
    pub caps: Caps,
    /// To pause, or to go on.
    pub paused: Option<bool>,
    /// To stop.
    pub stop: bool,
}

impl Job {
    /// What a run of the job keeps to at a time: what it was told beats the schedule, and that beats the job. `ends_at` is
    /// when the run's time is up.
    pub fn terms(&self, told: &LiveSettings, now: Timestamp, ends_at: Option<Timestamp>) -> EffectiveLimits {
        let span = self.schedule.at(now);
        let mut scheduled = span.map(|span| span.rates).unwrap_or_default();
        if told.rates.qps.or(told.rates.qpm).is_some() {
            // Of requests as a whole: a trickle per minute by day would hold down a rate per second that was asked for now.
            (scheduled.qps, scheduled.qpm) = (None, None);
        }
        let rates = told.rates.over(scheduled).over(self.rates);
        EffectiveLimits {
            quotas: rates.quotas(self.known_rates),
            concurrency: told
                .concurrency
                .or(span.and_then(|span| span.concurrency))
                .unwrap_or(self.concurrency),
            caps: told.caps.over(self.caps),
            since: self.cap_period.began(now, &self.schedule.zone),
            paused: told.paused.unwrap_or(span.is_some_and(|span| span.paused)),
            time_is_up: ends_at.is_some_and(|end| end <= now),
        }
    }
}
