//! Plain text: paragraphs between blank lines, or line by line.

use std::ops::Range;

use super::frame::Frame;
use super::lines::{lines, trimmed};
use super::span::{Span, SpanKind};
use crate::blank::is_blank_letter;

/// The narrowest column that is taken for hard-wrapped text; verses and addresses are narrower.
const NARROWEST: usize = 40;

/// Every line a span.
pub(super) fn each_line(text: &str, start: usize, frame: &mut Frame) {
    for line in lines(text, start) {
        frame.push(text, Span { range: line, kind: SpanKind::Line, rank: 3 });
    }
}

/// A hard-wrapped paragraph is one span; of any other, every line is one, because its line ends mean something.
pub(super) fn paragraphs(text: &str, start: usize, frame: &mut Frame) {
    let mut group: Vec<Range<usize>> = vec![];
    let mut indent = 0;
    let mut rank = 3;
    for line in lines(text, start) {
        let bare = trimmed(text, line.clone());
        if bare.is_empty() {
            flush(text, &mut group, rank, frame);
            rank = 3;
            continue;
        }
        let deep = bare.start - line.start;
        let item = begins_item(&text[bare.clone()]);
        let hangs = group.len() == 1 && begins_item(&text[group[0].clone()]);
        if !group.is_empty() && (item || (deep > indent && !hangs)) {
            flush(text, &mut group, rank, frame);
            rank = 4;
        }
        indent = deep;
        group.push(bare);
    }
    flush(text, &mut group, rank, frame);
}

fn flush(text: &str, group: &mut Vec<Range<usize>>, rank: u8, frame: &mut Frame) {
    if let (Some(first), Some(last)) = (group.first(), group.last()) {
        if group.len() == 1 || is_wrapped(text, group) {
            let range = first.start..last.end;
            for pair in group.windows(2) {
                frame.swap_line_end(text, pair[0].end..pair[1].start);
            }
            frame.push(text, Span { range, kind: SpanKind::Line, rank });
        } else {
            for (index, line) in group.iter().enumerate() {
                let rank = if index == 0 { rank } else { 5 };
                frame.push(text, Span { range: line.clone(), kind: SpanKind::Line, rank });
            }
        }
    }
    group.clear();
}

/// Whether a line begins as an item of a list does.
fn begins_item(line: &str) -> bool {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let mark = match line[digits..].chars().next() {
        Some('.' | ')') if (1..4).contains(&digits) => digits + 1,
        Some(mark @ ('-' | '*' | '+' | '•' | '–' | '—' | '·')) if digits == 0 => mark.len_utf8(),
        _ => return false,
    };
    line[mark..].starts_with(is_blank_letter)
}

/// Whether lines end where the next word would have been too much, or nearly there.
fn is_wrapped(text: &str, lines: &[Range<usize>]) -> bool {
    let widths: Vec<usize> = lines.iter().map(|line| width(&text[line.clone()])).collect();
    let Some((last, full)) = widths.split_last() else { return false };
    let most = full.iter().copied().max().unwrap_or(0);
    let is_full = |(index, columns): (usize, &usize)| {
        let next = text[lines[index + 1].clone()].split_whitespace().next().map_or(0, width);
        columns * 100 >= most * 85 || columns + 1 + next >= most
    };
    most >= NARROWEST && last * 100 <= most * 115 && full.iter().enumerate().all(is_full)
}

/// Columns: characters, and two for each that is wide.
fn width(line: &str) -> usize {
    if line.is_ascii() {
        return line.len();
    }
    line.chars().map(|letter| 1 + usize::from(matches!(letter, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ff60}' | '\u{20000}'..))).sum()
}
