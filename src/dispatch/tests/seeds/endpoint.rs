//! The service of a plan: it treats each request as the plan says, and keeps books of the requests and of what it billed.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::rc::Rc;
use std::time::Duration;

use super::book::Killed;
use super::plan::{HITS, Ill, Mishap, Plan, Step, What};
use super::world::World;
use crate::endpoint::Endpoint;
use crate::job::price::Price;
use crate::outcome::{Answer, Fault, FaultKind, Reply, Usage};
use crate::request::ChatRequest;

/// A request, as the service knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending {
    pub(super) run: usize,
    pub(super) position: u64,
    /// Since the first run began.
    pub(super) at: Duration,
    /// Requests in flight, including this one.
    pub(super) in_flight: usize,
    /// When it ended.
    pub(super) until: Duration,
    pub(super) end: End,
}

/// The result of a request, as the service knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    InFlight,
    /// It was paid for, and the job received its usage.
    Told,
    /// It was paid for, and the job has the answer without its usage.
    Untold,
    /// It was paid for, and the job was no longer there to receive it.
    Lost,
    /// It cost nothing.
    Free,
}

impl End {
    pub(super) fn paid(self) -> bool {
        matches!(self, Self::Told | Self::Untold | Self::Lost)
    }
}

/// The service's books.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) sends: Vec<Sending>,
    pub(super) in_flight: usize,
    /// How often a row was singled out.
    hits: BTreeMap<u64, u32>,
    useless: BTreeSet<u64>,
    /// Rows with a final answer in the present run.
    pub(super) answered: BTreeSet<u64>,
}

/// The price of every request.
pub(super) fn price() -> Price {
    Price::flat(3.0, 9.0, None)
}

/// The service.
pub(super) struct Service(pub(super) Rc<World>);

/// The service's treatment of a request: the reply, its delay, and whether it is billed.
struct Deed {
    after: Duration,
    reply: Reply,
    end: End,
}

impl Endpoint for Service {
    async fn send(&self, request: &ChatRequest) -> Reply {
        let Self(world) = self;
        let position = position_of(request);
        world.book.borrow_mut().leaves(position);
        let deed = {
            let books = &mut *world.books.borrow_mut();
            assert!(!books.answered.contains(&position), "row {position} was sent again after its answer");
            let at = world.now();
            books.in_flight += 1;
            let deed = deed(world, books, at, position, request.stream);
            let (run, in_flight) = (world.run.get(), books.in_flight);
            books.sends.push(Sending { run, position, at, in_flight, until: at, end: End::InFlight });
            deed
        };
        let index = world.books.borrow().sends.len() - 1;
        let mut landing = Landing { world, index, end: if deed.end.paid() { End::Lost } else { End::Free } };
        if world.is_killed_at(Step::Send) {
            resume_unwind(Box::new(Killed));
        }
        tokio::time::sleep(deed.after).await;
        landing.end = deed.end;
        if deed.reply.is_ok() {
            world.books.borrow_mut().answered.insert(position);
        }
        deed.reply
    }
}

/// Closes the entry of a request when it ends or is abandoned.
struct Landing<'w> {
    world: &'w World,
    index: usize,
    end: End,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let mut books = self.world.books.borrow_mut();
        books.in_flight -= 1;
        let sending = &mut books.sends[self.index];
        (sending.until, sending.end) = (self.world.now(), self.end);
    }
}

pub(super) fn body_of(position: u64) -> Vec<u8> {
    format!("{{\"messages\":[{{\"role\":\"user\",\"content\":\"{position}\"}}]}}").into_bytes()
}

fn position_of(request: &ChatRequest) -> u64 {
    let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
    body["messages"][0]["content"].as_str().and_then(|text| text.parse().ok()).expect("a position")
}

fn deed(world: &World, books: &mut Books, at: Duration, position: u64, stream: bool) -> Deed {
    let plan = &world.plan;
    let lot = plan.lot(position, books.sends.len() as u64);
    let mut usual = answer(plan, position, plan.latency.mul_f64(0.5 + (lot % 100) as f64 / 100.0));
    if plan.takes.is_some_and(|takes| books.within_a_second(at) as u64 > takes) {
        return fault(FaultKind::Throttled, "limit_requests", 20);
    }
    for (index, cluster) in plan.clusters.iter().enumerate() {
        if !(cluster.from..cluster.to).contains(&at) {
            continue;
        }
        let all = cluster.one_of == 1;
        let hits = books.hits(position);
        if !all && (hits >= HITS || !plan.lot(position, index as u64).is_multiple_of(cluster.one_of)) {
            continue;
        }
        match cluster.what {
            What::Slow(factor) => usual.after = (usual.after * factor).min(plan.timeout() / 2),
            What::UsageUnsaid => unsaid(&mut usual),
            // A stream is not cut off.
            What::Cuts if stream => {}
            // A row gets one more try after a useless answer, but no third.
            What::Useless if !books.useless.insert(position) => {}
            what => {
                if !all {
                    *books.hits.entry(position).or_default() += 1;
                }
                return trouble(plan, position, what);
            }
        }
    }
    match plan.ill(position) {
        // Refusals that differ do not indicate a wrong job.
        Some(Ill::Refused) if lot.is_multiple_of(2) => {
            fault(FaultKind::RowRefused, "data_inspection_failed", 30)
        }
        Some(Ill::Refused) => fault(FaultKind::RowRefused, "context_length_exceeded", 30),
        Some(Ill::Breaks) => fault(FaultKind::Transient, "internal_error", 30),
        Some(Ill::Useless) => fault(FaultKind::Unusable, "empty_answer", 30),
        None => usual,
    }
}

impl Books {
    /// How often a row was singled out for a fault that costs a try.
    pub(super) fn hits(&self, position: u64) -> u32 {
        self.hits.get(&position).copied().unwrap_or(0)
    }

    fn within_a_second(&self, at: Duration) -> usize {
        let recent = self.sends.iter().rev().take_while(|one| at < one.at + Duration::from_secs(1));
        recent.count() + 1
    }
}

fn trouble(plan: &Plan, position: u64, what: What) -> Deed {
    match what {
        What::Breaks => fault(FaultKind::Transient, "internal_error", 40),
        What::Refuses => fault(FaultKind::Unreachable, "connection_refused", 2),
        What::Resets => fault(FaultKind::StaleConnection, "connection_reset", 1),
        What::Hangs => Deed { after: plan.timeout() * 9, ..fault(FaultKind::Transient, "unheard", 0) },
        What::Throttles(retry_after) => {
            let deed = fault(FaultKind::Throttled, "limit_requests", 20);
            Deed { reply: deed.reply.map_err(|fault| Fault { retry_after, ..fault }), ..deed }
        }
        What::Cuts => {
            let deed = fault(FaultKind::CutByServer, "cut_by_server", 300);
            let usage = Some(usage(plan, position));
            Deed { reply: deed.reply.map_err(|fault| Fault { usage, ..fault }), end: End::Told, ..deed }
        }
        What::Useless => fault(FaultKind::Unusable, "empty_answer", 50),
        What::Arrears => fault(FaultKind::JobRefused, "arrearage", 30),
        What::Slow(_) | What::UsageUnsaid => answer(plan, position, plan.latency),
    }
}

fn usage(plan: &Plan, position: u64) -> Usage {
    let (prompt_tokens, completion_tokens) = plan.usage_of(position);
    Usage {
        prompt_tokens: Some(prompt_tokens),
        completion_tokens: Some(completion_tokens),
        total_tokens: Some(prompt_tokens + completion_tokens),
        ..Usage::default()
    }
}

fn answer(plan: &Plan, position: u64, after: Duration) -> Deed {
    let answer =
        Answer { response: Some("yes".into()), usage: Some(usage(plan, position)), ..Answer::default() };
    Deed { after, reply: Ok(answer), end: End::Told }
}

fn unsaid(deed: &mut Deed) {
    if let Ok(answer) = &mut deed.reply {
        answer.usage = None;
        deed.end = End::Untold;
    }
}

fn fault(kind: FaultKind, code: &str, after: u64) -> Deed {
    let reply = Err(Fault::new(kind, code, "as the plan says"));
    Deed { after: Duration::from_millis(after), reply, end: End::Free }
}

impl World {
    /// Whether the run is killed at this step now.
    pub(super) fn is_killed_at(&self, step: Step) -> bool {
        match self.mishap.get() {
            Mishap::KilledAt(at, left) if at == step => {
                self.mishap.set(Mishap::KilledAt(at, left - 1));
                left == 1
            }
            _ => false,
        }
    }
}
