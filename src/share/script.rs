//! The exchange and its reply as the script in Redis reads and writes them.

use serde::{Deserialize, Serialize};

use super::schedule::{ScheduleReply, ScheduledTurn};
use crate::shared_quota::{Exchange, HeldBy, SharedLimits};

/// The script itself.
pub(super) const SCRIPT: &str = include_str!("schedule.lua");

/// The argument of the script.
#[derive(Debug, Serialize)]
pub(super) struct ScriptExchange<'a> {
    /// Seconds; without it the server's own time holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) now: Option<f64>,
    worker: &'a str,
    first_wait: f64,
    qps: f64,
    qpm: f64,
    tpm: f64,
    turns: u32,
    tokens: f64,
    divided_by: u32,
    settled: Vec<(f64, f64)>,
    throttled: Vec<(f64, f64, u8)>,
}

impl<'a> ScriptExchange<'a> {
    pub(super) fn new(worker: &'a str, exchange: &Exchange, first_wait: f64) -> Self {
        let SharedLimits { qps, qpm, tpm } = exchange.limits;
        let (turns, tokens) = exchange.ask.map_or((0, 0.0), |ask| (ask.turns, ask.tokens));
        let settled = exchange.settled.iter().map(|one| (one.ago.as_secs_f64(), one.difference)).collect();
        let throttled = exchange.throttled.iter().map(|one| {
            let wait = one.retry_after.map_or(0.0, |wait| wait.as_secs_f64());
            (one.ago.as_secs_f64(), wait, u8::from(one.tokens))
        });
        let (throttled, divided_by) = (throttled.collect(), exchange.divided_by);
        Self { now: None, worker, first_wait, qps, qpm, tpm, turns, tokens, divided_by, settled, throttled }
    }
}

/// The reply of the script.
#[derive(Debug, Deserialize)]
pub(super) struct ScriptReply {
    #[serde(default)]
    wait: Option<f64>,
    #[serde(default)]
    every: f64,
    #[serde(default)]
    good: f64,
    #[serde(default)]
    later: Option<f64>,
    #[serde(default)]
    held_by: String,
    workers: f64,
    qps: f64,
    qpm: f64,
    tpm: f64,
    opens: f64,
}

impl From<ScriptReply> for ScheduleReply {
    fn from(reply: ScriptReply) -> Self {
        let ScriptReply { every, good, qps, qpm, tpm, opens, .. } = reply;
        let held_by = match reply.held_by.as_str() {
            "tokens" => HeldBy::Tokens,
            "brake" => HeldBy::Brake,
            _ => HeldBy::Requests,
        };
        let turn = match (reply.wait, reply.later) {
            (Some(wait), _) => Some(ScheduledTurn::Granted { wait, every, good }),
            (None, Some(wait)) => Some(ScheduledTurn::Later { wait, held_by }),
            (None, None) => None,
        };
        Self { turn, workers: reply.workers as u32, limits: SharedLimits { qps, qpm, tpm }, opens }
    }
}
