//! The pieces of an answer that an observer receives while it arrives.

/// A piece of an answer; if there are several choices, of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// More of the reasoning.
    Reasoning(&'a str),
    /// More of the answer's text.
    Content(&'a str),
}

/// An observer of an answer while it arrives.
pub type PieceSink<'a> = dyn FnMut(Piece<'_>) + 'a;
