//! The meaning of a reply: an answer, or a fault, by status, code and message together (the table is in `table.rs`). Pure.

mod error_body;
mod table;

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::headers::{header, is_dashscope};
use super::reply::{Completion, Lack};
use super::reply_limit::too_long;
use super::retry_after::retry_after;
use super::stream::{Incoming, Trouble};
use crate::near_json::read;
use crate::outcome::{Fault, FaultKind, Reply};
use error_body::ErrorBody;
pub(super) use error_body::words_of;

use FaultKind::{RowRefused, Transient};

/// The meaning of a status without a rule.
fn by_status(status: u16) -> FaultKind {
    match status {
        500.. => Transient,
        _ => RowRefused,
    }
}

/// Judges a reply that arrived whole, to a request for `asked` choices; 0 if unknown.
pub fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime, asked: usize) -> Reply {
    let reply = judge_whole(status, headers, body, now, asked);
    // The message includes a status that is a success but not a 200: 202 only promises an answer, 204 has none by design.
    reply.map_err(|fault| match status.is_success() && status != StatusCode::OK {
        true => {
            let message = format!("{} (HTTP {} {})", fault.message, status.as_u16(), words_of(status));
            Fault { status: Some(status.as_u16()), message, ..fault }
        }
        false => fault,
    })
}

fn judge_whole(status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime, asked: usize) -> Reply {
    let request_id = header(headers, "x-request-id");
    if !status.is_success() {
        return Err(refused(status, headers, body, now, request_id));
    }
    let mut completion: Completion = match read(body) {
        Ok(completion) => completion,
        Err(error) => return Err(unreadable(headers, body, &error, request_id)),
    };
    completion.asked = asked;
    if completion.is_error() {
        return Err(refused(status, headers, body, now, request_id));
    }
    if let Some(error) = completion.choice_error(|choice| choice.message.as_ref()) {
        return Err(refused(status, headers, &error, now, request_id));
    }
    judge_completion(status, headers, completion, Some(body))
}

/// Judges a stream that ended or broke off. `cause`: the error that broke it. A stream that HTTP ended cleanly
/// is an answer even without a `[DONE]`, once every choice has said why it ended.
pub(super) fn judge_stream(
    status: StatusCode,
    headers: &HeaderMap,
    incoming: Incoming,
    cause: Option<&str>,
) -> Reply {
    if incoming.is_done() || (cause.is_none() && incoming.is_finished()) {
        return judge_completion(status, headers, incoming.into_completion(), None);
    }
    // However much arrived, it is not an answer. The tokens it reports were paid for.
    let (answer, _) = incoming.into_completion().into_answer(header(headers, "x-request-id"));
    let why = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    let fault = Fault::new(Transient, "cut_stream", format!("the stream ended before its [DONE]{why}"));
    let fault = Fault { status: Some(status.as_u16()), foreign: true, ..fault };
    Err(Fault { usage: answer.usage, request_id: answer.request_id, ..fault })
}

/// Judges an answer that arrived whole, or was assembled from its pieces, of which no `body` is kept.
fn judge_completion(
    status: StatusCode,
    headers: &HeaderMap,
    completion: Completion,
    body: Option<&[u8]>,
) -> Reply {
    let (answer, lack) = completion.into_answer(header(headers, "x-request-id"));
    let cut_header =
        header(headers, "x-dashscope-partialresponse").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let lack = if cut_header { Some(Lack::End) } else { lack };
    // Only DashScope uses a null to mean that it cut the answer. Others do not say why they end whole answers, and all say
    // why they end streams.
    let is_null = lack == Some(Lack::End) && !cut_header && !is_dashscope(headers);
    if lack.is_none() || (is_null && body.is_some() && answer.holds_something()) {
        return Ok(answer);
    }
    let unusable = |code: &str, message: &str| (FaultKind::Unusable, code.to_owned(), message.to_owned());
    let (kind, code, message) = match lack.clone().unwrap_or(Lack::Content) {
        Lack::End if is_null && body.is_none() => {
            unusable("no_finish_reason", "the stream ended without a finish_reason: it may have been cut off")
        }
        Lack::End if is_null => unusable("empty_answer", "the answer has no text and no tool call"),
        Lack::End => (
            FaultKind::CutByServer,
            "cut_by_server".to_owned(),
            "the server cut off the answer at its time limit".to_owned(),
        ),
        Lack::Rest(word) => {
            let message = format!("the server aborted the answer (finish_reason \"{word}\")");
            (FaultKind::Unusable, word, message)
        }
        Lack::Consent(words) => (RowRefused, "refused".to_owned(), error_body::bounded(words)),
        Lack::Filtered(words) => {
            let words = words
                .map_or("the server's content filter cut off the answer".to_owned(), error_body::bounded);
            (RowRefused, "content_filter".to_owned(), words)
        }
        Lack::Content => unusable("empty_answer", "the answer has no text and no tool call"),
        Lack::ContentAfterReasoning => {
            unusable("empty_answer", "the model reasoned, and gave no answer; see thinking_budget")
        }
    };
    Err(Fault {
        status: Some(status.as_u16()),
        usage: answer.usage,
        request_id: answer.request_id.clone(),
        evidence: body.map(<[u8]>::to_vec).or_else(|| serde_json::to_vec(&answer).ok()),
        partial: (kind == FaultKind::CutByServer).then(|| Box::new(answer)),
        help: help_for(&code, &message),
        ..Fault::new(kind, code, message)
    })
}

/// Judges a stream that cannot become an answer.
pub(super) fn judge_trouble(
    status: StatusCode,
    headers: &HeaderMap,
    trouble: Trouble,
    now: SystemTime,
) -> Fault {
    let request_id = header(headers, "x-request-id");
    match trouble {
        Trouble::Error(data) => refused(status, headers, &data, now, request_id),
        Trouble::Unreadable(data, error) => {
            let message = format!("an event of the stream is not part of a chat completion: {error}");
            let fault = Fault::new(FaultKind::Unusable, "unreadable_reply", message);
            Fault { status: Some(status.as_u16()), evidence: Some(data), request_id, ..fault }
        }
        Trouble::TooLong => too_long(),
    }
}

/// A 200 that is not JSON: the page of a proxy, which no model wrote, or an unusable reply.
fn unreadable(
    headers: &HeaderMap,
    body: &[u8],
    error: &serde_json::Error,
    request_id: Option<String>,
) -> Fault {
    let html = header(headers, "content-type").is_some_and(|kind| kind.contains("text/html"));
    if error.is_eof() && !body.is_empty() {
        let message = format!("the reply was cut off after {} bytes", body.len());
        let fault = Fault::new(Transient, "cut_body", message);
        return Fault { status: Some(200), foreign: true, request_id, ..fault };
    }
    let fault = match html {
        true => Fault::new(
            Transient,
            "html_reply",
            "received a web page instead of an answer; is a proxy in between?",
        ),
        false => {
            let why = if body.is_empty() { "it is empty".to_owned() } else { error.to_string() };
            Fault::new(
                FaultKind::Unusable,
                "unreadable_reply",
                format!("the reply is not a chat completion: {why}"),
            )
        }
    };
    let evidence = (!html).then(|| body.to_vec());
    Fault { status: Some(200), foreign: html, evidence, request_id, ..fault }
}

/// Judges a reply that is an error, and not to a request for a completion.
pub(super) fn judge_error(status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Fault {
    refused(status, headers, body, now, header(headers, "x-request-id"))
}

/// A reply that is an error, in one of the forms seen on the wire.
fn refused(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
    request_id: Option<String>,
) -> Fault {
    let error = ErrorBody::read(status, headers, body);
    let number = error.status(status.as_u16());
    let success = number < 300;
    let codes: Vec<&str> = [Some(error.code.as_str()), error.kind.as_deref()].into_iter().flatten().collect();
    let rule = table::rule(number, &codes, &error.message);
    let kind =
        rule.map_or_else(|| if success { FaultKind::Unusable } else { by_status(number) }, |rule| rule.kind);
    // A reply that no API wrote does not concern the row: it is a problem of the connection.
    let foreign = !error.is_own && !success;
    let kind = if foreign && kind == RowRefused { Transient } else { kind };
    let about = match (rule, kind) {
        (Some(rule), _) => rule.about,
        (None, RowRefused) => table::named_field(&error.message),
        (None, _) => None,
    };
    Fault {
        status: Some(status.as_u16()),
        retry_after: retry_after(headers, now).filter(|wait| *wait <= Duration::from_secs(30 * 86_400)),
        request_id: error.request_id.or(request_id),
        evidence: status.is_success().then(|| body.to_vec()),
        foreign,
        for_tokens: rule.is_some_and(|rule| rule.for_tokens),
        about,
        too_long: rule.is_some_and(|rule| rule.too_long),
        help: rule.and_then(|rule| rule.help),
        ..Fault::new(kind, error.code, error.message)
    }
}

/// How the user can fix a fault, from its code and message alone.
pub fn help_for(code: &str, message: &str) -> Option<&'static str> {
    let status = code.strip_prefix("http_").and_then(|status| status.parse().ok());
    // A row fails because of its content with a 400, or with a 500 from a service that notices it late.
    let statuses = status.map_or(vec![400, 500], |status| vec![status]);
    statuses.into_iter().find_map(|status| table::rule(status, &[code], message)?.help)
}

#[cfg(test)]
mod tests;
