//! One pass over the rows: what goes when, and what is waited for.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use super::circuit_breaker::Fate;
use super::exposure::Exposure;
use super::flight::{Finished, Flight};
use super::handout::Handout;
use super::live_limits::turned;
use super::scheduling::Next;
use super::stop::{Cap, Stop, StopLevel, StopReason};
use super::tool_round::ToolRound;
use super::work::{Queues, Ready, Work};
use super::{Dispatcher, Ledger, PassEnd};
use crate::endpoint::Endpoint;
use crate::event::{DispatchState, Event, Observer};
use crate::failpoint::meet;
use crate::note::{JournalEvent, RequestEnd};
use crate::outcome::{Fault, FaultKind};
use crate::reserve::Reserve;

/// Rows at most that are on their way without a place, for each place.
const ROWS_PER_PLACE: usize = 4;

/// Rows that are read ahead at least.
const FEWEST_READ_AHEAD: usize = 32;

/// One pass over the rows.
pub(super) struct Pass<'p, 'e, E, L> {
    pub(super) dispatcher: &'p mut Dispatcher<'e, E>,
    ledger: &'p mut L,
    observer: &'p mut dyn Observer,
    stop: Stop,
    may_be_stopped: bool,
    pub(super) rows: Option<Receiver<Vec<Ready>>>,
    pub(super) queues: Queues,
    pub(super) in_flight: FuturesUnordered<LocalBoxFuture<'e, Finished>>,
    /// Rows whose tools are being run.
    pub(super) tool_rounds: FuturesUnordered<LocalBoxFuture<'e, ToolRound>>,
    /// When the requests in flight were sent, by their order.
    pub(super) sent_at: BTreeMap<u64, Instant>,
    pub(super) sent: u64,
    /// The last turn in which a request was sent that was answered.
    pub(super) let_in: u64,
    /// The share of throttled requests among the latest ends.
    pub(super) throttling: f64,
    /// Whether the last to leave had been sent before.
    pub(super) went_again: bool,
    pub(super) ahead: Handout,
    pub(super) exposure: Exposure,
    unstored: usize,
    pub(super) set_aside: u64,
    /// The latest fault of a row that used up its tries while any row could have, and stays pending.
    pub(super) bad_luck: Option<Fault>,
    pub(super) last: bool,
    reason: Option<StopReason>,
    /// The most that the request may use which a cap does not let leave.
    pub(super) beyond: Option<Reserve>,
}

impl<'p, 'e, E: Endpoint, L: Ledger> Pass<'p, 'e, E, L> {
    /// A pass that has not begun.
    pub(super) fn new(
        dispatcher: &'p mut Dispatcher<'e, E>,
        rows: Receiver<Vec<Ready>>,
        ledger: &'p mut L,
        stop: Stop,
        observer: &'p mut dyn Observer,
        last: bool,
    ) -> Self {
        Self {
            dispatcher,
            ledger,
            observer,
            stop,
            may_be_stopped: true,
            rows: Some(rows),
            queues: Queues::default(),
            in_flight: FuturesUnordered::new(),
            tool_rounds: FuturesUnordered::new(),
            sent_at: BTreeMap::new(),
            sent: 0,
            let_in: 0,
            throttling: 0.0,
            went_again: false,
            ahead: Handout::new(Instant::now()),
            exposure: Exposure::default(),
            unstored: 0,
            set_aside: 0,
            bad_luck: None,
            last,
            reason: None,
            beyond: None,
        }
    }

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
        for ended in self.dispatcher.trial.close() {
            self.store(ended);
        }
        let abandoned = self.in_flight.len();
        self.in_flight.clear();
        self.tool_rounds.clear();
        self.store_all().await?;
        // What was given up in flight stays out, and nothing else.
        if let Some(out) = self.exposure.at_the_end() {
            self.write(JournalEvent::Out(out));
            self.store_all().await?;
        }
        let finished = self.bad_luck.map_or(StopReason::Finished, StopReason::BrownOut);
        let reason = self.reason.unwrap_or(finished);
        Ok(PassEnd { reason, set_aside: self.set_aside, abandoned, beyond: self.beyond })
    }

    /// Waits until all that was written is on disk.
    async fn store_all(&mut self) -> Result<(), L::Error> {
        while self.unstored > 0 {
            let notes = self.ledger.committed().await?;
            self.stored(&notes);
        }
        Ok(())
    }

    /// Whether nothing is left to wait for. A stopping pass waits for what is in flight, not for the rows.
    fn is_done(&self) -> bool {
        let rows_left = self.rows.is_some() || self.queues.len() > 0;
        let on_the_way = !self.in_flight.is_empty() || !self.tool_rounds.is_empty();
        !on_the_way && (self.stops() || !rows_left)
    }

    /// Waits until something happens, and takes it in.
    async fn wait(&mut self, wake: Option<Instant>) -> Result<(), L::Error> {
        let reads = self.reason.is_none() && self.has_room();
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
                // Nobody can ask any more; that is no reason to stop.
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

    /// Sends until something holds the rows back. Gives the instant at which that may be over.
    fn send_what_can_be_sent(&mut self) -> Option<Instant> {
        loop {
            let now = Instant::now();
            self.look_at_the_clock(now);
            self.take_due(now);
            match self.next(now) {
                Next::Send(work, flight) => self.send(*work, flight, now),
                Next::Stop(reason) => self.end(*reason),
                Next::Wait(until, held_by) => {
                    self.hand_out(now);
                    let standing = DispatchState {
                        in_flight: self.in_flight.len(),
                        places: self.places(),
                        waiting: self.queues.waiting(),
                        held_by,
                    };
                    self.observer.on(Event::Standing(standing));
                    return until;
                }
            }
        }
    }

    /// Whether another row may be read.
    pub(super) fn has_room(&self) -> bool {
        let read_ahead = self.places().max(FEWEST_READ_AHEAD);
        let rows = self.queues.len() + self.tool_rounds.len();
        self.queues.fresh.len() < read_ahead.max(self.ahead.rows())
            && rows < ROWS_PER_PLACE * read_ahead + self.ahead.rows()
    }

    fn send(&mut self, work: Work, flight: Flight, now: Instant) {
        meet("dispatch.send");
        self.sent_at.insert(flight.order, now);
        let Dispatcher { endpoint, retry, .. } = &*self.dispatcher;
        self.in_flight.push(Box::pin(flight.fly(*endpoint, work, *retry)));
    }

    fn look_at_the_clock(&mut self, now: Instant) {
        if self.reason.is_some() {
            return;
        }
        let health = &self.dispatcher.health;
        let reason = match () {
            () if *self.stop.borrow() != StopLevel::None => StopReason::Interrupted,
            () if self.dispatcher.terms.time_is_up => StopReason::Cap(Cap::Until),
            () if self.dispatcher.ends_at.is_some_and(|end| end <= now) => StopReason::Cap(Cap::Duration),
            () if health.was_never_reached() => StopReason::NeverReached(self.last_fault()),
            () if self.dispatcher.patience_ends().is_some_and(|end| end <= now) => {
                StopReason::Outage(self.last_fault())
            }
            () => return,
        };
        self.end(reason);
    }

    pub(super) fn end(&mut self, reason: StopReason) {
        self.reason.get_or_insert(reason);
    }

    /// What was in flight when the patience ended has been answered after all: the run goes on.
    pub(super) fn take_outage_back(&mut self) {
        if self.is_out() {
            self.reason = None;
        }
    }

    /// Whether the pass ends because the service answers nobody.
    pub(super) fn is_out(&self) -> bool {
        matches!(self.reason, Some(StopReason::Outage(_) | StopReason::NeverReached(_)))
    }

    pub(super) fn last_fault(&self) -> Fault {
        let none = || Fault::new(FaultKind::Transient, "no_answer", "the service answered no request");
        self.dispatcher.last_fault.clone().unwrap_or_else(none)
    }

    /// Tells the journal of waiting rows whose time has come. During an outage only one goes, as the probe.
    fn take_due(&mut self, now: Instant) {
        if self.reason.is_some() || self.dispatcher.terms.paused {
            return;
        }
        if let Some(probe) = self.dispatcher.health.next_probe() {
            if probe > now || self.queues.goes_again() || self.fresh_can_go(now) || !self.in_flight.is_empty()
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
            match self.dispatcher.health.waited(&mut work.allowance, self.last) {
                Fate::Again(_) => self.goes_again(work),
                verdict => self.gave_up_waiting(work, verdict),
            }
        }
    }

    fn goes_again(&mut self, work: Work) {
        self.write(JournalEvent::Resent(work.row.clone()));
        self.queues.clear_later(work);
    }

    /// Tells the journal, ahead of the sending, which rows may be sent next, as many as can go within a moment, and what all
    /// that is out may cost.
    fn hand_out(&mut self, now: Instant) {
        if self.reason.is_some() || self.dispatcher.terms.paused {
            return;
        }
        if let Some(out) = self.exposed(now) {
            self.write(JournalEvent::Out(out));
        }
        if self.ahead.is_told() {
            return;
        }
        let (places, rate) = (self.places(), self.dispatcher.pace.rate(now));
        if let Some(below) = self.ahead.tell(now, &self.queues.fresh, places, rate) {
            meet("dispatch.hand-out.before");
            self.write(JournalEvent::HandedOut { below });
        }
    }

    pub(super) fn places(&self) -> usize {
        let oldest = self.sent_at.values().next().map_or(Duration::ZERO, Instant::elapsed);
        self.dispatcher.window.places(oldest)
    }

    /// Whether the pass has a reason to end, and begins nothing any more.
    pub(super) fn stops(&self) -> bool {
        self.reason.is_some()
    }

    pub(super) fn store(&mut self, ended: RequestEnd) {
        self.write(JournalEvent::Ended(Box::new(ended)));
    }

    pub(super) fn write(&mut self, note: JournalEvent) {
        self.unstored += 1;
        self.ledger.write(note);
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
                    ended.sent.into_iter().for_each(|sent| self.exposure.stored(sent.worst));
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
