//! Which of the ready rows is sent next: a fresh one, a repeated one, or none yet, and why.

use tokio::time::Instant;

use super::bill::worst_of;
use super::budget::Short;
use super::dispatcher::Dispatcher;
use super::flight::Flight;
use super::ledger::Ledger;
use super::pace;
use super::pass::Pass;
use super::stop::StopReason;
use super::work::Work;
use crate::clock;
use crate::endpoint::Endpoint;
use crate::event::Bottleneck;
use crate::request::{ChatRequest, Estimate};
use crate::reserve::Reserve;

/// With a cap, the journal records one request ahead for this many in flight, and at least this many.
const SHARE_AHEAD: usize = 8;
const FEWEST_AHEAD: usize = 2;

/// What can be done next.
pub(super) enum Next {
    /// This one can be sent.
    Send(Box<Work>, Flight),
    /// Nothing before that instant, and why; `None`: before another event.
    Wait(Option<Instant>, Option<Bottleneck>),
    /// Nothing more.
    Stop(Box<StopReason>),
}

impl<E: Endpoint, L: Ledger> Pass<'_, '_, E, L> {
    /// What is sent next, or what must be waited for first.
    pub(super) fn next(&mut self, now: Instant) -> Next {
        if self.stops() {
            return Next::Wait(None, None);
        }
        if self.dispatcher.terms.paused {
            return Next::Wait(None, Some(Bottleneck::Pause));
        }
        let probing = self.dispatcher.breaker.next_probe();
        if let Some(probe) = probing {
            if !self.in_flight.is_empty() {
                return Next::Wait(None, Some(Bottleneck::Outage));
            }
            if probe > now {
                return Next::Wait(Some(probe), Some(Bottleneck::Outage));
            }
        }
        // A row that is already due waits for something other than time: for the probe before it.
        let due = self.queues.next_due().filter(|due| *due > now);
        if self.queues.cleared.is_empty() && !self.fresh_can_go(now) {
            return self.nothing_ready(now, due);
        }
        if self.in_flight.len() >= self.places() {
            return Next::Wait(due, Some(Bottleneck::Places));
        }
        self.leave(now, due)
    }

    /// Whether an unsent row can be sent, as far as the journal and the first rows are concerned.
    pub(super) fn fresh_can_go(&self, now: Instant) -> bool {
        let fresh = self.queues.fresh.front().filter(|work| self.ahead.allows(work.row.position));
        fresh.is_some_and(|work| self.trial_allows(work, now))
    }

    fn trial_allows(&self, work: &Work, now: Instant) -> bool {
        let probing = self.dispatcher.breaker.next_probe().is_some();
        self.dispatcher.preflight.allows(work.request.shape, now, probing)
    }

    /// No row can be sent: either none is there yet, or all wait.
    fn nothing_ready(&self, now: Instant, due: Option<Instant>) -> Next {
        let preflight = &self.dispatcher.preflight;
        let held = self.queues.fresh.front().filter(|work| !self.trial_allows(work, now));
        let first_rows = held.is_some();
        let rows_come = self.rows.is_some() && self.has_room() && !first_rows;
        let rows_go = !self.in_flight.is_empty() || !self.tool_rounds.is_empty() || self.queues.goes_again();
        let idle = !rows_go && !rows_come && (first_rows || self.queues.fresh.is_empty());
        let patience = self.dispatcher.retry.max_outage;
        match due {
            // A service that asks for more patience than the job has is out for this job.
            Some(due) if idle && due > now + patience => {
                Next::Stop(Box::new(StopReason::Outage(self.last_fault())))
            }
            _ if first_rows => {
                let opens = held.and_then(|work| preflight.opens_at(work.request.shape, now));
                Next::Wait(due.into_iter().chain(opens).min(), Some(Bottleneck::FirstRows))
            }
            _ => Next::Wait(due, idle.then_some(Bottleneck::Backoff)),
        }
    }

    /// Whether a repeated row is next. Such rows come first; but while nobody is answered they alternate with new ones, or
    /// a few poisoned rows would use up a slow job's rate and look like an outage.
    fn one_goes_again(&self, now: Instant) -> bool {
        let nobody_answered = self.dispatcher.breaker.patience_ends().is_some();
        let takes_turns = self.went_again && nobody_answered && self.fresh_can_go(now);
        !self.queues.cleared.is_empty() && !takes_turns
    }

    /// Sends the first row that can be sent, if the budget covers it.
    fn leave(&mut self, now: Instant, due: Option<Instant>) -> Next {
        let goes_again = self.one_goes_again(now);
        let queue = if goes_again { &self.queues.cleared } else { &self.queues.fresh };
        let Some(request) = queue.front().map(|work| &work.request) else {
            return Next::Wait(due, None);
        };
        let (estimate, shape) = (request.estimate, request.shape);
        if self.is_held_to_learn(&estimate) {
            return Next::Wait(due, Some(Bottleneck::Cap));
        }
        let (worst, reservation) = self.worst_of(request);
        let flight = match self.pay(now, due, &estimate, (worst, reservation)) {
            Ok(flight) => flight,
            Err(next) => return next,
        };
        self.exposure.leaves(reservation);
        self.went_again = goes_again;
        if !goes_again {
            self.ahead.sent();
            self.dispatcher.preflight.sent();
        }
        self.dispatcher.preflight.out(shape, now);
        let queue = if goes_again { &mut self.queues.cleared } else { &mut self.queues.fresh };
        match queue.pop_front() {
            Some(work) => Next::Send(Box::new(work), flight),
            None => Next::Wait(due, None),
        }
    }

    /// The most that a request can use, and cost. No tokenizer makes more tokens of a text than it has bytes; other input
    /// has a bound of its own.
    fn worst_of(&self, request: &ChatRequest) -> (Estimate, Reserve) {
        let worst = self.dispatcher.pace.worst(&request.estimate);
        let text = (request.body.len() as u64).saturating_sub(request.media.bytes);
        let prompt_tokens = worst.prompt_tokens.max(text.saturating_add(request.media.tokens));
        let worst = Estimate { prompt_tokens, ..worst };
        (worst, worst_of(request, &worst))
    }

    /// If the maximum length of an answer is unknown, a cap lets only a few requests be sent until some answers have
    /// arrived.
    fn is_held_to_learn(&self, estimate: &Estimate) -> bool {
        let Dispatcher { budget, pace, .. } = &*self.dispatcher;
        let may_leave = pace.may_leave_unbounded();
        estimate.unbounded && budget.is_capped() && may_leave.is_some_and(|few| self.in_flight.len() >= few)
    }

    /// The amount in flight that the journal should record, if it is time.
    pub(super) fn exposed(&mut self, now: Instant) -> Option<Reserve> {
        let queue = if self.one_goes_again(now) { &self.queues.cleared } else { &self.queues.fresh };
        let next = queue.front().map_or(Reserve::NOTHING, |next| self.worst_of(&next.request).1);
        let is_capped = self.dispatcher.budget.is_capped();
        let ready = self.queues.cleared.len() + self.queues.fresh.len();
        let requests = if is_capped { self.few_ahead(now) } else { self.many_ahead() };
        self.exposure.announce(next, requests.min(ready), self.dispatcher.budget.left(), is_capped)
    }

    /// Without a cap, as many as have a slot, or are sent before the next record, which then costs next to no commits.
    fn many_ahead(&self) -> usize {
        self.places().saturating_sub(self.in_flight.len()).max(self.ahead.rows())
    }

    /// With a cap, a share of the requests in flight: after a kill, the cap loses whatever was recorded but not in flight.
    fn few_ahead(&self, now: Instant) -> usize {
        let out = self.places().max(self.exposure.requests());
        let moment = self.ahead.within_a_moment(self.dispatcher.pace.rate(now));
        (out / SHARE_AHEAD).min(moment).max(FEWEST_AHEAD)
    }

    /// Reserves a request's worst case, if every limit and every cap allows it.
    fn pay(
        &mut self,
        now: Instant,
        due: Option<Instant>,
        estimate: &Estimate,
        (worst_estimate, reservation): (Estimate, Reserve),
    ) -> Result<Flight, Next> {
        let Dispatcher { budget, pace, .. } = &mut *self.dispatcher;
        budget.reserve(reservation).map_err(|short| match short {
            Short::ForGood(cap) => {
                self.beyond = Some(reservation);
                Next::Stop(Box::new(StopReason::Cap(cap)))
            }
            Short::ForNow => Next::Wait(due, Some(Bottleneck::Cap)),
        })?;
        // The journal must record it first.
        if !self.exposure.covers(reservation) {
            budget.give_back(reservation);
            return Err(Next::Wait(due, None));
        }
        match pace.ask(now, estimate) {
            Ok(ticket) => {
                self.sent += 1;
                Ok(Flight { order: self.sent, ticket, worst_estimate, reservation, at: clock::now() })
            }
            Err((when, held_by)) => {
                budget.give_back(reservation);
                let held_by = match held_by {
                    pace::PacedBy::Requests => Bottleneck::Rate,
                    pace::PacedBy::Tokens => Bottleneck::Tokens,
                    pace::PacedBy::Brake => Bottleneck::Throttling,
                };
                Err(Next::Wait(Some(due.map_or(when, |due| due.min(when))), Some(held_by)))
            }
        }
    }
}
