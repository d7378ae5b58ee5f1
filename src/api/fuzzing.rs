//! The functions that the fuzz targets call, with plain types, to keep the inner parts of the stage private.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::piece::Piece;
use super::reply_limit::MOST_BYTES;
use super::stream::Incoming;
use super::verdict::{judge, judge_stream, judge_trouble};
use crate::outcome::Reply;

/// The result of a stream, and the pieces that an observer received.
#[derive(Debug, PartialEq)]
pub struct Heard {
    /// The answer, or the fault.
    pub reply: Reply,
    /// The reasoning, all pieces together.
    pub reasoning: String,
    /// The answer's text, all pieces together.
    pub content: String,
}

/// Judges a reply that arrived whole, at a time in seconds since 1970.
pub fn reply(status: u16, headers: &[(&str, &[u8])], body: &[u8], seconds: u64) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    judge(status, &map(headers), body, moment(seconds), 0)
}

/// Reads a stream that arrives in these pieces, as the client does.
pub fn stream<'a>(request: &[u8], pieces: impl IntoIterator<Item = &'a [u8]>) -> Heard {
    let (mut reasoning, mut content) = (String::new(), String::new());
    let mut sink = |piece: Piece<'_>| match piece {
        Piece::Reasoning(text) => reasoning.push_str(text),
        Piece::Content(text) => content.push_str(text),
    };
    let mut incoming = Incoming::new(request, MOST_BYTES);
    let take_all = || {
        for piece in pieces {
            if !incoming.is_done() {
                incoming.take(piece, &mut sink)?;
            }
        }
        if incoming.is_done() { Ok(()) } else { incoming.end(&mut sink) }
    };
    let headers = HeaderMap::new();
    let reply = match take_all() {
        Ok(()) => judge_stream(StatusCode::OK, &headers, incoming, None),
        Err(trouble) => Err(judge_trouble(StatusCode::OK, &headers, trouble, moment(0))),
    };
    Heard { reply, reasoning, content }
}

/// How long the headers of a reply ask to wait, at a time in seconds since 1970.
pub fn retry_after(headers: &[(&str, &[u8])], seconds: u64) -> Option<Duration> {
    super::retry_after::retry_after(&map(headers), moment(seconds))
}

/// The headers that are valid in HTTP.
fn map(headers: &[(&str, &[u8])]) -> HeaderMap {
    let known = headers.iter().filter_map(|(name, value)| {
        Some((HeaderName::try_from(*name).ok()?, HeaderValue::from_bytes(value).ok()?))
    });
    known.collect()
}

fn moment(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}
