//! The brake of a shared quota: CUBIC (RFC 9438), as the dispatcher's own, over what all workers send together.

use serde::{Deserialize, Serialize};

/// The share of a refused rate that remains, and the share if it is refused again before anything was admitted.
const CUT: f64 = 0.9;
const AGAIN: f64 = 0.5;

/// The share of a refused rate that becomes the level.
const BELOW: f64 = 0.985;

/// The level falls to no less than this share of the old one at a time: while it is a guess, and once it is known.
const FALL: (f64, f64) = (0.15, 0.9);

/// The share of the amount admitted during the last minute that is certainly accepted.
const KNOWN: f64 = 0.98;

/// How long the climb takes: in seconds, or the time of this many requests if that is longer. The growth once it is slow.
const QUICK: (f64, f64) = (2.0, 12.0);
const SLOW: (f64, f64) = (64.0, 1_000.0);

/// The share by which the rate has grown in that time; above its level by the first factor, the level was wrong, and by the
/// second, the brake is off.
const GROWN: f64 = 0.1;
const FAR: f64 = 1.3;
const OFF: f64 = 50.0;

/// A service that admits nothing for longer than the first counts minutes; for longer than the second, it does not count.
const SHUT: (f64, f64) = (2.5, 61.0);

/// The minimum rate: this many requests a second, or this share of the level.
const SLOWEST: (f64, f64) = (0.1, 0.025);

/// By how much its schedule may lag, in seconds.
const LAG: f64 = 0.02;

/// The brake for requests, or for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct SharedBrake {
    /// When the rate was last cut; 0: never.
    cut: f64,
    /// The rate after the cut, the rate that it climbs to, and that rate before the present throttling.
    low: f64,
    level: f64,
    before: f64,
    /// When it becomes known whether the low rate is admitted.
    known: f64,
    /// Seconds of the climb and of the growth.
    climb: f64,
    growth: f64,
    /// Since when nothing has been admitted.
    shut: f64,
    /// The wait that the service asked for ends.
    held: f64,
    /// The next free moment.
    next: f64,
}

/// A throttling answer, and what was sent by all.
pub(super) struct RefusedTurn {
    pub(super) ago: f64,
    pub(super) retry_after: f64,
    pub(super) rate: f64,
    pub(super) let_in: f64,
    pub(super) each: f64,
    pub(super) is_stray: bool,
}

impl SharedBrake {
    /// The amount per second; 0 when it is off.
    pub(super) fn rate(&self, now: f64) -> f64 {
        if self.cut == 0.0 {
            return 0.0;
        }
        let from = self.known.max(self.held);
        if now < from {
            return self.low;
        }
        let left = 1.0 - f64::min((now - from) / self.climb, 1.0);
        let grown = f64::max((now - from - self.climb) / self.growth, 0.0);
        let share = 1.0 + GROWN * grown * grown * grown;
        match share < OFF {
            true => self.level * share - (self.level - self.low) * left * left * left,
            false => 0.0,
        }
    }

    /// When a request may pass at the present rate.
    pub(super) fn ready(&self, rate: f64) -> f64 {
        if rate > 0.0 { self.held.max(self.next) } else { self.held }
    }

    /// Lets an amount pass, and gives the moment after it.
    pub(super) fn pass(&mut self, at: f64, rate: f64, amount: f64) -> f64 {
        if rate <= 0.0 {
            return at;
        }
        self.next = self.next.max(at - LAG) + amount / rate;
        self.next
    }

    /// Tokens were more or fewer than expected.
    pub(super) fn correct(&mut self, now: f64, difference: f64) {
        let rate = self.rate(now);
        if rate > 0.0 {
            self.next = now.max(self.next + difference / rate);
        }
    }

    /// Forgets what the service admitted, but keeps the wait that it requested.
    pub(super) fn forget(&mut self) {
        *self = Self { held: self.held, ..Self::default() };
    }

    /// A throttling answer has arrived. One to a request from before the last cut proves nothing new.
    pub(super) fn throttled(&mut self, now: f64, refusal: &RefusedTurn) {
        if refusal.retry_after > 0.0 {
            self.held = self.held.max(now + refusal.retry_after);
        }
        let sent = now - refusal.ago;
        if refusal.is_stray || sent < self.cut {
            return;
        }
        if self.cut == 0.0 {
            self.restart(now, refusal.rate, refusal.rate, 0.0, refusal);
            self.before = self.level;
        } else if sent < self.known.max(self.held) {
            self.again(now, refusal);
        } else {
            self.cut_again(now, sent, refusal);
        }
        self.next = now + refusal.each / self.low;
    }

    fn restart(&mut self, now: f64, rate: f64, level: f64, growth: f64, refusal: &RefusedTurn) {
        (self.cut, self.shut) = (now, now);
        self.low = rate * CUT;
        self.level = level * BELOW;
        self.climb = QUICK.0.max(QUICK.1 * refusal.each / self.level);
        self.growth = growth.min(SLOW.0.max(SLOW.1 * refusal.each / self.level)).max(self.climb);
        self.known = now + refusal.each / self.low + (2.0 * refusal.ago).clamp(0.05, 5.0);
    }

    /// After a refusal when something had been admitted.
    fn cut_again(&mut self, now: f64, sent: f64, refusal: &RefusedTurn) {
        let own = self.rate(sent);
        let rate = if own > 0.0 { own.min(refusal.rate * 1.5) } else { refusal.rate };
        let is_known = self.growth > self.climb * 4.0;
        let fall = if is_known { FALL.1 } else { FALL.0 };
        let floor = if is_known { self.level.min(refusal.let_in * KNOWN) } else { 0.0 };
        let share = rate / self.level;
        let (level, growth) = if share < 0.999 {
            (rate.max(self.level * fall).max(floor), self.growth)
        } else if share < FAR {
            (rate, self.growth * 2.0)
        } else {
            (rate, self.growth / 2.0)
        };
        // A small request may slip into a minute that is used up: that says nothing about the next minute.
        let before = if share < 0.999 { self.before } else { level * BELOW };
        self.restart(now, rate, level, growth, refusal);
        self.before = before;
    }

    /// After a refusal when nothing had been admitted since the last one.
    fn again(&mut self, now: f64, refusal: &RefusedTurn) {
        let slowest = f64::max(SLOWEST.0 * refusal.each, self.before * SLOWEST.1);
        self.low = self.low.min(slowest.max(self.low * AGAIN));
        self.cut = now;
        self.known = now + refusal.each / self.low + (2.0 * refusal.ago).clamp(0.05, 5.0);
        let shut = now - self.shut;
        if shut > SHUT.1 {
            (self.level, self.growth) = (self.before, self.climb);
        } else if shut > SHUT.0 {
            // Such a service counts minutes: what it admitted during the last one is its quota.
            self.level = self.low.max(self.before.min(refusal.let_in));
            self.growth = SLOW.0.max(SLOW.1 * refusal.each / self.level);
        }
    }
}
