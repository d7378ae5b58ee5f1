//! How often packs fail: they shrink by half when that is too often, and end when it is so again.

/// Packs among which a fifth may fail: one bad pack more or less says nothing yet.
const FIRST_PACKS: u64 = 10;
const FIRST_SHARE: u64 = 5;

/// The share of packs that may fail later: one in so many.
const SHARE: f64 = 50.0;

/// How many standard deviations more than that it must be, so that chance shrinks no pack of a job that fails just as often.
const DEVIATIONS: f64 = 3.0;

/// After so many packs the older ones count half: what a service does now decides.
const REMEMBERED: u64 = 1_000;

/// How packs have done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PackHealth {
    /// How often they were too bad.
    trouble: PackTrouble,
    sent: u64,
    failed: u64,
}

/// What is done about packs that fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PackTrouble {
    /// Nothing: hardly any do.
    #[default]
    None,
    /// They have half of the rows.
    Halved,
    /// There are none.
    Ended,
}

impl PackHealth {
    /// What is done at present.
    pub fn trouble(&self) -> PackTrouble {
        self.trouble
    }

    /// Counts a pack whose answer came, or that was refused. Returns whether packs have just become smaller, or ended.
    pub fn count(&mut self, failed: bool) -> bool {
        self.sent += 1;
        self.failed += u64::from(failed);
        if !self.is_bad() {
            if self.sent >= REMEMBERED {
                (self.sent, self.failed) = (self.sent / 2, self.failed / 2);
            }
            return false;
        }
        (self.sent, self.failed) = (0, 0);
        let before = self.trouble;
        self.trouble = if before == PackTrouble::None { PackTrouble::Halved } else { PackTrouble::Ended };
        before != self.trouble
    }

    fn is_bad(&self) -> bool {
        if self.sent <= FIRST_PACKS {
            return self.failed > FIRST_PACKS / FIRST_SHARE;
        }
        let expected = self.sent as f64 / SHARE;
        self.failed as f64 > (expected + DEVIATIONS * expected.sqrt()).max((FIRST_PACKS / FIRST_SHARE) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(packs: u64, one_bad_in: u64) -> PackTrouble {
        let mut health = PackHealth::default();
        (1..=packs).for_each(|pack| _ = health.count(pack % one_bad_in == 0));
        health.trouble()
    }

    #[test]
    fn packs_stay_as_they_are_while_one_in_fifty_fails_and_shrink_and_end_when_one_in_ten_does() {
        assert_eq!(after(100_000, 50), PackTrouble::None);
        assert_eq!(after(30, 10), PackTrouble::Halved);
        assert_eq!(after(100, 10), PackTrouble::Ended);
        let mut health = PackHealth::default();
        (0..100_000).for_each(|_| _ = health.count(false));
        assert!((0..40).any(|_| health.count(true)), "what was good for long says little of now");
        assert_eq!(after(3, 1), PackTrouble::Halved);
        assert_eq!(after(6, 1), PackTrouble::Ended);
    }

    #[test]
    fn two_of_the_first_ten_may_fail() {
        let mut health = PackHealth::default();
        assert!(!health.count(true) && !health.count(true));
        (0..8).for_each(|_| assert!(!health.count(false)));
        assert_eq!(health.trouble(), PackTrouble::None);
        let mut health = PackHealth::default();
        assert!(!health.count(true) && !health.count(true) && health.count(true), "the third in ten");
    }
}
