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

/// A chat completion, whole: as it came, or put together from its pieces. Each of these pieces has the same form, but for
/// its tool calls.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Completion<Call = Box<RawValue>> {
    #[serde(default, deserialize_with = "lenient::text")]
    pub(super) id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(super) request_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(super) model: Option<String>,
    pub(super) choices: Option<Vec<Choice<Call>>>,
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(super) usage: Option<WireUsage>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(super) system_fingerprint: Option<String>,
    /// How many choices were asked for; 0 where nobody says.
    #[serde(skip)]
    pub(super) asked: usize,
    #[serde(default, deserialize_with = "lenient::filled")]
    error: bool,
    code: Option<IgnoredAny>,
    message: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Choice<Call = Box<RawValue>> {
    #[serde(default, deserialize_with = "lenient::count")]
    pub(super) index: Option<u64>,
    /// Of a piece: what it adds.
    pub(super) delta: Option<Message<Call>>,
    /// Of a piece in place of a delta: a server that had the whole answer, and wrapped it as a stream.
    pub(super) message: Option<Message<Call>>,
    /// An error that OpenRouter and gateways put in the place of the rest of an answer.
    pub(super) error: Option<Box<RawValue>>,
    /// Moonshot's place for it.
    #[serde(default, deserialize_with = "lenient::optional")]
    pub(super) usage: Option<WireUsage>,
    /// Null in an answer that was cut, which is not the same as not there.
    #[serde(default, deserialize_with = "present")]
    pub(super) finish_reason: Option<Option<String>>,
    /// The word of the model behind OpenRouter, which has none of its own for some ends.
    #[serde(default, deserialize_with = "lenient::text")]
    pub(super) native_finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Message<Call = Box<RawValue>> {
    pub(super) content: Option<Content>,
    /// Why the model will not answer, in its own words.
    #[serde(default, deserialize_with = "lenient::text")]
    pub(super) refusal: Option<String>,
    pub(super) reasoning_content: Option<Content>,
    /// The name that vLLM and OpenRouter have for it.
    pub(super) reasoning: Option<Content>,
    /// An error in the place of an answer.
    pub(super) error: Option<Box<RawValue>>,
    pub(super) tool_calls: Option<Vec<Call>>,
}

#[derive(Debug)]
pub(super) enum Content {
    Text(String),
    /// A text out of which the thoughts have been taken already.
    Answer(String),
    Parts(Vec<ContentPart>),
}

/// A part of a content: of the answer, or of the thoughts before it; a text by itself is one too.
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

/// A part as it stands on the wire.
#[derive(Deserialize)]
struct WirePart {
    #[serde(default, deserialize_with = "lenient::text")]
    r#type: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    text: Option<String>,
    /// A text, or parts of its own, as Mistral has it.
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

/// What an answer lacks to be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lack {
    /// `finish_reason` is null: DashScope cut it, or another server does not say why it ended.
    End,
    /// The server broke it off, with this word.
    Rest(String),
    /// The model refused, in these words.
    Consent(String),
    /// The server's own filter took the answer back, or the rest of it; what is said of it, where anything is.
    Filtered(Option<String>),
    /// There is no text and no tool call in it.
    Content,
    /// There is no text in it, and it was paid for: the model reasoned until its tokens were used up.
    ContentAfterReasoning,
}

impl<Call> Completion<Call> {
    /// Whether it is an error inside a 200: in OpenAI's form, or in DashScope's native one.
    pub(super) fn is_error(&self) -> bool {
        self.error || (self.choices.is_none() && self.code.is_some() && self.message.is_some())
    }

    /// The error inside a choice, as the body of an error has it; an empty one is none.
    pub(super) fn choice_error(&self) -> Option<Vec<u8>> {
        let mut errors = self.choices.iter().flatten().flat_map(|choice| {
            let said = [&choice.delta, &choice.message].into_iter().flatten();
            choice.error.iter().chain(said.filter_map(|message| message.error.as_ref()))
        });
        let error = errors.find(|error| lenient::says_something(error.get()))?;
        Some(format!("{{\"error\":{error}}}").into_bytes())
    }
}

impl Completion {
    /// The answer it holds, and what that lacks.
    pub(super) fn into_answer(self, header_id: Option<String>) -> (Answer, Option<Lack>) {
        let request_id = self.request_id.or(header_id).or_else(|| self.id.as_deref().map(of_id));
        let mut choices = self.choices.unwrap_or_default();
        // Servers number choices that come in the order in which they ended; those without a number keep theirs.
        choices.sort_by_key(|choice| choice.index.unwrap_or(0));
        let of_choices = || choices.iter_mut().find_map(|choice| choice.usage.take()?.counted());
        // An empty usage beside the choices says nothing against one inside them.
        let usage = self.usage.and_then(WireUsage::counted).or_else(of_choices);
        let mut texts = Vec::new();
        let simulated = self.system_fingerprint.as_deref() == Some(simulated::MARK);
        let mut answer = Answer { usage, model: self.model, request_id, simulated, ..Answer::default() };
        let (mut cut, mut filtered, mut broken, mut refusal) = (false, false, None, None);
        for choice in choices {
            let native = choice.native_finish_reason.filter(|word| !word.is_empty());
            cut |= choice.finish_reason == Some(None) && native.is_none();
            // Of several choices, one that was cut counts for all.
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
            let said = |thoughts: Option<Content>| filled(thoughts.map(Content::into_thoughts));
            let reasoning = said(message.reasoning_content).or(said(message.reasoning));
            answer.reasoning = answer.reasoning.or(joined(reasoning, filled(Some(thoughts))));
            refusal = refusal.or(filled(message.refusal));
            let calls =
                message.tool_calls.filter(|calls| calls.iter().any(|call| lenient::is_call(call.get())));
            answer.tool_calls = answer.tool_calls.or_else(|| calls.map(|calls| array(&calls)));
        }
        let empty = texts.iter().all(|text| text.trim().is_empty());
        answer.miscounted = self.asked > 0 && texts.len() != self.asked;
        // What was asked for says whether it is a text or a list of them, not what came.
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

/// Both texts, a line each.
fn joined(one: Option<String>, other: Option<String>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) => Some(format!("{one}\n{other}")),
        (one, other) => one.or(other),
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

    fn visit_u64<E>(self, number: u64) -> Result<Content, E> {
        Ok(Content::Text(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Content, E> {
        Ok(Content::Text(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Content, E> {
        Ok(Content::Text(number.to_string()))
    }

    fn visit_bool<E>(self, said: bool) -> Result<Content, E> {
        Ok(Content::Text(said.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, part: A) -> Result<Content, A::Error> {
        ContentPart::deserialize(MapAccessDeserializer::new(part)).map(|part| Content::Parts(vec![part]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<Content, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(parts)).map(Content::Parts)
    }
}

impl Content {
    /// The text of the answer, and that of the thoughts in it.
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

    /// All of it as thoughts.
    pub(super) fn into_thoughts(self) -> String {
        let (text, thoughts) = self.into_pieces();
        thoughts + &text
    }

    /// The same, without a look at the tags in the text.
    pub(super) fn into_pieces(self) -> (String, String) {
        let parts = match self {
            Self::Text(text) | Self::Answer(text) => return (text, String::new()),
            Self::Parts(parts) => parts,
        };
        let (mut text, mut thoughts) = (String::new(), String::new());
        for part in parts {
            let thinks = part.r#type.as_deref().is_some_and(|kind| THOUGHTS.contains(&kind));
            let said = part.text.unwrap_or_default();
            if thinks { &mut thoughts } else { &mut text }.push_str(&said);
            for inner in [part.thinking, part.reasoning].into_iter().flatten() {
                thoughts.push_str(&inner.into_pieces().0);
            }
        }
        (text, thoughts)
    }
}

/// The types of parts that are thoughts.
const THOUGHTS: [&str; 4] = ["thinking", "reasoning", "thought", "reasoning_content"];

/// The part of a completion's id that is the request's own.
fn of_id(id: &str) -> String {
    id.strip_prefix("chatcmpl-").unwrap_or(id).to_owned()
}

fn array(items: &[Box<RawValue>]) -> String {
    let items: Vec<&str> = items.iter().map(|item| item.get()).collect();
    format!("[{}]", items.join(","))
}

/// Tells a field that is null, or an empty text as some servers write it, from one that is not there.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    lenient::text(deserializer).map(|text| Some(text.filter(|text| !text.is_empty())))
}
