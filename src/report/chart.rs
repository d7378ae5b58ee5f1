//! The charts: bars in SVG that are as wide as the page, with texts that keep their size.
//!
//! What lies side by side is placed in per cent and what stands upright in pixels, so that no script has to fit it.

use std::fmt::Display;
use std::time::Duration;

use super::markup::Markup;
use super::spread::Spread;
use super::timeline::{Slice, Timeline};
use super::verdict::class_of;
use crate::job::units::shown;
use crate::text::{count, counted};

/// The height of the bars, in pixels.
const HEIGHT: f64 = 150.0;

/// Where bars begin, below the label of the highest line.
const TOP: f64 = 18.0;

/// Room below the bars for the labels of the axis.
const FOOT: f64 = 22.0;

/// Room below the bars for what was throttled and what held the run back.
const STRIPS: f64 = 30.0;

/// The height of the strip that says what held the run back.
const STRIP: f64 = 14.0;

/// How much of the width the name of a percentile takes, on a narrow page.
const NAME: f64 = 0.1;

/// Runs whose beginnings are named in the chart.
const NAMED_RUNS: usize = 6;

/// What is shown of a slice of time: its height each second, and how a height is written.
pub(super) struct Rate {
    pub(super) title: &'static str,
    pub(super) noun: &'static str,
    pub(super) of: fn(&Slice) -> u64,
    pub(super) written: fn(f64) -> String,
}

/// A rate over the time of running, with what was throttled and what held the run back below it.
pub(super) fn over_time(timeline: &Timeline, rate: &Rate, causes: &[(String, f64)]) -> Markup {
    let mut svg = Markup::default();
    let each_second = |slice: &Slice| (rate.of)(slice) as f64 / slice.seconds;
    let most = timeline.slices.iter().map(each_second).fold(0.0, f64::max);
    let top = nice(most);
    let height = TOP + HEIGHT + STRIPS + FOOT;
    let title = format!("{} over {} of running", rate.title, time(timeline.seconds));
    scale(&mut svg, top, height, rate.written);
    svg.put("<svg class=\"chart\" height=\"{}\" role=\"img\" aria-label=\"{}\">\n", &[&height, &title]);
    grid(&mut svg, top);
    for slice in &timeline.slices {
        let (x, width) = place(timeline, slice);
        let high = scaled(each_second(slice), top);
        let hover = hover(timeline, slice, rate, causes);
        svg.put(
            "<rect class=\"bar\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title></rect>\n",
            &[&x, &px(TOP + HEIGHT - high), &width, &px(high), &hover],
        );
        if slice.throttled > 0 {
            svg.put(
                "<rect class=\"throttled\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"7\"><title>{}</title></rect>\n",
                &[&x, &px(TOP + HEIGHT + 4.0), &width, &hover],
            );
        }
        strip(&mut svg, slice, (&x, &width), &hover, causes);
    }
    borders(&mut svg, timeline);
    let quarters = [0.0, 0.25, 0.5, 0.75, 1.0];
    let words = quarters.map(|share| (share, time(timeline.seconds * share)));
    axis(&mut svg, TOP + HEIGHT + STRIPS, &words);
    svg.raw("</svg></div>\n");
    svg
}

/// How values are spread, with three percentiles marked.
pub(super) fn histogram(spread: &Spread, title: &str, noun: &str, written: impl Fn(u64) -> String) -> Markup {
    let mut svg = Markup::default();
    let bars = spread.bars();
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else { return svg };
    let (low, high) = (first.from, last.below);
    let wide = spread.is_wide();
    let at = |value: u64| match wide {
        true => {
            let log = |value: u64| (value.max(1) as f64).ln();
            (log(value) - log(low)) / (log(high) - log(low))
        }
        false => value.saturating_sub(low) as f64 / (high - low) as f64,
    };
    let top = nice(bars.iter().map(|bar| bar.count).max().unwrap_or(1) as f64).max(1.0);
    let written_count = |value: f64| count(value.round() as u64);
    let height = TOP + HEIGHT + FOOT;
    scale(&mut svg, top, height, written_count);
    svg.put("<svg class=\"chart\" height=\"{}\" role=\"img\" aria-label=\"{}\">\n", &[&height, &title]);
    grid(&mut svg, top);
    for bar in bars.iter().filter(|bar| bar.count > 0) {
        let (x, tall) = (at(bar.from), scaled(bar.count as f64, top).max(1.0));
        let range = match bar.below - bar.from {
            1 => written(bar.from),
            _ => format!("{} to {}", written(bar.from), written(bar.below - 1)),
        };
        svg.put(
            "<rect class=\"bar\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}: {}</title></rect>\n",
            &[
                &percent(x),
                &px(TOP + HEIGHT - tall),
                &percent((at(bar.below) - x).max(0.0)),
                &px(tall),
                &range,
                &counted(bar.count, noun),
            ],
        );
    }
    let mut free_from = 0.0;
    for (name, value) in [("p50", 50.0), ("p90", 90.0), ("p99", 99.0)] {
        let Some(value) = spread.percentile(value) else { continue };
        let x = at(value);
        svg.put(
            "<line class=\"mark\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"><title>{}: {}</title></line>\n",
            &[&percent(x), &percent(x), &TOP, &(TOP + HEIGHT), &name, &written(value)],
        );
        // Names that would lie over each other are left to the line above the chart.
        if x >= free_from {
            free_from = x + NAME;
            svg.put(
                "<text class=\"label\" x=\"{}\" y=\"12\" text-anchor=\"middle\">{}</text>\n",
                &[&percent(x), &name],
            );
        }
    }
    let borders: Vec<u64> = bars.iter().map(|bar| bar.from).chain([high]).collect();
    // Labels stand at the borders of bars, so that they are whole values.
    let mut words: Vec<(f64, String)> = (0..=4)
        .map(|quarter| borders[(borders.len() - 1) * quarter / 4])
        .map(|border| (at(border), written(border)))
        .collect();
    words.dedup();
    axis(&mut svg, TOP + HEIGHT, &words);
    svg.raw("</svg></div>\n");
    svg
}

/// Shares of a whole, side by side: class, what it says, and its size.
pub(super) fn shares(title: &str, parts: &[(&'static str, String, f64)]) -> Markup {
    let mut svg = Markup::default();
    let whole: f64 = parts.iter().map(|(.., size)| size).sum();
    if whole <= 0.0 {
        return svg;
    }
    svg.put("<svg class=\"chart\" height=\"22\" role=\"img\" aria-label=\"{}\">\n", &[&title]);
    let mut before = 0.0;
    for (class, says, size) in parts {
        svg.put(
            "<rect class=\"{}\" x=\"{}\" y=\"0\" width=\"{}\" height=\"22\"><title>{}</title></rect>\n",
            &[class, &percent(before / whole), &percent(size / whole), says],
        );
        before += size;
    }
    svg.raw("</svg>\n");
    svg
}

/// A bar in a cell of a table, for a part of the largest.
pub(super) fn cell(share: f64) -> Markup {
    let mut svg = Markup::default();
    svg.put(
        "<svg class=\"cell\" width=\"100%\" height=\"10\" aria-hidden=\"true\"><rect class=\"bar\" width=\"{}\" \
         height=\"10\"/></svg>",
        &[&percent(share.clamp(0.0, 1.0))],
    );
    svg
}

/// What held the run back in a slice: each cause as high as its share of the time.
fn strip(
    svg: &mut Markup,
    slice: &Slice,
    (x, width): (&String, &String),
    hover: &str,
    causes: &[(String, f64)],
) {
    let whole: f64 = slice.held.iter().map(|(_, seconds)| seconds).sum();
    let mut y = TOP + HEIGHT + 14.0;
    for (cause, seconds) in slice.held.iter().filter(|_| whole > 0.0) {
        let Some((cause, _)) = causes.get(*cause) else { continue };
        let high = STRIP * seconds / whole;
        svg.put(
            "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title></rect>\n",
            &[&class_of(cause), x, &px(y), width, &px(high), &hover],
        );
        y += high;
    }
}

fn hover(timeline: &Timeline, slice: &Slice, rate: &Rate, causes: &[(String, f64)]) -> String {
    let until = slice.from + slice.seconds;
    let mut words = format!(
        "{} to {}: {} {}",
        time(slice.from),
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

/// Where runs begin, but for the first.
fn borders(svg: &mut Markup, timeline: &Timeline) {
    for span in timeline.spans.iter().skip(1) {
        let (x, _) = place(timeline, &timeline.slices[span.first]);
        svg.put(
            "<line class=\"border\" x1=\"{}\" x2=\"{}\" y1=\"4\" y2=\"{}\"/>\n",
            &[&x, &x, &(TOP + HEIGHT + STRIPS)],
        );
        if timeline.spans.len() <= NAMED_RUNS {
            svg.put("<text class=\"label\" x=\"{}\" y=\"12\" dx=\"4\">run {}</text>\n", &[&x, &span.run]);
        }
    }
}

fn grid(svg: &mut Markup, top: f64) {
    for share in lines(top) {
        let y = px(TOP + HEIGHT * (1.0 - share));
        svg.put("<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{}\" y2=\"{}\"/>\n", &[&y, &y]);
    }
}

/// The values of the lines, in a drawing of their own to the left of the bars.
fn scale(svg: &mut Markup, top: f64, height: f64, written: impl Fn(f64) -> String) {
    svg.put("<div class=\"plot\"><svg class=\"scale\" height=\"{}\" aria-hidden=\"true\">\n", &[&height]);
    for share in lines(top) {
        let y = px(TOP + HEIGHT * (1.0 - share) + 4.0);
        let value = if *share > 0.0 { written(top * share) } else { "0".to_owned() };
        svg.put(
            "<text class=\"label\" x=\"100%\" dx=\"-8\" y=\"{}\" text-anchor=\"end\">{}</text>\n",
            &[&y, &value],
        );
    }
    svg.raw("</svg>\n");
}

/// Where lines are drawn: of nothing, at the bottom alone.
fn lines(top: f64) -> &'static [f64] {
    if top > 0.0 { &[0.0, 0.5, 1.0] } else { &[0.0] }
}

/// The labels below an axis; those at its ends stay within it.
fn axis(svg: &mut Markup, y: f64, words: &[(f64, String)]) {
    for (share, word) in words {
        let anchor = match share {
            0.0 => "start",
            1.0 => "end",
            _ => "middle",
        };
        svg.put(
            "<text class=\"label\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>\n",
            &[&percent(*share), &(y + 15.0), &anchor, word],
        );
    }
}

fn place(timeline: &Timeline, slice: &Slice) -> (String, String) {
    (percent(slice.from / timeline.seconds), percent(slice.seconds / timeline.seconds))
}

fn scaled(value: f64, top: f64) -> f64 {
    if top > 0.0 { HEIGHT * value / top } else { 0.0 }
}

fn px(pixels: f64) -> impl Display {
    (pixels * 10.0).round() / 10.0
}

fn percent(share: f64) -> String {
    format!("{:.3}%", share * 100.0)
}

fn time(seconds: f64) -> String {
    match seconds {
        0.0 => "0".to_owned(),
        seconds => shown(Duration::try_from_secs_f64(seconds).unwrap_or_default()),
    }
}

/// The next value upward that reads well as the highest line: 1, 2, 4, 5 or 8 times a power of ten. 0 of nothing.
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
}
