//! A span that is too long is cut: at ends of sentences, else at blanks, else between characters.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::edges;
use super::lines::trimmed;
use super::literals::has_words;
use super::sentences::sentences;
use super::span::{Span, SpanKind};
use super::swap::Swap;

/// How a text is divided into what is not cut.
#[derive(Debug, Clone, Copy)]
enum Level {
    Sentences,
    Words,
    Characters,
}

/// Adds the span to `spans`, in several if it takes more than the budget.
pub(super) fn cut(
    text: &str,
    span: &Span,
    swaps: &[Swap],
    fits: &dyn Fn(&str) -> Option<f64>,
    spans: &mut Vec<Span>,
) {
    let sent = span.sent(text, swaps);
    if fits(&sent).is_none() {
        return spans.push(span.clone());
    }
    let places = Places::new(span, swaps);
    let mut ranges = vec![];
    divide(&sent, 0..sent.len(), Level::Sentences, fits, &mut ranges);
    let mut first = true;
    for range in ranges {
        let range = trimmed(&sent, range);
        if range.is_empty() {
            continue;
        }
        let start = places.start(range.start);
        let range = trimmed(text, start..places.end(range.end).max(start));
        let kind = match span.kind {
            SpanKind::Block if !first => SpanKind::Line,
            SpanKind::Cue | SpanKind::Whole => SpanKind::Line,
            kind => kind,
        };
        let part = Span { range, kind, rank: if first { span.rank } else { 6 } };
        if !part.range.is_empty() && has_words(&part.sent(text, swaps)) {
            spans.push(part);
            first = false;
        }
    }
}

/// Adds to `ranges` the parts of a range that fit.
fn divide(
    sent: &str,
    range: Range<usize>,
    level: Level,
    fits: &dyn Fn(&str) -> Option<f64>,
    ranges: &mut Vec<Range<usize>>,
) {
    let Some(excess) = fits(sent[range.clone()].trim()) else { return ranges.push(range) };
    let units = units(&sent[range.clone()], level);
    let next = match level {
        Level::Sentences => Level::Words,
        Level::Words | Level::Characters => Level::Characters,
    };
    if units.len() < 2 {
        return match level {
            // One character that is too much.
            Level::Characters => ranges.push(range),
            Level::Sentences | Level::Words => divide(sent, range, next, fits, ranges),
        };
    }
    // Tokens go by bytes, nearly; what turns out to be too much is divided again.
    let budget = (range.len() as f64 / excess * 0.95) as u64;
    let sizes: Vec<u64> = units.iter().map(|unit| unit.len() as u64).collect();
    let hashes = edges::strengths(
        sent,
        units.iter().map(|unit| (0, range.start + unit.start..range.start + unit.end)),
    );
    for group in edges::groups(&sizes, &hashes, 0, budget) {
        let part = range.start + units[group.start].start..range.start + units[group.end - 1].end;
        if group.len() == 1 && !matches!(level, Level::Characters) {
            divide(sent, part, next, fits, ranges);
        } else if group.len() == units.len() {
            let half = range.start + units[units.len() / 2].start;
            divide(sent, range.start..half, level, fits, ranges);
            divide(sent, half..range.end, level, fits, ranges);
        } else {
            divide(sent, part, level, fits, ranges);
        }
    }
}

/// The units of a text, which cover it.
fn units(text: &str, level: Level) -> Vec<Range<usize>> {
    let mut at = 0;
    let mut next = |length: usize| {
        let unit = at..at + length;
        at += length;
        unit
    };
    match level {
        Level::Sentences => sentences(text).into_iter().map(|sentence| next(sentence.len())).collect(),
        Level::Characters => text.graphemes(true).map(|character| next(character.len())).collect(),
        Level::Words => {
            let mut words = vec![];
            let mut length = 0;
            for character in text.graphemes(true) {
                length += character.len();
                if character.chars().all(char::is_whitespace) {
                    words.push(next(length));
                    length = 0;
                }
            }
            if length > 0 {
                words.push(next(length));
            }
            words
        }
    }
}

/// Where each place of a sent text is in the document.
struct Places {
    /// Stretches that are the document's own: where they begin as sent, and in the document, and how long they are.
    own: Vec<(usize, usize, usize)>,
}

impl Places {
    fn new(span: &Span, swaps: &[Swap]) -> Self {
        let mut own = vec![];
        let (mut sent, mut from, mut target) = (0, span.range.start, 0);
        for swap in Swap::within(swaps, &span.range) {
            own.push((sent, from, swap.range.start - from));
            sent += swap.range.start - from + swap.sent(&mut target).len();
            from = swap.range.end;
        }
        own.push((sent, from, span.range.end - from));
        Self { own }
    }

    /// Of the first byte of a part. What is swapped, and would be at its edge, is in no part: it is skeleton.
    fn start(&self, at: usize) -> usize {
        let next = self.own.get(self.own.partition_point(|(sent, _, length)| sent + length <= at));
        next.map_or_else(|| self.last(), |(sent, place, _)| place + at.saturating_sub(*sent))
    }

    /// Of the end of a part.
    fn end(&self, at: usize) -> usize {
        let before = &self.own[..self.own.partition_point(|(sent, _, _)| *sent < at)];
        let last = before.iter().rev().find(|(_, _, length)| *length > 0);
        last.map_or(0, |(sent, place, length)| place + (at - sent).min(*length))
    }

    fn last(&self) -> usize {
        self.own.last().map_or(0, |(_, place, length)| place + length)
    }
}
