//! Which of the ready rows is sent next: a fresh one, a repeated one, or none yet, and why.

use tokio::time::Instant;

use super::bill::worst_of;
use super::budget::Short;
use super::dispatcher::Dispatcher;
use super::flight::Flight;
use super::ledger::Ledger;
use super::pace;
use super::pass::Pass;
use super::readiness::{FreshRow, NextQueue, Readiness, SendDecision};
use super::stop::StopReason;
use super::work::Work;
use crate::clock;
use crate::endpoint::Endpoint;
use crate::event::Bottleneck;
use crate::request::Estimate;
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
        match self.readiness(now).decide(now) {
            SendDecision::Take { queue, until } => self.leave(now, until, queue),
            SendDecision::Wait(until, held_by) => Next::Wait(until, held_by),
            SendDecision::GiveUp => Next::Stop(Box::new(StopReason::Outage(self.last_fault()))),
        }
    }

    /// What queues and limits say now.
    fn readiness(&self, now: Instant) -> Readiness {
        let Dispatcher { terms, services, retry, .. } = &*self.dispatcher;
        Readiness {
            stops: self.stops(),
            paused: terms.paused,
            probe: services.next_probe(),
            somebody_answered: services.patience_ends().is_none(),
            in_flight: self.in_flight.len(),
            places: self.places(),
            fresh: self.fresh_row(now),
            repeated: !self.queues.cleared.is_empty(),
            went_again: self.went_again,
            due: self.queues.next_due(),
            others_return: !self.tool_rounds.is_empty() || self.queues.goes_again(),
            more_come: self.rows.is_some() && self.has_room(),
            max_outage: retry.max_outage,
        }
    }

    /// The first unsent row, as far as the journal and the first rows are concerned.
    pub(super) fn fresh_row(&self, now: Instant) -> FreshRow {
        let Some(work) = self.queues.fresh.front() else { return FreshRow::Missing };
        let services = &self.dispatcher.services;
        let shape = work.request.shape;
        if !services.allow(shape, now) {
            return FreshRow::Held(services.open_at(shape, now));
        }
        match self.ahead.allows(work.row.position) && !self.gathers {
            true => FreshRow::Ready,
            false => FreshRow::Unrecorded,
        }
    }

    /// Sends the first row that can be sent, if the budget covers it.
    fn leave(&mut self, now: Instant, due: Option<Instant>, queue_turn: NextQueue) -> Next {
        let goes_again = queue_turn == NextQueue::Repeated;
        let queue = if goes_again { &self.queues.cleared } else { &self.queues.fresh };
        let Some(work) = queue.front() else {
            return Next::Wait(due, None);
        };
        let (estimate, shape, rows) = (work.request.estimate, work.request.shape, work.rows());
        if self.is_held_to_learn(&estimate) {
            return Next::Wait(due, Some(Bottleneck::Cap));
        }
        let (worst, reservation) = self.worst_of(work);
        if rows > 1 && self.dispatcher.budget.is_beyond(reservation) {
            // One row may be within a cap that a pack exceeds.
            self.disband(queue_turn);
            return self.leave(now, due, queue_turn);
        }
        let flight = match self.pay(now, due, (&estimate, rows), (worst, reservation)) {
            Ok(flight) => flight,
            Err(next) => return next,
        };
        self.exposure.leaves(reservation, rows);
        self.went_again = goes_again;
        let preflight = &mut self.dispatcher.services.of(flight.service).preflight;
        if !goes_again {
            self.ahead.sent();
            preflight.sent();
        }
        preflight.out(shape, now);
        let queue = if goes_again { &mut self.queues.cleared } else { &mut self.queues.fresh };
        match queue.pop_front() {
            Some(work) => Next::Send(Box::new(work), flight),
            None => Next::Wait(due, None),
        }
    }

    /// The most that a request can use, and cost.
    pub(super) fn worst_of(&self, work: &Work) -> (Estimate, Reserve) {
        let worst = self.dispatcher.worst_estimate(&work.request, work.rows());
        (worst, worst_of(&work.request, &worst))
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
        let queue = match self.readiness(now).queue() {
            NextQueue::Repeated => &self.queues.cleared,
            NextQueue::Fresh => &self.queues.fresh,
        };
        let next = queue.front().map_or(Reserve::NOTHING, |next| self.worst_of(next).1);
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
        let out = self.places().max(self.exposure.rows() / self.pack_reach().rows);
        let moment = self.ahead.within_a_moment(self.dispatcher.rate(now));
        (out / SHARE_AHEAD).min(moment).max(FEWEST_AHEAD)
    }

    /// Reserves a request's worst case, if every limit and every cap allows it.
    fn pay(
        &mut self,
        now: Instant,
        due: Option<Instant>,
        (estimate, rows): (&Estimate, usize),
        (worst_estimate, reservation): (Estimate, Reserve),
    ) -> Result<Flight, Next> {
        let Dispatcher { budget, pace, services, .. } = &mut *self.dispatcher;
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
        let service = 0;
        match pace.ask(now, (estimate, rows), &mut services.of(service).pace) {
            Ok(ticket) => {
                self.sent += 1;
                let (order, at) = (self.sent, clock::now());
                Ok(Flight { order, service, ticket, worst_estimate, reservation, at })
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
