//! Why an answer is not that of its piece, by the two texts alone.

use std::fmt;

use super::literals::{Literal, LiteralKind, literals};
use super::paragraphs::paragraphs;
use super::split::SEPARATOR;

/// Why an answer is not that of its piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// Another number of paragraphs.
    Paragraphs { expected: usize, found: usize },
    /// Code, an address, a placeholder, a tag or a link is not there, or less often.
    Lost(String),
    /// A placeholder, a tag or a link is there more often.
    Added(String),
    /// Another number of these marks of emphasis.
    Marks { mark: &'static str, expected: usize, found: usize },
    /// A paragraph is much shorter or longer, in characters.
    Length { expected: usize, found: usize },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paragraphs { expected, found } => write!(f, "{found} paragraphs came back for {expected}"),
            Self::Lost(literal) => write!(f, "`{literal}` is missing"),
            Self::Added(literal) => write!(f, "`{literal}` was added"),
            Self::Marks { mark, expected, found } => {
                write!(f, "{found} marks `{mark}` came back for {expected}")
            }
            Self::Length { expected, found } => {
                write!(f, "a paragraph of {expected} characters became one of {found}")
            }
        }
    }
}

/// How much shorter or longer a translation may be, in characters.
const SHORTEST: f64 = 0.2;
const LONGEST: f64 = 6.0;

/// Characters below which a text's length says nothing about that of its translation.
const TELLING: usize = 60;

/// What is wrong with the answer to a piece, if anything; `piece` is the text that was sent.
pub fn mismatch(piece: &str, answer: &str) -> Option<Mismatch> {
    if piece == answer {
        return None;
    }
    let sources: Vec<&str> = paragraphs(piece).collect();
    let expected = sources.len();
    let parts: Vec<&str> = match expected {
        1 => vec![answer.trim()],
        _ => paragraphs(answer).collect(),
    };
    if parts.len() != expected || parts.iter().any(|part| part.is_empty()) {
        return Some(Mismatch::Paragraphs { expected, found: paragraphs(answer).count() });
    }
    sources.iter().zip(parts).find_map(|(source, part)| {
        lost(source, part).or_else(|| marks(source, part)).or_else(|| length(source, part))
    })
}

/// A piece of several spans in two, at the edge between spans that is nearest to its middle.
pub fn halves(piece: &str) -> Option<(String, String)> {
    let middle = piece.len() / 2;
    let edges = piece.match_indices(SEPARATOR).map(|(at, _)| at);
    let edge = edges.min_by_key(|at| (at + SEPARATOR.len() / 2).abs_diff(middle))?;
    Some((piece[..edge].to_owned(), piece[edge + SEPARATOR.len()..].to_owned()))
}

/// The first literal that is not as often in one text as in the other.
fn lost(source: &str, answer: &str) -> Option<Mismatch> {
    let count = |text: &str, literal: &str| text.matches(literal).count();
    let missing = |literal: &&Literal<'_>| count(answer, literal.text) < count(source, literal.text);
    let found = literals(source);
    if let Some(literal) = found.iter().find(missing) {
        return Some(Mismatch::Lost(literal.text.to_owned()));
    }
    let added = |literal: &Literal<'_>| {
        let counts =
            matches!(literal.kind, LiteralKind::Placeholder | LiteralKind::Tag | LiteralKind::Target);
        counts && count(answer, literal.text) > count(source, literal.text)
    };
    literals(answer).into_iter().find(added).map(|literal| Mismatch::Added(literal.text.to_owned()))
}

/// The first kind of emphasis of which there are more or fewer marks.
fn marks(source: &str, answer: &str) -> Option<Mismatch> {
    let (before, after) = (emphasis(source), emphasis(answer));
    let differs =
        before.iter().zip(after).zip(["*", "**", "~~"]).find(|((before, after), _)| **before != *after);
    differs.map(|((expected, found), mark)| Mismatch::Marks { mark, expected: *expected, found })
}

/// How many marks there are outside literals: `*` and `_`, `**` and `__`, `~~`.
fn emphasis(text: &str) -> [usize; 3] {
    let mut counts = [0; 3];
    if !text.contains(['*', '_', '~']) {
        return counts;
    }
    let mut from = 0;
    for literal in literals(text) {
        count_marks(text, from..literal.start, &mut counts);
        from = literal.start + literal.text.len();
    }
    count_marks(text, from..text.len(), &mut counts);
    counts
}

fn count_marks(text: &str, range: std::ops::Range<usize>, counts: &mut [usize; 3]) {
    let mut at = range.start;
    while let Some(next) = text[at..range.end].find(['*', '_', '~']) {
        let start = at + next;
        let mark = text.as_bytes()[start];
        let run = text.as_bytes()[start..range.end].iter().take_while(|byte| **byte == mark).count();
        at = start + run;
        let escaped = text[..start].ends_with('\\');
        let (before, after) = (text[..start].chars().next_back(), text[at..].chars().next());
        let blank = |letter: Option<char>| letter.is_none_or(char::is_whitespace);
        let inner = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
        if escaped || (blank(before) && blank(after)) || (mark == b'_' && inner(before) && inner(after)) {
            continue;
        }
        match (mark, run) {
            (b'~', 2) => counts[2] += 1,
            (b'*' | b'_', 1) => counts[0] += 1,
            (b'*' | b'_', 2) => counts[1] += 1,
            (b'*' | b'_', 3) => {
                counts[0] += 1;
                counts[1] += 1;
            }
            _ => {}
        }
    }
}

fn length(source: &str, answer: &str) -> Option<Mismatch> {
    let (expected, found) = (source.chars().count(), answer.chars().count());
    let ratio = found as f64 / expected as f64;
    let strange = expected >= TELLING && !(SHORTEST..=LONGEST).contains(&ratio);
    strange.then_some(Mismatch::Length { expected, found })
}
