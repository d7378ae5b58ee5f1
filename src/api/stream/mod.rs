//! An answer that arrives in pieces, assembled into what a whole reply would have held.

pub(super) mod asked;
mod calls;
mod events;
mod part;

use super::piece::{Piece, PieceSink};
use super::reply::{Choice, Completion, Message};
use super::usage::WireUsage;
use crate::near_json::repaired_piece;
use asked::AskedFields;
use calls::CallDelta;
use events::{Events, StreamEvent};
use part::Part;

/// A piece of an answer on the wire.
type Chunk = Completion<CallDelta, Message<CallDelta>>;

/// Why a stream cannot become an answer, before its end.
#[derive(Debug)]
pub(super) enum Trouble {
    /// An event is an error.
    Error(Vec<u8>),
    /// An event is not a piece of a completion.
    Unreadable(Vec<u8>, serde_json::Error),
    /// The answer is longer than the limit.
    TooLong,
}

/// An answer that is still arriving.
#[derive(Debug)]
pub(super) struct Incoming {
    events: Events,
    /// Whether the model sends its whole text so far each time.
    repeats: bool,
    /// The most bytes that are kept.
    most: usize,
    kept: usize,
    done: bool,
    /// How many choices were requested; 0 if unknown.
    asked: usize,
    whole: Completion,
    choices: Vec<Part>,
}

impl Incoming {
    /// The answer to a request, of which at most `most` bytes are kept.
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

    /// Whether the end was announced.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Whether every requested choice has said why it ended.
    pub(super) fn is_finished(&self) -> bool {
        let ended = |part: &Part| matches!(part.finish_reason, Some(Some(_)));
        self.choices.len() >= self.asked.max(1) && self.choices.iter().all(ended)
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
        // Only the kept bytes count, not all that arrive: a model that repeats itself sends the square of its answer.
        match self.kept + self.events.waiting() > self.most {
            true => Err(Trouble::TooLong),
            false => Ok(()),
        }
    }

    /// The bytes have ended.
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

    /// Text held back as the possible beginning of a tag was plain text.
    fn end_texts(&mut self, sink: &mut PieceSink<'_>) {
        for part in &mut self.choices {
            let mut unheard = |_: Piece<'_>| {};
            part.end_text(if part.index == 0 { &mut *sink } else { &mut unheard });
        }
    }

    /// The answer as a whole reply would hold it.
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

    /// Takes an event: one piece, or several from a server that omits the blank lines between them.
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
        if chunk.is_error() {
            return Err(Trouble::Error(data.to_vec()));
        }
        let error = chunk.choice_error(|choice| choice.delta.as_ref().or(choice.message.as_ref()));
        if let Some(error) = error {
            return Err(Trouble::Error(error));
        }
        let whole = &mut self.whole;
        whole.id = whole.id.take().or(chunk.id);
        whole.request_id = whole.request_id.take().or(chunk.request_id);
        whole.model = whole.model.take().or(chunk.model);
        whole.system_fingerprint = whole.system_fingerprint.take().or(chunk.system_fingerprint);
        // If several pieces carry usage, each counts everything so far; one without a count is ignored.
        whole.usage = chunk.usage.filter(WireUsage::counts).or(whole.usage.take());
        for choice in chunk.choices.unwrap_or_default() {
            self.take_choice(choice, sink);
        }
        Ok(())
    }

    fn take_choice(&mut self, choice: Choice<CallDelta, Message<CallDelta>>, sink: &mut PieceSink<'_>) {
        self.whole.usage = choice.usage.filter(WireUsage::counts).or(self.whole.usage.take());
        let index = choice.index.unwrap_or(0);
        let place = self.choices.iter().position(|part| part.index == index).unwrap_or_else(|| {
            self.choices.push(Part::new(index));
            self.choices.len() - 1
        });
        let part = &mut self.choices[place];
        let delta = choice.delta.or(choice.message.filter(|_| part.is_empty())).unwrap_or_default();
        let mut unheard = |_: Piece<'_>| {};
        let (brought, replaced) =
            part.take(delta, self.repeats, if index == 0 { &mut *sink } else { &mut unheard });
        self.kept = (self.kept + brought).saturating_sub(replaced);
        let native = choice.native_finish_reason.filter(|word| !word.is_empty());
        match choice.finish_reason {
            None | Some(None) if native.is_some() => part.finish_reason = Some(native),
            Some(Some(reason)) => part.finish_reason = Some(Some(reason)),
            Some(_) if part.finish_reason.is_none() => part.finish_reason = Some(None),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
