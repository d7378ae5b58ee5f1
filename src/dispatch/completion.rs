//! The meaning of a request's end: for its row, for the other rows, and for the job.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::time::Instant;

use super::bill::{Bill, BilledRequest};
use super::circuit_breaker::{Fate, PassingFault, Situation};
use super::dispatcher::Dispatcher;
use super::flight::{Finished, Flight, SentRequest};
use super::ledger::Ledger;
use super::pace::Ticket;
use super::pass::Pass;
use super::stop::StopReason;
use super::work::Work;
use crate::conversation::{Cut, Step, Turn};
use crate::endpoint::Endpoint;
use crate::failpoint::meet;
use crate::note::{Outcome, PackPlace, SendTime};
use crate::outcome::{Answer, Fault, FaultKind};

/// Throttled tries of a pack that was overtaken after which its rows go alone: it may be too large for a limit.
const OVERTAKEN_PACK: u32 = 3;

/// The code of an answer without a text and a tool call.
const EMPTY_ANSWER: &str = "empty_answer";

impl<E: Endpoint, L: Ledger> Pass<'_, '_, E, L> {
    /// Handles a request that has ended.
    pub(super) fn take_in(&mut self, finished: Finished) {
        meet("dispatch.answered");
        let now = Instant::now();
        let Finished { work, flight, latency, reply } = finished;
        let service = self.dispatcher.services.of(flight.service);
        service.traffic.ended(flight.order);
        service.preflight.back(work.request.shape, now);
        let quick = service.window.is_quick(latency);
        let bill = Bill::of(&reply, &BilledRequest::of(&work.request, &flight), quick);
        self.dispatcher.budget.settle(flight.reservation, &bill);
        let sent = SendTime {
            at: flight.at,
            latency,
            worst: flight.reservation,
            pack: PackPlace::ALONE,
            line: None,
        };
        let Flight { order, service, .. } = flight;
        let end = SentRequest { order, service, sent, cost: bill.cost, reserved: bill.reserved };
        match reply {
            Ok(answer) => self.answered(work, answer, end, flight.ticket, now),
            Err(fault) => self.faulted(work, fault, end, flight.ticket, now),
        }
    }

    fn answered(&mut self, work: Work, answer: Answer, end: SentRequest, ticket: Ticket, now: Instant) {
        let Dispatcher { services, pace, .. } = &mut *self.dispatcher;
        let service = services.of(end.service);
        service.window.observe(end.sent.latency);
        service.breaker.served(&work.allowance);
        if let Some(usage) = &answer.usage {
            let size = (&work.request.estimate, work.rows());
            pace.answered(ticket, now, size, usage, &mut service.pace);
        }
        let (counted, estimate) =
            (answer.usage.and_then(|usage| usage.completion_tokens), &work.request.estimate);
        if counted.is_some() || estimate.unbounded {
            pace.learn_length(estimate, answer.length(), work.rows());
        }
        self.service_is_there(end.service, now);
        let service = self.dispatcher.services.of(end.service);
        service.traffic.answered(end.order);
        for ended in service.preflight.heard(end.order) {
            self.store(ended);
        }
        match work.pack {
            Some(_) => self.unpack(work, answer, end, now),
            None => self.converse(work, answer, end, now),
        }
    }

    /// Takes the answer to a row's own request, or its part of the answer to a pack.
    pub(super) fn converse(&mut self, work: Work, answer: Answer, end: SentRequest, now: Instant) {
        let rules = &self.dispatcher.conversation;
        match catch_unwind(AssertUnwindSafe(|| rules.after(work.first(), &work.steps, answer))) {
            Ok(turn) => self.take_turn(work, turn, end, now),
            // A row's panic is that row's failure only.
            Err(_) => self.refused(&work, Fault::panicked(FaultKind::InvalidAnswer), end),
        }
    }

    fn faulted(&mut self, work: Work, fault: Fault, end: SentRequest, ticket: Ticket, now: Instant) {
        self.dispatcher.last_fault = Some(fault.clone());
        // If an address answered before and now returns a stranger's page, the address is not wrong; but a key may be
        // rejected by anyone.
        let on_the_way =
            fault.foreign && fault.status != Some(401) && self.preflight(end.service).has_answered();
        let kind = match fault.kind {
            FaultKind::JobRefused if on_the_way => FaultKind::Transient,
            kind => kind,
        };
        match kind {
            FaultKind::Throttled => self.throttled(work, fault, end, ticket, now),
            FaultKind::Unreachable | FaultKind::StaleConnection | FaultKind::Transient => {
                if fault.kind == FaultKind::Unreachable {
                    self.unused(ticket, end.service, now);
                }
                self.in_passing_trouble(work, kind, fault, end, now);
            }
            _ => self.judged(work, fault, end, now),
        }
    }

    /// Handles a fault of which the same request would be the cause again.
    pub(super) fn judged(&mut self, mut work: Work, fault: Fault, end: SentRequest, now: Instant) {
        let packed = work.pack.is_some();
        match fault.kind {
            FaultKind::JobRefused if packed && fault.about.is_none() => {
                self.store_ends(&work, end, Outcome::Retry(fault.clone()));
                self.end(StopReason::Refused(fault));
            }
            // It may be one row's fault: each shows by itself.
            _ if packed => self.fell_apart(work, fault, end, now),
            FaultKind::Unusable if work.unusable == 0 => {
                self.service_is_there(end.service, now);
                self.preflight(end.service).accepted(work.request.shape);
                work.unusable += 1;
                self.again(work, fault, end, now);
            }
            FaultKind::Unusable if fault.code == EMPTY_ANSWER => {
                self.service_is_there(end.service, now);
                self.emptied(work, fault, end, now);
            }
            FaultKind::CutByServer => {
                self.service_is_there(end.service, now);
                self.cut(work, fault, end, now);
            }
            FaultKind::JobRefused if !self.preflight(end.service).is_the_row_s(&fault, &work) => {
                self.store(end.of(&work, Outcome::Retry(fault.clone())));
                self.end(StopReason::Refused(fault));
            }
            FaultKind::Unusable
            | FaultKind::InvalidAnswer
            | FaultKind::RowRefused
            | FaultKind::JobRefused => {
                self.service_is_there(end.service, now);
                self.refused(&work, fault, end);
            }
            FaultKind::Throttled
            | FaultKind::Unreachable
            | FaultKind::StaleConnection
            | FaultKind::Transient => self.again(work, fault, end, now),
        }
    }

    fn throttled(&mut self, mut work: Work, fault: Fault, end: SentRequest, ticket: Ticket, now: Instant) {
        let is_last = self.in_flight.is_empty() && self.rows.is_none() && self.queues.len() == 0;
        let traffic = &mut self.dispatcher.services.of(end.service).traffic;
        let overtaken = traffic.is_overtaken(&mut work, end.order, is_last);
        if overtaken && work.pack.is_some() && work.overtaken >= OVERTAKEN_PACK {
            self.unused(ticket, end.service, now);
            self.store_ends(&work, end, Outcome::Retry(fault));
            return self.scatter(work, now);
        }
        if overtaken && work.overtaken >= self.dispatcher.retry.max_attempts {
            self.unused(ticket, end.service, now);
            return self.refused(&work, fault, end);
        }
        let longest = self.dispatcher.retry.max_backoff;
        let hold = self.within_patience(&fault).or(fault.retry_after.map(|asked| asked.min(longest)));
        let Dispatcher { services, pace, .. } = &mut *self.dispatcher;
        let service = services.of(end.service);
        match overtaken {
            // This row is too large for a limit; the others need not slow down.
            true => pace.unused(ticket, now, &mut service.pace),
            false => pace.throttled(ticket, now, hold, fault.for_tokens, &mut service.pace),
        }
        if service.breaker.throttled(now) {
            self.hasten(now);
        }
        work.throttled += 1;
        self.again(work, fault, end, now);
    }

    /// Handles a transient fault: the row is sent again, or has used up its tries.
    fn in_passing_trouble(
        &mut self,
        mut work: Work,
        kind: FaultKind,
        fault: Fault,
        end: SentRequest,
        now: Instant,
    ) {
        let trouble =
            PassingFault { kind, own: fault.is_the_api_s_own(), asked: self.within_patience(&fault) };
        let place = Situation { alone: self.rows.is_none() && self.queues.fresh.is_empty(), last: self.last };
        let Dispatcher { services, dice, .. } = &mut *self.dispatcher;
        let breaker = &mut services.of(end.service).breaker;
        let verdict = breaker.faulted(now, trouble, place, &mut work.allowance, dice);
        work.throttled = 0;
        // A fault of the moment is met again as it is, once.
        let is_met_again = work.allowance.failures() >= 2 && work.allowance.tries() >= 1;
        match verdict {
            Fate::Again(_) if is_met_again && work.pack.is_some() => self.fell_apart(work, fault, end, now),
            Fate::Again(at_least) => self.again_after(at_least, work, fault, end, now),
            // A row that returns after the patience has ended stays pending like all rows in an outage.
            _ if self.is_out() => self.again(work, fault, end, now),
            _ if work.pack.is_some() => self.fell_apart(work, fault, end, now),
            verdict => {
                let ending = self.gave_up(end.service, verdict, fault);
                self.store(end.of(&work, ending));
            }
        }
    }

    /// A request never reached a model.
    fn unused(&mut self, ticket: Ticket, service: usize, now: Instant) {
        let Dispatcher { services, pace, .. } = &mut *self.dispatcher;
        pace.unused(ticket, now, &mut services.of(service).pace);
    }

    /// The wait requested by the service, if the job is that patient. A longer one applies to this row only: the other rows
    /// find out, slowly, whether they are affected too.
    fn within_patience(&self, fault: &Fault) -> Option<Duration> {
        fault.retry_after.filter(|asked| *asked <= self.dispatcher.retry.max_outage)
    }

    /// Handles the turn that an answer means for its row.
    fn take_turn(&mut self, work: Work, turn: Turn, end: SentRequest, now: Instant) {
        match turn {
            Turn::Answered(answer) => {
                for ended in self.preflight(end.service).answered(work.request.shape) {
                    self.store(ended);
                }
                self.store(end.of(&work, Outcome::Answered(answer)));
            }
            Turn::Failed(fault) => self.refused(&work, fault, end),
            Turn::Ask(step, request) => {
                let mut work = work;
                self.preflight(end.service).accepted(work.request.shape);
                work.continue_with(*request);
                self.step(&mut work, step, end);
                self.queues.wait(now, work);
            }
            Turn::Call(step, calls) => {
                let mut work = work;
                self.preflight(end.service).accepted(work.request.shape);
                self.step(&mut work, step, end);
                self.queues.call_later(work, calls);
            }
        }
    }

    /// The service cut off an answer at its time limit.
    fn cut(&mut self, mut work: Work, fault: Fault, end: SentRequest, now: Instant) {
        let partial = fault.partial.as_deref();
        match self.dispatcher.conversation.cut(work.first(), &work.steps, &work.request, partial) {
            Cut::ByStream => {
                work.request.stream = true;
                self.again(work, fault, end, now);
            }
            Cut::Rest(step, request) => self.take_turn(work, Turn::Ask(*step, request), end, now),
            Cut::Failed => self.refused(&work, fault, end),
        }
    }

    /// A model had nothing to say to a request, twice.
    fn emptied(&mut self, work: Work, fault: Fault, end: SentRequest, now: Instant) {
        let answer = Answer {
            response: Some(String::new()),
            usage: fault.usage,
            request_id: fault.request_id.clone(),
            simulated: fault.simulated,
            ..Answer::default()
        };
        match self.dispatcher.conversation.emptied(work.first(), &work.steps, &answer) {
            Some(turn) => self.take_turn(work, turn, end, now),
            None => self.refused(&work, fault, end),
        }
    }

    pub(super) fn step(&mut self, work: &mut Work, step: Step, end: SentRequest) {
        self.store(end.of(work, Outcome::Continue(Box::new(step.clone()))));
        work.steps.push(step);
        meet("dispatch.round.answered");
    }
}
