//! The laws of pieces, and what becomes of each form of text.

mod documents;
mod edits;
mod laws;
mod markdown;
mod mismatches;
mod real_files;
mod subtitles;

use super::{Frame, SplitBy, SplitText};

/// About a token for four bytes, as a stand-in for the estimate of a request.
fn tokens(text: &str) -> u64 {
    text.len().div_ceil(4) as u64
}

fn split(text: &str, by: SplitBy, budget: u64) -> SplitText {
    Frame::new(text, by).pieces(text, budget, &tokens)
}

/// The texts of all pieces.
fn texts(split: &SplitText) -> Vec<&str> {
    split.pieces.iter().map(|piece| piece.text.as_str()).collect()
}

/// Each span as it is sent.
fn sent(text: &str, by: SplitBy) -> Vec<String> {
    let split = split(text, by, 1_000_000);
    split.pieces.iter().flat_map(|piece| piece.text.split("\n\n")).map(str::to_owned).collect()
}

/// The document with each span as it was sent changed.
fn answered(text: &str, by: SplitBy, answer: impl Fn(&str) -> String) -> String {
    let split = split(text, by, 1_000_000);
    let answers = split.pieces.iter().map(|piece| {
        let parts: Vec<String> = piece.text.split("\n\n").map(&answer).collect();
        parts.join("\n\n")
    });
    let answers: Vec<String> = answers.collect();
    split.join(text, &answers.iter().map(String::as_str).collect::<Vec<_>>()).expect("as many parts")
}
