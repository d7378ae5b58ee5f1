//! What a translation of Markdown leaves as it is: code, the numbers of links' targets, and what any text has of [`literals`].
//!
//! [`literals`]: crate::literals

use crate::literals::{placeholder, tag, url};

/// A stretch of text that comes back as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Literal<'t> {
    pub text: &'t str,
    pub kind: LiteralKind,
    /// Where it begins, in bytes.
    pub start: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiteralKind {
    /// Code of Markdown, with its backticks.
    Code,
    /// `http://…` and `https://…`, as far as it is ASCII.
    Url,
    /// `{x}`, `{}`, `{{ x }}`, `{% x %}`, `$x`, `${x}`, `%s`, `%1$s`, `%(x)s`.
    Placeholder,
    /// A tag of HTML.
    Tag,
    /// The target of a link of Markdown (`](1)`), or a footnote (`[^1]`).
    Target,
}

/// Bytes at which a literal may begin.
const FIRST: [bool; 256] = {
    let mut first = [false; 256];
    let marks = b"`<h{$%][";
    let mut at = 0;
    while at < marks.len() {
        first[marks[at] as usize] = true;
        at += 1;
    }
    first
};

/// All literals of a text, in order; none is inside another.
pub fn literals(text: &str) -> Vec<Literal<'_>> {
    let bytes = text.as_bytes();
    let mut found = vec![];
    let mut at = 0;
    while let Some(next) = bytes[at..].iter().position(|byte| FIRST[usize::from(*byte)]) {
        let start = at + next;
        at = match literal(text, start) {
            Some((kind, end)) => {
                found.push(Literal { text: &text[start..end], kind, start });
                end
            }
            // The second percent sign of `%%s` begins nothing.
            None if bytes[start..].starts_with(b"%%") => start + 2,
            // A run of backticks that nothing closes does not begin at its second one.
            None if bytes[start] == b'`' => start + run(bytes, start),
            None => start + 1,
        };
    }
    found
}

/// Whether a text begins with a letter that no literal begins with, as nearly all do.
pub(super) fn begins_with_word(text: &str) -> bool {
    text.chars().next().is_some_and(|letter| letter.is_alphabetic() && letter != 'h')
}

/// Whether there is a letter outside literals.
pub(super) fn has_words(text: &str) -> bool {
    let letter = |text: &str| text.chars().any(char::is_alphabetic);
    let mut from = 0;
    for literal in literals(text) {
        if letter(&text[from..literal.start]) {
            return true;
        }
        from = literal.start + literal.text.len();
    }
    letter(&text[from..])
}

/// The literal that begins here, and its end.
fn literal(text: &str, start: usize) -> Option<(LiteralKind, usize)> {
    let bytes = text.as_bytes();
    let rest = &bytes[start..];
    match rest[0] {
        b'`' => code(bytes, start).map(|end| (LiteralKind::Code, end)),
        b'<' => tag(rest).map(|length| (LiteralKind::Tag, start + length)),
        b'h' => url(rest).map(|length| (LiteralKind::Url, start + length)),
        b']' => target(rest).map(|length| (LiteralKind::Target, start + length)),
        b'[' => footnote(rest).map(|length| (LiteralKind::Target, start + length)),
        _ => placeholder(text, start).map(|length| (LiteralKind::Placeholder, start + length)),
    }
}

fn run(bytes: &[u8], start: usize) -> usize {
    bytes[start..].iter().take_while(|byte| **byte == b'`').count()
}

/// The end of code in backticks: a run of as many.
fn code(bytes: &[u8], start: usize) -> Option<usize> {
    let ticks = run(bytes, start);
    let mut at = start + ticks;
    while let Some(next) = bytes[at..].iter().position(|byte| *byte == b'`') {
        let closing = run(bytes, at + next);
        at += next + closing;
        if closing == ticks {
            return Some(at);
        }
    }
    None
}

/// `](1)`, as `Span::sent` writes targets.
fn target(rest: &[u8]) -> Option<usize> {
    let digits = rest.strip_prefix(b"](")?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0 && rest.get(2 + digits) == Some(&b')')).then_some(digits + 3)
}

fn footnote(rest: &[u8]) -> Option<usize> {
    let label =
        rest.strip_prefix(b"[^")?.iter().take_while(|byte| byte.is_ascii_graphic() && **byte != b']').count();
    (label > 0 && rest.get(2 + label) == Some(&b']')).then_some(label + 3)
}
