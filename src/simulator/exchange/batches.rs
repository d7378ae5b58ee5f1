//! Calls of the Batch API, and the lines of batches, each answered like a live request.

use std::sync::PoisonError;

use hyper::Method;
use serde_json::Value;

use super::super::batches::{ApiCall, BatchFate, DeskCall, DueLine, LineResult};
use super::super::fault_injection::{ResponsePlan, spoil_reply};
use super::super::fingerprint::RequestDigest;
use super::super::received::{BatchedLine, Received};
use super::super::script::Effect;
use super::{Decision, ReceivedRequest, ServerState};

impl ServerState {
    /// Carries out a call about files or batches.
    pub(super) fn call_desk(&self, received: &Received, entry: &ReceivedRequest) -> Decision {
        let fate: Option<&BatchFate> = match entry.effect() {
            Effect::Fate(fate) => Some(fate),
            _ => None,
        };
        let asked = DeskCall {
            call: received.call,
            id: &received.id,
            query: &received.query,
            headers: &received.headers,
            body: &received.body,
            since_start: received.since_start,
            at: received.at,
            fate,
        };
        let answered = self.desk.lock().unwrap_or_else(PoisonError::into_inner).answer(&asked);
        match answered {
            Ok(mut reply) => {
                spoil_reply(entry.effect(), &mut reply);
                Decision::at_once(reply)
            }
            Err(refusal) => self.refuse(&refusal, entry),
        }
    }

    /// Whether a batch has not ended.
    pub(in super::super) fn has_batches(&self) -> bool {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner).has_work()
    }

    /// Brings all batches to the present: answers the lines that are due, and writes the results of those that end.
    pub(in super::super) fn work_on_batches(&self) {
        let now = self.started.elapsed();
        loop {
            // While lines are answered, the desk is free.
            let due = self.desk.lock().unwrap_or_else(PoisonError::into_inner).advance(now);
            if due.is_empty() {
                return;
            }
            for line in due {
                let result = self.line_result(&line);
                self.desk.lock().unwrap_or_else(PoisonError::into_inner).settle(&line, &result);
            }
        }
    }

    /// Answers a line.
    fn line_result(&self, line: &DueLine) -> LineResult {
        let received = self.received_line(line);
        let (entry, decision) = self.decide(&received);
        let copies = match entry.effect() {
            Effect::LoseLine => 0,
            Effect::DoubleLine => 2,
            _ => 1,
        };
        let reply = match decision.plan {
            ResponsePlan::Reply(reply) => Some((reply.status, reply.data())),
            _ => None,
        };
        LineResult { reply, request_id: entry.identity, copies }
    }

    /// A line as if it had been received live.
    fn received_line(&self, line: &DueLine) -> Received {
        let json: Option<Value> = serde_json::from_slice(&line.body).ok();
        let fingerprint =
            json.as_ref().map_or_else(|| RequestDigest::of_bytes(&line.body), RequestDigest::of_json);
        let since_start = self.started.elapsed();
        Received {
            method: Method::POST,
            path: "/v1/chat/completions".to_owned(),
            query: String::new(),
            call: ApiCall::Line,
            id: String::new(),
            headers: Default::default(),
            body: line.body.clone(),
            is_too_large: false,
            json,
            fingerprint,
            since_start,
            at: self.started_at + since_start,
            connection: 0,
            line: Some(BatchedLine { batch: line.batch_id.clone(), custom_id: line.custom_id.clone() }),
        }
    }
}
