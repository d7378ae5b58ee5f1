//! The charts in numbers: bars, marks and labels, which the template turns into SVG.
//!
//! Horizontal positions are in per cent and vertical ones in pixels, so no script has to fit the charts.

use serde::Serialize;

use super::bottleneck::{class_of, time};
use super::histogram::Histogram;
use super::timeline::{Slice, Timeline};
use crate::text::{count, counted};

/// The height of the bars, in pixels.
const HEIGHT: f64 = 150.0;

/// Where bars begin, below the label of the highest line.
const TOP: f64 = 18.0;

/// Where bars end.
const BASE: f64 = TOP + HEIGHT;

/// Room below the bars for the labels of the axis.
const FOOT: f64 = 22.0;

/// Height below the bars for throttling and for what held the run back.
const STRIPS: f64 = 30.0;

/// The height of the strip that says what held the run back.
const STRIP: f64 = 14.0;

/// The width of a percentile's name on a narrow page, as a share of the chart's.
const NAME: f64 = 0.1;

/// Runs whose beginnings are named in the chart.
const NAMED_RUNS: usize = 6;

/// A chart. Horizontal measures are in per cent, vertical ones in pixels.
#[derive(Debug, Default, Serialize)]
pub(super) struct Chart {
    /// A description, for those who cannot see the chart.
    title: String,
    height: f64,
    /// The lines across it, with their values.
    grid: Vec<Label>,
    bars: Vec<Rectangle>,
    marks: Vec<VerticalLine>,
    labels: Vec<Label>,
}

/// A filled rectangle.
#[derive(Debug, Default, Serialize)]
pub(super) struct Rectangle {
    class: &'static str,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    /// The text shown under the pointer.
    hover: String,
}

/// A line from top to bottom.
#[derive(Debug, Serialize)]
struct VerticalLine {
    class: &'static str,
    x: f64,
    top: f64,
    bottom: f64,
    hover: String,
}

/// A word.
#[derive(Debug, Serialize)]
struct Label {
    x: f64,
    y: f64,
    anchor: &'static str,
    text: String,
}

/// The value shown for a slice of time: its height per second, and how a height is written.
pub(super) struct Rate {
    pub(super) title: &'static str,
    pub(super) noun: &'static str,
    pub(super) of: fn(&Slice) -> u64,
    pub(super) written: fn(f64) -> String,
}

/// A rate over the running time; below it, throttling and what held the run back.
pub(super) fn over_time(timeline: &Timeline, rate: &Rate, causes: &[(String, f64)]) -> Chart {
    let each_second = |slice: &Slice| (rate.of)(slice) as f64 / slice.seconds;
    let top = nice(timeline.slices.iter().map(each_second).fold(0.0, f64::max));
    let mut chart = Chart {
        title: format!("{} over {} of running", rate.title, time(timeline.seconds)),
        height: BASE + STRIPS + FOOT,
        grid: grid(top, rate.written),
        ..Chart::default()
    };
    for slice in &timeline.slices {
        let high = scaled(each_second(slice), top);
        let hover = hover(timeline, slice, rate, causes);
        let (x, width) = (percent(slice.from / timeline.seconds), percent(slice.seconds / timeline.seconds));
        let part = |class, y, height| Rectangle {
            class,
            x,
            y: pixels(y),
            width,
            height: pixels(height),
            hover: hover.clone(),
        };
        chart.bars.push(part("bar", BASE - high, high));
        if slice.throttled > 0 {
            chart.bars.push(part("throttled", BASE + 4.0, 7.0));
        }
        // What held the run back: each cause as high as its share of the time.
        let whole: f64 = slice.held.iter().map(|(_, seconds)| seconds).sum();
        let mut y = BASE + 14.0;
        for (cause, seconds) in slice.held.iter().filter(|_| whole > 0.0) {
            let Some((cause, _)) = causes.get(*cause) else { continue };
            let high = STRIP * seconds / whole;
            chart.bars.push(part(class_of(cause), y, high));
            y += high;
        }
    }
    chart.mark_runs(timeline);
    let quarters = [0.0, 0.25, 0.5, 0.75, 1.0];
    let words = quarters.map(|share| (share, zero_or(timeline.seconds * share, time)));
    chart.axis(BASE + STRIPS, &words);
    chart
}

/// The distribution of values, with three percentiles marked; `None` without values.
pub(super) fn histogram(
    of: &Histogram,
    title: &str,
    noun: &str,
    written: impl Fn(u64) -> String,
) -> Option<Chart> {
    let bars = of.bars();
    let (low, high) = (bars.first()?.from, bars.last()?.below);
    let wide = of.is_wide();
    let at = |value: u64| {
        let log = |value: u64| (value.max(1) as f64).ln();
        match wide {
            true => (log(value) - log(low)) / (log(high) - log(low)),
            false => value.saturating_sub(low) as f64 / (high - low) as f64,
        }
    };
    let top = nice(bars.iter().map(|bar| bar.count).max().unwrap_or(1) as f64).max(1.0);
    let mut chart = Chart {
        title: title.to_owned(),
        height: BASE + FOOT,
        grid: grid(top, |value| count(value.round() as u64)),
        ..Chart::default()
    };
    for bar in bars.iter().filter(|bar| bar.count > 0) {
        let (x, tall) = (at(bar.from), scaled(bar.count as f64, top).max(1.0));
        let range = match bar.below - bar.from {
            1 => written(bar.from),
            _ => format!("{} to {}", written(bar.from), written(bar.below - 1)),
        };
        chart.bars.push(Rectangle {
            class: "bar",
            x: percent(x),
            y: pixels(BASE - tall),
            width: percent((at(bar.below) - x).max(0.0)),
            height: pixels(tall),
            hover: format!("{range}: {}", counted(bar.count, noun)),
        });
    }
    let mut free_from = 0.0;
    for (name, value) in [("p50", 50.0), ("p90", 90.0), ("p99", 99.0)] {
        let Some(value) = of.percentile(value) else { continue };
        let x = at(value);
        let hover = format!("{name}: {}", written(value));
        chart.marks.push(VerticalLine { class: "mark", x: percent(x), top: TOP, bottom: BASE, hover });
        // Names that would overlap are only in the line above the chart.
        if x >= free_from {
            free_from = x + NAME;
            chart.labels.push(Label { x: percent(x), y: 12.0, anchor: "middle", text: name.to_owned() });
        }
    }
    let borders: Vec<u64> = bars.iter().map(|bar| bar.from).chain([high]).collect();
    // Labels are at the borders of bars, where values are whole.
    let mut words: Vec<(f64, String)> = (0..=4)
        .map(|quarter| borders[(borders.len() - 1) * quarter / 4])
        .map(|border| (at(border), written(border)))
        .collect();
    words.dedup();
    chart.axis(BASE, &words);
    Some(chart)
}

/// Shares of a whole, side by side: the class, text and size of each. Empty if the whole is 0.
pub(super) fn shares(parts: Vec<(&'static str, String, f64)>) -> Vec<Rectangle> {
    let whole: f64 = parts.iter().map(|(.., size)| size).sum();
    let mut before = 0.0;
    let share = |(class, hover, size): (&'static str, String, f64)| {
        let x = percent(before / whole);
        before += size;
        Rectangle { class, x, width: percent(size / whole), height: 22.0, hover, ..Rectangle::default() }
    };
    if whole > 0.0 { parts.into_iter().map(share).collect() } else { Vec::new() }
}

impl Chart {
    /// Marks where runs begin, except the first.
    fn mark_runs(&mut self, timeline: &Timeline) {
        for span in timeline.spans.iter().skip(1) {
            let x = percent(timeline.slices[span.first].from / timeline.seconds);
            let hover = format!("run {}", span.run);
            if timeline.spans.len() <= NAMED_RUNS {
                self.labels.push(Label { x, y: 12.0, anchor: "start", text: hover.clone() });
            }
            self.marks.push(VerticalLine { class: "border", x, top: 4.0, bottom: BASE + STRIPS, hover });
        }
    }

    /// The labels below an axis; those at its ends stay within it.
    fn axis(&mut self, y: f64, words: &[(f64, String)]) {
        for (share, word) in words {
            let anchor = match share {
                0.0 => "start",
                1.0 => "end",
                _ => "middle",
            };
            self.labels.push(Label { x: percent(*share), y: y + 15.0, anchor, text: word.clone() });
        }
    }
}

fn hover(timeline: &Timeline, slice: &Slice, rate: &Rate, causes: &[(String, f64)]) -> String {
    let until = slice.from + slice.seconds;
    let mut words = format!(
        "{} to {}: {} {}",
        zero_or(slice.from, time),
        time(until),
        (rate.written)((rate.of)(slice) as f64 / slice.seconds),
        rate.noun
    );
    let run = timeline.spans.iter().rev().find(|span| timeline.slices[span.first].from <= slice.from);
    if let Some(span) = run.filter(|_| timeline.spans.len() > 1) {
        words = format!("run {}, {words}", span.run);
    }
    if slice.throttled > 0 {
        words.push_str(&format!(" · {} throttled", count(slice.throttled)));
    }
    if slice.faults > 0 {
        words.push_str(&format!(" · {} without an answer", count(slice.faults)));
    }
    if let Some((cause, _)) = slice.cause().and_then(|cause| causes.get(cause)) {
        words.push_str(&format!(" · held by {cause}"));
    }
    words
}

/// The horizontal lines of a chart and their values; if all values are 0, only the lowest line.
fn grid(top: f64, written: impl Fn(f64) -> String) -> Vec<Label> {
    let lines: &[f64] = if top > 0.0 { &[0.0, 0.5, 1.0] } else { &[0.0] };
    let line = |share: &f64| Label {
        x: 100.0,
        y: pixels(BASE - HEIGHT * share),
        anchor: "end",
        text: zero_or(top * share, &written),
    };
    lines.iter().map(line).collect()
}

/// 0 has no unit.
fn zero_or(value: f64, written: impl Fn(f64) -> String) -> String {
    if value > 0.0 { written(value) } else { "0".to_owned() }
}

fn scaled(value: f64, top: f64) -> f64 {
    if top > 0.0 { HEIGHT * value / top } else { 0.0 }
}

fn pixels(pixels: f64) -> f64 {
    (pixels * 10.0).round() / 10.0
}

/// A share in per cent, to three places.
fn percent(share: f64) -> f64 {
    (share * 100_000.0).round() / 1000.0
}

/// The next larger value that suits the highest line: 1, 2, 4, 5 or 8 times a power of ten; 0 for 0.
fn nice(most: f64) -> f64 {
    if !(most.is_finite() && most > 0.0) {
        return 0.0;
    }
    let power = 10_f64.powf(most.log10().floor());
    [1.0, 2.0, 4.0, 5.0, 8.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|nice| *nice >= most)
        .unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_line_is_above_the_highest_bar() {
        for most in [0.001, 0.9, 1.0, 3.1, 41.0, 99.0, 1e9] {
            let top = nice(most);
            assert!(top >= most && top <= most * 2.1, "{most}: {top}");
        }
        assert_eq!((nice(0.0), nice(f64::NAN)), (0.0, 0.0));
    }

    #[test]
    fn shares_fill_the_whole_width_in_their_order() {
        let parts = shares(vec![("by-rate", "rate".to_owned(), 3.0), ("by-cap", "cap".to_owned(), 1.0)]);
        let places: Vec<(f64, f64)> = parts.iter().map(|part| (part.x, part.width)).collect();
        assert_eq!(places, [(0.0, 75.0), (75.0, 25.0)]);
        assert!(shares(vec![("by-rate", String::new(), 0.0)]).is_empty());
    }
}
