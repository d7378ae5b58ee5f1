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

#[cfg(test)]
mod tests {
    use crate::job::tier::ServedAt;
    use serde_json::json;

    use super::*;
    use crate::models::ModelTable;

    /// What a request with this text and these fields is likely to use.
    fn likely(text: &str, fields: Value) -> LikelyUsage {
        let mut body = json!({ "model": "qwen-mt-plus", "messages": [{ "role": "user", "content": text }] });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let body = body.as_object().unwrap();
        let table = std::sync::Arc::new(ModelTable::built_in().clone());
        let facts = table.catalog(&ServedAt::address("http://localhost")).of(body["model"].as_str().unwrap());
        let thinks = facts.thinks(None).unwrap_or(false);
        let estimate = super::super::estimate::of(body, &facts, thinks);
        let lengths = LikelyLengths::of(body, &facts, thinks, &estimate);
        lengths.usage([text].into_iter(), text_tokens(text), estimate.prompt_tokens as f64)
    }

    fn translated(text: &str, source: &str, target: &str) -> LikelyUsage {
        likely(text, json!({ "translation_options": { "source_lang": source, "target_lang": target } }))
    }

    #[test]
    fn a_translation_is_as_long_as_its_text_in_the_tokens_of_its_language() {
        let text = "Add the selected items to your shopping cart";
        let french = translated(text, "English", "French");
        assert_eq!(french, translated(text, "auto", "fr"), "the text shows its language");
        let thai = translated(text, "en", "Thai");
        assert!((thai.completion_tokens / french.completion_tokens - 2.18 / 1.48).abs() < 0.01);
        assert_eq!(french.prompt_tokens, thai.prompt_tokens);
        // The instructions, and about nine tokens of text.
        assert!((54.0..57.0).contains(&french.prompt_tokens), "{french:?}");
        let back = translated("选定的商品添加到购物车", "auto", "English");
        assert!((6.0..12.0).contains(&back.completion_tokens), "{back:?}");
        assert_eq!(back.by, LikelyBy::Translation);
    }

    #[test]
    fn terms_are_read_and_the_most_is_six_texts_within_the_bounds_of_request_and_model() {
        let options = |more: Value| {
            let mut options = json!({ "source_lang": "English", "target_lang": "French" });
            options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({ "translation_options": options })
        };
        let plain = likely("Good day", options(json!({})));
        let terms = json!({ "terms": [{ "source": "day", "target": "jour" }] });
        assert!(likely("Good day", options(terms)).prompt_tokens > plain.prompt_tokens + 8.0);
        // 8 characters, six times, 0.28 tokens each, and half as much again; of one character, no fewer than 16.
        assert!((plain.most_completion_tokens - 8.0 * 6.0 * 0.28 * 1.5).abs() < 0.01, "{plain:?}");
        assert_eq!(translated("A", "English", "French").most_completion_tokens, 16.0);
        let long = translated(&"word ".repeat(6_000), "English", "French");
        assert_eq!(long.most_completion_tokens, 8_192.0);
        let mut bounded = options(json!({}));
        bounded["max_tokens"] = json!(5);
        let bounded = likely("Good day", bounded);
        assert_eq!((bounded.most_completion_tokens, bounded.completion_tokens < 5.1), (5.0, true));
    }

    #[test]
    fn an_answer_has_its_usual_length_and_thoughts_theirs() {
        let of = |fields: Value| {
            let usage = likely("Why?", fields);
            (usage.completion_tokens, usage.by)
        };
        assert_eq!(of(json!({ "model": "qwen-plus" })), (250.0, LikelyBy::Answer));
        assert_eq!(of(json!({ "model": "any-server's-own", "max_tokens": 40 })), (20.0, LikelyBy::Answer));
        assert_eq!(of(json!({ "model": "qwen3.6-plus" })), (1_750.0, LikelyBy::Thoughts));
        assert_eq!(
            of(json!({ "model": "qwen3.6-plus", "thinking_budget": 100 })),
            (300.0, LikelyBy::Thoughts)
        );
    }
}
