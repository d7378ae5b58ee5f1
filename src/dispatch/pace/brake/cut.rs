//! The last cut of the rate, and the way back from it: a climb to the ceiling, a stay there, and growth beyond it.

use std::time::Duration;

use tokio::time::Instant;

use super::Throttling;

/// What is left of the rate after the first throttling answer, as in CUBIC congestion control (RFC 9438), and after one
/// near a ceiling that was confirmed, where little is too much.
const CUT: (f64, f64) = (0.7, 0.85);

/// What is left of that after each further one, until requests are let in again: a minute's quota that is used up lets
/// nothing in, and each request until it turns is refused.
const DEEPER: f64 = 0.5;

/// Time from a cut until the rate is back at a ceiling that is a guess, and at one that was confirmed.
const BACK_AFTER: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(6));

/// The shortest climb back, after a job was throttled down for longer.
const CLIMB: Duration = Duration::from_secs(4);

/// How far the ceiling stays below what was let in: spans that are counted to the full are met a little later.
const BELOW: f64 = 0.995;

/// Who is throttled for so long, whatever is sent, has used up a minute's quota; who is throttled for nearly a minute
/// has not, since that gives way within one.
const USED_UP: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(50));

/// The shortest and the longest stay at a ceiling that was confirmed.
const STAY: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(300));

/// So many requests may go at least before another is refused to find out whether there is more: where few go in a
/// minute, the longest stay is longer.
const WORTH: f64 = 600.0;

/// Throttling within this share of the ceiling, and above it, confirms it.
const NEAR: f64 = 1.15;

/// What of the rate is taken for the ceiling when it was reached gently: it grew a little until the refusal came back.
const SAFE: f64 = 0.975;

/// What of the rate is taken for the ceiling when the job got far above the old one.
const FAR: f64 = 0.92;

/// What is left at least of a ceiling after throttling below it, however long that goes on: a minute that is used up lets
/// in less and less, which says nothing of the next.
const LOWER: f64 = 0.9;

/// By how much of the ceiling the rate grows in a second above a ceiling that was confirmed, and for how many.
const GENTLE: f64 = 0.001;
const GENTLE_FOR: f64 = 120.0;

/// Seconds in which the rate doubles after that, and at once where the ceiling is a guess: along a cubic curve.
const DOUBLES_IN: f64 = 30.0;

/// The slowest the brake makes a job: one request in ten seconds, or this share of its ceiling.
const SLOWEST: f64 = 0.1;
const SLOWEST_SHARE: f64 = 0.04;

/// How long the answer to the first request after a cut is waited for: so often the time that the last refusal took.
const PATIENCE: u32 = 2;

/// That time, at least and at most.
const ANSWERED_WITHIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A brake that has grown beyond its ceiling for so many seconds is off.
const FORGOTTEN_AFTER: f64 = 160.0;

/// The last cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) at: Instant,
    /// What was left of the rate.
    pub(super) left: f64,
    /// When the throttling began of which this is the last cut.
    began: Instant,
    /// Until then it is not known whether the service lets in what is left.
    told_by: Instant,
    ceiling: f64,
    /// How far the ceiling may fall while this throttling goes on; to nothing while it is a guess.
    floor: f64,
    /// How long the rate stays at the ceiling; none at one that is a guess.
    stay: Duration,
}

/// How a job stands to its ceiling.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stand {
    /// After a cut.
    Cut,
    /// On its way up, to this share of the climb.
    Climbs(f64),
    /// At the ceiling.
    Stays,
    /// Beyond it, for so many seconds.
    Beyond(f64),
}

impl Cut {
    /// The cut of a job that was not throttled before.
    pub(super) fn first(now: Instant, throttling: Throttling) -> Self {
        let ceiling = throttling.let_in * BELOW;
        Self::begin(now, throttling, ceiling, Duration::ZERO)
    }

    /// The next cut.
    pub(super) fn again(&self, now: Instant, throttling: Throttling, held_until: Option<Instant>) -> Self {
        let stand = self.stand(throttling.sent_at, held_until);
        match stand {
            // The job is still far below the ceiling: this is the throttling of before.
            Stand::Cut | Stand::Climbs(..0.5) => {
                let left =
                    slowest(&throttling).max(throttling.rate * DEEPER).max(self.ceiling * SLOWEST_SHARE);
                let (ceiling, stay) = self.settle_again(now, stand, throttling.let_in * BELOW);
                let told_by = told_by(now, &throttling, left);
                Self { at: now, left, told_by, ceiling: ceiling.max(left), stay, ..*self }
            }
            stand => {
                let (ceiling, stay) = self.settle(stand, &throttling);
                Self::begin(now, throttling, ceiling, stay)
            }
        }
    }

    fn begin(now: Instant, throttling: Throttling, ceiling: f64, stay: Duration) -> Self {
        let guess = stay.is_zero();
        let near = !guess && throttling.rate <= ceiling * NEAR;
        let left = (throttling.rate * if near { CUT.1 } else { CUT.0 }).max(slowest(&throttling));
        let told_by = told_by(now, &throttling, left);
        let floor = if guess { 0.0 } else { ceiling * LOWER };
        Self { at: now, left, began: now, told_by, ceiling: ceiling.max(left), floor, stay }
    }

    /// The amount per second; `None` once the brake is off.
    pub(super) fn rate(&self, now: Instant, held_until: Option<Instant>) -> Option<f64> {
        let rate = match self.stand(now, held_until) {
            Stand::Cut => self.left,
            Stand::Climbs(share) => self.ceiling - (self.ceiling - self.left) * (1.0 - share).powi(3),
            Stand::Stays => self.ceiling,
            Stand::Beyond(seconds) if seconds > FORGOTTEN_AFTER => return None,
            Stand::Beyond(seconds) => self.ceiling * growth(seconds, !self.stay.is_zero()),
        };
        Some(rate)
    }

    fn stand(&self, now: Instant, held_until: Option<Instant>) -> Stand {
        let told_by = self.told_by.max(held_until.unwrap_or(self.at));
        let back_after = if self.stay.is_zero() { BACK_AFTER.0 } else { BACK_AFTER.1 };
        let back = (self.at + back_after).max(told_by + CLIMB);
        match now {
            now if now < told_by => Stand::Cut,
            now if now < back => {
                let climb = (back - told_by).as_secs_f64();
                Stand::Climbs(now.duration_since(told_by).as_secs_f64() / climb)
            }
            now if now <= back + self.stay => Stand::Stays,
            now => Stand::Beyond(now.duration_since(back + self.stay).as_secs_f64()),
        }
    }

    /// The ceiling after throttling near it or beyond it, and how long to stay there.
    fn settle(&self, stand: Stand, throttling: &Throttling) -> (f64, Duration) {
        let Throttling { rate, let_in, each, .. } = *throttling;
        let borne = let_in * BELOW;
        let (shortest, longest) = STAY;
        let longest = longest.max(Duration::from_secs_f64(WORTH * each / self.ceiling));
        match stand {
            Stand::Beyond(_) if rate <= self.ceiling * NEAR => {
                (self.ceiling.max(borne).max(rate * SAFE), (self.stay * 2).clamp(shortest, longest))
            }
            Stand::Beyond(_) => (borne.max(rate * FAR), self.stay.min(shortest)),
            // The ceiling was too high, by little when the rate had been back at it.
            stand => {
                let stays = stand == Stand::Stays;
                let reached = if stays { self.ceiling } else { rate };
                let lower = borne.min(reached * BELOW).max(self.ceiling * LOWER).min(self.ceiling * BELOW);
                (lower, if stays { self.stay.max(shortest) } else { self.stay })
            }
        }
    }

    /// The ceiling after throttling that goes on although little is sent, and how long to stay at it. It is a minute's
    /// quota that is used up: what was let in within the minute is the quota, or nearly so.
    fn settle_again(&self, now: Instant, stand: Stand, borne: f64) -> (f64, Duration) {
        let throttled_for = now.duration_since(self.began);
        let guess = self.floor == 0.0;
        match stand {
            Stand::Cut if throttled_for > USED_UP.1 => (self.ceiling, Duration::ZERO),
            Stand::Cut if guess && throttled_for > USED_UP.0 => (borne, STAY.0),
            _ if guess => (borne, self.stay),
            _ => (self.ceiling.min(borne.max(self.floor)), self.stay),
        }
    }
}

fn slowest(throttling: &Throttling) -> f64 {
    SLOWEST * throttling.each
}

/// When it is known whether the service lets in what is left: the next request has gone, and would have been refused.
fn told_by(now: Instant, throttling: &Throttling, left: f64) -> Instant {
    let (shortest, longest) = ANSWERED_WITHIN;
    let answered = (now.duration_since(throttling.sent_at) * PATIENCE).clamp(shortest, longest);
    now + Duration::from_secs_f64(throttling.each / left) + answered
}

/// How the rate grows beyond the ceiling.
fn growth(seconds: f64, confirmed: bool) -> f64 {
    let gentle = if confirmed { seconds.min(GENTLE_FOR) } else { 0.0 };
    1.0 + GENTLE * gentle + ((seconds - gentle) / DOUBLES_IN).powi(3)
}
