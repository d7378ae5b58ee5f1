//! What is said while an answer comes, without the secrets.

use std::sync::Arc;

use super::piece::{Piece, PieceSink};
use crate::secrets::Secrets;

/// Keeps secrets from whoever looks on while an answer comes, also those that are cut between two pieces.
pub(super) struct StreamRedactor<'a> {
    secrets: Arc<Secrets>,
    sink: &'a mut PieceSink<'a>,
    /// The end of what was said last, which may be the beginning of a secret, and whether that is reasoning.
    held: String,
    reasoning: bool,
}

impl<'a> StreamRedactor<'a> {
    pub(super) fn new(secrets: Arc<Secrets>, sink: &'a mut PieceSink<'a>) -> Self {
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
    fn a_secret_that_is_cut_between_pieces_is_not_shown_and_all_else_is() {
        let secrets = Arc::new(Secrets::new(vec!["sk-secret".to_owned()]));
        for width in 1..12 {
            let mut heard = String::new();
            let text = "a sk-sk-secret b sk-se";
            let mut sink = |piece: Piece<'_>| match piece {
                Piece::Content(text) => heard.push_str(text),
                Piece::Reasoning(_) => panic!("there was none"),
            };
            let mut veil = StreamRedactor::new(secrets.clone(), &mut sink);
            for piece in text.as_bytes().chunks(width) {
                veil.take(Piece::Content(std::str::from_utf8(piece).expect("ASCII")));
            }
            veil.finish();
            assert_eq!(heard, "a sk-[key] b sk-se", "in pieces of {width}");
        }
    }
}
