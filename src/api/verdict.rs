//! What a reply means: status, code and message together, in one table. Pure.
//!
//! The codes and messages are those of the vendor's error-code page, with what third parties saw on the wire; they are
//! compared without regard to case, underscores and dots, because the service itself uses both spellings.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::reply::{Completion, Lack};
use super::retry_after::retry_after;
use super::stream::{Incoming, Trouble};
use crate::outcome::{Fault, FaultKind, Reply};

use FaultKind::{JobRefused, Passing, RowRefused, Throttled};

/// The longest reply that is taken: far above any model's longest answer.
pub(super) const MOST_BYTES: usize = 64 * 1024 * 1024;

/// A rule of the table. An empty list of statuses, codes or words is no condition; the first rule that fits decides.
struct Rule {
    statuses: &'static [u16],
    codes: &'static [&'static str],
    words: &'static [&'static str],
    kind: FaultKind,
}

const fn rule(
    statuses: &'static [u16],
    codes: &'static [&'static str],
    words: &'static [&'static str],
    kind: FaultKind,
) -> Rule {
    Rule { statuses, codes, words, kind }
}

/// The table. Codes are written as they compare: lower case, letters and digits only.
const RULES: &[Rule] = &[
    // The account: no request will pass until its owner does something. Some of these come as 429.
    rule(
        &[],
        &["arrearage", "commoditynotpurchased", "prepaidbilloverdue", "postpaidbilloverdue"],
        &[],
        JobRefused,
    ),
    rule(&[], &["allocationquotafreetieronly"], &[], JobRefused),
    rule(
        &[],
        &[],
        &["free allocated quota exceeded", "free tier of the model has been exhausted"],
        JobRefused,
    ),
    rule(&[], &[], &["hour allocated quota exceeded", "week allocated quota exceeded"], JobRefused),
    rule(&[], &[], &["month allocated quota exceeded", "account is in good standing"], JobRefused),
    // Throttling. `insufficient_quota` at 429 is DashScope's limit of tokens per minute, and clears within one.
    rule(&[429, 529], &[], &[], Throttled),
    rule(&[400, 500, 503], &["serviceunavailable"], &["too many requests", "throttled"], Throttled),
    rule(&[500, 502, 503], &[], &["<429>", "requests are being throttled"], Throttled),
    rule(&[503], &["serviceunavailable"], &[], Throttled),
    // Who asks, and for what model.
    rule(&[], &["invalidapikey"], &[], JobRefused),
    rule(&[401, 402, 403], &[], &[], JobRefused),
    rule(&[], &["modelnotfound", "modelnotsupported", "endpointaccessdenied"], &[], JobRefused),
    rule(&[301, 308, 404, 405, 410], &[], &[], JobRefused),
    // Requests that are wrong for every row alike.
    rule(&[400], &["invalidparameternotsupportenablethinking"], &[], JobRefused),
    rule(
        &[400],
        &[],
        &["must be set to false for non-streaming calls", "only support stream mode"],
        JobRefused,
    ),
    rule(&[400], &[], &["model not exist", "does not support enable_thinking"], JobRefused),
    rule(&[400], &[], &["enable_thinking parameter is restricted to true"], JobRefused),
    // Trouble of one row that comes as a server error.
    rule(&[500], &[], &["role must be in", "list index out of range", "expecting ',' delimiter"], RowRefused),
    rule(&[500], &[], &["object is not iterable"], RowRefused),
    // Trouble that passes.
    rule(&[400], &[], &["file parsing in progress"], Passing),
    rule(&[302, 303, 307], &[], &[], Passing),
    rule(&[408, 409, 425], &[], &[], Passing),
];

/// What a status means that no rule names.
fn by_status(status: u16) -> FaultKind {
    match status {
        500.. => Passing,
        _ => RowRefused,
    }
}

/// Judges a reply that arrived whole.
pub fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Reply {
    let request_id = header(headers, "x-request-id");
    if !status.is_success() {
        return Err(refused(status, headers, body, now, request_id));
    }
    let completion: Completion = match serde_json::from_slice(body) {
        Ok(completion) => completion,
        Err(error) => return Err(unreadable(headers, body, &error, request_id)),
    };
    if completion.is_error() {
        return Err(refused(status, headers, body, now, request_id));
    }
    judge_completion(status, headers, completion, Some(body))
}

/// Judges a stream that came to its end, or broke off. `cause`: what broke it.
pub(super) fn judge_stream(
    status: StatusCode,
    headers: &HeaderMap,
    incoming: Incoming,
    cause: Option<&str>,
) -> Reply {
    if incoming.is_done() {
        return judge_completion(status, headers, incoming.into_completion(), None);
    }
    // However much was said, it is no answer. What it says of tokens was paid.
    let (answer, _) = incoming.into_completion().into_answer(header(headers, "x-request-id"));
    let why = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    let fault = Fault::new(Passing, "cut_stream", format!("the stream ended before its [DONE]{why}"));
    Err(Fault { status: Some(status.as_u16()), usage: answer.usage, request_id: answer.request_id, ..fault })
}

/// Judges an answer that arrived whole, or was put together from its pieces, of which no `body` is kept.
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
    let Some(lack) = lack else { return Ok(answer) };
    let (kind, code, message) = match lack {
        Lack::End => (FaultKind::CutByServer, "cut_by_server", "the server cut the answer at its time limit"),
        Lack::Content => (FaultKind::Unusable, "empty_answer", "the answer has no text and no tool call"),
        Lack::ContentAfterReasoning => (
            FaultKind::Unusable,
            "empty_answer",
            "the model reasoned, and gave no answer; see thinking_budget",
        ),
    };
    Err(Fault {
        status: Some(status.as_u16()),
        usage: answer.usage,
        request_id: answer.request_id.clone(),
        evidence: body.map(<[u8]>::to_vec).or_else(|| serde_json::to_vec(&answer).ok()),
        partial: (lack == Lack::End).then(|| Box::new(answer)),
        ..Fault::new(kind, code, message)
    })
}

/// Judges a stream that will be no answer.
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
            let message = format!("an event of the stream is no piece of a chat completion: {error}");
            let fault = Fault::new(FaultKind::Unusable, "unreadable_reply", message);
            Fault { status: Some(status.as_u16()), evidence: Some(data), request_id, ..fault }
        }
        Trouble::TooLong => too_long(),
    }
}

/// A reply that is longer than any answer.
pub(super) fn too_long() -> Fault {
    let message = format!("the reply is longer than {} MiB", MOST_BYTES >> 20);
    Fault::new(FaultKind::Unusable, "reply_too_long", message)
}

/// A 200 that is no JSON: a page of some proxy, which no model wrote, or a reply that is no use.
fn unreadable(
    headers: &HeaderMap,
    body: &[u8],
    error: &serde_json::Error,
    request_id: Option<String>,
) -> Fault {
    let html = header(headers, "content-type").is_some_and(|kind| kind.contains("text/html"));
    if error.is_eof() && !body.is_empty() {
        let message = format!("the reply broke off after {} bytes", body.len());
        return Fault { status: Some(200), request_id, ..Fault::new(Passing, "cut_body", message) };
    }
    let fault = match html {
        true => {
            Fault::new(Passing, "html_reply", "a web page came instead of an answer; is a proxy in between?")
        }
        false => Fault::new(
            FaultKind::Unusable,
            "unreadable_reply",
            format!("the reply is no chat completion: {error}"),
        ),
    };
    Fault { status: Some(200), evidence: (!html).then(|| body.to_vec()), request_id, ..fault }
}

/// A reply that is an error, in one of the shapes seen on the wire.
fn refused(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
    request_id: Option<String>,
) -> Fault {
    let said = Said::read(status, headers, body);
    let success = status.is_success();
    // An error inside a 200 is judged by the status that it would have had by itself.
    let number = if success { said.own_status().unwrap_or(status.as_u16()) } else { status.as_u16() };
    let unknown = if number < 300 { FaultKind::Unusable } else { by_status(number) };
    let kind = RULES.iter().find(|rule| said.fits(rule, number)).map_or(unknown, |rule| rule.kind);
    Fault {
        kind,
        status: Some(status.as_u16()),
        code: said.code,
        message: said.message,
        retry_after: retry_after(headers, now).filter(|wait| *wait <= Duration::from_secs(30 * 86_400)),
        request_id: said.request_id.or(request_id),
        usage: None,
        evidence: success.then(|| body.to_vec()),
        partial: None,
        about: None,
        mend: None,
    }
}

/// What an error body says.
struct Said {
    code: String,
    message: String,
    request_id: Option<String>,
}

impl Said {
    fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |value: &Value, key: &str| match value.get(key) {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let error = parsed.get("error").filter(|error| error.is_object()).unwrap_or(&parsed);
        let code = text(error, "code").or_else(|| text(error, "type"));
        let message =
            text(error, "message").or_else(|| text(&parsed, "error")).or_else(|| text(&parsed, "detail"));
        let location = header(headers, "location").filter(|_| status.is_redirection());
        let message = match (message, location) {
            (Some(message), _) => message,
            (None, Some(location)) => {
                format!("redirected to {location}; redirects are not followed with prompts and key")
            }
            (None, None) => plain_text(headers, body).unwrap_or_else(|| reason(status)),
        };
        Self {
            code: code.unwrap_or_else(|| format!("http_{}", status.as_u16())),
            message,
            request_id: text(&parsed, "request_id"),
        }
    }

    fn fits(&self, rule: &Rule, status: u16) -> bool {
        let code = folded(&self.code);
        let message = self.message.to_lowercase();
        (rule.statuses.is_empty() || rule.statuses.contains(&status))
            && (rule.codes.is_empty() || rule.codes.contains(&code.as_str()))
            && (rule.words.is_empty() || rule.words.iter().any(|words| message.contains(words)))
    }
}

/// The statuses that errors have, for those that come without one: inside a stream, whose status is 200 already.
const STATUSES: &[(&str, u16)] = &[
    ("limitrequests", 429),
    ("limitburstrate", 429),
    ("insufficientquota", 429),
    ("throttling", 429),
    ("resourceexhausted", 429),
    ("ratelimit", 429),
    ("invalidapikey", 401),
    ("accessdenied", 403),
    ("datainspectionfailed", 400),
    ("invalidparameter", 400),
    ("invalidrequest", 400),
    ("serviceunavailable", 503),
    ("modelunavailable", 503),
    ("modelservingerror", 503),
    ("overloaded", 503),
    ("internal", 500),
    ("systemerror", 500),
    ("servererror", 500),
    ("modelservicefailed", 500),
    ("timeout", 500),
];

impl Said {
    /// The status that an error names itself, by a number for its code or before its message (`<503> …`), or that
    /// its code is known to come with.
    fn own_status(&self) -> Option<u16> {
        let an_error = |text: &str| text.parse::<u16>().ok().filter(|number| (400..600).contains(number));
        let prefix = || an_error(self.message.strip_prefix('<')?.split_once('>')?.0);
        let code = folded(&self.code);
        let known = || STATUSES.iter().find(|(word, _)| code.contains(word)).map(|(_, status)| *status);
        an_error(&self.code).or_else(prefix).or_else(known)
    }
}

/// A code as it compares.
fn folded(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The beginning of a body that is plain text; a web page says nothing that fits a line.
fn plain_text(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if header(headers, "content-type").is_some_and(|kind| kind.contains("html")) {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?.trim();
    (!text.is_empty() && !text.starts_with('<')).then(|| text.chars().take(500).collect())
}

fn reason(status: StatusCode) -> String {
    let words = status.canonical_reason().unwrap_or("an unknown status");
    match status.as_u16() {
        404 => format!("{words}: is base_url right?"),
        _ => words.to_owned(),
    }
}

#[cfg(test)]
mod tests;
