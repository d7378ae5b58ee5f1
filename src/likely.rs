//! What a request is likely to use, as far as that can be known before its answer.

/// What a request is likely to use, in tokens, and how much that could become.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LikelyUsage {
    /// Of the prompt.
    pub prompt_tokens: f64,
    /// Of the answer, thoughts included.
    pub completion_tokens: f64,
    /// The most of the prompt.
    pub most_prompt_tokens: f64,
    /// The most of the answer, if what [`LikelyBy`] says of it holds; never more than request and model allow.
    pub most_completion_tokens: f64,
    /// What the figures follow from.
    pub by: LikelyBy,
}

/// What the likely length of an answer follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LikelyBy {
    /// A translation has the length of its text, and is at most [`LONGEST_TRANSLATION`] times as long.
    Translation,
    /// An answer has the length that answers usually have, and at most what request or model allow.
    Answer,
    /// The same with thoughts.
    Thoughts,
    /// Nothing is known: an answer has all the tokens that request or model allow.
    #[default]
    Bound,
}

/// How many times as long as its text a translation is at most, in characters: as the check of its length has it.
pub const LONGEST_TRANSLATION: f64 = 6.0;
