//! The usage of an answer or a run, as far as the server counted it.

use serde::Serialize;

use crate::finish::Finish;
use crate::outcome::{TokenSum, Usage};
use crate::text::{count, counted, short};

/// The usage of one answer, among the JSON fields of the answer.
#[derive(Debug, Default, Serialize)]
pub(super) struct TokenFields {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
}

impl TokenFields {
    /// The usage counted by the service; empty if it counted nothing.
    pub(super) fn of(usage: Option<Usage>) -> Self {
        let Usage { prompt_tokens, completion_tokens, total_tokens, .. } = usage.unwrap_or_default();
        Self { prompt_tokens, completion_tokens, total_tokens }
    }
}

/// The tokens of an answer; `None` if nothing was counted.
pub(super) fn tokens(usage: &Usage) -> Option<String> {
    let of_these = |tokens: Option<u64>, word: &str| match tokens {
        None | Some(0) => String::new(),
        Some(tokens) => format!(" ({} {word})", count(tokens)),
    };
    let part = |tokens: Option<u64>, word: &str, more: String| {
        tokens.map(|tokens| format!("{} {word}{more}", count(tokens)))
    };
    let prompt = part(usage.prompt_tokens, "prompt", of_these(usage.cached_tokens, "cached"));
    let completion =
        part(usage.completion_tokens, "completion", of_these(usage.reasoning_tokens, "reasoning"));
    let parts: Vec<String> = prompt.into_iter().chain(completion).collect();
    let parts = parts.join(" + ");
    match usage.total_tokens {
        Some(total) if parts.is_empty() => Some(format!("{} tokens", count(total))),
        Some(total) => Some(format!("{} tokens: {parts}", count(total))),
        None if parts.is_empty() => None,
        None => Some(format!("{parts} tokens; the server did not count the rest")),
    }
}

/// The tokens of many requests. The parts are left out if servers counted only totals.
pub(super) fn sum_of_tokens(usage: TokenSum) -> String {
    let TokenSum { prompt_tokens, completion_tokens, total_tokens } = usage;
    let (total, prompt, completion) = (count(total_tokens), count(prompt_tokens), count(completion_tokens));
    match prompt_tokens.saturating_add(completion_tokens) {
        0 if total_tokens > 0 => format!("{total} tokens"),
        parts if parts < total_tokens => {
            format!("{total} tokens, as far as reported {prompt} prompt + {completion} completion")
        }
        _ => format!("{total} tokens: {prompt} prompt + {completion} completion"),
    }
}

/// A line about an unknown finish reason.
pub(super) fn unknown_finish(word: &str, answers: Option<u64>) -> Option<String> {
    if Finish::of(word) != Finish::Unknown {
        return None;
    }
    let (who, them) = match answers {
        Some(answers) => (counted(answers, "answer"), "them"),
        None => ("the answer".to_owned(), "it"),
    };
    let word = short(word, 60);
    Some(format!(
        "warning: {who} ended with finish_reason \"{word}\", which fanfold does not know; check {them}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_counted_usage_is_reported() {
        let whole = Usage { cached_tokens: Some(3), reasoning_tokens: Some(0), ..Usage::of(10, 20) };
        assert_eq!(tokens(&whole).as_deref(), Some("30 tokens: 10 prompt (3 cached) + 20 completion"));
        let total = Usage { total_tokens: Some(1_234), ..Usage::default() };
        assert_eq!(tokens(&total).as_deref(), Some("1,234 tokens"));
        let half = Usage { prompt_tokens: Some(10), ..total };
        assert_eq!(tokens(&half).as_deref(), Some("1,234 tokens: 10 prompt"));
        let part = Usage { prompt_tokens: Some(10), ..Usage::default() };
        assert_eq!(tokens(&part).as_deref(), Some("10 prompt tokens; the server did not count the rest"));
        assert_eq!(tokens(&Usage::default()), None);
    }

    #[test]
    fn the_parts_of_a_sum_are_reported_where_they_were_counted_separately() {
        let sum = |prompt_tokens, completion_tokens, total_tokens| {
            sum_of_tokens(TokenSum { prompt_tokens, completion_tokens, total_tokens })
        };
        assert_eq!(sum(0, 0, 0), "0 tokens: 0 prompt + 0 completion");
        assert_eq!(sum(1_000, 500, 1_500), "1,500 tokens: 1,000 prompt + 500 completion");
        assert_eq!(sum(0, 0, 300), "300 tokens");
        let some = sum(10, 5, 300);
        assert_eq!(some, "300 tokens, as far as reported 10 prompt + 5 completion");
    }
}
