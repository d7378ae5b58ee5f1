//! The rate since the last refusal that counted: a low, a climb to the level, and growth beyond it.

use std::time::Duration;

use tokio::time::Instant;

/// The share of a refused rate that remains (CUBIC's β), and the share if it is refused again before anything was admitted.
const CUT: f64 = 0.9;
const AGAIN: f64 = 0.5;

/// The share of a refused rate that becomes the level.
const BELOW: f64 = 0.985;

/// The level falls to no less than this share of the old one at a time: while it is a guess, and once it is known.
const FALL: (f64, f64) = (0.15, 0.9);

/// The share of the amount admitted during the last minute that is certainly accepted: some of it has no answer yet.
const KNOWN: f64 = 0.98;

/// How long the climb takes, and the first growth: in seconds, or the time of this many requests if that is longer.
const QUICK: (f64, f64) = (2.0, 12.0);

/// How long the growth takes once the level has been confirmed repeatedly.
const SLOW: (f64, f64) = (64.0, 1_000.0);

/// The share by which the rate has grown in that time.
const GROWN: f64 = 0.1;

/// A refusal this far above its level shows that the level was wrong; at this factor above it, the brake is off.
const FAR: f64 = 1.3;
const OFF: f64 = 50.0;

/// A service that admits nothing for longer than the first counts minutes; for longer than the second, it does not count.
const SHUT: (Duration, Duration) = (Duration::from_millis(2_500), Duration::from_secs(61));

/// A longer cycle says little about the quota: less may have been sent for other reasons.
const CYCLE: Duration = Duration::from_secs(180);

/// The minimum rate: this many requests a second, or this share of the level.
const SLOWEST: (f64, f64) = (0.1, 0.025);

/// The rate since the last refusal that counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Curve {
    pub(super) cut_at: Instant,
    /// The rate right after the cut.
    pub(super) low: f64,
    level: f64,
    /// The level before the current throttling.
    before: f64,
    /// When it becomes known whether `low` is admitted.
    known_at: Instant,
    /// Seconds from `low` to the level, and for the growth beyond it.
    climb: f64,
    growth: f64,
    /// Since when nothing has been admitted, as far as is known.
    shut_at: Instant,
    /// Whether that shows that the service counts minutes.
    by_minutes: bool,
    /// When the cycle began, and the amount admitted by then; the same for the next cycle.
    cycle: (Instant, f64),
    next_cycle: (Instant, f64),
}

/// A throttling answer to one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Throttling {
    /// When the request was sent.
    pub(crate) sent_at: Instant,
    /// The amount per second that the job currently sends.
    pub(crate) rate: f64,
    /// The amount per second that the service admitted during the last minute.
    pub(crate) let_in: f64,
    /// When the job sent its first request.
    pub(crate) began: Instant,
    /// The amount admitted since then.
    pub(crate) total: f64,
    /// The amount of one request.
    pub(crate) each: f64,
    /// The wait that it requests.
    pub(crate) retry_after: Option<Duration>,
    /// Whether almost nothing was refused in the last minute.
    pub(crate) is_stray: bool,
}

impl Curve {
    /// After the first refusal.
    pub(super) fn first(now: Instant, throttling: &Throttling) -> Self {
        Self::new(now, throttling.rate, throttling.rate, 0.0, throttling)
    }

    /// After a refusal at this rate, with this time to grow in.
    fn new(now: Instant, rate: f64, level: f64, growth: f64, throttling: &Throttling) -> Self {
        let (low, level) = (rate * CUT, level * BELOW);
        let span = |(seconds, requests): (f64, f64)| f64::max(seconds, requests * throttling.each / level);
        let (climb, slow) = (span(QUICK), span(SLOW));
        Self {
            cut_at: now,
            low,
            level,
            before: level,
            known_at: known_at(now, low, throttling),
            climb,
            growth: growth.clamp(climb, slow),
            shut_at: now,
            by_minutes: false,
            cycle: (throttling.began, 0.0),
            next_cycle: (now, throttling.total),
        }
    }

    /// After a refusal when something had been admitted.
    pub(super) fn next(&self, now: Instant, throttling: &Throttling, held: Option<Instant>) -> Self {
        // Waiting requests are not sent: the curve may be far above the job's actual rate.
        let rate = self.rate(throttling.sent_at, held).unwrap_or(throttling.rate).min(throttling.rate * 1.5);
        let is_known = self.growth > self.climb * 4.0;
        let fall = if is_known { FALL.1 } else { FALL.0 };
        // What was admitted during the last minute is acceptable, whatever a single moment suggests.
        let floor = if is_known { self.level.min(throttling.let_in * KNOWN) } else { 0.0 };
        let (level, growth) = match rate / self.level {
            ..0.999 => (rate.max(self.level * fall).max(floor), self.growth),
            ..FAR => (rate, self.growth * 2.0),
            _ => (rate, self.growth / 2.0),
        };
        // A small request may slip into a minute that is used up: that says nothing about the next minute.
        let before = if rate < self.level * 0.999 { self.before } else { level * BELOW };
        let cycle = if self.by_minutes { self.next_cycle } else { self.cycle };
        Self { cycle, before, ..Self::new(now, rate, level, growth, throttling) }
    }

    /// After a refusal when nothing had been admitted since the last one.
    pub(super) fn again(&self, now: Instant, throttling: &Throttling) -> Self {
        let slowest = (SLOWEST.0 * throttling.each).max(self.before * SLOWEST.1);
        let low = (self.low * AGAIN).max(slowest).min(self.low);
        let next_cycle = (now, throttling.total);
        let again = Self { cut_at: now, low, known_at: known_at(now, low, throttling), next_cycle, ..*self };
        match now.duration_since(self.shut_at) {
            shut if shut > SHUT.1 => Self { level: self.before, growth: self.climb, ..again },
            shut if shut > SHUT.0 => {
                let level = self.counted_by_minutes(now, throttling).max(low);
                let growth = SLOW.0.max(SLOW.1 * throttling.each / level);
                Self { level, growth, by_minutes: true, ..again }
            }
            _ => again,
        }
    }

    /// The level for a service that counts minutes.
    fn counted_by_minutes(&self, now: Instant, throttling: &Throttling) -> f64 {
        let known = if self.by_minutes { self.level } else { self.before.min(throttling.let_in) };
        let cycle = now.duration_since(self.cycle.0);
        match cycle < CYCLE {
            true => {
                let average = (throttling.total - self.cycle.1) / cycle.as_secs_f64();
                known.min(average.max(self.before * 0.8).max(throttling.let_in * KNOWN))
            }
            false => known,
        }
    }

    /// The amount per second; `None` once the brake is off.
    pub(super) fn rate(&self, now: Instant, held: Option<Instant>) -> Option<f64> {
        if !self.is_let_in(now, held) {
            return Some(self.low);
        }
        let known_at = self.known_at.max(held.unwrap_or(self.known_at));
        let seconds = now.duration_since(known_at).as_secs_f64();
        let left = 1.0 - (seconds / self.climb).min(1.0);
        let grown = ((seconds - self.climb) / self.growth).max(0.0);
        let share = 1.0 + GROWN * grown.powi(3);
        (share < OFF).then(|| self.level * share - (self.level - self.low) * left.powi(3))
    }

    /// Whether it is known by then that something is admitted.
    pub(super) fn is_let_in(&self, now: Instant, held: Option<Instant>) -> bool {
        now >= self.known_at && held.is_none_or(|held| now >= held)
    }
}

/// When it becomes known whether the service admits this rate: the next request has been sent, and would have been refused.
fn known_at(now: Instant, low: f64, throttling: &Throttling) -> Instant {
    let answered = now.duration_since(throttling.sent_at) * 2;
    let answered = answered.clamp(Duration::from_millis(50), Duration::from_secs(5));
    now + Duration::from_secs_f64(throttling.each / low) + answered
}
