//! The body of a reply, read loosely: new models bring new fields.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::loose;
use crate::outcome::{Answer, Usage};

/// Far more tokens than any request can have.
const MOST_TOKENS: u64 = 1 << 40;

/// A chat completion, whole: as it came, or put together from its pieces.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Completion {
    #[serde(default, deserialize_with = "loose::text")]
    pub(super) id: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(super) request_id: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(super) model: Option<String>,
    pub(super) choices: Option<Vec<Choice>>,
    #[serde(default, deserialize_with = "loose::optional")]
    pub(super) usage: Option<WireUsage>,
    error: Option<IgnoredAny>,
    code: Option<IgnoredAny>,
    message: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    pub(super) message: Option<Message>,
    /// Null in an answer that was cut, which is not the same as not there.
    #[serde(default, deserialize_with = "present")]
    pub(super) finish_reason: Option<Option<String>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) content: Option<Content>,
    pub(super) reasoning_content: Option<String>,
    /// The name that vLLM and OpenRouter have for it.
    #[serde(default, deserialize_with = "loose::text")]
    pub(super) reasoning: Option<String>,
    pub(super) tool_calls: Option<Vec<Box<RawValue>>>,
}

#[derive(Debug)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
pub(super) struct Part {
    text: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireUsage {
    #[serde(default, deserialize_with = "loose::count")]
    prompt_tokens: Option<u64>,
    #[serde(default, deserialize_with = "loose::count")]
    completion_tokens: Option<u64>,
    #[serde(default, deserialize_with = "loose::count")]
    total_tokens: Option<u64>,
    #[serde(default, deserialize_with = "loose::optional")]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default, deserialize_with = "loose::optional")]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Debug, Deserialize)]
struct PromptDetails {
    #[serde(default, deserialize_with = "loose::count")]
    cached_tokens: Option<u64>,
    #[serde(default, deserialize_with = "loose::count")]
    cache_creation_input_tokens: Option<u64>,
    /// The same by how long they live: `ephemeral_5m_input_tokens`.
    #[serde(default, deserialize_with = "loose::optional")]
    cache_creation: Option<BTreeMap<String, Option<u64>>>,
}

#[derive(Debug, Deserialize)]
struct CompletionDetails {
    #[serde(default, deserialize_with = "loose::count")]
    reasoning_tokens: Option<u64>,
}

/// What an answer lacks to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// The service cut it: `finish_reason` is null.
    End,
    /// The server's own filter took the answer back, or the rest of it.
    Filtered,
    /// There is no text and no tool call in it.
    Content,
    /// There is no text in it, and it was paid for: the model reasoned until its tokens were used up.
    ContentAfterReasoning,
}

impl Completion {
    /// Whether it is an error inside a 200: in OpenAI's form, or in DashScope's native one.
    pub(super) fn is_error(&self) -> bool {
        self.error.is_some() || (self.choices.is_none() && self.code.is_some() && self.message.is_some())
    }

    /// The answer it holds, and what that lacks.
    pub(super) fn into_answer(self, header_id: Option<String>) -> (Answer, Option<Lack>) {
        let request_id = self.request_id.or(header_id).or_else(|| self.id.as_deref().map(of_id));
        let mut texts = Vec::new();
        let mut answer = Answer {
            usage: self.usage.and_then(WireUsage::counted),
            model: self.model,
            request_id,
            ..Answer::default()
        };
        let (mut cut, mut filtered) = (false, false);
        for choice in self.choices.unwrap_or_default() {
            cut |= choice.finish_reason == Some(None);
            // Of several choices, one that was cut counts for all.
            let reason = choice.finish_reason.flatten();
            let is_cut = reason.as_deref() == Some("length");
            filtered |= reason.as_deref() == Some("content_filter");
            answer.finish_reason = if is_cut { reason } else { answer.finish_reason.or(reason) };
            let Some(message) = choice.message else { continue };
            texts.push(message.content.map(Content::into_text).unwrap_or_default());
            let reasoning = message.reasoning_content.filter(|text| !text.is_empty());
            let reasoning = reasoning.or(message.reasoning.filter(|text| !text.is_empty()));
            answer.reasoning = answer.reasoning.or(reasoning);
            let calls = message.tool_calls.filter(|calls| !calls.is_empty());
            answer.tool_calls = answer.tool_calls.or_else(|| calls.map(|calls| array(&calls)));
        }
        let empty = texts.iter().all(|text| text.trim().is_empty());
        answer.response = match texts.len() {
            0 => None,
            1 => texts.pop().filter(|text| !text.is_empty()),
            _ => serde_json::to_string(&texts).ok(),
        };
        let lack = match () {
            () if cut => Some(Lack::End),
            () if filtered => Some(Lack::Filtered),
            () if answer.tool_calls.is_some() || !empty => None,
            () if answer.reasoning.is_some() => Some(Lack::ContentAfterReasoning),
            () => Some(Lack::Content),
        };
        (answer, lack)
    }
}

/// By hand, because what serde derives for two forms reads a text twice.
impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Contents)
    }
}

struct Contents;

impl<'de> Visitor<'de> for Contents {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or its parts")
    }

    fn visit_str<E>(self, text: &str) -> Result<Content, E> {
        Ok(Content::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Content, E> {
        Ok(Content::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<Content, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(parts)).map(Content::Parts)
    }
}

impl Content {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
        }
    }
}

impl WireUsage {
    /// The counts; of a usage that holds none, nothing.
    fn counted(self) -> Option<Usage> {
        // A count that no model can have is no count.
        let sane = |tokens: Option<u64>| tokens.filter(|tokens| *tokens <= MOST_TOKENS);
        let (prompt, completion) = (sane(self.prompt_tokens), sane(self.completion_tokens));
        let total = sane(self.total_tokens);
        prompt.or(completion).or(total)?;
        let (prompt_tokens, completion_tokens) = (prompt.unwrap_or(0), completion.unwrap_or(0));
        let details = self.prompt_tokens_details;
        Some(Usage {
            prompt_tokens,
            completion_tokens,
            total_tokens: total.unwrap_or(prompt_tokens + completion_tokens),
            cached_tokens: sane(details.as_ref().and_then(|details| details.cached_tokens)),
            cache_written_tokens: sane(details.and_then(PromptDetails::written)),
            reasoning_tokens: sane(
                self.completion_tokens_details.and_then(|details| details.reasoning_tokens),
            ),
        })
    }
}

impl PromptDetails {
    /// Tokens that were written to a marked cache.
    fn written(self) -> Option<u64> {
        let by_life = |lives: BTreeMap<String, Option<u64>>| {
            lives.into_values().flatten().reduce(|sum, tokens| sum.saturating_add(tokens))
        };
        self.cache_creation_input_tokens.or_else(|| self.cache_creation.and_then(by_life))
    }
}

/// The part of a completion's id that is the request's own.
fn of_id(id: &str) -> String {
    id.strip_prefix("chatcmpl-").unwrap_or(id).to_owned()
}

fn array(items: &[Box<RawValue>]) -> String {
    let items: Vec<&str> = items.iter().map(|item| item.get()).collect();
    format!("[{}]", items.join(","))
}

/// Tells a field that is null from one that is not there.
pub(super) fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}
