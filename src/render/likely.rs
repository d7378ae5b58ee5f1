//! What a request is likely to use: by the languages of a translation, else by what answers usually have.

use serde_json::{Map, Value};

use super::estimate::number;
use crate::job::facts::ModelInfo;
use crate::job::lengths::{Lengths, TokenSizes};
use crate::likely::{LONGEST_TRANSLATION, LikelyBy, LikelyUsage};
use crate::request::Estimate;
use crate::tokens::text_tokens;

/// The fewest tokens that a translation can have at most: a word of one letter may become several.
const SHORTEST_MOST: f64 = 16.0;

/// How much more than its usual tokens a text may have.
const DENSE: f64 = 1.5;

/// The same of a prompt of which nothing is the service's own.
const DENSE_PROMPT: f64 = 1.2;

/// What requests that differ only in the texts of their turns are likely to use.
#[derive(Debug)]
pub(super) struct LikelyLengths {
    lengths: Option<&'static Lengths>,
    answers: ExpectedAnswers,
    /// The most tokens of all answers.
    bound: f64,
}

/// What decides how long the answers are.
#[derive(Debug)]
enum ExpectedAnswers {
    /// Their texts; of a language that is not known beforehand, each text shows it. `more`: tokens of glossary and domain.
    Translations { source: Option<TokenSizes>, target: TokenSizes, more: f64 },
    /// So many tokens.
    Usual { tokens: f64, by: LikelyBy },
}

impl LikelyLengths {
    /// Of requests with a body like this one.
    pub(super) fn of(
        body: &Map<String, Value>,
        facts: &ModelInfo,
        thinks: bool,
        estimate: &Estimate,
    ) -> Self {
        let bound = estimate.max_completion_tokens as f64;
        let answers = match facts.lengths {
            Some(lengths) if facts.languages.is_some() => translations(body, facts, lengths),
            Some(lengths) => usual(body, lengths, thinks),
            None => ExpectedAnswers::Usual { tokens: bound, by: LikelyBy::Bound },
        };
        Self { lengths: facts.lengths, answers, bound }
    }

    /// Of the request with these texts, which are estimated to have so many tokens, of so many in the whole prompt.
    pub(super) fn usage<'t>(
        &self,
        texts: impl Iterator<Item = &'t str>,
        text_tokens: f64,
        prompt_tokens: f64,
    ) -> LikelyUsage {
        let longest = texts.max_by_key(|text| text.len()).unwrap_or_default();
        let sizes = |known: Option<TokenSizes>| {
            known.or_else(|| Some(self.lengths?.of_text(longest))).unwrap_or_default()
        };
        let (prompt_tokens, most_prompt, completion_tokens, most, by) = match self.answers {
            ExpectedAnswers::Translations { source, target, more } => {
                let source = sizes(source);
                let tokens = text_tokens * source.of_estimate;
                let instructions = self.lengths.map_or(0.0, |lengths| lengths.translation.instructions);
                let answer = (tokens * target.of_english / source.of_english).max(1.0);
                let characters = longest.chars().count() as f64;
                let most =
                    (characters * LONGEST_TRANSLATION * target.of_character * DENSE).max(SHORTEST_MOST);
                let prompt = instructions + tokens + more;
                (prompt, prompt * DENSE, answer, most.max(answer), LikelyBy::Translation)
            }
            ExpectedAnswers::Usual { tokens, by } => {
                let others = (prompt_tokens - text_tokens).max(0.0);
                let prompt = others + text_tokens * sizes(None).of_estimate;
                (prompt, prompt * DENSE_PROMPT, tokens, self.bound, by)
            }
        };
        LikelyUsage {
            prompt_tokens,
            completion_tokens: completion_tokens.min(self.bound),
            most_prompt_tokens: most_prompt,
            most_completion_tokens: most.min(self.bound),
            by,
        }
    }
}

/// The lengths of translations.
fn translations(body: &Map<String, Value>, facts: &ModelInfo, lengths: &Lengths) -> ExpectedAnswers {
    let options = body.get("translation_options");
    let language = |key: &str| {
        let name = options?.get(key)?.as_str()?;
        lengths.of_language(&facts.languages?.find(name)?.code)
    };
    let lists = ["terms", "tm_list", "domains"].iter().filter_map(|key| options?.get(key));
    let more = lists.map(|list| text_tokens(&list.to_string())).sum();
    let target = language("target_lang").unwrap_or_default();
    ExpectedAnswers::Translations { source: language("source_lang"), target, more }
}

/// The usual length of answers.
fn usual(body: &Map<String, Value>, lengths: &Lengths, thinks: bool) -> ExpectedAnswers {
    let chat = &lengths.chat;
    let within = |tokens: f64, bound: Option<u64>| {
        bound.map_or(tokens, |bound| tokens.min(bound as f64 * chat.share_of_bound))
    };
    let bound = number(body, "max_completion_tokens").or_else(|| number(body, "max_tokens"));
    let answer = within(chat.answer, bound);
    let thoughts = if thinks { within(chat.thoughts, number(body, "thinking_budget")) } else { 0.0 };
    let choices = number(body, "n").unwrap_or(1) as f64;
    let by = if thinks { LikelyBy::Thoughts } else { LikelyBy::Answer };
    ExpectedAnswers::Usual { tokens: (answer + thoughts) * choices, by }
}
