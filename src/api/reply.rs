//! The body of a reply, read loosely: new models bring new fields.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::lenient;
use super::piece::Piece;
use super::simulated;
use super::thoughts::Thoughts;
use super::usage::WireUsage;
use crate::finish::Finish;
use crate::outcome::Answer;

/// A whole chat completion, as it arrived or assembled from its pieces. Each piece has the same form, except for
/// its tool calls and its delta, which a whole reply does not have: one that is there is not looked at.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Completion<Call = Box<RawValue>, Delta = IgnoredAny> {
    #[serde(default, deserialize_with = "lenient::text")]
    pub(super) id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(super) request_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(super) model: Option<String>,
    pub(super) choices: Option<Vec<Choice<Call, Delta>>>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(super) usage: Option<WireUsage>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(super) system_fingerprint: Option<String>,
    /// How many choices were requested; 0 if unknown.
    #[serde(skip)]
    pub(super) asked: usize,
    #[serde(default, deserialize_with = "lenient::filled")]
    error: bool,
    code: Option<IgnoredAny>,
    message: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Choice<Call = Box<RawValue>, Delta = IgnoredAny> {
    #[serde(default, deserialize_with = "lenient::count")]
    pub(super) index: Option<u64>,
    /// In a piece: the part that it adds.
    pub(super) delta: Option<Delta>,
    /// In a piece, instead of a delta: a server had the whole answer, and wrapped it as a stream.
    pub(super) message: Option<Message<Call>>,
    /// An error that OpenRouter and gateways send instead of the rest of an answer.
    pub(super) error: Option<Box<RawValue>>,
    /// Moonshot puts the usage here.
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(super) usage: Option<WireUsage>,
    /// Null in an answer that was cut, which differs from a missing field.
    #[serde(default, deserialize_with = "present")]
    pub(super) finish_reason: Option<Option<String>>,
    /// The reason given by the model behind OpenRouter, which has no word of its own for some reasons.
    #[serde(default, deserialize_with = "lenient::text")]
    pub(super) native_finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Message<Call = Box<RawValue>> {
    pub(super) content: Option<Content>,
    /// Why the model refuses to answer, in its own words.
    #[serde(default, deserialize_with = "lenient::text")]
    pub(super) refusal: Option<String>,
    pub(super) reasoning_content: Option<Content>,
    /// The name that vLLM and OpenRouter use.
    pub(super) reasoning: Option<Content>,
    /// An error instead of an answer.
    pub(super) error: Option<Box<RawValue>>,
    pub(super) tool_calls: Option<Vec<Call>>,
}

#[derive(Debug)]
pub(super) enum Content {
    Text(String),
    /// A text from which the reasoning has already been removed.
    Answer(String),
    Parts(Vec<ContentPart>),
}

/// A part of a content: of the answer, or of the reasoning before it; a plain text is one part.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "PartOrText")]
pub(super) struct ContentPart {
    r#type: Option<String>,
    text: Option<String>,
    thinking: Option<Box<Content>>,
    reasoning: Option<Box<Content>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PartOrText {
    Text(String),
    Part(WirePart),
    Other(IgnoredAny),
}

/// A part as it is on the wire.
#[derive(Deserialize)]
struct WirePart {
    #[serde(default, deserialize_with = "lenient::text")]
    r#type: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    text: Option<String>,
    /// A text, or parts, as Mistral writes it.
    thinking: Option<Box<Content>>,
    reasoning: Option<Box<Content>>,
}

impl From<PartOrText> for ContentPart {
    fn from(part: PartOrText) -> Self {
        match part {
            PartOrText::Text(text) => Self { text: Some(text), ..Self::default() },
            PartOrText::Part(WirePart { r#type, text, thinking, reasoning }) => {
                Self { r#type, text, thinking, reasoning }
            }
            PartOrText::Other(_) => Self::default(),
        }
    }
}

/// Why an answer is incomplete or unusable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lack {
    /// `finish_reason` is null: DashScope cut the answer, or another server does not say why it ended.
    End,
    /// The server broke it off, for this reason.
    Rest(String),
    /// The model refused, in these words.
    Consent(String),
    /// The server's own filter withdrew the answer or the rest of it, with an explanation if there was one.
    Filtered(Option<String>),
    /// It has no text and no tool call.
    Content,
    /// It has no text, but was paid for: the model reasoned until its tokens were used up.
    ContentAfterReasoning,
}

impl<Call, Delta> Completion<Call, Delta> {
    /// Whether it is an error inside a 200: in OpenAI's form, or in DashScope's native one.
    pub(super) fn is_error(&self) -> bool {
        self.error || (self.choices.is_none() && self.code.is_some() && self.message.is_some())
    }

    /// The error inside a choice, or inside what is its message, in the form of an error body; an empty one does not count.
    pub(super) fn choice_error(
        &self,
        message_of: impl Fn(&Choice<Call, Delta>) -> Option<&Message<Call>>,
    ) -> Option<Vec<u8>> {
        let mut errors = self.choices.iter().flatten().flat_map(|choice| {
            choice.error.iter().chain(message_of(choice).and_then(|message| message.error.as_ref()))
        });
        let error = errors.find(|error| lenient::says_something(error.get()))?;
        Some(format!("{{\"error\":{error}}}").into_bytes())
    }
}

impl Completion {
    /// The answer it holds, and what is wrong with it.
    pub(super) fn into_answer(self, header_id: Option<String>) -> (Answer, Option<Lack>) {
        let request_id = self.request_id.or(header_id).or_else(|| self.id.as_deref().map(of_id));
        let mut choices = self.choices.unwrap_or_default();
        // Servers number choices that arrive in the order in which they ended; those without a number keep their order.
        choices.sort_by_key(|choice| choice.index.unwrap_or(0));
        let of_choices = || choices.iter_mut().find_map(|choice| choice.usage.take()?.counted());
        // An empty usage next to the choices does not override one inside them.
        let usage = self.usage.and_then(WireUsage::counted).or_else(of_choices);
        let mut texts = Vec::new();
        let simulated = self.system_fingerprint.as_deref() == Some(simulated::MARK);
        let mut answer = Answer { usage, model: self.model, request_id, simulated, ..Answer::default() };
        let (mut cut, mut filtered, mut broken, mut refusal) = (false, false, None, None);
        for choice in choices {
            let native = choice.native_finish_reason.filter(|word| !word.is_empty());
            cut |= choice.finish_reason == Some(None) && native.is_none();
            // If one of several choices was cut, the answer counts as cut.
            let reason = choice.finish_reason.flatten().or(native);
            let finish = reason.as_deref().map(Finish::of);
            match finish {
                Some(Finish::Length) => answer.finish_reason = Some("length".to_owned()),
                Some(Finish::Broken) => broken = broken.or(reason),
                _ => {
                    filtered |= finish == Some(Finish::Filtered);
                    answer.finish_reason = answer.finish_reason.or(reason);
                }
            }
            let Some(message) = choice.message else { continue };
            let (text, thoughts) = message.content.map(Content::into_texts).unwrap_or_default();
            texts.push(text);
            let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
            let text_of = |thoughts: Option<Content>| filled(thoughts.map(Content::into_thoughts));
            let reasoning = text_of(message.reasoning_content).or(text_of(message.reasoning));
            answer.reasoning = answer.reasoning.or(joined(reasoning, filled(Some(thoughts))));
            refusal = refusal.or(filled(message.refusal));
            let calls =
                message.tool_calls.filter(|calls| calls.iter().any(|call| lenient::is_call(call.get())));
            answer.tool_calls = answer.tool_calls.or_else(|| calls.map(|calls| array(&calls)));
        }
        let empty = texts.iter().all(|text| text.trim().is_empty());
        answer.miscounted = self.asked > 0 && texts.len() != self.asked;
        // The request decides whether the result is a text or a list of texts, not the number that arrived.
        answer.response = match (self.asked, texts.len()) {
            (_, 0) => None,
            (0 | 1, 1) => texts.pop().filter(|text| !text.is_empty()),
            (1, _) => texts.into_iter().find(|text| !text.trim().is_empty()),
            _ => serde_json::to_string(&texts).ok(),
        };
        let lack = match (broken, refusal) {
            (Some(word), _) => Some(Lack::Rest(word)),
            _ if cut => Some(Lack::End),
            (None, words) if filtered => Some(Lack::Filtered(words)),
            _ if answer.tool_calls.is_some() || !empty => None,
            (_, Some(words)) => Some(Lack::Consent(words)),
            _ if answer.reasoning.is_some() => Some(Lack::ContentAfterReasoning),
            _ => Some(Lack::Content),
        };
        (answer, lack)
    }
}

/// Both texts, on a line each.
fn joined(one: Option<String>, other: Option<String>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) => Some(format!("{one}\n{other}")),
        (one, other) => one.or(other),
    }
}

/// Written by hand, because serde's derived code for two forms reads a text twice.
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

    fn visit_u64<E>(self, number: u64) -> Result<Content, E> {
        Ok(Content::Text(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Content, E> {
        Ok(Content::Text(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Content, E> {
        Ok(Content::Text(number.to_string()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Text(value.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, part: A) -> Result<Content, A::Error> {
        ContentPart::deserialize(MapAccessDeserializer::new(part)).map(|part| Content::Parts(vec![part]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<Content, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(parts)).map(Content::Parts)
    }
}

impl Content {
    /// The text of the answer, and the reasoning in it.
    pub(super) fn into_texts(self) -> (String, String) {
        if let Self::Answer(text) = self {
            return (text, String::new());
        }
        let (text, mut thoughts) = self.into_pieces();
        // Hardly any text begins with a tag.
        if !text.trim_start().starts_with('<') {
            return (text, thoughts);
        }
        let mut answer = String::new();
        let mut split = Thoughts::default();
        let mut out = |piece: Piece<'_>| match piece {
            Piece::Reasoning(more) => thoughts.push_str(more),
            Piece::Content(more) => answer.push_str(more),
        };
        split.take(&text, &mut out);
        split.finish(&mut out);
        (answer, thoughts)
    }

    /// The whole content as reasoning.
    pub(super) fn into_thoughts(self) -> String {
        let (text, thoughts) = self.into_pieces();
        thoughts + &text
    }

    /// The same, without looking for tags in the text.
    pub(super) fn into_pieces(self) -> (String, String) {
        let parts = match self {
            Self::Text(text) | Self::Answer(text) => return (text, String::new()),
            Self::Parts(parts) => parts,
        };
        let (mut text, mut thoughts) = (String::new(), String::new());
        for part in parts {
            let thinks = part.r#type.as_deref().is_some_and(|kind| THOUGHTS.contains(&kind));
            let content = part.text.unwrap_or_default();
            if thinks { &mut thoughts } else { &mut text }.push_str(&content);
            for inner in [part.thinking, part.reasoning].into_iter().flatten() {
                thoughts.push_str(&inner.into_pieces().0);
            }
        }
        (text, thoughts)
    }
}

/// The types of parts that are reasoning.
const THOUGHTS: [&str; 4] = ["thinking", "reasoning", "thought", "reasoning_content"];

/// The request's own part of a completion's id.
fn of_id(id: &str) -> String {
    id.strip_prefix("chatcmpl-").unwrap_or(id).to_owned()
}

fn array(items: &[Box<RawValue>]) -> String {
    let items: Vec<&str> = items.iter().map(|item| item.get()).collect();
    format!("[{}]", items.join(","))
}

/// Distinguishes a field that is null, or the empty text that some servers write, from a missing one.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    lenient::text(deserializer).map(|text| Some(text.filter(|text| !text.is_empty())))
}
