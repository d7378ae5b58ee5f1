//! A line of an output or error file. Its body is judged like that of a live reply.

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::lenient;
use crate::api::simulated::as_marked;
use crate::api::verdict::{judge, judge_error};
use crate::clock;
use crate::near_json::read;
use crate::outcome::{Fault, FaultKind, Reply, Usage};
use crate::secrets;

/// A line, as servers write it.
#[derive(Debug, Deserialize)]
struct WireLine {
    #[serde(default, deserialize_with = "lenient::optional")]
    response: Option<WireResponse>,
    error: Option<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
struct WireResponse {
    #[serde(default, deserialize_with = "lenient::count")]
    status_code: Option<u64>,
    #[serde(default, deserialize_with = "lenient::text")]
    request_id: Option<String>,
    body: Option<Box<RawValue>>,
}

#[derive(Debug, Default, Deserialize)]
struct LineError {
    #[serde(default, deserialize_with = "lenient::text")]
    code: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    message: Option<String>,
}

/// The id that a line repeats.
pub(super) fn custom_id(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Id {
        #[serde(default, deserialize_with = "lenient::text")]
        custom_id: Option<String>,
    }
    read::<Id>(line).ok()?.custom_id
}

/// The reply in a line, to a request for `asked` choices. `headers` are those that a live reply would have had.
pub(super) fn reply(line: &[u8], mut headers: HeaderMap, asked: usize) -> Reply {
    let line = secrets::kept().out_of_body(line.to_vec());
    let line: WireLine = read(&line).map_err(|error| {
        let message = format!("a line of the batch's file is not JSON: {error}");
        Fault::new(FaultKind::Unusable, "unreadable_reply", message)
    })?;
    let id = line.response.as_ref().and_then(|response| response.request_id.as_deref());
    if let Some(id) = id.and_then(|id| HeaderValue::from_str(id).ok()) {
        headers.insert("x-request-id", id);
    }
    let reply = as_marked(&headers, judged(line, &headers, asked));
    match reply {
        Ok(answer) => Ok(secrets::kept().out_of_answer(answer)),
        Err(fault) => Err(secrets::kept().out_of_reply(fault)),
    }
}

fn judged(line: WireLine, headers: &HeaderMap, asked: usize) -> Reply {
    let error = line.error.filter(|error| lenient::says_something(error.get()));
    let (status, body) = match line.response {
        Some(response) => (response.status_code, response.body.and_then(|body| filled(&body))),
        None => (None, None),
    };
    let status = status.and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok());
    match (body, error) {
        (Some(body), error) if status.is_none_or(|status| status.is_success()) => {
            let answered = judge(status.unwrap_or_default(), headers, &body, clock::now(), asked);
            // A body that is there says more than an error next to it, unless it is no answer.
            match (answered, error) {
                (Err(fault), Some(error)) if fault.usage.is_none() => Err(refused(None, headers, &error)),
                (answered, _) => answered,
            }
        }
        (Some(body), _) => Err(unpaid(judge_error(status.unwrap_or_default(), headers, &body, clock::now()))),
        (None, Some(error)) => Err(refused(status, headers, &error)),
        (None, None) if status.is_some_and(|status| !status.is_success()) => {
            Err(unpaid(judge_error(status.unwrap_or_default(), headers, b"", clock::now())))
        }
        (None, None) => {
            let kind = FaultKind::Transient;
            Err(unpaid(Fault::new(kind, "unreadable_reply", "the line has neither a response nor an error")))
        }
    }
}

/// A body that has content. Some servers write it as a text that holds the JSON.
fn filled(body: &RawValue) -> Option<Vec<u8>> {
    let text = serde_json::from_str::<String>(body.get());
    let body = text.unwrap_or_else(|_| body.get().to_owned());
    lenient::says_something(&body).then(|| body.into_bytes())
}

/// The fault of a request that has an error instead of a response, in the form of an error body.
fn refused(status: Option<StatusCode>, headers: &HeaderMap, error: &RawValue) -> Fault {
    let read: LineError = serde_json::from_str(error.get()).unwrap_or_default();
    let code = read.code.as_deref().map(str::to_ascii_lowercase);
    let ended = match code.as_deref() {
        Some("batch_expired") => Some("batch_expired"),
        Some("batch_cancelled" | "batch_canceled") => Some("batch_cancelled"),
        _ => None,
    };
    if let Some(code) = ended {
        let message = read.message.unwrap_or_else(|| "the batch ended before this request".to_owned());
        return unpaid(Fault::new(FaultKind::Transient, code, message));
    }
    let body = format!("{{\"error\":{}}}", error.get());
    // Without a status of its own, the code says what it would have been.
    let known = status.filter(|status| !status.is_success());
    let fault = judge_error(known.unwrap_or_default(), headers, body.as_bytes(), clock::now());
    // An error that nobody knows may pass.
    let kind = if fault.kind == FaultKind::Unusable { FaultKind::Transient } else { fault.kind };
    unpaid(Fault { kind, status: known.map(|status| status.as_u16()), ..fault })
}

/// A fault of a request that was not answered: in a batch, only answers are paid for.
fn unpaid(fault: Fault) -> Fault {
    Fault { usage: Some(Usage::NOTHING), evidence: None, ..fault }
}
