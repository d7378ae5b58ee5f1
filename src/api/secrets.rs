//! What is sent and never shown: the API key, and header values that look like one. Some servers echo them.

mod forms;

use std::fmt;

use aho_corasick::{AhoCorasick, MatchKind};

use super::stream::{Piece, Sink};
use crate::outcome::{Answer, Fault};

/// No service has secrets this short; a word of a few letters stands in every other message.
const SHORTEST: usize = 8;

/// Texts that are taken out of everything that comes back. They cannot be printed.
pub(super) struct Secrets {
    forms: Vec<String>,
    /// Finds any of the forms in one pass over a text: every answer is looked through, and hardly any has one.
    any: Option<AhoCorasick>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    /// The texts that are long enough to be a secret.
    pub(super) fn new(texts: impl IntoIterator<Item = String>) -> Self {
        let long = texts.into_iter().filter(|text| text.len() >= SHORTEST);
        let forms = long.flat_map(|text| forms::of(&text)).filter(|form| form.len() >= SHORTEST);
        let forms: Vec<String> = forms.collect();
        // Only for leftmost matches does the searcher pass over several bytes at a time.
        let any = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(&forms).ok();
        Self { forms, any }
    }

    /// The text with the secrets taken out; `None` when there was none in it.
    pub(super) fn hide(&self, text: &str) -> Option<String> {
        if self.forms.is_empty() || self.any.as_ref().is_some_and(|any| !any.is_match(text)) {
            return None;
        }
        let mut hidden: Option<String> = None;
        for secret in &self.forms {
            let text = hidden.as_deref().unwrap_or(text);
            if text.contains(secret) {
                hidden = Some(text.replace(secret, "[key]"));
            }
        }
        hidden
    }

    /// The body of a reply without the secrets, also those that are written with escapes.
    pub(super) fn out_of_body(&self, body: Vec<u8>) -> Vec<u8> {
        if self.forms.is_empty() {
            return body;
        }
        let text = String::from_utf8_lossy(&body);
        let hidden = forms::unescaped(&text).and_then(|plain| self.hide(&plain)).or_else(|| self.hide(&text));
        hidden.map_or(body, String::into_bytes)
    }

    /// An answer without the secrets.
    pub(super) fn out_of_answer(&self, answer: Answer) -> Answer {
        let Answer { response, reasoning, tool_calls, finish_reason, usage, model, request_id, simulated } =
            answer;
        let [response, reasoning, tool_calls, finish_reason, model, request_id] =
            [response, reasoning, tool_calls, finish_reason, model, request_id]
                .map(|text| text.map(|text| self.hide(&text).unwrap_or(text)));
        Answer { response, reasoning, tool_calls, finish_reason, usage, model, request_id, simulated }
    }

    /// A fault without the secrets.
    pub(super) fn out_of_fault(&self, fault: Fault) -> Fault {
        let message = self.hide(&fault.message).unwrap_or(fault.message);
        let code = self.hide(&fault.code).unwrap_or(fault.code);
        let evidence = fault.evidence.map(|bytes| self.out_of_body(bytes));
        let request_id = fault.request_id.map(|id| self.hide(&id).unwrap_or(id));
        let partial = fault.partial.map(|answer| Box::new(self.out_of_answer(*answer)));
        Fault { message, code, evidence, request_id, partial, ..fault }
    }

    /// How many bytes at the end of a text may be the beginning of a secret.
    fn begun_in(&self, text: &str) -> usize {
        let begun = |secret: &String| {
            (1..secret.len()).rev().find(|length| {
                secret.is_char_boundary(*length) && text.as_bytes().ends_with(&secret.as_bytes()[..*length])
            })
        };
        self.forms.iter().filter_map(begun).max().unwrap_or(0)
    }
}

/// Keeps secrets from whoever looks on while an answer comes, also those that are cut between two pieces.
pub(super) struct Veil<'a> {
    secrets: &'a Secrets,
    sink: &'a mut Sink<'a>,
    /// The end of what was said last, which may be the beginning of a secret, and whether that is reasoning.
    held: String,
    reasoning: bool,
}

impl<'a> Veil<'a> {
    pub(super) fn new(secrets: &'a Secrets, sink: &'a mut Sink<'a>) -> Self {
        Self { secrets, sink, held: String::new(), reasoning: false }
    }

    /// Hands a piece on, as far as it is known to hold no secret.
    pub(super) fn take(&mut self, piece: Piece<'_>) {
        let (text, reasoning) = match piece {
            Piece::Reasoning(text) => (text, true),
            Piece::Content(text) => (text, false),
        };
        if reasoning != self.reasoning {
            self.finish();
            self.reasoning = reasoning;
        }
        let mut text = std::mem::take(&mut self.held) + text;
        if let Some(hidden) = self.secrets.hide(&text) {
            text = hidden;
        }
        let begun = self.secrets.begun_in(&text);
        self.held = text.split_off(text.len() - begun);
        self.say(&text);
    }

    /// Nothing follows: what was held back was no secret.
    pub(super) fn finish(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.say(&held);
    }

    fn say(&mut self, text: &str) {
        match self.reasoning {
            _ if text.is_empty() => {}
            true => (self.sink)(Piece::Reasoning(text)),
            false => (self.sink)(Piece::Content(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_and_never_shown() {
        let secrets = Secrets::new(["sk-secret".to_owned(), "short".to_owned(), "other-secret".to_owned()]);
        assert!(!format!("{secrets:?}").contains("secret"));
        assert_eq!(
            secrets.hide("bad sk-secret, short, other-secret!"),
            Some("bad [key], short, [key]!".to_owned())
        );
        assert_eq!(secrets.hide("nothing"), None);
        let body = br#"{"message":"bad \u0073k\u002dsecret","encoded":"QmVhcmVyIHNrLXNlY3JldA=="}"#.to_vec();
        let shown = String::from_utf8(secrets.out_of_body(body)).expect("text");
        assert_eq!(shown, r#"{"message":"bad [key]","encoded":"QmVhcmVyIH[key]A=="}"#);
    }

    #[test]
    fn a_secret_that_is_cut_between_pieces_is_not_shown_and_all_else_is() {
        let secrets = Secrets::new(["sk-secret".to_owned()]);
        for width in 1..12 {
            let mut heard = String::new();
            let text = "a sk-sk-secret b sk-se";
            let mut sink = |piece: Piece<'_>| match piece {
                Piece::Content(text) => heard.push_str(text),
                Piece::Reasoning(_) => panic!("there was none"),
            };
            let mut veil = Veil::new(&secrets, &mut sink);
            for piece in text.as_bytes().chunks(width) {
                veil.take(Piece::Content(std::str::from_utf8(piece).expect("ASCII")));
            }
            veil.finish();
            assert_eq!(heard, "a sk-[key] b sk-se", "in pieces of {width}");
        }
    }
}
