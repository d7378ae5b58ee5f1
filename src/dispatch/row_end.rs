//! How a row ends or waits for another try, once the meaning of its request's end is known.

use std::time::Duration;

use tokio::time::Instant;

use super::circuit_breaker::Fate;
use super::dispatcher::Dispatcher;
use super::flight::SentRequest;
use super::ledger::Ledger;
use super::pass::Pass;
use super::preflight::{Judgement, Preflight};
use super::retry;
use super::service::Service;
use super::work::Work;
use crate::endpoint::Endpoint;
use crate::note::{Outcome, RequestEnd};
use crate::outcome::Fault;

impl<E: Endpoint, L: Ledger> Pass<'_, '_, E, L> {
    /// Lets a row wait that may be answered another time.
    pub(super) fn again(&mut self, work: Work, fault: Fault, end: SentRequest, now: Instant) {
        self.again_after(Duration::ZERO, work, fault, end, now);
    }

    pub(super) fn again_after(
        &mut self,
        at_least: Duration,
        mut work: Work,
        fault: Fault,
        end: SentRequest,
        now: Instant,
    ) {
        let Dispatcher { services, retry, dice, .. } = &mut *self.dispatcher;
        services.of(end.service).breaker.settle(&mut work.allowance);
        let failures = (work.allowance.failures() + work.throttled + work.unusable).max(1);
        let due = now + retry::backoff(retry, &fault, failures, dice).max(at_least);
        work.fault = Some(Box::new(fault.clone()));
        self.store_ends(&work, end, Outcome::Retry(fault));
        self.queues.wait(due, work);
    }

    /// How a row ends in this pass after it has used up its tries.
    pub(super) fn gave_up(&mut self, service: usize, verdict: Fate, fault: Fault) -> Outcome {
        self.preflight(service).gave_up();
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

    /// A row used up its tries while waiting, because others were answered meanwhile.
    pub(super) fn gave_up_waiting(&mut self, work: Work, verdict: Fate) {
        let fault = work.fault.map_or_else(|| self.last_fault(), |fault| *fault);
        let ending = self.gave_up(work.service, verdict, fault);
        self.store(RequestEnd::unsent(work.row, work.allowance.tries(), ending));
    }

    /// A row had an end that another try would not change.
    pub(super) fn refused(&mut self, work: &Work, fault: Fault, end: SentRequest) {
        let sent = (end.service, Some(end.order));
        let ended = end.of(work, Outcome::Failed(fault.clone()));
        self.failed(ended, fault, work, sent);
    }

    /// A row has failed for good, and perhaps the job with it, if the row is one of the first, or nobody is answered any
    /// more. Only the verdict is held back while that is open: that the request was sent, and what it cost, is stored at
    /// once. `service`, `order`: where its last request was sent, and in which turn, if it was that request that failed.
    pub(super) fn failed(
        &mut self,
        ended: RequestEnd,
        fault: Fault,
        work: &Work,
        (service, order): (usize, Option<u64>),
    ) {
        // A paid answer that is not what the job requires is stored with its verdict.
        let unfit = fault.unfit_answer().is_some();
        let verdict = match unfit {
            true => ended.clone(),
            false => RequestEnd::unsent(ended.row.clone(), ended.tries, ended.ending.clone()),
        };
        let Service { preflight, traffic, .. } = self.dispatcher.services.of(service);
        let is_open = |first: u64, last: u64| traffic.is_open(first, last);
        match preflight.refused(verdict, &fault, work, order, is_open) {
            Judgement::Open if unfit => {}
            Judgement::Open => self.store(RequestEnd { ending: Outcome::Retry(fault), ..ended }),
            Judgement::Rows(verdicts) => {
                let (this, others): (Vec<_>, Vec<_>) =
                    verdicts.into_iter().partition(|verdict| verdict.row == ended.row);
                others.into_iter().for_each(|verdict| self.store(verdict));
                match this.is_empty() {
                    false => self.store(ended),
                    // The others are their rows' own fault because this one differs; it is still held back.
                    true if unfit => {}
                    true => self.store(RequestEnd { ending: Outcome::Retry(fault), ..ended }),
                }
            }
            Judgement::Job(reason) => {
                if !unfit {
                    self.store(RequestEnd { ending: Outcome::Retry(fault), ..ended });
                }
                for verdict in self.preflight(service).abandon() {
                    self.store(verdict);
                }
                self.end(reason);
            }
        }
    }

    pub(super) fn service_is_there(&mut self, service: usize, now: Instant) {
        self.take_outage_back();
        if self.dispatcher.services.of(service).breaker.answered(now) {
            self.hasten(now);
        }
    }

    pub(super) fn preflight(&mut self, service: usize) -> &mut Preflight {
        &mut self.dispatcher.services.of(service).preflight
    }

    /// The service is back: rows with a much longer wait return within seconds, at the pace of the limits.
    pub(super) fn hasten(&mut self, now: Instant) {
        let spread = self.dispatcher.retry.initial_backoff * 2;
        let dice = &mut self.dispatcher.dice;
        self.queues.hasten(|due| due.min(now + spread.mul_f64(dice())));
    }
}
