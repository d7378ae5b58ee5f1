//! The subject of a report: all on the page that is not a figure.

use std::collections::BTreeMap;
use std::time::SystemTime;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::history::PastOrder;
use crate::text::{count, short};

/// The journal's row counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubjectRows {
    /// All of the input; `None` before the first run.
    pub all: Option<u64>,
    /// Answered.
    pub ok: u64,
    /// Failed.
    pub failed: u64,
}

/// The subject of a report: all on the page that is not a figure.
#[derive(Debug, Clone)]
pub struct ReportSubject {
    /// The output.
    pub output: String,
    /// The rows or, in a job that cuts them, their pieces.
    pub rows: SubjectRows,
    /// The noun for one of them.
    pub noun: &'static str,
    /// The noun for what positions number: a row, unless some have no request.
    pub counted: &'static str,
    /// What the pieces are of, in words.
    pub whole: Option<String>,
    /// The job as it last ran, as JSON; null before the first run.
    pub job: Value,
    /// The limits of the last run, by name.
    pub limits: Vec<(String, String)>,
    /// Whether a run is active.
    pub running: bool,
    /// The rows of the outliers, by entry: number from 0, and identifier; without entries that no row claims at present.
    pub names: BTreeMap<i64, (u64, Option<String>)>,
    /// The latest changes to the job while it ran.
    pub orders: Vec<PastOrder>,
    /// When the report is made.
    pub made_at: SystemTime,
    /// The time zone of the page.
    pub zone: TimeZone,
    /// The program that makes it.
    pub program: String,
}

/// A row or a request by its number from 0, and its identifier, if it has one.
pub(super) fn row_name(noun: &str, position: u64, id: Option<&str>) -> String {
    match id {
        Some(id) => format!("{} ({noun} {})", short(id, 60), count(position + 1)),
        None => format!("{noun} {}", count(position + 1)),
    }
}
