//! An answer and its parts, before it is serialised.

use super::tokens::count_tokens;

/// A whole answer, before it is serialised.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SimulatedAnswer {
    pub(super) choices: Vec<SimulatedChoice>,
    pub(super) usage: TokenUsage,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct SimulatedChoice {
    pub(super) content: String,
    pub(super) reasoning: Option<String>,
    pub(super) tool_calls: Vec<SimulatedCall>,
    /// `None` is null: the answer is incomplete.
    pub(super) finish_reason: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct SimulatedCall {
    pub(super) id: String,
    pub(super) name: String,
    /// JSON as text.
    pub(super) arguments: String,
}

/// Tokens, counted by the simulator's own rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TokenUsage {
    pub(super) prompt: u64,
    /// Including the reasoning.
    pub(super) completion: u64,
    /// `None` without thinking, not zero.
    pub(super) reasoning: Option<u64>,
}

impl TokenUsage {
    pub(super) fn total(&self) -> u64 {
        self.prompt + self.completion
    }
}

impl SimulatedAnswer {
    /// Counts the answer's tokens again after a change.
    pub(super) fn recount(&mut self) {
        let reasoning = |choice: &SimulatedChoice| choice.reasoning.as_deref().map(count_tokens);
        self.usage.reasoning = self.choices.iter().filter_map(reasoning).reduce(|sum, more| sum + more);
        let spoken: u64 = self.choices.iter().map(spoken_tokens).sum();
        self.usage.completion = spoken + self.usage.reasoning.unwrap_or(0);
    }
}

fn spoken_tokens(choice: &SimulatedChoice) -> u64 {
    let calls = choice.tool_calls.iter().map(|call| count_tokens(&call.name) + count_tokens(&call.arguments));
    count_tokens(&choice.content) + calls.sum::<u64>()
}
