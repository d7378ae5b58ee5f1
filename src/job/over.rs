//! `[merge]` and `[digest]`, settled: requests over answers.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::template_text::TemplateText;

/// A request over answers, which templates see as the list `parts`.
#[derive(Debug, Clone)]
pub struct PartsRequest {
    /// The section of the job file: `merge` or `digest`.
    pub section: &'static str,
    /// The user's turn.
    pub prompt: TemplateText,
    /// The system turn.
    pub system: Option<TemplateText>,
    /// The model; `None` for the job's.
    pub model: Option<String>,
    /// The most estimated tokens of parts in one request; `None` for what the model reads.
    pub max_tokens: Option<u64>,
    /// Every other field of the request body.
    pub request: Map<String, Value>,
    /// The places of the strings in `request`, for messages: the path under `request`, and its text.
    pub request_texts: Vec<(Vec<String>, TemplateText)>,
}

/// One answer over all rows of a job.
#[derive(Debug, Clone)]
pub struct DigestRequest {
    /// The contribution of each row.
    pub each: TemplateText,
    /// The request over the contributions.
    pub asked: PartsRequest,
    /// The file it is written to.
    pub output: Option<PathBuf>,
}
