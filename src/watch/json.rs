//! JSON lines of progress. They carry a version, and only ever gain fields.

use serde_json::json;

use super::stderr::put;
use crate::job::price::rounded;
use crate::tally::Snapshot;

/// The version of the lines.
const VERSION: u32 = 1;

/// A line of progress.
pub(super) fn progress(snapshot: &Snapshot) {
    let line = json!({
        "version": VERSION,
        "type": "progress",
        "at": now(),
        "rows": snapshot.rows,
        "ok": snapshot.ok,
        "failed": snapshot.failed,
        "left": snapshot.left(),
        "elapsed_seconds": snapshot.elapsed.as_secs_f64(),
        "seconds_left": snapshot.time_left().map(|left| left.as_secs_f64()),
        "rows_per_second": snapshot.rows_per_second,
        "tokens_per_second": snapshot.tokens_per_second,
        "requests": snapshot.requests,
        "throttled": snapshot.throttled,
        "faults": snapshot.faults,
        "prompt_tokens": snapshot.usage.prompt_tokens,
        "completion_tokens": snapshot.usage.completion_tokens,
        "total_tokens": snapshot.usage.total_tokens,
        "cost": snapshot.cost.map(rounded),
        "in_flight": snapshot.standing.in_flight,
        "places": snapshot.standing.places,
        "waiting": snapshot.standing.waiting,
        "held_by": snapshot.standing.held_by.map(|held_by| held_by.as_str()),
    });
    put(&line.to_string());
}

/// A message, as a line among the others.
pub(super) fn message(text: &str) {
    put(&json!({ "version": VERSION, "type": "message", "at": now(), "text": text }).to_string());
}

/// Why the command ended early, as a line among the others.
pub(super) fn error(text: &str) {
    put(&json!({ "version": VERSION, "type": "error", "at": now(), "text": text }).to_string());
}

/// The time as RFC 3339 has it, in UTC.
fn now() -> String {
    jiff::Timestamp::now().strftime("%FT%TZ").to_string()
}
