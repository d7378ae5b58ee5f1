//! The marks between the texts of a pack: `[[1]]`, `[[2]]`, …, each at the beginning of a line.

use std::ops::Range;

/// The estimated tokens of a mark, with its line end. Two-digit numbers have a token for each digit.
pub(super) const MARK_TOKENS: u64 = 6;

/// Brackets that a model may write instead of ours.
const OPENING: [char; 4] = ['[', '［', '【', '〚'];
const CLOSING: [char; 4] = [']', '］', '】', '〛'];

/// The mark of a number.
pub(super) fn mark(number: usize) -> String {
    format!("[[{number}]]")
}

/// A mark in an answer, or what looks like one.
struct FoundMark {
    /// Where it is, in bytes.
    range: Range<usize>,
    /// Its number, if it is written exactly as a mark is.
    number: Option<usize>,
}

/// Whether a text has anything that looks like a mark.
pub(super) fn has_mark(text: &str) -> bool {
    next_mark(text, 0).is_some()
}

/// The texts under the marks from 1 to `count`; `None` if other marks, or marks in another order, came back, or if there is
/// anything before the first.
pub(super) fn parts(answer: &str, count: usize) -> Option<Vec<&str>> {
    let mut starts = Vec::with_capacity(count);
    let mut from = 0;
    while let Some(found) = next_mark(answer, from) {
        let line = answer[..found.range.start].rfind('\n').map_or(0, |end| end + 1);
        let begins_line = answer[line..found.range.start].trim().is_empty();
        let is_apart = answer[found.range.end..].chars().next().is_none_or(char::is_whitespace);
        if found.number != Some(starts.len() + 1) || !begins_line || !is_apart {
            return None;
        }
        from = found.range.end;
        starts.push(found.range);
    }
    let first = starts.first()?;
    if starts.len() != count || !answer[..first.start].trim().is_empty() {
        return None;
    }
    let ends = starts.iter().skip(1).map(|range| range.start).chain([answer.len()]);
    Some(starts.iter().zip(ends).map(|(range, end)| answer[range.end..end].trim()).collect())
}

/// The next mark at or after a byte, or what looks like one: a number in double brackets of any kind.
fn next_mark(text: &str, from: usize) -> Option<FoundMark> {
    let mut at = from;
    loop {
        let next = at + text[at..].find(OPENING)?;
        if let Some(found) = mark_at(text, next) {
            return Some(found);
        }
        at = next + text[next..].chars().next().map_or(1, char::len_utf8);
    }
}

fn mark_at(text: &str, start: usize) -> Option<FoundMark> {
    let opened = brackets(text, start, &OPENING)?;
    let number_at = blanks(text, opened);
    let digits = text[number_at..].find(|c: char| !c.is_numeric()).unwrap_or(text.len() - number_at);
    if digits == 0 {
        return None;
    }
    let end = brackets(text, blanks(text, number_at + digits), &CLOSING)?;
    let number = text[number_at..number_at + digits].parse().ok();
    let number = number.filter(|number| text[start..end] == mark(*number));
    Some(FoundMark { range: start..end, number })
}

/// The end of two brackets, or of one that is double in itself.
fn brackets(text: &str, start: usize, kinds: &[char]) -> Option<usize> {
    let mut letters = text[start..].chars();
    let first = letters.next().filter(|letter| kinds.contains(letter))?;
    let after = start + first.len_utf8();
    let between = blanks(text, after);
    match text[between..].chars().next().filter(|letter| kinds.contains(letter)) {
        Some(second) => Some(between + second.len_utf8()),
        None if first == kinds[3] || first == kinds[2] => Some(after),
        None => None,
    }
}

fn blanks(text: &str, start: usize) -> usize {
    let rest = &text[start..];
    start + (rest.len() - rest.trim_start_matches([' ', '\t', '\u{a0}', '\u{3000}']).len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stand_under_their_marks_with_line_breaks_numbers_and_brackets_of_their_own() {
        let answer = "[[1]]\nOne\n\nand [1] more\n[[2]]\n2. [x] [[a]]\n [[3]] on its line\n";
        assert_eq!(parts(answer, 3), Some(vec!["One\n\nand [1] more", "2. [x] [[a]]", "on its line"]));
        assert_eq!(parts("\n\n[[1]]\r\nUn\r\n[[2]]\r\nDeux", 2), Some(vec!["Un", "Deux"]));
    }

    #[test]
    fn marks_that_are_lost_added_changed_or_out_of_order_are_no_answer() {
        for answer in [
            "",
            "One\nTwo",
            "[[1]]\nOne\nTwo",
            "[[1]]\nOne\n[[2]]\nTwo\n[[3]]\nThree",
            "[[2]]\nTwo\n[[1]]\nOne",
            "[[0]]\nOne\n[[1]]\nTwo",
            "[[1]]\nOne\n[[1]]\nTwo",
            "[[01]]\nOne\n[[02]]\nTwo",
            "Here you are:\n[[1]]\nOne\n[[2]]\nTwo",
            "[[1]]\nOne [[2]] Two",
            "[[1]]\nOne\n[[ 2 ]]\nTwo",
            "[[1]]\nOne\n【2】\nTwo",
            "[[1]]\nOne\n［［2］］\nTwo",
            "[[1]]\nOne\n[[٢]]\nTwo",
            "[[1]]\nOne\n[[2]]Two",
            "[[1]]\nOne\n[[2]]\nTwo\nas in [[1]]",
        ] {
            assert_eq!(parts(answer, 2), None, "{answer}");
        }
    }

    #[test]
    fn what_looks_like_a_mark_is_seen_in_any_writing() {
        for text in ["see [[1]]", "[[ 12 ]]", "【【3】】", "［［4］］", "〚5〛", "[ [6] ]", "a[[7]]b"]
        {
            assert!(has_mark(text), "{text}");
        }
        for text in ["[1]", "[[x]]", "[[1]", "[x[1]]", "a [link](1)", "[[", "[[]]", "1. one"] {
            assert!(!has_mark(text), "{text}");
        }
    }
}
