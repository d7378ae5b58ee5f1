//! Lines of a text, whatever ends them, and lines made one.

use std::borrow::Cow;
use std::ops::Range;

use crate::blank::is_blank_letter;

/// Lines without their ends (`\n`, `\r\n`, `\r`), from a place in the text on.
pub(super) fn lines(text: &str, from: usize) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut start = Some(from);
    std::iter::from_fn(move || {
        let begin = start?;
        let end = bytes[begin..].iter().position(|byte| matches!(byte, b'\n' | b'\r')).map(|at| begin + at);
        start = end.map(|end| if bytes[end..].starts_with(b"\r\n") { end + 2 } else { end + 1 });
        Some(begin..end.unwrap_or(bytes.len()))
    })
}

/// The range without white space and zero-width characters at its ends.
pub(super) fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let bare = text[range.clone()].trim_start_matches(is_blank_letter);
    let start = range.end - bare.len();
    start..start + bare.trim_end_matches(is_blank_letter).len()
}

/// Whether a line that ends so and one that begins so are one text without a blank between them.
pub(super) fn runs_on(before: Option<char>, after: Option<char>) -> bool {
    before.is_some_and(has_no_blanks) && after.is_some_and(has_no_blanks)
}

/// A character of Chinese or Japanese.
fn has_no_blanks(letter: char) -> bool {
    matches!(letter, '\u{3000}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{ff00}'..='\u{ff60}' | '\u{20000}'..='\u{3ffff}')
}

/// A text of several lines in one.
pub(super) fn join_lines(text: &str) -> Cow<'_, str> {
    if !text.contains(['\n', '\r']) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len());
    for part in text.split(['\n', '\r']).map(str::trim).filter(|part| !part.is_empty()) {
        if !line.is_empty() && !runs_on(line.chars().next_back(), part.chars().next()) {
            line.push(' ');
        }
        line.push_str(part);
    }
    Cow::Owned(line)
}
