//! The witness log: one JSON line for each received request, written before its reply is sent.
//!
//! It never contains the key, only whether there was one.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, USER_AGENT};
use serde::Serialize;

use super::SimulatorError;
use super::received::Received;
use super::simulated_answer::TokenUsage;

/// The maximum characters logged of a body that is not JSON.
const LONGEST_RAW: usize = 2_000;

/// A file to which lines are appended.
pub(super) struct Witness {
    file: Mutex<File>,
}

/// The decision about a request.
pub(super) struct Verdict<'a> {
    pub(super) sequence: u64,
    pub(super) attempt: u64,
    /// The request's UUID, which its reply carries.
    pub(super) request_id: &'a str,
    /// `None` when no reply is sent.
    pub(super) status: Option<u16>,
    pub(super) error_code: Option<&'a str>,
    pub(super) fault: Option<&'a str>,
    pub(super) usage: TokenUsage,
}

#[derive(Serialize)]
struct WitnessLine<'a> {
    /// When the whole request had arrived, in Unix seconds.
    at: f64,
    /// The same moment in seconds since the server started, from a monotonic clock.
    since_start: f64,
    sequence: u64,
    r#try: u64,
    body_hash: String,
    request_id: &'a str,
    status: Option<u16>,
    error_code: Option<&'a str>,
    fault: Option<&'a str>,
    model: Option<&'a str>,
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    method: &'a str,
    path: &'a str,
    /// The batch and the line of it that this is, if it was not received live.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_id: Option<&'a str>,
    connection: u64,
    authorization_present: bool,
    headers: BTreeMap<&'a str, String>,
    /// The body as text, if it is not JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
}

impl Witness {
    /// Opens a log for appending.
    pub(super) fn open(path: &Path) -> Result<Witness, SimulatorError> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|source| SimulatorError::Witness { path: PathBuf::from(path), source })?;
        Ok(Witness { file: Mutex::new(file) })
    }

    /// Writes the line of one request; the operating system has it when this returns.
    pub(super) fn write(&self, received: &Received, verdict: &Verdict) -> std::io::Result<()> {
        let line = line(received, verdict)?;
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
    }
}

fn line(received: &Received, verdict: &Verdict) -> std::io::Result<Vec<u8>> {
    let is_json = received.json.is_some();
    let raw =
        (!is_json && !received.body.is_empty()).then(|| received.text().chars().take(LONGEST_RAW).collect());
    let line = WitnessLine {
        at: received.at.as_secs_f64(),
        since_start: received.since_start.as_secs_f64(),
        sequence: verdict.sequence,
        r#try: verdict.attempt,
        body_hash: received.fingerprint.hex(),
        request_id: verdict.request_id,
        status: verdict.status,
        error_code: verdict.error_code,
        fault: verdict.fault,
        model: received.model(),
        prompt_tokens: verdict.usage.prompt,
        completion_tokens: verdict.usage.completion,
        total_tokens: verdict.usage.total(),
        method: received.method.as_str(),
        path: &received.path,
        batch: received.line.as_ref().map(|line| line.batch.as_str()),
        custom_id: received.line.as_ref().map(|line| line.custom_id.as_str()),
        connection: received.connection,
        authorization_present: received.headers.contains_key(AUTHORIZATION),
        headers: relevant_headers(&received.headers),
        raw,
    };
    let mut bytes = serde_json::to_vec(&line)?;
    if is_json {
        // The body is written as received. In JSON, a line break can occur only between values, so a blank can replace it.
        bytes.pop();
        bytes.extend_from_slice(b",\"body\":");
        let is_break = |byte: u8| byte == b'\n' || byte == b'\r';
        bytes.extend(received.body.iter().map(|byte| if is_break(*byte) { b' ' } else { *byte }));
        bytes.push(b'}');
    }
    bytes.push(b'\n');
    Ok(bytes)
}

fn relevant_headers(headers: &HeaderMap) -> BTreeMap<&str, String> {
    headers
        .iter()
        .filter(|(name, _)| *name == USER_AGENT || name.as_str().starts_with("x-dashscope-"))
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}
