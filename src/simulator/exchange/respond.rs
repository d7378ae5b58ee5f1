//! The reply to a request that no fault keeps from an answer.

use std::time::Duration;

use hyper::Method;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::super::answer::answer;
use super::super::catalogue::LISTED;
use super::super::completion::{Envelope, completion};
use super::super::error_bodies::Refusal;
use super::super::fault_injection::{ResponsePlan, spoil_answer, spoil_reply};
use super::super::meter::Admission;
use super::super::quirks::Dialect;
use super::super::received::{LARGEST_BODY, Received};
use super::super::reply::{BodyPart, HttpReply};
use super::super::request::ValidRequest;
use super::super::script::Effect;
use super::super::simulated_answer::SimulatedAnswer;
use super::super::stream::{broken_off, events};
use super::super::validate::validate;
use super::super::{Profile, ServerSettings};
use super::{Decision, ReceivedRequest, ServerState};

/// Shorter pauses are not worth a timer.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

impl ServerState {
    /// Routes the request, checks its key, its form and the limits, and answers.
    pub(super) fn respond(&self, received: &Received, entry: &ReceivedRequest) -> Decision {
        let is_post = received.method == Method::POST;
        let is_completion = is_post && received.path.ends_with("/chat/completions");
        let is_list = received.method == Method::GET && received.path.ends_with("/models");
        let is_request = received.call.is_a_request();
        if is_request && !is_completion && !is_list {
            return Decision::at_once(HttpReply::bare(404));
        }
        let needs_key = self.settings.profile == Profile::DashScope || self.settings.api_key.is_some();
        // The key of a line was checked when its batch was created.
        let needs_key = needs_key && received.line.is_none();
        if let (true, Err(refusal)) = (needs_key, check_key(received, self.settings.api_key.as_deref())) {
            return self.refuse(&refusal, entry);
        }
        if !is_request {
            return self.call_desk(received, entry);
        }
        if is_list {
            return Decision::at_once(HttpReply::json(200, &list()));
        }
        let call = read_call(received, &self.settings);
        let style = self.settings.translations;
        let answered = call.map(|call| (answer(&call, received.fingerprint, style), call));
        let usage = answered.as_ref().map(|(answer, _)| answer.usage).unwrap_or_default();
        // The gateway applies limits before all checks: an invalid request counts too. They are for live requests.
        let admission = match received.line {
            Some(_) => Admission::Admitted,
            None => self.books().meter.admit(received.since_start, usage.total()),
        };
        match (admission, answered) {
            (Admission::TooManyRequests, _) => self.refuse(&Refusal::too_many_requests(), entry),
            (Admission::TooManyTokens, _) => self.refuse(&Refusal::too_many_tokens(), entry),
            (Admission::Admitted, Err(refusal)) => self.refuse(&refusal, entry),
            (Admission::Admitted, Ok((answer, call))) => self.deliver(received, entry, &call, answer),
        }
    }

    pub(super) fn refuse(&self, refusal: &Refusal, entry: &ReceivedRequest) -> Decision {
        let reply = HttpReply::json(refusal.status, &refusal.body(self.settings.profile, &entry.identity));
        Decision { error_code: Some(refusal.code.clone()), ..Decision::at_once(reply) }
    }

    /// Builds the reply and its delay from an answer, and applies the fault to both.
    fn deliver(
        &self,
        received: &Received,
        entry: &ReceivedRequest,
        call: &ValidRequest,
        mut answer: SimulatedAnswer,
    ) -> Decision {
        let envelope = Envelope {
            profile: self.settings.profile,
            identity: &entry.identity,
            created: received.at.as_secs(),
            call,
        };
        let draw = |purpose: &str| received.fingerprint.draw(purpose, self.settings.seed);
        let latency = self.settings.latency.sample(draw("latency"), draw("latency, again"));
        spoil_answer(entry.effect(), call, &mut answer);
        let error = match entry.effect() {
            Effect::ErrorEvent(refusal) => Some(refusal.body(self.settings.profile, &entry.identity)),
            _ => None,
        };
        let (mut reply, wait) = match (call.streams, error) {
            (true, None) => stream(events(&answer, &envelope), latency),
            (true, Some(error)) => stream(broken_off(events(&answer, &envelope), &error), latency),
            (false, None) => {
                let mut body = completion(&answer, &envelope);
                if envelope.profile == Profile::Plain {
                    Dialect::of(received.fingerprint, self.settings.seed).write(&mut body);
                }
                (HttpReply::json(200, &body), latency)
            }
            (false, Some(error)) => (HttpReply::json(200, &error), latency),
        };
        spoil_reply(entry.effect(), &mut reply);
        Decision { plan: ResponsePlan::Reply(reply), error_code: None, usage: answer.usage, wait }
    }
}

/// Compares the keys; a server without a key accepts any.
fn check_key(received: &Received, expected: Option<&str>) -> Result<(), Refusal> {
    match (received.key(), expected) {
        (None, _) => Err(Refusal::missing_key()),
        (Some(key), Some(expected)) if key != expected => Err(Refusal::wrong_key()),
        _ => Ok(()),
    }
}

/// Parses the request as a call that may be answered.
fn read_call<'a>(received: &'a Received, settings: &ServerSettings) -> Result<ValidRequest<'a>, Refusal> {
    if settings.profile == Profile::DashScope && received.headers.contains_key("x-dashscope-async") {
        // Models without asynchronous calls always answer like this (Model Studio, "error-code").
        return Err(Refusal::too_many_requests());
    }
    if received.is_too_large {
        return Err(Refusal::too_large(LARGEST_BODY));
    }
    let json = received.json.as_ref().ok_or_else(|| Refusal::invalid("Required body invalid"))?;
    validate(json, settings.profile)
}

/// A stream's reply: the first quarter of the latency passes before it, and the rest between its events.
fn stream(events: Vec<String>, latency: Duration) -> (HttpReply, Duration) {
    let first = latency / 4;
    let pause = (latency - first) / u32::try_from(events.len()).unwrap_or(u32::MAX).max(1);
    let is_spread = pause >= SHORTEST_PAUSE;
    let mut reply = HttpReply::text(200, "text/event-stream;charset=UTF-8", "");
    reply.is_stream = true;
    reply.pieces.clear();
    for event in events {
        if is_spread {
            reply.pieces.push(BodyPart::Pause(pause));
        }
        reply.pieces.push(BodyPart::Data(Bytes::from(event)));
    }
    (reply, if is_spread { first } else { latency })
}

fn list() -> Value {
    let models = LISTED
        .iter()
        .map(|name| json!({"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "system"}));
    json!({"object": "list", "data": models.collect::<Vec<Value>>()})
}
