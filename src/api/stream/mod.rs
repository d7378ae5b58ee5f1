//! An answer that comes piece by piece, put together into what a whole reply would have held.

mod calls;
mod events;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::lenient;
use super::reply::{Choice, Completion, Content, Message, choice_error, present};
use super::thoughts::Thoughts;
use super::usage::WireUsage;
use crate::near_json::{Halves, repaired_piece};
use calls::{CallDelta, Calls};
use events::{Events, StreamEvent};

/// A piece of an answer as it comes; of several choices, of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// More of the reasoning.
    Reasoning(&'a str),
    /// More of the answer's text.
    Content(&'a str),
}

/// Who looks on while an answer comes.
pub type PieceSink<'a> = dyn FnMut(Piece<'_>) + 'a;

/// Why a stream is no answer, before it came to its end.
#[derive(Debug)]
pub(super) enum Trouble {
    /// An event is an error.
    Error(Vec<u8>),
    /// An event is no piece of a completion.
    Unreadable(Vec<u8>, serde_json::Error),
    /// More came than is kept.
    TooLong,
}

/// An answer on its way.
#[derive(Debug)]
pub(super) struct Incoming {
    events: Events,
    /// Whether the model sends its whole text so far each time.
    repeats: bool,
    /// The most bytes that are kept.
    most: usize,
    kept: usize,
    done: bool,
    /// The choices that were asked for; 0 where nobody says.
    asked: usize,
    whole: Completion,
    choices: Vec<Part>,
}

/// What there is of a choice.
#[derive(Debug, Default)]
struct Part {
    index: u64,
    content: String,
    reasoning: String,
    refusal: String,
    calls: Calls,
    finish_reason: Option<Option<String>>,
    manner: TextMode,
    thoughts: Thoughts,
    content_halves: Halves,
    reasoning_halves: Halves,
    refusal_halves: Halves,
}

/// How the text of a model that is known to repeat itself comes in this stream.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum TextMode {
    /// One piece is no sign of anything.
    #[default]
    Open,
    /// Each piece is the whole text so far.
    Repeats,
    /// Each piece is the next, after all.
    Adds,
}

/// A piece on the wire; like a whole reply read loosely.
#[derive(Debug, Deserialize)]
struct Chunk {
    #[serde(default, deserialize_with = "lenient::text")]
    id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    request_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    model: Option<String>,
    choices: Option<Vec<ChunkChoice>>,
    #[serde(default, deserialize_with = "lenient::optional")]
    usage: Option<WireUsage>,
    #[serde(default, deserialize_with = "lenient::text")]
    system_fingerprint: Option<String>,
    #[serde(default, deserialize_with = "lenient::filled")]
    error: bool,
    code: Option<IgnoredAny>,
    message: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct ChunkChoice {
    #[serde(default, deserialize_with = "lenient::count")]
    index: Option<u64>,
    delta: Option<Delta>,
    /// In place of a delta: a server that had the whole answer, and wrapped it as a stream.
    message: Option<Delta>,
    error: Option<Box<RawValue>>,
    /// Moonshot's place for it.
    #[serde(default, deserialize_with = "lenient::optional")]
    usage: Option<WireUsage>,
    #[serde(default, deserialize_with = "present")]
    finish_reason: Option<Option<String>>,
    /// The word of the model behind OpenRouter, which has none of its own for some ends.
    #[serde(default, deserialize_with = "lenient::text")]
    native_finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Delta {
    content: Option<Content>,
    reasoning_content: Option<Content>,
    /// The name that vLLM and OpenRouter have for it.
    reasoning: Option<Content>,
    /// An error in the place of a piece.
    error: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "lenient::text")]
    refusal: Option<String>,
    tool_calls: Option<Vec<CallDelta>>,
}

impl Incoming {
    /// An answer to a request; at most so many bytes of it are kept.
    pub(super) fn new(request: &[u8], most: usize) -> Self {
        let asking = AskedFields::of(request);
        Self {
            events: Events::default(),
            repeats: asking.repeats(),
            asked: asking.choices(),
            most,
            kept: 0,
            done: false,
            whole: Completion::default(),
            choices: Vec::new(),
        }
    }

    /// Whether the end was said.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Whether every choice that was asked for has said why it ended.
    pub(super) fn is_finished(&self) -> bool {
        let said = |part: &Part| matches!(part.finish_reason, Some(Some(_)));
        self.choices.len() >= self.asked.max(1) && self.choices.iter().all(said)
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// When there will be no answer.
    pub(super) fn take(&mut self, bytes: &[u8], sink: &mut PieceSink<'_>) -> Result<(), Trouble> {
        let mut found = Vec::new();
        self.events.take(bytes, &mut found);
        self.take_events(found, sink)?;
        // What is kept counts, not what came: a model that repeats itself sends the square of its answer.
        match self.kept + self.events.waiting() > self.most {
            true => Err(Trouble::TooLong),
            false => Ok(()),
        }
    }

    /// The bytes came to their own end.
    ///
    /// # Errors
    ///
    /// As [`Incoming::take`].
    pub(super) fn end(&mut self, sink: &mut PieceSink<'_>) -> Result<(), Trouble> {
        let mut found = Vec::new();
        self.events.finish(&mut found);
        self.take_events(found, sink)?;
        self.end_texts(sink);
        Ok(())
    }

    /// What was held back as the beginning of a tag is text after all.
    fn end_texts(&mut self, sink: &mut PieceSink<'_>) {
        for part in &mut self.choices {
            let mut unheard = |_: Piece<'_>| {};
            part.end_text(if part.index == 0 { &mut *sink } else { &mut unheard });
        }
    }

    /// What came, as a whole reply would hold it.
    pub(super) fn into_completion(self) -> Completion {
        let Self { mut whole, mut choices, asked, .. } = self;
        whole.asked = asked;
        choices.sort_by_key(|part| part.index);
        whole.choices = Some(choices.into_iter().map(Part::into_choice).collect());
        whole
    }

    fn take_events(&mut self, found: Vec<StreamEvent>, sink: &mut PieceSink<'_>) -> Result<(), Trouble> {
        for event in found {
            match event {
                _ if self.done => break,
                StreamEvent::Done => {
                    self.done = true;
                    self.end_texts(sink);
                }
                StreamEvent::Data(data) => self.take_data(&data, sink)?,
            }
        }
        Ok(())
    }

    /// Takes an event: one piece, or several from a server that puts no blank lines between them.
    fn take_data(&mut self, data: &[u8], sink: &mut PieceSink<'_>) -> Result<(), Trouble> {
        let unreadable = |error| Trouble::Unreadable(data.to_vec(), error);
        for (taken, chunk) in serde_json::Deserializer::from_slice(data).into_iter::<Chunk>().enumerate() {
            match chunk {
                Ok(chunk) => self.take_chunk(data, chunk, sink)?,
                Err(error) => {
                    let Some(repaired) = repaired_piece(data) else { return Err(unreadable(error)) };
                    let chunks = serde_json::Deserializer::from_slice(&repaired).into_iter::<Chunk>();
                    for chunk in chunks.skip(taken) {
                        self.take_chunk(data, chunk.map_err(unreadable)?, sink)?;
                    }
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn take_chunk(&mut self, data: &[u8], chunk: Chunk, sink: &mut PieceSink<'_>) -> Result<(), Trouble> {
        // The second is DashScope's native form.
        let native = chunk.choices.is_none() && chunk.code.is_some() && chunk.message.is_some();
        if chunk.error || native {
            return Err(Trouble::Error(data.to_vec()));
        }
        let error = chunk.choices.iter().flatten().find_map(|choice| {
            let in_delta =
                choice.delta.as_ref().or(choice.message.as_ref()).and_then(|said| said.error.as_deref());
            choice_error(choice.error.as_deref()).or_else(|| choice_error(in_delta))
        });
        if let Some(error) = error {
            return Err(Trouble::Error(error));
        }
        let whole = &mut self.whole;
        whole.id = whole.id.take().or(chunk.id);
        whole.request_id = whole.request_id.take().or(chunk.request_id);
        whole.model = whole.model.take().or(chunk.model);
        whole.system_fingerprint = whole.system_fingerprint.take().or(chunk.system_fingerprint);
        // Where usage comes with several pieces, each counts all there was so far; one without a count says nothing.
        whole.usage = chunk.usage.filter(WireUsage::counts).or(whole.usage.take());
        for choice in chunk.choices.unwrap_or_default() {
            self.whole.usage = choice.usage.filter(WireUsage::counts).or(self.whole.usage.take());
            let index = choice.index.unwrap_or(0);
            let place = self.choices.iter().position(|part| part.index == index).unwrap_or_else(|| {
                self.choices.push(Part { index, ..Part::default() });
                self.choices.len() - 1
            });
            let part = &mut self.choices[place];
            let delta = choice.delta.or(choice.message.filter(|_| part.is_empty())).unwrap_or_default();
            let mut unheard = |_: Piece<'_>| {};
            let sink: &mut PieceSink<'_> = if index == 0 { &mut *sink } else { &mut unheard };
            let (brought, replaced) = part.take(delta, self.repeats, sink);
            self.kept = (self.kept + brought).saturating_sub(replaced);
            let native = choice.native_finish_reason.filter(|word| !word.is_empty());
            match choice.finish_reason {
                None | Some(None) if native.is_some() => part.finish_reason = Some(native),
                Some(Some(reason)) => part.finish_reason = Some(Some(reason)),
                Some(_) if part.finish_reason.is_none() => part.finish_reason = Some(None),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Part {
    fn is_empty(&self) -> bool {
        self.content.is_empty() && self.reasoning.is_empty() && self.calls.is_empty()
    }

    fn reason(&mut self, more: String, sink: &mut PieceSink<'_>) {
        let more = self.reasoning_halves.join(more);
        self.reasoning.push_str(&more);
        sink(Piece::Reasoning(&more));
    }

    /// Takes a delta. Gives the bytes it brought, and the bytes of earlier text that they stand for: a text that is said
    /// anew may be shorter.
    fn take(&mut self, delta: Delta, repeats: bool, sink: &mut PieceSink<'_>) -> (usize, usize) {
        let (mut brought, mut replaced) = (0, 0);
        let reasoning = delta.reasoning_content.or(delta.reasoning).map(Content::into_thoughts);
        if let Some(more) = reasoning.filter(|more| !more.is_empty()) {
            brought += more.len();
            self.reason(more, sink);
        }
        if let Some(more) = delta.refusal {
            brought += more.len();
            self.refusal.push_str(&self.refusal_halves.join(more));
        }
        let (content, thoughts) = delta.content.map(Content::into_pieces).unwrap_or_default();
        if !thoughts.is_empty() {
            brought += thoughts.len();
            self.reason(thoughts, sink);
        }
        if !content.is_empty() {
            brought += content.len();
            if repeats && self.manner != TextMode::Adds {
                // Half a character of the text before is in this one as well.
                self.content_halves = Halves::default();
            }
            let content = self.content_halves.join(content);
            match repeats {
                true => replaced = self.take_repeated(content, sink),
                false => self.add(&content, sink),
            }
        }
        let calls = delta.tool_calls.into_iter().flatten().map(|call| self.calls.take(call));
        (brought + calls.sum::<usize>(), replaced)
    }

    fn add(&mut self, content: &str, sink: &mut PieceSink<'_>) {
        let Self { content: answer, reasoning, thoughts, .. } = self;
        thoughts.take(content, &mut |piece| heard(piece, answer, reasoning, sink));
    }

    fn end_text(&mut self, sink: &mut PieceSink<'_>) {
        self.reasoning.extend(self.reasoning_halves.end());
        self.refusal.extend(self.refusal_halves.end());
        if let Some(half) = self.content_halves.end() {
            self.add(half.encode_utf8(&mut [0; 4]), sink);
        }
        let Self { content: answer, reasoning, thoughts, .. } = self;
        thoughts.finish(&mut |piece| heard(piece, answer, reasoning, sink));
    }

    /// Takes the whole text so far. Gives the bytes of the earlier text that it stands for.
    ///
    /// That the second piece begins with the first is what tells a stream that repeats itself from one that does not:
    /// should the service change its ways, no text is lost.
    fn take_repeated(&mut self, content: String, sink: &mut PieceSink<'_>) -> usize {
        let more = content.strip_prefix(self.content.as_str());
        if self.manner == TextMode::Open && !self.content.is_empty() {
            self.manner = if more.is_some() { TextMode::Repeats } else { TextMode::Adds };
        }
        if self.manner == TextMode::Adds {
            self.add(&content, sink);
            return 0;
        }
        // What was said already and is said otherwise now cannot be taken back: who looks on sees the end.
        if let Some(more) = more.filter(|more| !more.is_empty()) {
            sink(Piece::Content(more));
        }
        std::mem::replace(&mut self.content, content).len()
    }

    fn into_choice(self) -> Choice {
        let message = Message {
            content: Some(Content::Answer(self.content)),
            reasoning_content: Some(Content::Text(self.reasoning)),
            refusal: Some(self.refusal),
            tool_calls: Some(self.calls.finish()),
            ..Message::default()
        };
        // A stream says why it ends: one that does not may have been cut, and a null says no more than nothing.
        let finish_reason = self.finish_reason.or(Some(None));
        Choice { index: Some(self.index), message: Some(message), finish_reason, ..Choice::default() }
    }
}

/// Takes what is known of a text, and tells who looks on.
fn heard(piece: Piece<'_>, answer: &mut String, reasoning: &mut String, sink: &mut PieceSink<'_>) {
    match piece {
        Piece::Reasoning(more) => reasoning.push_str(more),
        Piece::Content(more) => answer.push_str(more),
    }
    sink(piece);
}

/// What a request asks for, as far as an answer depends on it.
#[derive(Deserialize)]
struct AskedFields {
    #[serde(default, deserialize_with = "lenient::text")]
    model: Option<String>,
    #[serde(default)]
    n: serde_json::Value,
}

impl AskedFields {
    fn of(request: &[u8]) -> Self {
        let unknown = || Self { model: None, n: serde_json::Value::Bool(false) };
        serde_json::from_slice(request).unwrap_or_else(|_| unknown())
    }

    /// Whether the model sends its whole text so far with each piece: qwen-mt-plus and qwen-mt-turbo do, the other translation
    /// models do not (Model Studio, "qwen-mt-api"). The name decides, because a piece by itself does not tell: a text may well
    /// say the same thing twice.
    fn repeats(&self) -> bool {
        let name = self.model.as_deref().and_then(|model| model.rsplit('/').next());
        let name = name.unwrap_or_default().to_ascii_lowercase();
        ["qwen-mt-plus", "qwen-mt-turbo"].iter().any(|family| name.starts_with(family))
    }

    /// How many choices are asked for; 0 where that cannot be told.
    fn choices(self) -> usize {
        match self.n {
            serde_json::Value::Null => 1,
            said => lenient::count(said).ok().flatten().map_or(0, |n| usize::try_from(n).unwrap_or(0).max(1)),
        }
    }
}

/// How many choices a request asks for; 0 where that cannot be told, and what comes is kept as it comes.
pub(super) fn choices_asked_for(request: &[u8]) -> usize {
    // Hardly any request says so, and it may be long.
    let names_them = request.windows(3).any(|window| window == b"\"n\"");
    if names_them { AskedFields::of(request).choices() } else { 1 }
}

/// The body as it asks for a stream: the fields of transport are put in at its end, and nothing else changes.
pub(super) fn asking(body: &[u8]) -> Vec<u8> {
    let inner = body.trim_ascii_end().strip_suffix(b"}").unwrap_or(body).trim_ascii_end();
    let comma: &[u8] = if inner.ends_with(b"{") { b"" } else { b"," };
    [inner, comma, br#""stream":true,"stream_options":{"include_usage":true}}"#].concat()
}

#[cfg(test)]
mod tests;
