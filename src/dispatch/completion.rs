//! What a request that came to its end means: for its row, for the other rows, and for the job.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::time::Instant;

use super::bill::Bill;
use super::circuit_breaker::{Fate, PassingFault, Situation};
use super::flight::Finished;
use super::pace::Ticket;
use super::pass::Pass;
use super::preflight::Judgement;
use super::retry;
use super::stop::StopReason;
use super::work::Work;
use super::{Dispatcher, Ledger};
use crate::endpoint::Endpoint;
use crate::failpoint::meet;
use crate::note::{Outcome, RequestEnd, SendTime};
use crate::outcome::{Answer, Fault, FaultKind};
use crate::reserve::Reserve;

/// Ends over which it is counted how many are throttled, and the share of them up to which a row that is throttled while
/// others are let in is throttled for what it is.
const THROTTLED_OF: f64 = 64.0;
const FEW_THROTTLED: f64 = 0.1;

/// When a request was sent, in which turn, and what it came to.
pub(super) struct SentRequest {
    order: u64,
    sent: SendTime,
    cost: Option<f64>,
    reserved: Reserve,
}

impl SentRequest {
    pub(super) fn of(self, work: &Work, ending: Outcome) -> RequestEnd {
        let (row, tries) = (work.row.clone(), work.allowance.tries());
        RequestEnd { row, sent: Some(self.sent), tries, cost: self.cost, reserved: self.reserved, ending }
    }
}

impl<E: Endpoint, L: Ledger> Pass<'_, '_, E, L> {
    /// Takes in a request that came to its end.
    pub(super) fn take_in(&mut self, finished: Finished) {
        meet("dispatch.answered");
        let now = Instant::now();
        let Finished { work, flight, latency, reply } = finished;
        self.sent_at.remove(&flight.order);
        self.dispatcher.trial.back(work.request.shape, now);
        let quick = self.dispatcher.window.is_quick(latency);
        let bill = Bill::of(&reply, &work.request, &flight, quick);
        self.dispatcher.budget.settle(flight.reservation, &bill);
        let sent = SendTime { at: flight.at, latency, worst: flight.reservation };
        let end = SentRequest { order: flight.order, sent, cost: bill.cost, reserved: bill.reserved };
        match reply {
            Ok(answer) => self.answered(work, answer, end, flight.ticket, now),
            Err(fault) => self.faulted(work, fault, end, flight.ticket, now),
        }
    }

    fn answered(&mut self, work: Work, answer: Answer, end: SentRequest, ticket: Ticket, now: Instant) {
        self.dispatcher.window.observe(end.sent.latency);
        self.dispatcher.health.served(&work.allowance);
        if let Some(usage) = &answer.usage {
            self.dispatcher.pace.answered(ticket, now, &work.request.estimate, usage);
        }
        let (counted, estimate) =
            (answer.usage.and_then(|usage| usage.completion_tokens), &work.request.estimate);
        if counted.is_some() || estimate.unbounded {
            self.dispatcher.pace.learn_length(estimate, answer.length());
        }
        self.service_is_there(now);
        self.let_in = self.let_in.max(end.order);
        self.throttling -= self.throttling / THROTTLED_OF;
        for ended in self.dispatcher.trial.heard(end.order) {
            self.store(ended);
        }
        let rules = &self.dispatcher.conversation;
        match catch_unwind(AssertUnwindSafe(|| rules.after(work.first(), &work.steps, answer))) {
            Ok(turn) => self.take_turn(work, turn, end, now),
            // One row's panic is that row's failure.
            Err(_) => self.refused(&work, Fault::panicked(FaultKind::InvalidAnswer), end),
        }
    }

    fn faulted(&mut self, mut work: Work, fault: Fault, end: SentRequest, ticket: Ticket, now: Instant) {
        self.dispatcher.last_fault = Some(fault.clone());
        // An address that answered before and has a page of somebody else's now is no wrong address; a key may be refused by
        // anybody.
        let on_the_way = fault.foreign && fault.status != Some(401) && self.dispatcher.trial.has_answered();
        let kind = match fault.kind {
            FaultKind::JobRefused if on_the_way => FaultKind::Transient,
            kind => kind,
        };
        match kind {
            FaultKind::Throttled => {
                let overtaken = self.is_overtaken(&mut work, end.order);
                if overtaken && work.overtaken >= self.dispatcher.retry.max_attempts {
                    self.dispatcher.pace.unused(ticket, now);
                    return self.refused(&work, fault, end);
                }
                let longest = self.dispatcher.retry.max_backoff;
                let hold = self.within_patience(&fault).or(fault.retry_after.map(|asked| asked.min(longest)));
                match overtaken {
                    // It is this row that is too large for a limit, and no reason for the others to slow down.
                    true => self.dispatcher.pace.unused(ticket, now),
                    false => self.dispatcher.pace.throttled(ticket, now, hold, fault.for_tokens),
                }
                if self.dispatcher.health.throttled(now) {
                    self.hasten(now);
                }
                work.throttled += 1;
                self.again(work, fault, end, now);
            }
            FaultKind::Unreachable | FaultKind::StaleConnection | FaultKind::Transient => {
                if fault.kind == FaultKind::Unreachable {
                    self.dispatcher.pace.unused(ticket, now);
                }
                let trouble =
                    PassingFault { kind, own: fault.is_the_api_s_own(), asked: self.within_patience(&fault) };
                let place =
                    Situation { alone: self.rows.is_none() && self.queues.fresh.is_empty(), last: self.last };
                let Dispatcher { health, dice, .. } = &mut *self.dispatcher;
                let verdict = health.faulted(now, trouble, place, &mut work.allowance, dice);
                work.throttled = 0;
                match verdict {
                    Fate::Again(at_least) => self.again_after(at_least, work, fault, end, now),
                    // What comes back after the patience has ended is pending like all that an outage leaves.
                    _ if self.is_out() => self.again(work, fault, end, now),
                    verdict => {
                        let ending = self.gave_up(verdict, fault);
                        self.store(end.of(&work, ending));
                    }
                }
            }
            FaultKind::Unusable if work.unusable == 0 => {
                self.service_is_there(now);
                self.dispatcher.trial.accepted(work.request.shape);
                work.unusable += 1;
                self.again(work, fault, end, now);
            }
            FaultKind::CutByServer => {
                self.service_is_there(now);
                self.cut(work, fault, end, now);
            }
            FaultKind::JobRefused if !self.dispatcher.trial.is_the_row_s(&fault, &work) => {
                self.store(end.of(&work, Outcome::Retry(fault.clone())));
                self.end(StopReason::Refused(fault));
            }
            FaultKind::Unusable
            | FaultKind::InvalidAnswer
            | FaultKind::RowRefused
            | FaultKind::JobRefused => {
                self.service_is_there(now);
                self.refused(&work, fault, end);
            }
        }
    }

    /// Whether a row is throttled for what it is: others that were sent after it were let in, and hardly any of them was
    /// throttled. Where many are, it is the rate that is too high.
    fn is_overtaken(&mut self, work: &mut Work, turn: u64) -> bool {
        self.throttling += (1.0 - self.throttling) / THROTTLED_OF;
        // Left alone, a row that was overtaken before is what it was.
        if work.overtaken > 0 && self.in_flight.is_empty() && self.rows.is_none() && self.queues.len() == 0 {
            work.overtaken += 1;
            return true;
        }
        if self.throttling > FEW_THROTTLED {
            return false;
        }
        work.was_throttled(turn, self.let_in)
    }

    /// The wait that the service asks for, if the job can be that patient. A longer one is the row's alone: the other
    /// rows find out, slowly, whether it is meant for them too.
    fn within_patience(&self, fault: &Fault) -> Option<Duration> {
        fault.retry_after.filter(|asked| *asked <= self.dispatcher.retry.max_outage)
    }

    /// A row that may be answered another time waits for it.
    pub(super) fn again(&mut self, work: Work, fault: Fault, end: SentRequest, now: Instant) {
        self.again_after(Duration::ZERO, work, fault, end, now);
    }

    fn again_after(
        &mut self,
        at_least: Duration,
        mut work: Work,
        fault: Fault,
        end: SentRequest,
        now: Instant,
    ) {
        let Dispatcher { health, retry, dice, .. } = &mut *self.dispatcher;
        health.settle(&mut work.allowance);
        let failures = (work.allowance.failures() + work.throttled + work.unusable).max(1);
        let due = now + retry::backoff(retry, &fault, failures, dice).max(at_least);
        work.fault = Some(Box::new(fault.clone()));
        self.store(end.of(&work, Outcome::Retry(fault)));
        self.queues.wait(due, work);
    }

    /// A row has used up its tries: how it ends in this pass.
    fn gave_up(&mut self, verdict: Fate, fault: Fault) -> Outcome {
        self.dispatcher.trial.gave_up();
        match verdict {
            Fate::UsedUp => {
                self.set_aside += 1;
                Outcome::SetAside(fault)
            }
            Fate::Failed => Outcome::Failed(fault),
            Fate::BadLuck | Fate::Again(_) => {
                self.bad_luck = Some(fault.clone());
                Outcome::Retry(fault)
            }
        }
    }

    /// A row used up its tries while it waited, because others were answered meanwhile.
    pub(super) fn gave_up_waiting(&mut self, work: Work, verdict: Fate) {
        let fault = work.fault.map_or_else(|| self.last_fault(), |fault| *fault);
        let ending = self.gave_up(verdict, fault);
        self.store(RequestEnd::unsent(work.row, work.allowance.tries(), ending));
    }

    /// A row came to an end that another try would not change.
    pub(super) fn refused(&mut self, work: &Work, fault: Fault, end: SentRequest) {
        let order = end.order;
        let ended = end.of(work, Outcome::Failed(fault.clone()));
        self.failed(ended, fault, work, Some(order));
    }

    /// A row has failed for good; so may the job have, if it is one of the first, or nobody is answered any more. Only the
    /// verdict is held back while that is open: that the request was sent, and what it cost, is stored at once.
    pub(super) fn failed(&mut self, ended: RequestEnd, fault: Fault, work: &Work, order: Option<u64>) {
        // An answer that was paid for and is not what the job asks for is stored with its verdict.
        let unfit = fault.unfit_answer().is_some();
        let verdict = match unfit {
            true => ended.clone(),
            false => RequestEnd::unsent(ended.row.clone(), ended.tries, ended.ending.clone()),
        };
        let sent_at = &self.sent_at;
        let is_open = |first: u64, last: u64| sent_at.range(first..=last).next().is_some();
        match self.dispatcher.trial.refused(verdict, &fault, work, order, is_open) {
            Judgement::Open if unfit => {}
            Judgement::Open => self.store(RequestEnd { ending: Outcome::Retry(fault), ..ended }),
            Judgement::Rows(verdicts) => {
                let (this, others): (Vec<_>, Vec<_>) =
                    verdicts.into_iter().partition(|verdict| verdict.row == ended.row);
                others.into_iter().for_each(|verdict| self.store(verdict));
                match this.is_empty() {
                    false => self.store(ended),
                    // The others are their rows' own fault because this one differs, which is still held back.
                    true if unfit => {}
                    true => self.store(RequestEnd { ending: Outcome::Retry(fault), ..ended }),
                }
            }
            Judgement::Job(reason) => {
                if !unfit {
                    self.store(RequestEnd { ending: Outcome::Retry(fault), ..ended });
                }
                for verdict in self.dispatcher.trial.abandon() {
                    self.store(verdict);
                }
                self.end(reason);
            }
        }
    }

    fn service_is_there(&mut self, now: Instant) {
        self.take_outage_back();
        if self.dispatcher.health.answered(now) {
            self.hasten(now);
        }
    }

    /// The service is back: rows that would wait much longer come within seconds, at the pace of the limits.
    fn hasten(&mut self, now: Instant) {
        let spread = self.dispatcher.retry.initial_backoff * 2;
        let dice = &mut self.dispatcher.dice;
        self.queues.hasten(|due| due.min(now + spread.mul_f64(dice())));
    }
}
