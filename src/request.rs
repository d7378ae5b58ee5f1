//! The request a row becomes: its body, what identifies it, and what it may cost.

use std::fmt;
use std::sync::Arc;

use crate::job::price::Price;

/// One chat request, ready to be sent.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    /// The JSON body, as it goes over the wire but for the fields of transport, which are the sender's.
    pub body: Vec<u8>,
    /// What identifies the request, whatever the order of its keys and the way it is transported.
    pub fingerprint: Fingerprint,
    /// What it is expected to use.
    pub estimate: Estimate,
    /// What it has the model read beyond its text.
    pub media: Media,
    /// What it has in common with other requests of the job: all but its turns and its numbers.
    pub shape: Shape,
    /// Whether the answer is to come as a stream.
    pub stream: bool,
    /// Whether the model may think before it answers.
    pub thinks: bool,
    /// Whether an answer that was cut can be continued where it ends (the API's partial mode).
    pub may_continue: bool,
    /// The largest `max_tokens` that the model takes, where that is known.
    pub longest_answer: Option<u64>,
    /// What its tokens cost, where that is known.
    pub price: Option<Arc<Price>>,
    /// The thinking that it does without being asked to.
    pub unasked_thinking: Option<UnaskedThinking>,
    /// Why its model is not to be had, where that is known.
    pub unavailable: Option<Arc<str>>,
    /// Whether a glossary had something to tell it.
    pub told: bool,
    /// Whether the row brought the whole body, so that every field of it is the row's own.
    pub brought: bool,
}

/// Thinking that a model does by default, of a request that says nothing about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnaskedThinking {
    /// The longest chain of thought, in tokens, where that is known.
    pub longest: Option<u64>,
}

impl ChatRequest {
    /// A request of which nothing is known but its body: sent whole, at no known price.
    pub fn of_body(body: Vec<u8>, fingerprint: Fingerprint) -> Self {
        Self {
            body,
            fingerprint,
            estimate: Estimate::default(),
            media: Media::default(),
            shape: Shape::default(),
            stream: false,
            thinks: false,
            may_continue: false,
            longest_answer: None,
            price: None,
            unasked_thinking: None,
            unavailable: None,
            told: false,
            brought: false,
        }
    }
}

/// Requests of one shape are answered or refused alike, as far as the fault is not in a row's own text: the model, the
/// names of the fields, and their switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Shape(pub u64);

/// 128 bits of BLAKE3 over the canonical JSON of the effective request.
///
/// Two requests with one fingerprint are the same request: an answer to the one answers the other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Fingerprint(pub [u8; 16]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Tokens a request is expected to use, before anything is known of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Estimate {
    /// Tokens of the prompt, guessed from its text.
    pub prompt_tokens: u64,
    /// The most tokens the answer can have: the request's `max_tokens`, else the model's own limit.
    pub max_completion_tokens: u64,
    /// Whether that is a guess, because neither the request nor what is known of the model bounds the answer.
    pub unbounded: bool,
}

/// What a request has the model read that is no text of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Media {
    /// The bytes that it takes in the body.
    pub bytes: u64,
    /// The most tokens that are made of it, as far as that is known.
    pub tokens: u64,
    /// Something in it of which nobody knows how many tokens are made, in words.
    pub unknown: Option<&'static str>,
}

impl Estimate {
    /// The most the request can use: what a cap has to set aside for it.
    pub fn worst_case_tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.max_completion_tokens)
    }
}
