//! The distribution of values: a histogram with three significant digits, its percentiles, and its bars.

/// Significant digits of a recorded value.
const DIGITS: u8 = 3;

/// Larger values cannot be measurements.
const MOST: u64 = 1 << 50;

/// Bars of a histogram, at most.
const BARS: u64 = 30;

/// Counts of whole values.
#[derive(Debug, Clone, Default)]
pub(super) struct Histogram {
    /// `None` without values.
    recorded: Option<hdrhistogram::Histogram<u64>>,
    sum: f64,
    least: u64,
    most: u64,
}

/// A bar of a histogram: the values from one border to below the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bar {
    pub(super) from: u64,
    pub(super) below: u64,
    pub(super) count: u64,
}

impl Histogram {
    pub(super) fn add(&mut self, value: u64) {
        let value = value.min(MOST);
        self.least = if self.recorded.is_none() { value } else { self.least.min(value) };
        self.most = self.most.max(value);
        self.sum += value as f64;
        if self.recorded.is_none() {
            // It grows as needed, up to `MOST`.
            self.recorded = hdrhistogram::Histogram::new(DIGITS).ok();
        }
        if let Some(recorded) = &mut self.recorded {
            recorded.saturating_record(value);
        }
    }

    pub(super) fn most(&self) -> u64 {
        self.most
    }

    pub(super) fn least(&self) -> u64 {
        self.least
    }

    /// The mean; `None` without values.
    pub(super) fn mean(&self) -> Option<f64> {
        self.recorded.as_ref().map(|recorded| self.sum / recorded.len() as f64)
    }

    /// The value that this many per cent of the values do not exceed; `None` without values.
    pub(super) fn percentile(&self, percent: f64) -> Option<u64> {
        let recorded = self.recorded.as_ref()?;
        Some(recorded.value_at_percentile(percent).clamp(self.least, self.most))
    }

    /// Whether a logarithmic axis suits the histogram: the largest value is far from the smallest.
    pub(super) fn is_wide(&self) -> bool {
        self.most > 64 && self.most / self.least.max(1) >= 20
    }

    /// Bars of equal width on the axis, from the smallest value to the largest.
    pub(super) fn bars(&self) -> Vec<Bar> {
        let Some(recorded) = &self.recorded else { return Vec::new() };
        let borders = if self.is_wide() { self.wide_borders() } else { self.even_borders() };
        let mut bars: Vec<Bar> =
            borders.windows(2).map(|pair| Bar { from: pair[0], below: pair[1], count: 0 }).collect();
        for step in recorded.iter_recorded() {
            let value = step.value_iterated_to().clamp(self.least, self.most);
            let at = bars.partition_point(|bar| bar.below <= value).min(bars.len() - 1);
            bars[at].count += step.count_since_last_iteration();
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

/// The next larger step that is easy to read: 1, 2 or 5 times a power of ten.
fn nice(step: u64) -> u64 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_values() {
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|value| histogram.add(value));
        for (percent, exact) in [(50.0, 500.0), (90.0, 900.0), (99.0, 990.0), (100.0, 1000.0)] {
            let found = histogram.percentile(percent).expect("values") as f64;
            assert!((found / exact - 1.0).abs() < 0.002, "{percent}: {found}");
        }
        assert_eq!((histogram.mean(), histogram.least(), histogram.most()), (Some(500.5), 1, 1000));
        assert_eq!(Histogram::default().percentile(50.0), None);
        assert_eq!(Histogram::default().mean(), None);
    }

    #[test]
    fn bars_hold_every_value_and_stand_side_by_side() {
        let cases: [&[u64]; 6] = [&[7], &[0], &[0, 1, 1, 2], &[5, 40_000], &[0, 3_600_000], &[100, 101, 130]];
        for values in cases {
            let mut histogram = Histogram::default();
            values.iter().for_each(|value| histogram.add(*value));
            let bars = histogram.bars();
            assert_eq!(bars.iter().map(|bar| bar.count).sum::<u64>(), values.len() as u64, "{values:?}");
            assert!(bars.windows(2).all(|pair| pair[0].below == pair[1].from), "{bars:?}");
            assert!(bars.iter().all(|bar| bar.from < bar.below) && bars.len() <= 32, "{bars:?}");
        }
        assert!(Histogram::default().bars().is_empty());
    }
}
