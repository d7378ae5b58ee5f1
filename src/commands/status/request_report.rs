//! One request of a row, as `status --row` shows it: of a combination, a piece, or a merge.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::job::price::rounded;
use crate::outcome::{RowResult, Status};
use crate::text::{count, counted, short};

/// Which of a row's requests one is.
#[derive(Debug, Default)]
pub(super) struct RequestName {
    /// The name by which `status --row` shows its history: `7#2`, `7#French/title`.
    pub(super) row: String,
    /// The same in words.
    pub(super) shown: String,
    /// The values of its combination, by name; `None` in a job without combinations.
    pub(super) each: Option<BTreeMap<String, String>>,
    /// The number of its piece, from 1, if it is about one.
    pub(super) piece: Option<u32>,
    /// Its place among all requests, from 0, if it has one.
    pub(super) position: Option<u64>,
}

/// A request and its result.
#[derive(Debug, Serialize)]
pub(super) struct RequestReport {
    row: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    each: Option<BTreeMap<String, String>>,
    #[serde(skip)]
    shown: String,
    piece: Option<u32>,
    position: Option<u64>,
    status: &'static str,
    pub(super) attempts: Option<u32>,
    pub(super) cost: Option<f64>,
    pub(super) total_tokens: Option<u64>,
    error_code: Option<String>,
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl RequestReport {
    pub(super) fn new(name: RequestName, result: RowResult) -> Self {
        let usage = result.answer.as_ref().and_then(|answer| answer.usage.as_ref());
        let RequestName { row, shown, each, piece, position } = name;
        Self {
            row,
            each,
            shown,
            piece,
            position,
            status: result.status.as_str(),
            attempts: result.attempts,
            cost: result.cost.map(rounded),
            total_tokens: usage.and_then(|usage| usage.total_tokens),
            error_code: result.error_code,
            error: result.error,
            warnings: result.warnings,
        }
    }

    /// The line of the request, and one for each warning about its answer.
    pub(super) fn lines(&self) -> Vec<String> {
        let warnings = self.warnings.iter().map(|text| format!("    warning: {}", short(text, 200)));
        [self.line()].into_iter().chain(warnings).collect()
    }

    fn line(&self) -> String {
        let requests = counted(u64::from(self.attempts.unwrap_or(0)), "request");
        let tokens = self.total_tokens.map(|tokens| format!(" · {} tokens", count(tokens)));
        let error = self.error.as_deref().map(|error| format!(": {}", short(error, 200)));
        let sent = match self.status == Status::Skipped.as_str() {
            true => ": skipped, nothing to ask".to_owned(),
            false => format!(" ({}): {} after {requests}", self.row, self.status),
        };
        format!("  {}{sent}{}{}", self.shown, tokens.unwrap_or_default(), error.unwrap_or_default())
    }
}
