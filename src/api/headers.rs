//! The headers of a reply.

use reqwest::header::{CONTENT_TYPE, HeaderMap};

/// A header as text; `None` if it is missing or not text.
pub(super) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Whether a reply is from DashScope, by headers that only it sets.
pub(super) fn is_dashscope(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with("x-dashscope-"))
}

/// Whether an answer arrives as a stream of events.
pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = header(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream")
}
