//! Handles one request from its arrival to its reply.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::{HeaderName, SERVER};
use hyper::{Method, Request, Response};
use serde_json::json;

use super::batches::{ApiCall, BatchDesk};
use super::catalogue::find_model;
use super::fault_injection::{ResponsePlan, instead};
use super::fingerprint::RequestDigest;
use super::meter::Meter;
use super::numbered::NumberedTexts;
use super::received::{Received, now};
use super::reply::{HttpReply, ReplyBody};
use super::request::last_question;
use super::script::{Arrival, Effect, ScriptedFault};
use super::simulated_answer::TokenUsage;
use super::wire::{ConnectionEnd, Severed};
use super::witness::{Verdict, Witness};
use super::{MARK_HEADER, Profile, ServerSettings, SimulatorError};

mod batches;
mod respond;

/// The state shared by all connections of a server.
pub(super) struct ServerState {
    pub(super) settings: ServerSettings,
    pub(super) started: Instant,
    /// The same moment, since 1970.
    started_at: Duration,
    desk: Mutex<BatchDesk>,
    books: Mutex<RequestCounts>,
    witness: Option<Witness>,
}

/// The counts that the server keeps between requests.
struct RequestCounts {
    received: u64,
    /// How often each call has been received.
    calls: HashMap<ApiCall, u64>,
    tries: HashMap<RequestDigest, u64>,
    /// How often each fault of the script has happened.
    fired: Vec<u64>,
    meter: Meter,
}

/// How a request is handled, and when.
struct Decision {
    plan: ResponsePlan,
    error_code: Option<String>,
    usage: TokenUsage,
    /// The time until the plan is carried out.
    wait: Duration,
}

/// A request as the server has registered it.
struct ReceivedRequest<'a> {
    sequence: u64,
    attempt: u64,
    fault: Option<&'a ScriptedFault>,
    /// The request's UUID.
    identity: String,
}

impl Decision {
    /// A reply without any wait.
    fn at_once(reply: HttpReply) -> Decision {
        Decision {
            plan: ResponsePlan::Reply(reply),
            error_code: None,
            usage: TokenUsage::default(),
            wait: Duration::ZERO,
        }
    }
}

impl ReceivedRequest<'_> {
    fn effect(&self) -> &Effect {
        self.fault.map_or(&Effect::Delay, |fault| &fault.effect)
    }
}

impl ServerState {
    /// Sets up the state, and opens the witness log.
    pub(super) fn open(settings: ServerSettings) -> Result<ServerState, SimulatorError> {
        let witness = settings.witness.as_deref().map(Witness::open).transpose()?;
        let meter = Meter::new(settings.limits, settings.window, settings.token_charge);
        let fired = vec![0; settings.script.faults.len()];
        let (calls, tries) = (HashMap::new(), HashMap::new());
        let books = Mutex::new(RequestCounts { received: 0, calls, tries, fired, meter });
        let desk = Mutex::new(BatchDesk::new(settings.script.batches.clone()));
        Ok(ServerState { settings, started: Instant::now(), started_at: now(), desk, books, witness })
    }

    fn books(&self) -> MutexGuard<'_, RequestCounts> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a request, decides, writes the witness log, waits, and carries out the decision.
    ///
    /// # Errors
    ///
    /// The connection is to be closed.
    pub(super) async fn serve(
        &self,
        request: Request<Incoming>,
        connection: u64,
        ending: Arc<ConnectionEnd>,
    ) -> Result<Response<ReplyBody>, Severed> {
        let received = Received::read(request, self.started, connection).await?;
        // A client that asks whether this is a simulator has sent no model request: limits, script and witness ignore it.
        if received.method == Method::GET && received.path.ends_with(WHO) {
            let body = json!({ "simulator": "fanfold", "version": env!("CARGO_PKG_VERSION") });
            return Ok(marked(HttpReply::json(200, &body)).into_response(ending));
        }
        self.work_on_batches();
        let (_, decision) = self.decide(&received);
        if !decision.wait.is_zero() {
            tokio::time::sleep(decision.wait).await;
        }
        if decision.usage.total() > 0 {
            self.books().meter.complete(self.started.elapsed(), decision.usage.total());
        }
        match decision.plan {
            ResponsePlan::Reply(reply) => Ok(marked(reply).into_response(ending)),
            ResponsePlan::Hang => std::future::pending().await,
            ResponsePlan::Drop => Err(Severed),
            ResponsePlan::Reset => {
                ending.reset();
                Err(Severed)
            }
        }
    }

    fn decide(&self, received: &Received) -> (ReceivedRequest<'_>, Decision) {
        let entry = self.enter(received);
        let mut decision = match instead(entry.effect(), self.settings.profile, &entry.identity) {
            // Only the reply is lost.
            Some(plan) if entry.fault.is_some_and(|fault| fault.done) => {
                Decision { plan, ..self.respond(received, &entry) }
            }
            Some(plan) => {
                // The request arrived, so it counts, although the script decides in any case.
                if received.call == ApiCall::Chat {
                    let _ = self.books().meter.admit(received.since_start, 0);
                }
                let error_code = match entry.effect() {
                    Effect::Refuse { refusal, .. } => Some(refusal.code.clone()),
                    _ => None,
                };
                Decision { plan, error_code, usage: TokenUsage::default(), wait: Duration::ZERO }
            }
            None => self.respond(received, &entry),
        };
        decision.wait += entry.fault.map_or(Duration::ZERO, |fault| fault.delay);
        if let ResponsePlan::Reply(reply) = &mut decision.plan
            && self.settings.profile == Profile::DashScope
        {
            mark(reply, received, &entry.identity, decision.wait);
        }
        self.bear_witness(received, &entry, &mut decision);
        (entry, decision)
    }

    /// Registers the request, and finds its fault.
    fn enter(&self, received: &Received) -> ReceivedRequest<'_> {
        let seed = self.settings.seed;
        let translated = self.settings.script.mistranslates().then(|| self.translated(received)).flatten();
        let numbered = self.settings.script.mispacks() && is_numbered(received);
        let mut books = self.books();
        let books = &mut *books;
        books.received += 1;
        let tries = books.tries.entry(received.fingerprint).or_insert(0);
        *tries += 1;
        let of_call = books.calls.entry(received.call).or_insert(0);
        *of_call += 1;
        let arrival = Arrival {
            call: received.call,
            of_call: *of_call,
            body: &received.text(),
            translated: translated.as_deref(),
            numbered,
            fingerprint: received.fingerprint,
            sequence: books.received,
            attempt: *tries,
            since_start: received.since_start,
        };
        let fault = self.settings.script.strike(&arrival, &mut books.fired, seed);
        let identity =
            received.fingerprint.derive("identity", seed.rotate_left(32) ^ arrival.sequence).uuid();
        ReceivedRequest { sequence: arrival.sequence, attempt: arrival.attempt, fault, identity }
    }

    /// The text that a translation model is given.
    fn translated(&self, received: &Received) -> Option<String> {
        let translates = |name| find_model(name).is_some_and(|model| model.translates);
        let is_translation =
            self.settings.profile == Profile::DashScope && received.model().is_some_and(translates);
        let messages = received.json.as_ref()?.get("messages")?.as_array()?;
        is_translation.then(|| last_question(messages))
    }

    fn bear_witness(&self, received: &Received, entry: &ReceivedRequest, decision: &mut Decision) {
        let Some(witness) = &self.witness else { return };
        let status = match &decision.plan {
            ResponsePlan::Reply(reply) => Some(reply.status),
            _ => None,
        };
        let verdict = Verdict {
            sequence: entry.sequence,
            attempt: entry.attempt,
            request_id: &entry.identity,
            status,
            error_code: decision.error_code.as_deref(),
            fault: entry.fault.map(|fault| fault.label.as_str()),
            usage: decision.usage,
        };
        if let Err(error) = witness.write(received, &verdict) {
            // A log with gaps could let a test pass that should fail.
            let text = format!("the simulator cannot write its witness log: {error}\n");
            decision.plan = ResponsePlan::Reply(HttpReply::text(500, "text/plain", text));
        }
    }
}

/// Whether a request has several numbered texts.
fn is_numbered(received: &Received) -> bool {
    let messages = received.json.as_ref().and_then(|json| json.get("messages")?.as_array());
    messages.is_some_and(|messages| NumberedTexts::of(&last_question(messages)).is_some())
}

/// The path at which the simulator identifies itself.
const WHO: &str = "/fanfold";

/// Marks a reply as the simulator's.
fn marked(mut reply: HttpReply) -> HttpReply {
    reply.set(HeaderName::from_static(MARK_HEADER), env!("CARGO_PKG_VERSION"));
    reply
}

/// Adds the headers of DashScope's replies (observed on the wire, 2024 to 2026).
fn mark(reply: &mut HttpReply, received: &Received, identity: &str, wait: Duration) {
    let wait = wait.as_millis();
    let arrived = received.at.as_millis();
    let mut set = |name: &'static str, value: &str| reply.set(HeaderName::from_static(name), value);
    set("x-request-id", identity);
    set("x-dashscope-call-gateway", "true");
    set("x-dashscope-finished", "true");
    set("x-dashscope-timeout", "300");
    set("req-cost-time", &wait.to_string());
    set("req-arrive-time", &arrived.to_string());
    set("resp-start-time", &(arrived + wait).to_string());
    set("x-envoy-upstream-service-time", &wait.to_string());
    reply.set(SERVER, "istio-envoy");
}
