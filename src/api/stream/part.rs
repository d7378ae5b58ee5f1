//! One choice of an answer that is still arriving, assembled from its pieces.

use super::calls::{CallDelta, Calls};
use crate::api::piece::{Piece, PieceSink};
use crate::api::reply::{Choice, Content, Message};
use crate::api::thoughts::Thoughts;
use crate::near_json::Halves;

/// The received part of a choice.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) index: u64,
    content: String,
    reasoning: String,
    refusal: String,
    calls: Calls,
    pub(super) finish_reason: Option<Option<String>>,
    manner: TextMode,
    thoughts: Thoughts,
    content_halves: Halves,
    reasoning_halves: Halves,
    refusal_halves: Halves,
}

/// How the text of a model that is known to repeat itself arrives in this stream.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum TextMode {
    /// Not known yet: one piece shows nothing.
    #[default]
    Open,
    /// Each piece is the whole text so far.
    Repeats,
    /// Each piece continues the text after all.
    Adds,
}

impl Part {
    /// A choice of which nothing has arrived.
    pub(super) fn new(index: u64) -> Self {
        Self { index, ..Self::default() }
    }

    /// Whether it has no text and no calls.
    pub(super) fn is_empty(&self) -> bool {
        self.content.is_empty() && self.reasoning.is_empty() && self.calls.is_empty()
    }

    fn reason(&mut self, more: String, sink: &mut PieceSink<'_>) {
        let more = self.reasoning_halves.join(more);
        self.reasoning.push_str(&more);
        sink(Piece::Reasoning(&more));
    }

    /// Takes a delta. Returns the bytes it added, and the bytes of earlier text that they replace: a repeated text
    /// may be shorter.
    pub(super) fn take(
        &mut self,
        delta: Message<CallDelta>,
        repeats: bool,
        sink: &mut PieceSink<'_>,
    ) -> (usize, usize) {
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
                // It also contains the half character at the end of the earlier text.
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

    /// The text has ended: anything held back as the beginning of a tag or of a character was plain text.
    pub(super) fn end_text(&mut self, sink: &mut PieceSink<'_>) {
        self.reasoning.extend(self.reasoning_halves.end());
        self.refusal.extend(self.refusal_halves.end());
        if let Some(half) = self.content_halves.end() {
            self.add(half.encode_utf8(&mut [0; 4]), sink);
        }
        let Self { content: answer, reasoning, thoughts, .. } = self;
        thoughts.finish(&mut |piece| heard(piece, answer, reasoning, sink));
    }

    /// Takes the whole text so far. Returns the bytes of the earlier text that it replaces.
    ///
    /// A stream repeats itself if its second piece begins with the first: should the service change its behaviour, no text
    /// is lost.
    fn take_repeated(&mut self, content: String, sink: &mut PieceSink<'_>) -> usize {
        let more = content.strip_prefix(self.content.as_str());
        if self.manner == TextMode::Open && !self.content.is_empty() {
            self.manner = if more.is_some() { TextMode::Repeats } else { TextMode::Adds };
        }
        if self.manner == TextMode::Adds {
            self.add(&content, sink);
            return 0;
        }
        // Text that has already been shown and now differs cannot be withdrawn: an observer sees the end of the new text.
        if let Some(more) = more.filter(|more| !more.is_empty()) {
            sink(Piece::Content(more));
        }
        std::mem::replace(&mut self.content, content).len()
    }

    /// The choice as in a whole reply.
    pub(super) fn into_choice(self) -> Choice {
        let message = Message {
            content: Some(Content::Answer(self.content)),
            reasoning_content: Some(Content::Text(self.reasoning)),
            refusal: Some(self.refusal),
            tool_calls: Some(self.calls.finish()),
            ..Message::default()
        };
        // A stream says why it ends: one that does not may have been cut, and a null says no more than a missing field.
        let finish_reason = self.finish_reason.or(Some(None));
        Choice { index: Some(self.index), message: Some(message), finish_reason, ..Choice::default() }
    }
}

/// Adds text that is known to be of one kind, and shows it to the observer.
fn heard(piece: Piece<'_>, answer: &mut String, reasoning: &mut String, sink: &mut PieceSink<'_>) {
    match piece {
        Piece::Reasoning(more) => reasoning.push_str(more),
        Piece::Content(more) => answer.push_str(more),
    }
    sink(piece);
}
