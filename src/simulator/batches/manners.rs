//! How a server's batches differ from those of others.

use std::time::Duration;

use serde::Deserialize;

/// The ways of a server with batches.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct BatchManners {
    /// How long a batch takes.
    pub(in super::super) time: Duration,
    /// In which order the lines of results are.
    pub(in super::super) order: LineOrder,
    /// Whether `response.body` is a text that holds the JSON, as OGX writes it.
    pub(in super::super) text_bodies: bool,
    /// Whether failed requests are in the output file and counted as completed, as DashScope does at times.
    pub(in super::super) errors_in_output: bool,
    /// Whether requests that an expired or cancelled batch has not reached have no line.
    pub(in super::super) rest_is_missing: bool,
    /// How long a new batch or file is missing in lists.
    pub(in super::super) list_lag: Duration,
    /// Whether a part of a file can be asked for.
    pub(in super::super) ranges: bool,
    /// The most tokens of all batches under way; a batch beyond fails.
    pub(in super::super) queue_tokens: Option<u64>,
}

/// The order of the lines of results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum LineOrder {
    #[default]
    Input,
    Reversed,
    Shuffled,
}

impl Default for BatchManners {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(2),
            order: LineOrder::default(),
            text_bodies: false,
            errors_in_output: false,
            rest_is_missing: false,
            list_lag: Duration::ZERO,
            ranges: true,
            queue_tokens: None,
        }
    }
}
