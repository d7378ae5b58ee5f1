//! Answers back into the document they were asked for.

use super::paragraphs::paragraphs;
use super::split::SplitText;

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
        if answers.len() != self.pieces.len() {
            return Err(JoinError::Answers { expected: self.pieces.len(), found: answers.len() });
        }
        let mut joined = String::with_capacity(text.len() + text.len() / 4);
        let mut from = 0;
        for (index, (piece, answer)) in self.pieces.iter().zip(answers).enumerate() {
            let expected = piece.spans.len();
            let parts = parts(answer, expected).ok_or_else(|| {
                let found = paragraphs(answer).count();
                JoinError::Paragraphs { number: index + 1, expected, found }
            })?;
            for (span, part) in self.spans[piece.spans.clone()].iter().zip(parts) {
                joined.push_str(&text[from..span.range.start]);
                joined.push_str(&span.filled(text, &self.swaps, part));
                from = span.range.end;
            }
        }
        joined.push_str(&text[from..]);
        Ok(joined)
    }
}
