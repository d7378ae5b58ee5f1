//! Answers back into the document they were asked for.

use super::paragraphs::paragraphs;
use super::span::Span;
use super::split::SplitText;
use super::swap::Swap;

/// Answers that do not fit their pieces.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    #[error("{found} answers for {expected} pieces")]
    Answers { expected: usize, found: usize },
    #[error("{found} paragraphs came back for the {expected} of piece {number}")]
    Paragraphs {
        /// The piece, from 1.
        number: usize,
        expected: usize,
        found: usize,
    },
}

/// The parts of an answer to a piece of so many spans: its paragraphs, if there are as many. The answer to a single span is
/// one part, however many lines it has.
pub fn parts(answer: &str, spans: usize) -> Option<Vec<&str>> {
    let whole = answer.trim();
    match spans {
        1 => (!whole.is_empty()).then(|| vec![whole]),
        _ => Some(paragraphs(whole).collect::<Vec<_>>()).filter(|parts| parts.len() == spans),
    }
}

impl SplitText {
    /// The document with an answer for each piece, in order, at its spans.
    ///
    /// # Errors
    ///
    /// When there are more or fewer answers than pieces, or paragraphs in one than spans in its piece.
    pub fn join(&self, text: &str, answers: &[&str]) -> Result<String, JoinError> {
        self.joined(text, answers, false)
    }

    /// The same, where an answer of more or fewer paragraphs takes the place of its whole piece, with what is between its spans.
    ///
    /// # Errors
    ///
    /// When there are more or fewer answers than pieces.
    pub fn join_as_they_are(&self, text: &str, answers: &[&str]) -> Result<String, JoinError> {
        self.joined(text, answers, true)
    }

    fn joined(&self, text: &str, answers: &[&str], keep: bool) -> Result<String, JoinError> {
        if answers.len() != self.pieces.len() {
            return Err(JoinError::Answers { expected: self.pieces.len(), found: answers.len() });
        }
        let mut joined = String::with_capacity(text.len() + text.len() / 4);
        let mut from = 0;
        for (index, (piece, answer)) in self.pieces.iter().zip(answers).enumerate() {
            let expected = piece.spans.len();
            let spans = &self.spans[piece.spans.clone()];
            let parts = match (parts(answer, expected), spans) {
                (Some(parts), _) => parts,
                (None, [first, .., last]) if keep && self.with_links(text, spans, answer).is_some() => {
                    joined.push_str(&text[from..first.range.start]);
                    joined.push_str(&self.with_links(text, spans, answer).unwrap_or_default());
                    from = last.range.end;
                    continue;
                }
                (None, _) => {
                    let found = paragraphs(answer).count();
                    return Err(JoinError::Paragraphs { number: index + 1, expected, found });
                }
            };
            for (span, part) in spans.iter().zip(parts) {
                joined.push_str(&text[from..span.range.start]);
                joined.push_str(&span.filled(text, &self.swaps, part));
                from = span.range.end;
            }
        }
        joined.push_str(&text[from..]);
        Ok(joined)
    }

    /// An answer whose paragraphs are not those of its spans, with the targets of its links in the order of the text; `None` if it has
    /// more or fewer links.
    fn with_links(&self, text: &str, spans: &[Span], answer: &str) -> Option<String> {
        let swaps = spans.iter().flat_map(|span| Swap::within(&self.swaps, &span.range));
        let mut targets = swaps.filter_map(|swap| swap.restored(text));
        let mut whole = String::with_capacity(answer.len());
        let mut rest = answer.trim();
        while let Some(at) = rest.find("](") {
            let number = &rest[at + 2..];
            let digits = number.bytes().take_while(u8::is_ascii_digit).count();
            let end = if digits > 0 && number[digits..].starts_with(')') { digits + 1 } else { 0 };
            match end {
                0 => whole.push_str(&rest[..at + 2]),
                _ => {
                    whole.push_str(&rest[..=at]);
                    whole.push_str(&targets.next()?);
                }
            }
            rest = &number[end..];
        }
        whole.push_str(rest);
        targets.next().is_none().then_some(whole)
    }
}
