//! The tokens that a reply reports, under the names that servers use.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::lenient;
use crate::outcome::Usage;

/// Far more tokens than any request can use.
const MOST_TOKENS: u64 = 1 << 40;

/// `usage` as it is on the wire: OpenAI's names, and those of Anthropic and of DashScope's native form.
#[derive(Debug, Deserialize)]
pub(super) struct WireUsage {
    #[serde(default, deserialize_with = "lenient::count")]
    prompt_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    completion_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    total_tokens: Option<u64>,
    /// Moonshot's name for cached tokens.
    #[serde(default, deserialize_with = "lenient::count")]
    cached_tokens: Option<u64>,
    /// DeepSeek's.
    #[serde(default, deserialize_with = "lenient::count")]
    prompt_cache_hit_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    reasoning_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::optional")]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default, deserialize_with = "lenient::optional")]
    input_tokens_details: Option<PromptDetails>,
    #[serde(default, deserialize_with = "lenient::optional")]
    completion_tokens_details: Option<CompletionDetails>,
    #[serde(default, deserialize_with = "lenient::optional")]
    output_tokens_details: Option<CompletionDetails>,
}

#[derive(Debug, Deserialize)]
struct PromptDetails {
    #[serde(default, deserialize_with = "lenient::count")]
    cached_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    cache_creation_input_tokens: Option<u64>,
    /// The same by lifetime: `ephemeral_5m_input_tokens`.
    #[serde(default, deserialize_with = "lenient::optional")]
    cache_creation: Option<BTreeMap<String, Option<u64>>>,
}

#[derive(Debug, Deserialize)]
struct CompletionDetails {
    #[serde(default, deserialize_with = "lenient::count")]
    reasoning_tokens: Option<u64>,
}

impl WireUsage {
    /// Whether it holds a count.
    pub(super) fn counts(&self) -> bool {
        let counts = [
            self.prompt_tokens,
            self.input_tokens,
            self.completion_tokens,
            self.output_tokens,
            self.total_tokens,
        ];
        counts.iter().any(|tokens| tokens.unwrap_or(0) > 0)
    }

    /// The counts; `None` for a usage that holds none. A missing count that follows from the others is calculated, and one
    /// that contradicts them is not believed: reasoning and the rest of a total belong to the answer.
    pub(super) fn counted(self) -> Option<Usage> {
        // A count beyond any model is ignored.
        let sane = |tokens: Option<u64>| tokens.filter(|tokens| *tokens <= MOST_TOKENS);
        let prompt = sane(self.prompt_tokens).or(sane(self.input_tokens));
        let completion = sane(self.completion_tokens).or(sane(self.output_tokens));
        let total = sane(self.total_tokens);
        // Every request has tokens: some servers that do not count write zeros.
        if !self.counts() || prompt.or(completion).or(total).is_none() {
            return None;
        }
        let of_answer = self.completion_tokens_details.or(self.output_tokens_details);
        let reasoning =
            sane(of_answer.and_then(|details| details.reasoning_tokens)).or(sane(self.reasoning_tokens));
        let rest = |whole: Option<u64>, part: Option<u64>| whole?.checked_sub(part?);
        let prompt = prompt.or(rest(total, completion));
        let left = rest(total, prompt);
        let completion = completion.map(|tokens| tokens.max(reasoning.unwrap_or(0)).max(left.unwrap_or(0)));
        let completion = completion.or(left);
        let sum = prompt.zip(completion).map(|(prompt, completion)| prompt + completion);
        let details = self.prompt_tokens_details.or(self.input_tokens_details);
        let cached = details.as_ref().and_then(|details| details.cached_tokens);
        let cached = cached.or(self.cached_tokens).or(self.prompt_cache_hit_tokens);
        Some(Usage {
            prompt_tokens: prompt,
            completion_tokens: completion,
            total_tokens: total.max(sum),
            cached_tokens: sane(cached),
            cache_written_tokens: sane(details.and_then(PromptDetails::written)),
            reasoning_tokens: reasoning,
        })
    }
}

impl PromptDetails {
    /// Tokens written to an explicitly marked cache.
    fn written(self) -> Option<u64> {
        let by_life = |lives: BTreeMap<String, Option<u64>>| {
            lives.into_values().flatten().reduce(|sum, tokens| sum.saturating_add(tokens))
        };
        self.cache_creation_input_tokens.or_else(|| self.cache_creation.and_then(by_life))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prompt, completion, total and reasoning of a usage.
    fn counts(text: &str) -> Option<[Option<u64>; 4]> {
        let usage = serde_json::from_str::<WireUsage>(text).expect("a usage").counted()?;
        Some([usage.prompt_tokens, usage.completion_tokens, usage.total_tokens, usage.reasoning_tokens])
    }

    #[test]
    fn tokens_are_read_by_any_name_and_missing_counts_are_absent() {
        let some = |counts: [u64; 3]| Some([Some(counts[0]), Some(counts[1]), Some(counts[2]), None]);
        assert_eq!(
            counts(r#"{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}"#),
            some([7, 3, 10])
        );
        assert_eq!(counts(r#"{"input_tokens":7,"output_tokens":3}"#), some([7, 3, 10]));
        assert_eq!(counts(r#"{"prompt_tokens":7,"total_tokens":10}"#), some([7, 3, 10]));
        assert_eq!(counts(r#"{"completion_tokens":3,"total_tokens":10}"#), some([7, 3, 10]));
        assert_eq!(
            counts(r#"{"prompt_tokens":7,"completion_tokens":0,"total_tokens":10}"#),
            some([7, 3, 10])
        );
        assert_eq!(counts(r#"{"prompt_tokens":7,"completion_tokens":3,"total_tokens":0}"#), some([7, 3, 10]));
        assert_eq!(counts(r#"{"total_tokens":10}"#), Some([None, None, Some(10), None]));
        assert_eq!(counts(r#"{"prompt_tokens":7}"#), Some([Some(7), None, None, None]));
        let thought =
            r#"{"prompt_tokens":7,"completion_tokens":0,"completion_tokens_details":{"reasoning_tokens":5}}"#;
        assert_eq!(counts(thought), Some([Some(7), Some(5), Some(12), Some(5)]));
        // If reasoning is not part of the completion, the total shows it.
        let apart = r#"{"prompt_tokens":7,"completion_tokens":3,"total_tokens":15,"reasoning_tokens":5}"#;
        assert_eq!(counts(apart), Some([Some(7), Some(8), Some(15), Some(5)]));
        assert_eq!(counts(r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#), None);
        assert_eq!(counts("{}"), None);
    }
}
