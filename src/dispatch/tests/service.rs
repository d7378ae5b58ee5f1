//! The scripted service, and what it can reply.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::bench::{Log, STUCK, Sending, millis};
use crate::endpoint::Endpoint;
use crate::outcome::{Answer, Fault, FaultKind, Reply, Usage};
use crate::request::ChatRequest;

/// A request, as the service sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    /// The row.
    pub(super) position: u64,
    /// Sends of this row so far, including this one.
    pub(super) nth: u32,
    /// Sends of all rows so far, including this one.
    pub(super) count: usize,
    /// Since the bench was set up.
    pub(super) at: Duration,
    /// Turns of the request: 1 for a row's first.
    pub(super) turns: usize,
    /// Whether the answer should be a stream.
    pub(super) stream: bool,
}

pub(super) type Script = Box<dyn Fn(Call) -> (Duration, Reply)>;

/// An answer after a while: 50 tokens in, 50 out.
pub(super) fn answer(after: Duration) -> (Duration, Reply) {
    answer_of(after, 50, 50)
}

pub(super) fn answer_of(after: Duration, prompt_tokens: u64, completion_tokens: u64) -> (Duration, Reply) {
    let usage = Usage::of(prompt_tokens, completion_tokens);
    (after, Ok(Answer { response: Some("yes".into()), usage: Some(usage), ..Answer::default() }))
}

pub(super) fn fault(kind: FaultKind, status: u16, code: &str) -> (Duration, Reply) {
    let too_long = code == "context_length_exceeded";
    let fault = Fault { status: Some(status), too_long, ..Fault::new(kind, code, "as the script says") };
    (millis(20), Err(fault))
}

pub(super) fn broken() -> (Duration, Reply) {
    fault(FaultKind::Transient, 500, "internal_error")
}

/// A gateway's reply when its service is gone.
pub(super) fn gone() -> (Duration, Reply) {
    fault(FaultKind::Transient, 503, "unavailable")
}

pub(super) fn unreachable() -> (Duration, Reply) {
    (millis(2), Err(Fault::new(FaultKind::Unreachable, "connection_refused", "")))
}

pub(super) fn throttle(retry_after: Option<Duration>) -> (Duration, Reply) {
    let (after, reply) = fault(FaultKind::Throttled, 429, "limit_requests");
    (after, reply.map_err(|fault| Fault { retry_after, ..fault }))
}

pub(super) fn refuse(code: &str) -> (Duration, Reply) {
    fault(FaultKind::RowRefused, 400, code)
}

/// A request that is never answered.
pub(super) fn hang() -> (Duration, Reply) {
    answer(STUCK * 2)
}

/// The scripted service.
pub(super) struct Service {
    pub(super) script: Script,
    pub(super) log: Rc<RefCell<Log>>,
    pub(super) start: Instant,
}

impl Endpoint for Service {
    async fn send(&self, request: &ChatRequest) -> Reply {
        let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        let text = body["messages"][0]["content"].as_str().expect("text");
        let position: u64 = text.split(' ').next().unwrap_or(text).parse().expect("a position");
        let turns = body["messages"].as_array().map_or(0, Vec::len);
        let at = self.start.elapsed();
        let (call, index) = {
            let log = &mut *self.log.borrow_mut();
            let tries = log.tries.entry(position).or_default();
            *tries += 1;
            let nth = *tries;
            let in_this_pass = nth - log.excused.get(&position).copied().unwrap_or(0);
            assert!(position < log.handed_out, "row {position} was sent before it was handed out");
            let resent = log.resent.get(&position).copied().unwrap_or(0);
            assert!(in_this_pass - 1 <= resent, "row {position} was sent again before the journal knew");
            log.in_flight += 1;
            log.sends.push(Sending { position, at, in_flight: log.in_flight, tokens: 0 });
            let (count, stream) = (log.sends.len(), request.stream);
            (Call { position, nth, count, at, turns, stream }, count - 1)
        };
        let _landing = Landing(&self.log);
        let (after, reply) = (self.script)(call);
        tokio::time::sleep(after).await;
        let tokens = reply
            .as_ref()
            .ok()
            .and_then(|answer| answer.usage)
            .and_then(|usage| usage.total_tokens)
            .unwrap_or(0);
        self.log.borrow_mut().sends[index].tokens = tokens;
        reply
    }
}

/// Ends a flight, however it ends.
struct Landing<'l>(&'l RefCell<Log>);

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().in_flight -= 1;
    }
}

/// A coin for each try of each row: heads in `share` of all cases.
pub(super) fn coin(call: Call, share: f64) -> bool {
    let mut hash = (call.position + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (u64::from(call.nth) << 40);
    for _ in 0..3 {
        hash = (hash ^ (hash >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    ((hash >> 11) as f64 / (1_u64 << 53) as f64) < share
}
