//! A paid answer that did not end its row, and why another request follows it.

use crate::outcome::Answer;

/// A paid answer that did not end its row.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The answer.
    pub answer: Answer,
    /// Why the row continues after it.
    pub asks: Asks,
    /// The text that the next request adds: the result of each tool call, or the fault to repair; empty while the tools have
    /// not been run.
    pub results: Vec<String>,
}

impl Step {
    /// The bytes of the tools' results.
    pub fn result_bytes(&self) -> usize {
        let of_tools = if self.asks == Asks::Tools { self.results.as_slice() } else { &[] };
        of_tools.iter().map(String::len).sum()
    }
}

/// Why a row continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// The model called tools.
    Tools,
    /// The answer does not satisfy the schema.
    Repair,
    /// The answer was cut by `max_tokens`.
    Grow,
    /// The answer was cut by the service, and is continued where it ends.
    Continue,
}

impl Asks {
    const ALL: [Self; 4] = [Self::Tools, Self::Repair, Self::Grow, Self::Continue];

    /// The word for it in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Repair => "repair",
            Self::Grow => "grow",
            Self::Continue => "rest",
        }
    }

    /// The reason for a word of the journal.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|asks| asks.as_str() == word)
    }
}
