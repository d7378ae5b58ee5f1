//! Pieces that are stretches of the text itself, code and tables included: for answers that do not take the place of their pieces.

use std::ops::Range;

use super::edges;
use super::frame::Frame;
use super::split::{DocumentPiece, SplitText};

/// A stretch of a text that is not cut unless it is too long, and its span, which it begins with.
struct Section {
    range: Range<usize>,
    span: usize,
}

impl Frame {
    /// The text in pieces of at most `budget` tokens each, which follow one another without a gap, except for blank lines around
    /// them. There is none in a text without prose.
    pub fn slices(&self, text: &str, budget: u64, tokens: &dyn Fn(&str) -> u64) -> SplitText {
        let mut sections = Vec::new();
        for section in self.sections(text) {
            cut(text, section, budget, tokens, &mut sections);
        }
        let size = |section: &Section| tokens(&text[section.range.clone()]);
        let sizes: Vec<u64> = sections.iter().map(size).collect();
        let ranks = sections.iter().map(|section| (self.spans[section.span].rank, section.range.clone()));
        let strengths = edges::strengths(text, ranks);
        let mut split = SplitText { pieces: vec![], spans: self.spans.clone(), swaps: self.swaps.clone() };
        for group in edges::groups(&sizes, &strengths, 0, budget) {
            let (first, last) = (&sections[group.start], &sections[group.end - 1]);
            let slice = text[first.range.start..last.range.end].trim_matches(['\r', '\n', '\u{feff}']);
            if !slice.trim().is_empty() {
                let spans = first.span..last.span + 1;
                split.pieces.push(DocumentPiece { spans, text: slice.to_owned(), heading: None });
            }
        }
        split.name(text);
        split
    }

    /// The text from the line of each span to that of the next one.
    fn sections(&self, text: &str) -> Vec<Section> {
        let mut sections: Vec<Section> = Vec::new();
        for (span, of) in self.spans.iter().enumerate() {
            let line = text[..of.range.start].rfind(['\n', '\r']).map_or(0, |end| end + 1);
            // What comes before the first span is read with it.
            let start = if sections.is_empty() { 0 } else { line };
            match sections.last_mut() {
                // Another cell of the same line.
                Some(before) if before.range.start >= start => {}
                Some(before) => {
                    before.range.end = start;
                    sections.push(Section { range: start..text.len(), span });
                }
                None => sections.push(Section { range: start..text.len(), span }),
            }
        }
        sections
    }
}

/// Cuts a section that is too long at ends of lines, else at blanks, else between characters.
fn cut(text: &str, section: Section, budget: u64, tokens: &dyn Fn(&str) -> u64, sections: &mut Vec<Section>) {
    let Section { mut range, span } = section;
    while tokens(&text[range.clone()]) > budget {
        let Some(at) = edge(&text[range.clone()], budget, tokens) else { break };
        sections.push(Section { range: range.start..range.start + at, span });
        range.start += at;
    }
    sections.push(Section { range, span });
}

/// Where the longest beginning of a text that fits ends.
fn edge(text: &str, budget: u64, tokens: &dyn Fn(&str) -> u64) -> Option<usize> {
    let (mut fits, mut exceeds) = (0, text.len());
    while let Some(middle) = between(text, fits, exceeds) {
        if tokens(&text[..middle]) <= budget { fits = middle } else { exceeds = middle }
    }
    let fitting = &text[..fits];
    let after = |end: usize| fitting[end..].chars().next().map_or(end, |c| end + c.len_utf8());
    let line = fitting.rfind('\n').map(after);
    let blank = fitting.rfind(char::is_whitespace).map(after);
    let at = line.or(blank).unwrap_or(fits);
    // A single character that does not fit goes alone.
    let at = if at == 0 { text.chars().next().map_or(0, char::len_utf8) } else { at };
    (at > 0 && at < text.len()).then_some(at)
}

/// A boundary of characters between two others.
fn between(text: &str, from: usize, to: usize) -> Option<usize> {
    let mut middle = from + (to - from) / 2;
    while middle > from && !text.is_char_boundary(middle) {
        middle -= 1;
    }
    if middle > from {
        return Some(middle);
    }
    // Only the first character after `from` is left to try.
    let next = text[from..].chars().next().map(|c| from + c.len_utf8())?;
    (next < to).then_some(next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::pieces::{Frame, SplitBy};

    fn slices(text: &str, by: SplitBy, budget: u64) -> Vec<String> {
        let tokens = |text: &str| text.len() as u64;
        let split = Frame::new(text, by).slices(text, budget, &tokens);
        split.pieces.into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn code_and_numbers_are_in_the_pieces_with_the_prose_around_them() {
        let text = "# Title\n\nText.\n\n```\nlet a = 1;\n```\n\n| a | b |\n|---|---|\n| one | 2 |\n\n12\n";
        assert_eq!(slices(text, SplitBy::Markdown, 1000), [text.trim()]);
        let all = slices(text, SplitBy::Markdown, 30).join("\n");
        for part in ["# Title", "let a = 1;", "| one | 2 |", "12"] {
            assert!(all.contains(part), "{part} in {all}");
        }
        assert!(slices("* * *\n\n12\n", SplitBy::Text, 30).is_empty());
    }

    proptest! {
        #[test]
        fn slices_hold_all_of_a_text_but_blank_lines_and_fit_the_budget(
            text in "(?s)([a-zé中 #`|\\-1]{0,12}(\n|\r\n|\n\n)){0,30}",
            budget in 4_u64..60,
        ) {
            for by in [SplitBy::Text, SplitBy::Markdown] {
                let found = slices(&text, by, budget);
                let all = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
                let whole = all(&text);
                prop_assert!(found.is_empty() || all(&found.concat()) == whole, "{found:?}");
                prop_assert!(found.iter().all(|piece| piece.len() as u64 <= budget), "{found:?}");
            }
        }
    }
}
