//! The adaptive brake: it finds the rate that the service admits, keeps to it, and occasionally tries a higher one.
//!
//! It is CUBIC congestion control (RFC 9438) for requests or tokens per second. A refusal at some rate makes that rate the
//! *level*, and reduces the rate to a share of it. Once a request has been admitted again, the rate climbs back along a
//! concave curve (quickly: a slow start whose threshold is the level), stays near the level, and grows beyond it along a
//! convex one. This growth takes a short time while little is known, and twice as long each time the level is confirmed,
//! until there is one refusal in some hundreds of requests.
//!
//! If a request is refused again before any was admitted, the rate is halved until one is. A service that admits nothing
//! for seconds does not count seconds: then the level is what it admitted during the last minute, or during the whole cycle
//! from one such silence to the next, which is its quota however it is counted.

mod curve;

use std::time::Duration;

use tokio::time::Instant;

use curve::Curve;
pub(super) use curve::Throttling;

/// The maximum lateness of a timer that is caught up.
const CATCH_UP: Duration = Duration::from_millis(20);

/// The maximum credit, in seconds at the current rate.
const MOST_CREDIT: f64 = 5.0;

#[derive(Debug, Default)]
pub(crate) struct Brake {
    curve: Option<Curve>,
    next: Option<Instant>,
    held_until: Option<Instant>,
    /// The amount by which requests were smaller than estimated; later requests use it, each a part.
    credit: f64,
}

impl Brake {
    /// A throttling answer has arrived. One to a request from before the last cut proves nothing new.
    pub(crate) fn throttled(&mut self, now: Instant, throttling: Throttling) {
        if let Some(wait) = throttling.retry_after {
            self.held_until = self.held_until.max(Some(now + wait));
        }
        if throttling.is_stray || self.curve.is_some_and(|curve| throttling.sent_at < curve.cut_at) {
            return;
        }
        let held = self.held_until;
        let curve = match self.curve {
            Some(curve) if !curve.is_let_in(throttling.sent_at, held) => curve.again(now, &throttling),
            Some(curve) => curve.next(now, &throttling, held),
            None => Curve::first(now, &throttling),
        };
        self.next = Some(now + Duration::from_secs_f64(throttling.each / curve.low));
        self.curve = Some(curve);
    }

    /// Forgets what the service admitted, but keeps the wait that it requested.
    pub(crate) fn forget(&mut self) {
        *self = Self { held_until: self.held_until, ..Self::default() };
    }

    /// The amount per second that the brake allows; `None` when it is off.
    pub(crate) fn rate(&self, now: Instant) -> Option<f64> {
        self.curve?.rate(now, self.held_until)
    }

    /// When the next request may be sent: now, or at the returned instant.
    pub(crate) fn ready(&self, now: Instant) -> Result<(), Instant> {
        let next = self.next.filter(|_| self.rate(now).is_some()).max(self.held_until);
        next.filter(|next| *next > now).map_or(Ok(()), Err)
    }

    /// Lets a request of this amount pass. It uses up credit for at most half its amount, so that returned amounts cause no
    /// burst.
    pub(crate) fn pass(&mut self, now: Instant, amount: f64) {
        let late = now.checked_sub(CATCH_UP).unwrap_or(now);
        let from = self.next.map_or(now, |next| next.clamp(late.min(now), now));
        let credit = self.credit.min(amount / 2.0);
        self.credit -= credit;
        self.next = self.rate(now).map(|rate| from + Duration::from_secs_f64((amount - credit) / rate));
    }

    /// A request turned out to be larger or smaller than estimated by this difference.
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

    fn throttling(began: Instant, sent_at: Instant, retry_after: Option<Duration>) -> Throttling {
        let total = sent_at.duration_since(began).as_secs_f64() * 10.0;
        let (rate, let_in) = (10.0, 10.0);
        Throttling { began, total, sent_at, rate, let_in, each: 1.0, retry_after, is_stray: false }
    }

    #[test]
    fn a_throttling_answer_slows_the_job_once_and_it_is_back_within_seconds() {
        let (began, start) = (Instant::now(), Instant::now() + SECOND * 100);
        let mut brake = Brake::default();
        assert_eq!(brake.ready(start), Ok(()));
        brake.throttled(start, throttling(began, start, None));
        brake.throttled(start + SECOND, throttling(began, start - SECOND, None));
        let rate = |at: u32| brake.rate(start + SECOND * at).expect("braked");
        assert!((rate(0) - 9.0).abs() < 1e-9, "{}", rate(0));
        assert!((rate(3) - 9.85).abs() < 0.1, "{}", rate(3));
        assert!(rate(10) > 12.0, "growth is fast while little is known: {}", rate(10));
        assert_eq!(brake.rate(start + SECOND * 200), None);
    }

    #[test]
    fn a_level_that_is_confirmed_is_kept_to_for_longer_each_time() {
        let began = Instant::now();
        let (mut brake, mut now) = (Brake::default(), began + SECOND * 100);
        let mut kept = Vec::new();
        brake.throttled(now, throttling(began, now, None));
        for _ in 0..6 {
            let since = now;
            while brake.rate(now).is_some_and(|rate| rate < 10.0) {
                now += SECOND / 10;
            }
            kept.push(now - since);
            brake.throttled(now, throttling(began, now, None));
        }
        assert!(kept.is_sorted() && kept[5] > SECOND * 20, "{kept:?}");
    }

    #[test]
    fn continued_throttling_leaves_a_trickle_and_not_nothing() {
        let start = Instant::now();
        let mut brake = Brake::default();
        for second in 0..100 {
            let now = start + SECOND * second;
            brake.throttled(now, throttling(start, now, None));
        }
        let rate = brake.rate(start + SECOND * 99).expect("braked");
        assert!((0.1..1.0).contains(&rate), "{rate}");
    }

    #[test]
    fn a_stray_refusal_changes_nothing() {
        let start = Instant::now();
        let mut brake = Brake::default();
        brake.throttled(start, Throttling { is_stray: true, ..throttling(start, start, None) });
        assert_eq!((brake.ready(start), brake.rate(start)), (Ok(()), None));
    }

    #[test]
    fn a_wait_that_the_service_asks_for_holds_the_whole_job() {
        let start = Instant::now();
        let mut brake = Brake::default();
        brake.throttled(start, throttling(start, start, Some(SECOND * 3)));
        assert_eq!(brake.ready(start + SECOND), Err(start + SECOND * 3));
        assert_eq!(brake.ready(start + SECOND * 3), Ok(()));
    }
}
