//! The JSON line of `fanfold ask --json`, with the same names as a job's answer columns.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::commands::usage::TokenFields;
use crate::outcome::{Answer, Fault};

/// The version of the line. It only ever gains fields.
const VERSION: u32 = 1;

/// The result of a question.
#[derive(Debug, Serialize)]
pub(super) struct ReplyLine<'a> {
    version: u32,
    response: Option<&'a str>,
    reasoning: Option<&'a str>,
    tool_calls: Option<Value>,
    finish_reason: Option<&'a str>,
    #[serde(flatten)]
    tokens: TokenFields,
    cached_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
    cost: Option<f64>,
    model: Option<&'a str>,
    request_id: Option<&'a str>,
    attempts: u32,
    latency_ms: u64,
    status: &'static str,
    error_code: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> ReplyLine<'a> {
    /// For a reply after this time, at this try. `model`: the requested model.
    pub(super) fn of(
        model: &'a str,
        reply: Result<&'a Answer, &'a Fault>,
        cost: Option<f64>,
        latency: Duration,
        tries: u32,
    ) -> Self {
        let (answer, fault) = (reply.ok(), reply.err());
        let usage = reply.map_or_else(|fault| fault.usage, |answer| answer.usage);
        let request_id = reply.map_or_else(|fault| &fault.request_id, |answer| &answer.request_id);
        let calls = answer.and_then(|answer| answer.tool_calls.as_deref());
        Self {
            version: VERSION,
            response: answer.and_then(|answer| answer.response.as_deref()),
            reasoning: answer.and_then(|answer| answer.reasoning.as_deref()),
            tool_calls: calls.and_then(|calls| serde_json::from_str(calls).ok()),
            finish_reason: answer.and_then(|answer| answer.finish_reason.as_deref()),
            tokens: TokenFields::of(usage),
            cached_tokens: usage.and_then(|usage| usage.cached_tokens),
            reasoning_tokens: usage.and_then(|usage| usage.reasoning_tokens),
            cost,
            model: answer.map_or(Some(model), |answer| answer.model.as_deref()),
            request_id: request_id.as_deref(),
            attempts: tries,
            latency_ms: u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
            status: if answer.is_some() { "ok" } else { "failed" },
            error_code: fault.map(|fault| fault.code.as_ref()),
            error: fault.map(|fault| fault.message.as_ref()),
        }
    }
}
