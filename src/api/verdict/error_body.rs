//! The content of an error body, in any of the forms that servers use: OpenAI's, DashScope's native one, a bare text, a
//! `detail`, vLLM's flat object. Pure.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::table;
use crate::api::headers::header;

/// The longest message kept from a server; a longer one is cut.
const MOST_CHARACTERS: usize = 2_000;

/// The content of an error body.
#[derive(Debug)]
pub(super) struct ErrorBody {
    /// The code, or the field nearest to one.
    pub(super) code: String,
    /// The field `type`, if present: some servers put their code in it.
    pub(super) kind: Option<String>,
    /// The code as a number, which repeats the status.
    number: Option<u16>,
    /// The message.
    pub(super) message: String,
    /// The service's id of the request.
    pub(super) request_id: Option<String>,
    /// Whether an API wrote it: JSON that holds an error, and not a page, a bare text or nothing.
    pub(super) is_own: bool,
}

impl ErrorBody {
    /// Reads an error body.
    pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let parsed = inner(serde_json::from_slice(body).ok().or_else(|| event(body)).unwrap_or_default());
        let error = parsed.get("error").filter(|error| error.is_object()).unwrap_or(&parsed);
        let kind = text(error, "type");
        // A numeric code repeats the status; the type next to it says more.
        let code = text(error, "code");
        let number = code.as_ref().and_then(|code| code.parse().ok());
        let code = code
            .filter(|_| number.is_none())
            .or_else(|| kind.clone())
            .unwrap_or_else(|| format!("http_{}", number.unwrap_or(status.as_u16())));
        let message = text(error, "message")
            .or_else(|| text(&parsed, "error"))
            .or_else(|| parsed.get("detail").and_then(detail));
        let location = header(headers, "location").filter(|_| status.is_redirection());
        let message = match (message, location) {
            (Some(message), _) => message,
            (None, Some(location)) => {
                format!("redirected to {location}; redirects are not followed with prompts and key")
            }
            (None, None) => plain_text(headers, body).unwrap_or_else(|| reason(status)),
        };
        let request_id = text(&parsed, "request_id").or_else(|| of_id(&parsed));
        let (code, kind, message) = (bounded(code), kind.map(bounded), bounded(message));
        let is_own = ["error", "message", "detail", "code", "type"]
            .iter()
            .any(|key| parsed.get(key).is_some_and(|value| !value.is_null() && value != ""));
        Self { code, kind, number, message, request_id, is_own }
    }

    /// The status to judge by. A message that begins with `<NNN> InternalError.Algo` carries the real one, that of the model
    /// service behind the gateway, which can differ from the gateway's own.
    pub(super) fn status(&self, status: u16) -> u16 {
        let upstream = self.message.trim_start().strip_prefix('<').and_then(|rest| {
            let (number, _) = rest.split_once('>')?;
            number.parse().ok().filter(|number| matches!(number, 400 | 408 | 413 | 422 | 429 | 500..600))
        });
        // An error inside a 200 may have its status as its code, or a code whose usual status is known.
        let upstream =
            upstream.or_else(|| self.number.or_else(|| self.usual_status()).filter(|_| status == 200));
        match upstream {
            // The gateway's own verdict on key, address or rate is kept.
            Some(upstream) if [200, 400].contains(&status) || status >= 500 => upstream,
            _ => status,
        }
    }

    /// The status that usually accompanies the code.
    fn usual_status(&self) -> Option<u16> {
        let code = table::folded(&self.code);
        STATUSES.iter().find(|(word, _)| code.contains(word)).map(|(_, status)| *status)
    }
}

/// The JSON of the first event of a body that is a stream: DashScope refuses a streamed call with one, `event:error`.
fn event(body: &[u8]) -> Option<Value> {
    let lines = std::str::from_utf8(body).ok()?.lines();
    lines
        .filter_map(|line| line.strip_prefix("data:"))
        .find_map(|data| serde_json::from_str(data.trim()).ok())
}

/// The error inside an error: DashScope's native form may carry the OpenAI form as its message, `data: {"error":{…}}`.
/// Fields that only the outer one has, such as the request id, are kept.
fn inner(mut outer: Value) -> Value {
    let Some(text) = outer.get("message").and_then(Value::as_str) else { return outer };
    let text = text.trim_start();
    let json = text.strip_prefix("data:").unwrap_or(text).trim_start();
    match serde_json::from_str::<Value>(json) {
        Ok(Value::Object(fields)) if fields.get("error").is_some_and(Value::is_object) => {
            if let Some(known) = outer.as_object_mut() {
                known.extend(fields);
            }
            outer
        }
        _ => outer,
    }
}

/// The statuses of error codes that arrive without one: inside a stream, whose status is already 200.
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

/// A text, or a number as text; `None` if it is empty.
fn text(value: &Value, key: &str) -> Option<String> {
    match value.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}

/// The beginning of a server's message, short enough for a cell and a line: some send whole pages.
pub(super) fn bounded(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MOST_CHARACTERS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The `detail` of FastAPI's servers: a text, or a list of places with the problem at each.
fn detail(detail: &Value) -> Option<String> {
    match detail {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let item = items.first()?;
            let place = item.get("loc").and_then(Value::as_array).map(|parts| {
                let part = |part: &Value| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
                parts.iter().map(part).collect::<Vec<_>>().join(".")
            });
            let said = text(item, "msg")?;
            Some(place.map_or_else(|| said.clone(), |place| format!("{place}: {said}")))
        }
        Value::Object(_) => text(detail, "message").or_else(|| text(detail, "msg")),
        _ => None,
    }
}

/// The request id within that of its completion.
fn of_id(parsed: &Value) -> Option<String> {
    text(parsed, "id").and_then(|id| id.strip_prefix("chatcmpl-").map(str::to_owned))
}

/// The beginning of a body that is plain text; a web page has nothing that fits in a line.
fn plain_text(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if header(headers, "content-type").is_some_and(|kind| kind.contains("html")) {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?.trim();
    (!text.is_empty() && !text.starts_with('<')).then(|| text.chars().take(500).collect())
}

fn reason(status: StatusCode) -> String {
    let words = words_of(status);
    match status.as_u16() {
        404 => format!("{words}: is base_url right?"),
        _ => words.to_owned(),
    }
}

/// The meaning of a status, also of those that HTTP does not define: nginx's, Cloudflare's
/// (<https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/>) and those of load balancers.
pub(crate) fn words_of(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or_else(|| match status.as_u16() {
        419 => "the session has expired",
        440 => "the login has expired",
        444 => "nginx closed the connection without an answer",
        460 => "the load balancer saw the client close the connection",
        494 => "the request's headers are too large for nginx",
        495 | 496 => "nginx asks for a client's certificate",
        497 => "plain HTTP was sent to a port for HTTPS",
        499 => "nginx saw the client close the connection",
        520 => "Cloudflare received an invalid response from the server",
        521 => "Cloudflare: the server behind it is down",
        522 => "Cloudflare: the server behind it did not take the connection in time",
        523 => "Cloudflare cannot reach the server behind it",
        524 => "Cloudflare: the server behind it did not answer in time",
        525 => "Cloudflare: no TLS with the server behind it",
        526 => "Cloudflare: the certificate of the server behind it is invalid",
        527 => "Cloudflare: its own connection to the server behind it is broken",
        529 => "the service is overloaded",
        530 => "Cloudflare cannot find the server behind it",
        561 => "the load balancer could not authenticate the client",
        598 | 599 => "a proxy in between had a time-out",
        200..=299 => "a success that HTTP does not know",
        400..=499 => "the request is refused, by a status that HTTP does not know",
        _ => "a status that HTTP does not know",
    })
}
