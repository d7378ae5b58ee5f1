//! JSON lines of progress. They carry a version, and only ever gain fields.

use serde::Serialize;

use super::stderr::put;
use crate::batch::figures::BatchFigures;
use crate::clock;
use crate::tally::{RequestFigures, Snapshot};

/// The version of the lines.
const VERSION: u32 = 1;

/// A line: the fields that all lines have, and its own.
#[derive(Serialize)]
struct Line<'a, T> {
    version: u32,
    #[serde(rename = "type")]
    kind: &'a str,
    at: String,
    #[serde(flatten)]
    what: T,
}

/// A message of some kind.
#[derive(Serialize)]
struct MessageLine<'a> {
    text: &'a str,
}

/// The state of a run.
#[derive(Serialize)]
struct ProgressReport {
    input_rows: u64,
    /// Those of them that ask nothing, because they have no text.
    skipped: u64,
    rows: u64,
    ok: u64,
    failed: u64,
    left: u64,
    elapsed_seconds: f64,
    seconds_left: Option<f64>,
    rows_per_second: f64,
    requests_per_second: f64,
    tokens_per_second: f64,
    #[serde(flatten)]
    figures: RequestFigures,
    in_flight: usize,
    places: usize,
    waiting: usize,
    held_by: Option<&'static str>,
    /// The provider's batches, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    batches: Option<BatchFigures>,
}

/// A line of progress.
pub(super) fn progress(snapshot: &Snapshot) {
    let state = &snapshot.state;
    let what = ProgressReport {
        input_rows: snapshot.input_rows,
        skipped: snapshot.skipped,
        rows: snapshot.rows,
        ok: snapshot.ok,
        failed: snapshot.failed,
        left: snapshot.left(),
        elapsed_seconds: snapshot.elapsed.as_secs_f64(),
        seconds_left: snapshot.time_left().map(|left| left.as_secs_f64()),
        rows_per_second: snapshot.rows_per_second,
        requests_per_second: snapshot.requests_per_second,
        tokens_per_second: snapshot.tokens_per_second,
        figures: snapshot.figures(),
        in_flight: state.in_flight,
        places: state.places,
        waiting: state.waiting,
        held_by: state.held_by.map(|held_by| held_by.as_str()),
        batches: Some(snapshot.batches).filter(|batches| batches.open > 0),
    };
    put_line("progress", what);
}

/// A message, as one of the JSON lines.
pub(super) fn message(text: &str) {
    put_line("message", MessageLine { text });
}

/// Why the command ended early, as one of the JSON lines.
pub(super) fn error(text: &str) {
    put_line("error", MessageLine { text });
}

fn put_line(kind: &str, what: impl Serialize) {
    // The time in RFC 3339 form, in UTC.
    let at = clock::timestamp().strftime("%FT%TZ").to_string();
    if let Ok(line) = serde_json::to_string(&Line { version: VERSION, kind, at, what }) {
        put(&line);
    }
}
