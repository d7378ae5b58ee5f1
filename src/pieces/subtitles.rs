//! Subtitles: the texts of cues. Numbers, times, settings, notes and styles are skeleton.

use std::ops::Range;

use super::frame::Frame;
use super::lines::{lines, trimmed};
use super::span::{Span, SpanKind};

/// What the lines being read belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CuePart {
    /// Between cues.
    Outside,
    /// After a time.
    Cue,
    /// A note, a style or a head of WebVTT, up to the next blank line.
    Block,
}

/// Adds the cues of a SubRip or WebVTT text that begins at `start`.
pub(super) fn cues(text: &str, start: usize, frame: &mut Frame) {
    let vtt = text[start..].starts_with("WEBVTT");
    let mut part = if vtt { CuePart::Block } else { CuePart::Outside };
    let mut cue: Vec<Range<usize>> = vec![];
    let all: Vec<Range<usize>> = lines(text, start).map(|line| trimmed(text, line)).collect();
    for (index, line) in all.iter().enumerate() {
        let content = &text[line.clone()];
        let next_is_time = all.get(index + 1).is_some_and(|next| is_time(&text[next.clone()]));
        if line.is_empty() {
            flush(text, &mut cue, frame);
            part = CuePart::Outside;
        } else if is_time(content) {
            flush(text, &mut cue, frame);
            part = CuePart::Cue;
        } else if next_is_time {
            // The number or the name of the next cue, even without a blank line before it.
            flush(text, &mut cue, frame);
            part = CuePart::Outside;
        } else if part == CuePart::Outside && vtt {
            part = CuePart::Block;
        } else if part != CuePart::Block {
            // In SubRip, a text after a blank line is still a text.
            cue.push(line.clone());
        }
    }
    flush(text, &mut cue, frame);
}

/// `00:00:01,000 --> 00:00:02,000`, with settings or without.
fn is_time(line: &str) -> bool {
    line.starts_with(|letter: char| letter.is_ascii_digit()) && line.contains("-->")
}

fn flush(text: &str, cue: &mut Vec<Range<usize>>, frame: &mut Frame) {
    let speaks = |line: &Range<usize>| text[line.clone()].starts_with(['-', '–', '—']);
    if cue.len() > 1 && cue.iter().all(speaks) {
        // Two people, a line for each.
        for (index, line) in cue.iter().enumerate() {
            let range = without_tags(text, line.clone());
            frame.push(text, Span { range, kind: SpanKind::Cue, rank: if index == 0 { 3 } else { 6 } });
        }
    } else if let (Some(first), Some(last)) = (cue.first(), cue.last()) {
        let range = without_tags(text, first.start..last.end);
        for pair in cue.windows(2).filter(|pair| pair[0].end > range.start && pair[1].start < range.end) {
            frame.swap_line_end(text, pair[0].end..pair[1].start);
        }
        frame.push(text, Span { range, kind: SpanKind::Cue, rank: 3 });
    }
    cue.clear();
}

/// The tag that closes another: `</i>` for `<i>`.
fn closing(tag: &str) -> Option<String> {
    let name: String = tag.strip_prefix('<')?.chars().take_while(char::is_ascii_alphanumeric).collect();
    (!name.is_empty()).then(|| format!("</{name}>"))
}

/// The range without tags (`<i>`, `{\an8}`) at its ends, and the dash of a speaker.
fn without_tags(text: &str, range: Range<usize>) -> Range<usize> {
    let mut range = trimmed(text, range);
    loop {
        let inside = &text[range.clone()];
        let close = match inside.chars().next() {
            // A tag that is closed inside of the text belongs to it.
            Some('<') => inside.find('>').filter(|end| {
                closing(&inside[..=*end])
                    .is_none_or(|tag| inside.find(&tag).is_none_or(|at| at + tag.len() == inside.len()))
            }),
            Some('{') => inside.find('}'),
            Some('-' | '–' | '—') => inside.chars().next().map(|dash| dash.len_utf8() - 1),
            _ => None,
        };
        let open = if inside.ends_with('>') { inside.rfind('<') } else { None };
        // And so does one that is opened inside of it.
        let open = open.filter(|open| {
            let opening =
                inside[*open..].strip_prefix("</").map(|name| format!("<{}", name.trim_end_matches('>')));
            opening.is_none_or(|opening| inside.find(&opening).is_none_or(|at| at == 0))
        });
        range = match (close, open) {
            (Some(close), _) => trimmed(text, range.start + close + 1..range.end),
            (None, Some(open)) => trimmed(text, range.start..range.start + open),
            (None, None) => return range,
        };
    }
}
