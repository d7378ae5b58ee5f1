//! The adaptive brake: slower after a throttling answer, then back to the rate that the service bears, and only now and
//! then a little beyond it.
//!
//! It counts requests or tokens, whichever the service says that it counts; an *amount* here is one or the other.
//!
//! A service that throttles counts over a second or over a minute, in sliding spans or in fixed ones, and says neither.
//! What it let in during the last minute is what it bears, whichever way it counts: so that is the *ceiling* to which
//! the job climbs back. There it stays for a while, and then tries for more. Each time the service throttles again just
//! above the ceiling, the ceiling is confirmed and the while doubles; each time it does not, the rate soon grows fast.

mod cut;

use std::time::Duration;

use tokio::time::Instant;

use cut::Cut;

/// How much credit is kept: so many seconds of the rate.
const MOST_CREDIT: f64 = 5.0;

/// How far a late timer may catch up.
const CATCH_UP: Duration = Duration::from_millis(20);

/// The pause after a stray refusal.
const DISTANCE: Duration = Duration::from_millis(5);

/// The brake of a job.
#[derive(Debug, Default)]
pub(crate) struct Brake {
    cut: Option<Cut>,
    next: Option<Instant>,
    held_until: Option<Instant>,
    /// What requests were smaller than they were thought to be: those that follow have it, each a part.
    credit: f64,
}

/// A throttling answer to one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Throttling {
    /// When the request was sent.
    pub(crate) sent_at: Instant,
    /// The amount per second that the job sends at present.
    pub(crate) rate: f64,
    /// The amount per second that the service has let in during the last minute.
    pub(crate) let_in: f64,
    /// The amount of one request.
    pub(crate) each: f64,
    /// The wait that it asks for.
    pub(crate) retry_after: Option<Duration>,
    /// Whether it is an accident of the way there, at a rate that the service bears.
    pub(crate) is_stray: bool,
}

impl Brake {
    /// A throttling answer has come. Answers to requests from before the last cut say nothing new.
    pub(crate) fn throttled(&mut self, now: Instant, throttling: Throttling) {
        if let Some(wait) = throttling.retry_after {
            self.held_until = self.held_until.max(Some(now + wait));
        }
        if self.cut.is_some_and(|cut| throttling.sent_at < cut.at) {
            return;
        }
        if self.cut.is_none() && throttling.is_stray {
            // All that follows keeps a little more distance to what was sent a window ago.
            self.held_until = self.held_until.max(Some(now + DISTANCE));
            return;
        }
        let rate = self.rate(now).map_or(throttling.rate, |braked| braked.min(throttling.rate));
        let throttling = Throttling { rate, ..throttling };
        let cut = match &self.cut {
            Some(cut) => cut.again(now, throttling, self.held_until),
            None => Cut::first(now, throttling),
        };
        self.next = Some(now + Duration::from_secs_f64(throttling.each / cut.left));
        self.cut = Some(cut);
    }

    /// Forgets what the service bore, but for the wait that it asked for.
    pub(crate) fn forget(&mut self) {
        *self = Self { held_until: self.held_until, ..Self::default() };
    }

    /// The amount per second that the brake allows; `None` when it is off.
    pub(crate) fn rate(&self, now: Instant) -> Option<f64> {
        self.cut?.rate(now, self.held_until)
    }

    /// When the next request may pass the brake: at once, or at the instant given.
    pub(crate) fn ready(&self, now: Instant) -> Result<(), Instant> {
        let next = self.next.filter(|_| self.rate(now).is_some()).max(self.held_until);
        next.filter(|next| *next > now).map_or(Ok(()), Err)
    }

    /// Lets a request of an amount pass. Of the credit it takes half its amount at most, so that what was given back
    /// makes no burst.
    pub(crate) fn pass(&mut self, now: Instant, amount: f64) {
        let late = now.checked_sub(CATCH_UP).unwrap_or(now);
        let from = self.next.map_or(now, |next| next.clamp(late.min(now), now));
        let credit = self.credit.min(amount / 2.0);
        self.credit -= credit;
        self.next = self.rate(now).map(|rate| from + Duration::from_secs_f64((amount - credit) / rate));
    }

    /// A request turned out to be larger by so much than it was thought to be, or smaller.
    pub(crate) fn correct(&mut self, now: Instant, difference: f64) {
        let Some(rate) = self.rate(now) else { return };
        let credit = self.credit - difference;
        self.credit = credit.clamp(0.0, rate * MOST_CREDIT);
        if credit < 0.0 {
            let wait = Duration::from_secs_f64(-credit / rate);
            self.next = Some(self.next.map_or(now, |next| next.max(now)) + wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn throttling(sent_at: Instant, retry_after: Option<Duration>) -> Throttling {
        Throttling { sent_at, rate: 10.0, let_in: 10.0, each: 1.0, retry_after, is_stray: false }
    }

    #[test]
    fn a_throttling_answer_slows_the_job_once_and_it_climbs_back_within_a_minute() {
        let start = Instant::now();
        let mut brake = Brake::default();
        assert_eq!(brake.ready(start), Ok(()));
        brake.throttled(start, throttling(start, None));
        brake.throttled(start + SECOND, throttling(start - SECOND, None));
        let rate = |at: u64| brake.rate(start + SECOND * at as u32).expect("braked");
        assert!((rate(0) - 7.0).abs() < 1e-9);
        assert!((rate(20) - 10.0).abs() < 0.1);
        assert!(rate(60) > 30.0);
        assert_eq!(brake.rate(start + SECOND * 200), None);
    }

    #[test]
    fn throttling_again_cuts_again_down_to_a_trickle_and_not_to_nothing() {
        let start = Instant::now();
        let mut brake = Brake::default();
        for second in 0..100 {
            let now = start + SECOND * second;
            brake.throttled(now, throttling(now, None));
        }
        let rate = brake.rate(start + SECOND * 99).expect("braked");
        assert!((0.1..1.0).contains(&rate), "{rate}");
    }

    #[test]
    fn a_stray_refusal_is_a_moment_of_distance_and_no_cut() {
        let start = Instant::now();
        let mut brake = Brake::default();
        brake.throttled(start, Throttling { is_stray: true, ..throttling(start, None) });
        assert_eq!(brake.ready(start), Err(start + DISTANCE));
        assert_eq!((brake.ready(start + DISTANCE), brake.rate(start)), (Ok(()), None));
        brake.throttled(start, throttling(start, None));
        brake.throttled(start + SECOND, Throttling { is_stray: true, ..throttling(start + SECOND, None) });
        assert!(
            brake.rate(start + SECOND).is_some_and(|rate| rate < 7.0),
            "a job that is throttled has no strays"
        );
    }

    #[test]
    fn a_wait_that_the_service_asks_for_holds_the_whole_job() {
        let start = Instant::now();
        let mut brake = Brake::default();
        brake.throttled(start, Throttling { rate: 100.0, ..throttling(start, Some(SECOND * 3)) });
        assert_eq!(brake.ready(start + SECOND), Err(start + SECOND * 3));
        assert_eq!(brake.ready(start + SECOND * 3), Ok(()));
    }
}
