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
                (None, [first, .., last]) if keep => {
                    joined.push_str(&text[from..first.range.start]);
                    joined.push_str(answer.trim());
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
}
