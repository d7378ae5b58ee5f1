//! A paid answer that did not end its row, and why another request follows it.

use crate::outcome::Answer;

/// A paid answer that did not end its row.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The answer.
    pub answer: Answer,
    /// Why the row continues after it.
    pub asks: Asks,
    /// The text that the next request adds: the result of each tool call, or the fault to repair, or the checks that it does not pass; empty while the tools have
    /// not been run. Before a part of a piece, and after a pack: what is wrong with the
    /// answer, as its code and its words.
    pub results: Vec<String>,
}

/// The steps of a row without the pack in which it travelled first: that is no turn of its conversation, which begins with its
/// own request.
pub(super) fn of_its_own(steps: &[Step]) -> &[Step] {
    let packs = steps.iter().take_while(|step| step.asks == Asks::Alone).count();
    &steps[packs..]
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
    /// The answer does not pass a check, and the row is asked anew.
    Check,
    /// The answer was cut by `max_tokens`.
    Grow,
    /// The answer was cut by the service, and is continued where it ends.
    Continue,
    /// The answer to a piece, or to a part of one, is not whole, and both halves of that text are asked.
    Halve,
    /// The answer to a paragraph lacks something that stays as it is, and only the text between is asked.
    Gaps,
    /// The answer to a part of a piece is whole, and the next part is asked.
    Part,
    /// The answer is that to a group of parts, and the next group is asked.
    Merge,
    /// The answer is that to a pack of rows and was not one for one, and the row is asked alone.
    Alone,
}

impl Asks {
    const ALL: [Self; 10] = [
        Self::Tools,
        Self::Repair,
        Self::Check,
        Self::Grow,
        Self::Continue,
        Self::Halve,
        Self::Gaps,
        Self::Part,
        Self::Merge,
        Self::Alone,
    ];

    /// Whether another part of the piece is asked next.
    pub fn turns_to_a_part(self) -> bool {
        matches!(self, Self::Halve | Self::Gaps | Self::Part)
    }

    /// The word for it in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Repair => "repair",
            Self::Check => "check",
            Self::Grow => "grow",
            Self::Continue => "rest",
            Self::Halve => "halve",
            Self::Gaps => "gaps",
            Self::Part => "part",
            Self::Merge => "merge",
            Self::Alone => "alone",
        }
    }

    /// The reason for a word of the journal.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|asks| asks.as_str() == word)
    }
}
