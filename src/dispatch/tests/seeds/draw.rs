//! Draws from a seed: the same on every machine, and with every version of every crate.

use std::time::Duration;

/// A stream of draws (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// From 0 to below 1.
    pub(super) fn roll(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From the first to below the last.
    pub(super) fn among(&mut self, range: std::ops::Range<u64>) -> u64 {
        range.start + self.bits() % (range.end - range.start)
    }

    pub(super) fn chance(&mut self, of: f64) -> bool {
        self.roll() < of
    }

    pub(super) fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.among(0..of.len() as u64) as usize]
    }

    /// Something, or in half of all cases nothing.
    pub(super) fn maybe<T>(&mut self, of: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let wanted = self.chance(0.5);
        wanted.then(|| of(self))
    }

    pub(super) fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.among(range))
    }
}

/// A number in which every bit depends on every bit of the given one.
pub(super) fn mixed(number: u64) -> u64 {
    let mut z = number;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
