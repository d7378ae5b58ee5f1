//! What is said while an answer comes, and to whom.

/// A piece of an answer as it comes; of several choices, of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// More of the reasoning.
    Reasoning(&'a str),
    /// More of the answer's text.
    Content(&'a str),
}

/// Who looks on while an answer comes.
pub type PieceSink<'a> = dyn FnMut(Piece<'_>) + 'a;
