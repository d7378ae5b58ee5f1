//! How values are spread: counts in bins of one and a half per cent, whatever their number, and percentiles over them.

/// Values below it have a bin each; above it every power of two has as many bins.
const FINE: u64 = 64;

/// Values beyond it are no values that anybody measured.
const MOST: u64 = 1 << 50;

/// Bars of a histogram, at most.
const BARS: u64 = 30;

/// Counts of whole values.
#[derive(Debug, Clone, Default)]
pub(super) struct Spread {
    bins: Vec<u64>,
    count: u64,
    sum: f64,
    least: u64,
    most: u64,
}

/// A bar of a histogram: values from one border to below the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bar {
    pub(super) from: u64,
    pub(super) below: u64,
    pub(super) count: u64,
}

impl Spread {
    pub(super) fn add(&mut self, value: u64) {
        let value = value.min(MOST);
        let bin = bin_of(value);
        if self.bins.len() <= bin {
            self.bins.resize(bin + 1, 0);
        }
        self.bins[bin] += 1;
        self.least = if self.count == 0 { value } else { self.least.min(value) };
        self.most = self.most.max(value);
        self.count += 1;
        self.sum += value as f64;
    }

    pub(super) fn most(&self) -> u64 {
        self.most
    }

    pub(super) fn least(&self) -> u64 {
        self.least
    }

    /// The mean; `None` of no values.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// The value that so many of a hundred do not exceed, within one and a half per cent; `None` of no values.
    pub(super) fn percentile(&self, percent: f64) -> Option<u64> {
        let wanted = ((self.count as f64 * percent / 100.0).ceil() as u64).max(1);
        let mut seen = 0;
        let bin = self.bins.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some(below(bin).saturating_sub(1).clamp(self.least, self.most))
    }

    /// Whether a histogram is better drawn over a logarithmic axis: the largest value is far from the smallest.
    pub(super) fn is_wide(&self) -> bool {
        self.most > 64 && self.most / self.least.max(1) >= 20
    }

    /// Bars of equal width on the axis, from the smallest value to the largest.
    pub(super) fn bars(&self) -> Vec<Bar> {
        if self.count == 0 {
            return Vec::new();
        }
        let borders = if self.is_wide() { self.wide_borders() } else { self.even_borders() };
        let mut bars: Vec<Bar> =
            borders.windows(2).map(|pair| Bar { from: pair[0], below: pair[1], count: 0 }).collect();
        for (bin, count) in self.bins.iter().enumerate().filter(|(_, count)| **count > 0) {
            let middle = (from(bin) + (below(bin) - from(bin)) / 2).clamp(self.least, self.most);
            let at = bars.partition_point(|bar| bar.below <= middle).min(bars.len() - 1);
            bars[at].count += count;
        }
        bars
    }

    fn even_borders(&self) -> Vec<u64> {
        let step = nice((self.most - self.least + 1).div_ceil(BARS));
        let first = self.least / step;
        let last = self.most / step + 1;
        (first..=last).map(|border| border * step).collect()
    }

    fn wide_borders(&self) -> Vec<u64> {
        let (low, high) = (self.least.max(1) as f64, (self.most + 1) as f64);
        let border = |at: u64| (low * (high / low).powf(at as f64 / BARS as f64)).round() as u64;
        let mut borders: Vec<u64> = (0..=BARS).map(border).collect();
        borders.dedup();
        // There is no 0 on a logarithmic axis: it belongs to the first bar.
        borders[0] = self.least;
        borders
    }
}

/// The next step upward that reads well: 1, 2 or 5 times a power of ten.
pub(super) fn nice(step: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            match power.checked_mul(factor) {
                Some(nice) if nice >= step => return nice,
                Some(_) => {}
                None => return step,
            }
        }
        power = power.saturating_mul(10);
    }
}

fn bin_of(value: u64) -> usize {
    if value < FINE {
        return value as usize;
    }
    let power = value.ilog2() - FINE.ilog2();
    ((u64::from(power) + 1) * FINE + ((value >> power) - FINE)) as usize
}

/// The smallest value of a bin.
fn from(bin: usize) -> u64 {
    let bin = bin as u64;
    match bin / FINE {
        0 => bin,
        octave => (FINE + bin % FINE).checked_shl((octave - 1) as u32).unwrap_or(u64::MAX),
    }
}

/// The value behind the largest one of a bin.
fn below(bin: usize) -> u64 {
    from(bin + 1).max(from(bin).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_its_bin() {
        for value in (0..5000).chain([1 << 20, (1 << 33) + 77, (1 << 52) - 1]) {
            let bin = bin_of(value);
            assert!(from(bin) <= value && value < below(bin), "{value} in {bin}");
            assert!(below(bin) - from(bin) <= (value / 64).max(1), "{value} in {bin}");
        }
    }

    #[test]
    fn percentiles_are_those_of_the_values() {
        let mut spread = Spread::default();
        (1..=1000).for_each(|value| spread.add(value));
        for (percent, exact) in [(50.0, 500.0), (90.0, 900.0), (99.0, 990.0), (100.0, 1000.0)] {
            let found = spread.percentile(percent).expect("values") as f64;
            assert!((found / exact - 1.0).abs() < 0.016, "{percent}: {found}");
        }
        assert_eq!((spread.mean(), spread.least(), spread.most()), (Some(500.5), 1, 1000));
        assert_eq!(Spread::default().percentile(50.0), None);
        assert_eq!(Spread::default().mean(), None);
    }

    #[test]
    fn bars_hold_every_value_and_stand_side_by_side() {
        let cases: [&[u64]; 6] = [&[7], &[0], &[0, 1, 1, 2], &[5, 40_000], &[0, 3_600_000], &[100, 101, 130]];
        for values in cases {
            let mut spread = Spread::default();
            values.iter().for_each(|value| spread.add(*value));
            let bars = spread.bars();
            assert_eq!(bars.iter().map(|bar| bar.count).sum::<u64>(), values.len() as u64, "{values:?}");
            assert!(bars.windows(2).all(|pair| pair[0].below == pair[1].from), "{bars:?}");
            assert!(bars.iter().all(|bar| bar.from < bar.below) && bars.len() <= 32, "{bars:?}");
        }
        assert!(Spread::default().bars().is_empty());
    }
}
