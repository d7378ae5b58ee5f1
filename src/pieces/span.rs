//! A span: a stretch of prose in a document, and what it becomes when it is sent.

use std::borrow::Cow;
use std::ops::Range;

use super::lines::join_lines;
use super::swap::{Swap, SwapWith};

/// A stretch of prose: a paragraph, a heading, a cell, a line, a cue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Where it is in the document, in bytes.
    pub range: Range<usize>,
    pub kind: SpanKind,
    /// How reluctantly the document is cut before it: 0 before a heading of the first level, 7 after any heading.
    pub rank: u8,
}

/// What a span is in its document, which decides how an answer is put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// All of a text that is not split; its answer keeps its lines.
    Whole,
    /// A line or a paragraph of plain text, or the middle of a line of Markdown: a single line.
    Line,
    /// The beginning of a line of Markdown, where a mark would make a list or a heading of it.
    Block,
    /// A heading of this level.
    Heading(u8),
    /// A cell of a table of Markdown, where a bar would be a new cell.
    Cell,
    /// The text of a subtitle: in as many lines as before, and an arrow would be a time.
    Cue,
}

impl Span {
    /// The span as it is sent: in one line, without what its lines begin with, and with numbers as its links' targets.
    pub(super) fn sent<'t>(&self, text: &'t str, swaps: &[Swap]) -> Cow<'t, str> {
        let swaps = Swap::within(swaps, &self.range);
        if swaps.is_empty() {
            return Cow::Borrowed(&text[self.range.clone()]);
        }
        let mut sent = String::with_capacity(self.range.len());
        let (mut from, mut target) = (self.range.start, 0);
        for swap in swaps {
            sent.push_str(&text[from..swap.range.start]);
            sent.push_str(&swap.sent(&mut target));
            from = swap.range.end;
        }
        sent.push_str(&text[from..self.range.end]);
        Cow::Owned(sent)
    }

    /// Whether it is sent as this.
    fn is_sent_as(&self, text: &str, swaps: &[Swap], part: &str) -> bool {
        let (mut rest, mut from, mut target) = (part, self.range.start, 0);
        for swap in Swap::within(swaps, &self.range) {
            let own = rest.strip_prefix(&text[from..swap.range.start]);
            let Some(after) = own.and_then(|rest| rest.strip_prefix(&*swap.sent(&mut target))) else {
                return false;
            };
            (rest, from) = (after, swap.range.end);
        }
        rest == &text[from..self.range.end]
    }

    /// What goes into the document for a part of an answer. The span as it was sent becomes the document's own bytes.
    pub(super) fn filled<'a>(&self, text: &'a str, swaps: &[Swap], part: &'a str) -> Cow<'a, str> {
        if self.is_sent_as(text, swaps, part) {
            return Cow::Borrowed(&text[self.range.clone()]);
        }
        if self.kind == SpanKind::Whole {
            return Cow::Borrowed(part);
        }
        let swaps = Swap::within(swaps, &self.range);
        let line = with_targets(join_lines(part), text, swaps);
        match self.kind {
            SpanKind::Cell => Cow::Owned(without_bars(&line)),
            SpanKind::Block => Cow::Owned(without_block_mark(&line)),
            SpanKind::Cue => Cow::Owned(as_cue(&line, text, swaps)),
            SpanKind::Whole | SpanKind::Line | SpanKind::Heading(_) => line,
        }
    }
}

/// The line with its links' targets, where it has their numbers.
fn with_targets<'a>(mut line: Cow<'a, str>, text: &str, swaps: &[Swap]) -> Cow<'a, str> {
    let targets: Vec<String> = swaps.iter().filter_map(|swap| swap.restored(text)).collect();
    if targets.is_empty() || !line.contains("](") {
        return line;
    }
    let mut whole = String::with_capacity(line.len() * 2);
    let mut rest = &*line;
    while let Some(at) = rest.find("](") {
        let number = &rest[at + 2..];
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        let target =
            number[..digits].parse::<usize>().ok().and_then(|number| targets.get(number.wrapping_sub(1)));
        match target {
            Some(target) if number[digits..].starts_with(')') => {
                whole.push_str(&rest[..at + 1]);
                whole.push_str(target);
                rest = &number[digits + 1..];
            }
            _ => {
                whole.push_str(&rest[..at + 2]);
                rest = number;
            }
        }
    }
    whole.push_str(rest);
    line = Cow::Owned(whole);
    line
}

/// The line with every bar escaped.
fn without_bars(line: &str) -> String {
    let mut safe = String::with_capacity(line.len());
    let mut escaped = false;
    for letter in line.chars() {
        if letter == '|' && !escaped {
            safe.push('\\');
        }
        escaped = letter == '\\' && !escaped;
        safe.push(letter);
    }
    safe
}

/// The line with a backslash where it would begin a list, a heading or a quote: "1. Januar" is a date.
fn without_block_mark(line: &str) -> String {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let hashes = line.bytes().take_while(|byte| *byte == b'#').count();
    let blank_after = |at: usize| line[at..].chars().next().is_none_or(char::is_whitespace);
    let at = match line.as_bytes().first() {
        Some(b'0'..=b'9')
            if digits < 10 && line[digits..].starts_with(['.', ')']) && blank_after(digits + 1) =>
        {
            Some(digits)
        }
        Some(b'#') if hashes < 7 && blank_after(hashes) => Some(0),
        Some(b'-' | b'+' | b'*') if blank_after(1) => Some(0),
        Some(b'>') => Some(0),
        _ => None,
    };
    match at {
        Some(at) => format!("{}\\{}", &line[..at], &line[at..]),
        None => line.to_owned(),
    }
}

/// The line in as many lines as the cue had, of about the same length.
fn as_cue(line: &str, text: &str, swaps: &[Swap]) -> String {
    let line = line.replace("-->", "->");
    let breaks: Vec<&Swap> =
        swaps.iter().filter(|swap| matches!(swap.with, SwapWith::Blank | SwapWith::Nothing)).collect();
    let total = line.len();
    let mut cue = String::with_capacity(total + 8);
    let mut from = 0;
    for (index, swap) in breaks.iter().enumerate() {
        let aim = total * (index + 1) / (breaks.len() + 1);
        let blanks = line[from..].match_indices(' ').map(|(at, _)| from + at);
        let Some(at) = blanks.min_by_key(|at| at.abs_diff(aim)).filter(|at| *at > from) else { break };
        cue.push_str(&line[from..at]);
        cue.push_str(&text[swap.range.clone()]);
        from = at + 1;
    }
    cue.push_str(&line[from..]);
    cue
}
