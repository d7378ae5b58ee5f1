//! The request of a row: its body, its identity, and its possible cost.

use std::fmt;
use std::sync::Arc;

use crate::job::price::Price;
use crate::likely::LikelyUsage;

/// One chat request, ready to be sent.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    /// The JSON body as it is sent, except for the fields of transport, which the sender adds.
    pub body: Vec<u8>,
    /// The identity of the request, independent of the order of its keys and of its transport.
    pub fingerprint: Fingerprint,
    /// The tokens that it is expected to use.
    pub estimate: Estimate,
    /// The tokens that it is likely to use: closer than the estimate, which pacing and caps are based on.
    pub likely: LikelyUsage,
    /// Its content beyond text, such as images.
    pub media: Media,
    /// Its parts that other requests of the job share: all but the turns and the numbers.
    pub shape: Shape,
    /// Whether the answer is requested as a stream.
    pub stream: bool,
    /// Whether the model may think before it answers.
    pub thinks: bool,
    /// Whether a cut answer can be continued where it ends (the API's partial mode).
    pub may_continue: bool,
    /// The largest `max_tokens` that the model accepts, if known.
    pub longest_answer: Option<u64>,
    /// The price of its tokens, if known.
    pub price: Option<Arc<Price>>,
    /// The thinking that the model does although the request does not ask for it.
    pub unasked_thinking: Option<UnaskedThinking>,
    /// Why its model is not available, if known.
    pub unavailable: Option<Arc<str>>,
    /// Whether a glossary entry was added to it.
    pub uses_glossary: bool,
    /// Whether the row brought the whole body, so every field is the row's own.
    pub brought: bool,
    /// The text of the piece that it is about, if its answer is to be joined with those of others.
    pub piece: Option<Arc<str>>,
    /// What its answer is checked against, in a job with checks.
    pub source: Option<Arc<AnswerSource>>,
    /// Whether its model takes one message of the user and nothing else, as those that only translate.
    pub single_turn: bool,
    /// For a request over answers that do not fit into one request: how they are taken in groups first.
    pub groups: Option<Arc<GroupedParts>>,
}

/// What the checks compare an answer with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerSource {
    /// The text.
    pub text: String,
    /// Whether the answer is the JSON array of several texts.
    pub several: bool,
}

/// Parts that are more than fit into one request: neighbours are taken in groups, and the answers to these are parts again.
#[derive(Clone)]
pub struct GroupedParts {
    /// The parts, in order.
    pub parts: Vec<String>,
    /// The most tokens of the parts of one request, estimated.
    pub budget: u64,
    /// Estimates the tokens of a part.
    pub tokens: fn(&str) -> u64,
    /// Makes the request over some parts.
    pub make: MakeRequest,
}

/// Makes a request over some parts, or says why that cannot be done.
pub type MakeRequest = Arc<dyn Fn(&[String]) -> Result<ChatRequest, String> + Send + Sync>;

impl fmt::Debug for GroupedParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupedParts({} parts)", self.parts.len())
    }
}

impl GroupedParts {
    /// The parts of the request that follows after some answers; `None` when the last of these is the answer to all.
    pub fn next(&self, answers: &[String]) -> Option<Vec<String>> {
        let mut level = self.parts.clone();
        let mut answers = answers.iter();
        loop {
            let mut groups = self.groups(&level);
            if groups.len() <= 1 {
                return groups.pop().filter(|_| answers.next().is_none());
            }
            let mut above = Vec::with_capacity(groups.len());
            for mut group in groups {
                // A part that is left over is a part of the next level as it is.
                let alone = if group.len() == 1 { group.pop() } else { None };
                match alone.or_else(|| answers.next().cloned()) {
                    Some(part) => above.push(part),
                    None => return Some(group),
                }
            }
            level = above;
        }
    }

    /// Neighbours that fit into one request together. A group has two parts at least, or there would be no end.
    fn groups(&self, parts: &[String]) -> Vec<Vec<String>> {
        let mut groups: Vec<Vec<String>> = Vec::new();
        let mut used = 0;
        for part in parts {
            let tokens = (self.tokens)(part);
            match groups.last_mut() {
                Some(group) if group.len() < 2 || used + tokens <= self.budget => {
                    group.push(part.clone());
                    used += tokens;
                }
                _ => {
                    groups.push(vec![part.clone()]);
                    used = tokens;
                }
            }
        }
        groups
    }
}

/// Thinking that a model does by default, for a request that does not mention it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnaskedThinking {
    /// The longest chain of thought, in tokens, if known.
    pub longest: Option<u64>,
}

impl ChatRequest {
    /// A request of which only the body is known: sent whole, without a known price.
    pub fn of_body(body: Vec<u8>, fingerprint: Fingerprint) -> Self {
        Self {
            body,
            fingerprint,
            estimate: Estimate::default(),
            likely: LikelyUsage::default(),
            media: Media::default(),
            shape: Shape::default(),
            stream: false,
            thinks: false,
            may_continue: false,
            longest_answer: None,
            price: None,
            unasked_thinking: None,
            unavailable: None,
            uses_glossary: false,
            brought: false,
            piece: None,
            source: None,
            single_turn: false,
            groups: None,
        }
    }
}

/// Requests of one shape are answered or refused alike, unless the fault is in a row's own text: they have the same model,
/// names of fields, and switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Shape(pub u64);

/// 128 bits of BLAKE3 over the canonical JSON of the effective request.
///
/// Two requests with the same fingerprint are the same request: an answer to one answers the other.
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

/// Tokens that a request is expected to use, before anything is known about the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Estimate {
    /// Tokens of the prompt, estimated from its text.
    pub prompt_tokens: u64,
    /// The most tokens the answer can have: the request's `max_tokens`, else the model's own limit.
    pub max_completion_tokens: u64,
    /// Whether that is an estimate, because neither the request nor the model's known facts limit the answer.
    pub unbounded: bool,
}

/// The content of a request beyond its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Media {
    /// Its bytes in the body.
    pub bytes: u64,
    /// The most tokens that it becomes, as far as known.
    pub tokens: u64,
    /// The part whose tokens cannot be estimated, in words.
    pub unknown: Option<&'static str>,
}

impl Estimate {
    /// The most that the request can use, which a cap has to set aside for it.
    pub fn worst_case_tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.max_completion_tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouped(parts: &[&str], budget: u64) -> GroupedParts {
        GroupedParts {
            parts: parts.iter().map(|part| (*part).to_owned()).collect(),
            budget,
            tokens: |text| text.len() as u64,
            make: Arc::new(|_| Err("nobody asks".to_owned())),
        }
    }

    /// The parts of each request until the end, where each answer is the number of its request.
    fn played(grouped: &GroupedParts) -> Vec<String> {
        let (mut asked, mut answers) = (Vec::new(), Vec::new());
        while let Some(parts) = grouped.next(&answers) {
            asked.push(parts.join(" "));
            answers.push(answers.len().to_string());
        }
        asked
    }

    #[test]
    fn parts_that_fit_are_asked_at_once_and_others_in_groups_of_neighbours() {
        assert_eq!(played(&grouped(&["a"], 5)), ["a"]);
        assert_eq!(played(&grouped(&["aa", "bb"], 5)), ["aa bb"]);
        assert_eq!(played(&grouped(&["aa", "bb", "cc", "dd", "ee"], 5)), ["aa bb", "cc dd", "0 1 ee"]);
        assert_eq!(played(&grouped(&["aa", "bb", "cc", "dd", "ee"], 2)), ["aa bb", "cc dd", "0 1", "2 ee"]);
        assert_eq!(played(&grouped(&["long", "long", "long"], 1)), ["long long", "0 long"]);
    }
}
