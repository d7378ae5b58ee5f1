//! The pieces of an answer, without the secrets.

use std::sync::Arc;

use super::piece::{Piece, PieceSink};
use crate::secrets::Secrets;

/// Removes secrets from the pieces that an observer sees, also those that are cut between two pieces.
pub(super) struct StreamRedactor<'a> {
    secrets: Arc<Secrets>,
    sink: &'a mut PieceSink<'a>,
    /// The end of the last text, which may be the beginning of a secret, and whether it is reasoning.
    pending: String,
    reasoning: bool,
}

impl<'a> StreamRedactor<'a> {
    pub(super) fn new(secrets: Arc<Secrets>, sink: &'a mut PieceSink<'a>) -> Self {
        Self { secrets, sink, pending: String::new(), reasoning: false }
    }

    /// Passes a piece on as far as it is known to hold no secret.
    pub(super) fn take(&mut self, piece: Piece<'_>) {
        let (text, reasoning) = match piece {
            Piece::Reasoning(text) => (text, true),
            Piece::Content(text) => (text, false),
        };
        if reasoning != self.reasoning {
            self.finish();
            self.reasoning = reasoning;
        }
        let mut text = std::mem::take(&mut self.pending) + text;
        if let Some(hidden) = self.secrets.hide(&text) {
            text = hidden;
        }
        let begun = self.secrets.begun_in(&text);
        self.pending = text.split_off(text.len() - begun);
        self.say(&text);
    }

    /// The answer has ended: the text held back was not a secret.
    pub(super) fn finish(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.say(&pending);
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
