//! The loop over the rows of one pass: it sends what it can, waits for an event, and handles it.

use futures_util::StreamExt;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use super::circuit_breaker::Fate;
use super::dispatcher::Dispatcher;
use super::flight::Flight;
use super::ledger::Ledger;
use super::live_limits::turned;
use super::packing::RowPacking;
use super::pass::{Pass, PassKind};
use super::readiness::FreshRow;
use super::scheduling::Next;
use super::stop::{Cap, Stop, StopLevel, StopReason};
use super::work::{Ready, Work};
use crate::endpoint::Endpoint;
use crate::event::{DispatchState, Event, Observer};
use crate::failpoint::meet;
use crate::note::JournalEvent;
use crate::reserve::Reserve;

/// How a pass over the rows ended.
#[derive(Debug, PartialEq)]
pub struct PassEnd {
    /// Why.
    pub reason: StopReason,
    /// Rows left for one more pass.
    pub set_aside: u64,
    /// Requests abandoned in flight.
    pub abandoned: usize,
    /// The most that the request may use that a cap did not allow.
    pub beyond: Option<Reserve>,
}

impl PassEnd {
    /// Nothing was to be sent.
    pub const NOTHING: Self = Self { reason: StopReason::Finished, set_aside: 0, abandoned: 0, beyond: None };
}

impl<E: Endpoint> Dispatcher<'_, E> {
    /// Sends the rows as they come, several at a time, until there are no more or there is a reason to stop. In the last
    /// pass, a row that runs out of tries fails; in an earlier one, it is left for the next.
    ///
    /// # Errors
    ///
    /// The ledger fails: ends that arrived meanwhile are not stored.
    pub async fn pass<L: Ledger>(
        &mut self,
        rows: Receiver<Vec<Ready>>,
        ledger: &mut L,
        stop: Stop,
        observer: &mut dyn Observer,
        last: bool,
    ) -> Result<PassEnd, L::Error> {
        let kind = PassKind { last, collects: false };
        Pass::new(self, rows, ledger, stop, observer, kind).run().await
    }

    /// The same, for rows that may come with replies of batches. These are taken in whatever stops the pass, unless it is to
    /// stop at once.
    ///
    /// # Errors
    ///
    /// As [`Dispatcher::pass`].
    pub async fn collecting_pass<L: Ledger>(
        &mut self,
        rows: Receiver<Vec<Ready>>,
        ledger: &mut L,
        stop: Stop,
        observer: &mut dyn Observer,
        last: bool,
    ) -> Result<PassEnd, L::Error> {
        let kind = PassKind { last, collects: true };
        Pass::new(self, rows, ledger, stop, observer, kind).run().await
    }
}

impl<E: Endpoint, L: Ledger> Pass<'_, '_, E, L> {
    pub(super) async fn run(mut self) -> Result<PassEnd, L::Error> {
        loop {
            if *self.stop.borrow_and_update() == StopLevel::Now {
                self.end(StopReason::Interrupted);
                break;
            }
            self.dispatcher.take_terms(Instant::now());
            let wake = self.send_what_can_be_sent();
            if self.is_done() {
                break;
            }
            self.wait(wake).await?;
        }
        let services = self.dispatcher.services.0.iter_mut();
        let held: Vec<_> = services.flat_map(|service| service.preflight.close()).collect();
        held.into_iter().for_each(|ended| self.store(ended));
        let abandoned = self.in_flight.len();
        self.in_flight.clear();
        self.tool_rounds.clear();
        self.store_all().await?;
        // Only requests abandoned in flight remain.
        if let Some(out) = self.exposure.at_the_end() {
            self.write(JournalEvent::Out(out));
            self.store_all().await?;
        }
        let finished = self.bad_luck.map_or(StopReason::Finished, StopReason::BrownOut);
        let reason = self.reason.unwrap_or(finished);
        Ok(PassEnd { reason, set_aside: self.set_aside, abandoned, beyond: self.beyond })
    }

    /// Waits until everything written is on disk.
    async fn store_all(&mut self) -> Result<(), L::Error> {
        while self.unstored > 0 {
            let notes = self.ledger.committed().await?;
            self.stored(&notes);
        }
        Ok(())
    }

    /// Whether there is nothing left to wait for. A stopping pass waits for requests in flight, but not for rows.
    fn is_done(&self) -> bool {
        let rows_left = self.rows.is_some() || self.queues.len() > 0;
        let on_the_way = !self.in_flight.is_empty() || !self.tool_rounds.is_empty();
        // Replies that were collected are taken in all the same.
        let replies_left = self.collects && self.rows.is_some();
        !on_the_way && !replies_left && (self.stops() || !rows_left)
    }

    /// Waits for an event, and handles it.
    async fn wait(&mut self, wake: Option<Instant>) -> Result<(), L::Error> {
        let reads = self.reads();
        let ends = [self.dispatcher.ends_at, self.dispatcher.patience_ends()].into_iter().flatten();
        let wake = wake.into_iter().chain(ends.filter(|_| self.reason.is_none())).min();
        let sleep = async {
            match wake {
                Some(wake) => tokio::time::sleep_until(wake).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = self.stop.changed(), if self.may_be_stopped => match changed {
                Ok(()) => self.look_at_the_clock(Instant::now()),
                // Nobody can ask for a stop any more, which is not a reason to stop.
                Err(_) => self.may_be_stopped = false,
            },
            () = turned(&mut self.dispatcher.live_limits) => {}
            notes = self.ledger.committed(), if self.unstored > 0 => self.stored(&notes?),
            Some(finished) = self.in_flight.next() => self.take_in(finished),
            Some(tool_round) = self.tool_rounds.next() => self.came_back(tool_round),
            batch = next_rows(&mut self.rows), if reads => match batch {
                Some(batch) => batch.into_iter().for_each(|ready| self.take_up(ready)),
                None => self.rows = None,
            },
            () = sleep => {}
        }
        Ok(())
    }

    /// Sends until something delays the rows. Returns the instant at which that may be over.
    fn send_what_can_be_sent(&mut self) -> Option<Instant> {
        loop {
            let now = Instant::now();
            self.look_at_the_clock(now);
            self.take_due(now);
            self.gather(now);
            match self.next(now) {
                Next::Send(work, flight) => self.send(*work, flight, now),
                Next::Stop(reason) => self.end(*reason),
                Next::Wait(until, held_by) => {
                    self.hand_out(now);
                    let state = DispatchState {
                        in_flight: self.in_flight.len(),
                        places: self.places(),
                        waiting: self.queues.waiting(),
                        pack_rows: self.dispatcher.packing.as_ref().map_or(0, RowPacking::rows),
                        pack_trouble: self
                            .dispatcher
                            .packing
                            .as_ref()
                            .map(RowPacking::trouble)
                            .unwrap_or_default(),
                        held_by,
                    };
                    self.observer.on(Event::State(state));
                    return until;
                }
            }
        }
    }

    fn send(&mut self, mut work: Work, flight: Flight, now: Instant) {
        meet("dispatch.send");
        let Dispatcher { services, retry, .. } = &mut *self.dispatcher;
        let service = services.of(flight.service);
        service.traffic.sent(flight.order, now);
        work.service = flight.service;
        self.in_flight.push(Box::pin(flight.fly(service.endpoint, work, *retry)));
    }

    fn look_at_the_clock(&mut self, now: Instant) {
        if self.reason.is_some() {
            return;
        }
        let services = &self.dispatcher.services;
        let reason = match () {
            () if *self.stop.borrow() != StopLevel::None => StopReason::Interrupted,
            () if self.dispatcher.terms.time_is_up => StopReason::Cap(Cap::Until),
            () if self.dispatcher.ends_at.is_some_and(|end| end <= now) => StopReason::Cap(Cap::Duration),
            () if services.were_never_reached() => StopReason::NeverReached(self.last_fault()),
            () if self.dispatcher.patience_ends().is_some_and(|end| end <= now) => {
                StopReason::Outage(self.last_fault())
            }
            () => return,
        };
        self.end(reason);
    }

    /// Passes waiting rows whose time has come to the journal. During an outage only one goes, as the probe.
    fn take_due(&mut self, now: Instant) {
        if self.reason.is_some() || self.dispatcher.terms.paused {
            return;
        }
        if let Some(probe) = self.dispatcher.services.next_probe() {
            if probe > now
                || self.queues.goes_again()
                || self.fresh_row(now) == FreshRow::Ready
                || !self.in_flight.is_empty()
            {
                return;
            }
            let far = now + self.dispatcher.retry.max_outage;
            if let Some(work) = self.queues.take_due(far) {
                self.goes_again(work);
            }
            return;
        }
        while let Some(mut work) = self.queues.take_due(now) {
            match self.dispatcher.services.waited(&mut work.allowance, self.last) {
                Fate::Again(_) => self.goes_again(work),
                // Each of its rows has tries of its own.
                _ if work.pack.is_some() => self.scatter(work, now),
                verdict => self.gave_up_waiting(work, verdict),
            }
        }
    }

    fn goes_again(&mut self, work: Work) {
        for member in work.members() {
            self.write(JournalEvent::Resent(member.row.clone()));
        }
        self.queues.clear_later(work);
    }

    /// Writes to the journal, ahead of sending, which rows may be sent next (as many as can be sent within a moment), and
    /// what all requests in flight may cost.
    fn hand_out(&mut self, now: Instant) {
        if self.reason.is_some() || self.dispatcher.terms.paused {
            return;
        }
        if let Some(out) = self.exposed(now) {
            self.write(JournalEvent::Out(out));
        }
        if self.ahead.is_pending() {
            return;
        }
        let (places, rate) = (self.places(), self.dispatcher.rate(now));
        let packs = self.pack_reach();
        if let Some(below) = self.ahead.announce(now, &self.queues.fresh, places, rate, packs) {
            meet("dispatch.hand-out.before");
            self.write(JournalEvent::HandedOut { below });
        }
    }

    fn stored(&mut self, notes: &[JournalEvent]) {
        for note in notes {
            self.unstored -= 1;
            match note {
                JournalEvent::HandedOut { below } => {
                    meet("dispatch.hand-out.after");
                    self.ahead.on_disk(*below);
                }
                JournalEvent::Resent(_) => self.queues.clear(),
                JournalEvent::Out(out) => self.exposure.on_disk(*out),
                JournalEvent::Ended(ended) => {
                    let live = ended.sent.filter(|sent| sent.line.is_none());
                    live.into_iter().for_each(|sent| self.exposure.stored(sent.worst));
                    self.on_disk(&ended.ending);
                }
                JournalEvent::Results { .. } => {}
            }
            self.observer.on(Event::Committed(note));
        }
    }
}

async fn next_rows(rows: &mut Option<Receiver<Vec<Ready>>>) -> Option<Vec<Ready>> {
    match rows {
        Some(rows) => rows.recv().await,
        None => std::future::pending().await,
    }
}
