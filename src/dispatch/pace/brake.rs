//! The adaptive brake: slower after a throttling answer, then back along a cubic curve.
//!
//! The curve is that of CUBIC congestion control (RFC 9438): quickly back to just below the rate at which the service
//! began to throttle, a while around it, then faster and faster beyond: in the end the rate doubles every few seconds,
//! because a job that was throttled down to a trickle would be minutes on its way back otherwise.

use std::time::Duration;

use tokio::time::Instant;

/// What is left of the rate after a cut.
const CUT: f64 = 0.7;

/// Seconds after which the rate is back where the service throttled.
const BACK_AFTER: f64 = 20.0;

/// Seconds in which the rate doubles from then on.
const DOUBLES_IN: f64 = 5.0;

/// The slowest the brake makes a job, in requests per second.
const SLOWEST: f64 = 0.1;

/// A brake that has been let go for so long is off.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(180);

/// The brake of a job.
#[derive(Debug, Default)]
pub(crate) struct Brake {
    cut: Option<Cut>,
    next: Option<Instant>,
    held_until: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Cut {
    at: Instant,
    /// The rate at which the service throttled, in requests per second.
    rate: f64,
}

impl Brake {
    /// A throttling answer has come to a request sent at `sent_at`, while the job ran at `rate` requests per second.
    /// Answers to requests from before the last cut say nothing new.
    pub(crate) fn throttled(
        &mut self,
        now: Instant,
        sent_at: Instant,
        rate: f64,
        retry_after: Option<Duration>,
    ) {
        if let Some(wait) = retry_after {
            self.held_until = self.held_until.max(Some(now + wait));
        }
        if self.cut.is_some_and(|cut| sent_at < cut.at) {
            return;
        }
        let rate = self.rate(now).map_or(rate, |braked| braked.min(rate.max(SLOWEST)));
        self.cut = Some(Cut { at: now, rate: rate.max(SLOWEST / CUT) });
        self.next = Some(now + Duration::from_secs_f64(1.0 / (rate * CUT).max(SLOWEST)));
    }

    /// The rate the brake allows, in requests per second; `None` when it is off.
    pub(crate) fn rate(&self, now: Instant) -> Option<f64> {
        let cut = self.cut?;
        let elapsed = now.saturating_duration_since(cut.at);
        if elapsed > FORGOTTEN_AFTER {
            return None;
        }
        let beyond = elapsed.as_secs_f64() - BACK_AFTER;
        let share = match beyond <= 0.0 {
            true => 1.0 + (1.0 - CUT) * (beyond / BACK_AFTER).powi(3),
            false => (beyond / DOUBLES_IN).exp2(),
        };
        Some((cut.rate * share).max(SLOWEST))
    }

    /// When the next request may pass the brake: at once, or at the instant given.
    pub(crate) fn ready(&self, now: Instant) -> Result<(), Instant> {
        let next = self.next.filter(|_| self.rate(now).is_some()).max(self.held_until);
        next.filter(|next| *next > now).map_or(Ok(()), Err)
    }

    /// Lets a request pass.
    pub(crate) fn pass(&mut self, now: Instant) {
        self.next = self.rate(now).map(|rate| now + Duration::from_secs_f64(1.0 / rate));
    }

    /// Whether the brake slows a job whose own limit is so many requests per second.
    pub(crate) fn slows(&self, now: Instant, limit: Option<f64>) -> bool {
        self.rate(now).is_some_and(|rate| limit.is_none_or(|limit| rate < limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_throttling_answer_slows_the_job_once_and_it_climbs_back_within_a_minute() {
        let start = Instant::now();
        let mut brake = Brake::default();
        assert_eq!(brake.ready(start), Ok(()));
        brake.throttled(start, start, 10.0, None);
        brake.throttled(start + SECOND, start - SECOND, 10.0, None);
        let rate = |at: u64| brake.rate(start + SECOND * at as u32).expect("braked");
        assert!((rate(0) - 7.0).abs() < 1e-9);
        assert!((rate(20) - 10.0).abs() < 1e-9);
        assert!(rate(60) > 30.0);
        assert_eq!(brake.rate(start + SECOND * 200), None);
    }

    #[test]
    fn throttling_again_cuts_again_down_to_a_trickle_and_not_to_nothing() {
        let start = Instant::now();
        let mut brake = Brake::default();
        for second in 0..100 {
            let now = start + SECOND * second;
            brake.throttled(now, now, 10.0, None);
        }
        let rate = brake.rate(start + SECOND * 99).expect("braked");
        assert!((SLOWEST..1.0).contains(&rate), "{rate}");
    }

    #[test]
    fn a_wait_that_the_service_asks_for_holds_the_whole_job() {
        let start = Instant::now();
        let mut brake = Brake::default();
        brake.throttled(start, start, 100.0, Some(SECOND * 3));
        assert_eq!(brake.ready(start + SECOND), Err(start + SECOND * 3));
        assert_eq!(brake.ready(start + SECOND * 3), Ok(()));
    }
}
