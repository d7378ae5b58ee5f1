//! Applies a fault to an answer or to a reply, or replaces both.

use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, LOCATION};

use super::Profile;
use super::fingerprint::RequestDigest;
use super::mispacking::Mispacking;
use super::reply::{BodyPart, HttpReply};
use super::request::{ValidRequest, last_question};
use super::script::Effect;
use super::simulated_answer::SimulatedAnswer;
use super::tokens::{count_tokens, first_tokens};

/// What the server finally does with a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ResponsePlan {
    Reply(HttpReply),
    /// No answer, ever.
    Hang,
    /// The connection ends without a byte.
    Drop,
    /// The connection is reset without a byte.
    Reset,
}

const PARTIAL_RESPONSE: HeaderName = HeaderName::from_static("x-dashscope-partialresponse");
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Please wait</title></head>\
                    <body><h1>Bad Gateway</h1></body></html>\n";
/// The target of a redirection: this server, which detects a client that follows it.
const ELSEWHERE: &str = "/redirected/v1/chat/completions";

/// The response that replaces an answer, for faults that need no answer.
pub(super) fn instead(effect: &Effect, profile: Profile, identity: &str) -> Option<ResponsePlan> {
    let plan = match effect {
        Effect::Hang => ResponsePlan::Hang,
        Effect::Drop => ResponsePlan::Drop,
        Effect::Reset { after_bytes: None } => ResponsePlan::Reset,
        Effect::EmptyBody => ResponsePlan::Reply(HttpReply::text(200, "application/json", "")),
        Effect::Html { status } => {
            ResponsePlan::Reply(HttpReply::text(*status, "text/html; charset=utf-8", PAGE))
        }
        Effect::Redirect { status } => {
            let mut reply = HttpReply::bare(*status);
            reply.set(LOCATION, ELSEWHERE);
            ResponsePlan::Reply(reply)
        }
        Effect::Refuse { refusal, body, headers } => {
            let mut reply = match body {
                Some(body) => HttpReply::text(refusal.status, "application/json", body.clone()),
                None => HttpReply::json(refusal.status, &refusal.body(profile, identity)),
            };
            if headers.iter().any(|(name, _)| name == CONTENT_TYPE) {
                reply.headers.clear();
            }
            reply.headers.extend(headers.iter().cloned());
            ResponsePlan::Reply(reply)
        }
        _ => return None,
    };
    Some(plan)
}

/// Applies a fault to the answer before it is serialised.
pub(super) fn spoil_answer(effect: &Effect, call: &ValidRequest, answer: &mut SimulatedAnswer) {
    for choice in &mut answer.choices {
        match effect {
            Effect::NullFinish => choice.finish_reason = None,
            Effect::EmptyContent => {
                choice.content.clear();
                choice.tool_calls.clear();
                choice.finish_reason = Some("stop");
            }
            Effect::Content(content) => {
                choice.content.clone_from(content);
                choice.tool_calls.clear();
                choice.finish_reason = Some("stop");
            }
            Effect::CutByServer => {
                let half = count_tokens(&choice.content).div_ceil(2);
                choice.content.truncate(first_tokens(&choice.content, half).len());
                choice.tool_calls.clear();
                choice.finish_reason = None;
            }
            Effect::Mispack(fault) => {
                let draw = RequestDigest::of_json(call.body).draw("mispacking", 0);
                choice.content = fault.damage(&choice.content, draw);
                if *fault == Mispacking::CutTexts {
                    choice.finish_reason = Some("length");
                }
            }
            Effect::Mistranslate(fault) => {
                choice.content = fault.damage(&last_question(call.messages), &choice.content);
            }
            _ => {}
        }
    }
    answer.recount();
}

/// Applies a fault to the reply's bytes.
pub(super) fn spoil_reply(effect: &Effect, reply: &mut HttpReply) {
    let data = reply.data();
    match effect {
        Effect::CutByServer => reply.set(PARTIAL_RESPONSE, "true"),
        Effect::CutBody { after_bytes } => break_off(reply, data, *after_bytes, BodyPart::Cut),
        Effect::Reset { after_bytes } => break_off(reply, data, *after_bytes, BodyPart::Reset),
        Effect::SlowBody { bytes, pause } => {
            let mut pieces = Vec::new();
            for start in (0..data.len()).step_by(*bytes) {
                let end = data.len().min(start.saturating_add(*bytes));
                pieces.push(BodyPart::Data(data.slice(start..end)));
                pieces.push(BodyPart::Pause(*pause));
            }
            // The length is announced, as for a whole body.
            reply.announced_length = (!reply.is_stream).then_some(data.len());
            reply.pieces = pieces;
        }
        Effect::BadGzip => {
            // The header of a gzip file (RFC 1952), followed by the plain text.
            let head: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
            reply.pieces = vec![BodyPart::Data(Bytes::from([head, &data].concat()))];
            reply.set(CONTENT_ENCODING, "gzip");
        }
        Effect::WrongLength => {
            let announced = data.len() / 2;
            reply.pieces = vec![BodyPart::Data(data.slice(..announced))];
            reply.announced_length = Some(announced);
            reply.surplus = data.slice(announced..);
            reply.set(CONNECTION, "close");
        }
        _ => {}
    }
}

/// Sends the first bytes, by default half of them, then ends as given.
fn break_off(reply: &mut HttpReply, data: Bytes, after_bytes: Option<usize>, end: BodyPart) {
    // At least one byte must stay unsent, or nothing would be missing.
    let sent = after_bytes.unwrap_or(data.len() / 2).min(data.len().saturating_sub(1));
    reply.announced_length = (!reply.is_stream).then_some(data.len());
    reply.pieces = vec![BodyPart::Data(data.slice(..sent)), BodyPart::Breath, end];
    if sent == 0 {
        reply.pieces.remove(0);
    }
}
