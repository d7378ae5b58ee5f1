//! One pass over the rows: what goes when, and what is waited for.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use super::caps::{Reservation, Short};
use super::pace::{self, Ticket};
use super::stop::{Cap, Stop, StopReason, Urgency};
use super::work::{Queues, Ready, Work};
use super::{Dispatcher, Ledger, PassEnd};
use crate::endpoint::Endpoint;
use crate::event::{Event, HeldBy, Observer, Standing};
use crate::job::units;
use crate::note::{Ended, Note};
use crate::outcome::{Fault, FaultKind, Reply};

/// Rows at most that are on their way without a place, for each place.
const ROWS_PER_PLACE: usize = 4;

/// Rows that are read ahead at least.
const FEWEST_READ_AHEAD: usize = 32;

/// How far ahead of the sending the journal is told which rows are handed out.
const HANDED_OUT_AHEAD: Duration = Duration::from_millis(100);

/// One pass over the rows.
pub(super) struct Pass<'p, 'e, E, L> {
    pub(super) dispatcher: &'p mut Dispatcher<'e, E>,
    ledger: &'p mut L,
    observer: &'p mut dyn Observer,
    stop: Stop,
    rows: Option<Receiver<Ready>>,
    pub(super) queues: Queues,
    in_flight: FuturesUnordered<LocalBoxFuture<'e, Finished>>,
    /// When the requests in flight were sent, by their order.
    pub(super) sent_at: BTreeMap<u64, Instant>,
    sent: u64,
    /// Rows below this position may be sent: the journal knows of it.
    handed_out: u64,
    /// What the journal has been told.
    handing_out: u64,
    unstored: usize,
    pub(super) set_aside: u64,
    pub(super) last: bool,
    reason: Option<StopReason>,
}

impl<'p, 'e, E: Endpoint, L: Ledger> Pass<'p, 'e, E, L> {
    /// A pass that has not begun.
    pub(super) fn new(
        dispatcher: &'p mut Dispatcher<'e, E>,
        rows: Receiver<Ready>,
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
            rows: Some(rows),
            queues: Queues::default(),
            in_flight: FuturesUnordered::new(),
            sent_at: BTreeMap::new(),
            sent: 0,
            handed_out: 0,
            handing_out: 0,
            unstored: 0,
            set_aside: 0,
            last,
            reason: None,
        }
    }

    pub(super) async fn run(mut self) -> Result<PassEnd, L::Error> {
        loop {
            if *self.stop.borrow_and_update() == Urgency::Now {
                break;
            }
            let wake = self.send_what_can_be_sent();
            if self.is_done() {
                break;
            }
            self.wait(wake).await?;
        }
        for ended in self.dispatcher.trial.release() {
            self.store(ended);
        }
        let abandoned = self.in_flight.len();
        self.in_flight.clear();
        while self.unstored > 0 {
            let notes = self.ledger.committed().await?;
            self.stored(&notes);
        }
        let reason = self.reason.unwrap_or(match abandoned {
            0 => StopReason::Finished,
            _ => StopReason::Interrupted,
        });
        Ok(PassEnd { reason, set_aside: self.set_aside, abandoned })
    }

    /// Whether nothing is left to wait for. A stopping pass waits for what is in flight, not for the rows.
    fn is_done(&self) -> bool {
        let rows_left = self.rows.is_some() || self.queues.len() > 0;
        self.in_flight.is_empty() && (self.reason.is_some() || !rows_left)
    }

    /// Waits until something happens, and takes it in.
    async fn wait(&mut self, wake: Option<Instant>) -> Result<(), L::Error> {
        let read_ahead = self.places().max(FEWEST_READ_AHEAD);
        let room = self.queues.fresh.len() < read_ahead && self.queues.len() < ROWS_PER_PLACE * read_ahead;
        let reads = self.reason.is_none() && room;
        let wake =
            [wake, self.dispatcher.ends_at.filter(|_| self.reason.is_none())].into_iter().flatten().min();
        let sleep = async {
            match wake {
                Some(wake) => tokio::time::sleep_until(wake).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = self.stop.changed() => match changed {
                Ok(()) => self.look_at_the_clock(Instant::now()),
                // Nobody can ask any more; that is no reason to stop.
                Err(_) => self.stop = tokio::sync::watch::channel(Urgency::None).1,
            },
            notes = self.ledger.committed(), if self.unstored > 0 => self.stored(&notes?),
            Some(finished) = self.in_flight.next() => self.take_in(finished),
            ready = next_row(&mut self.rows), if reads => match ready {
                Some(ready) => self.queues.fresh.push_back(Work::from(ready)),
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
                    let standing = Standing {
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

    fn next(&mut self, now: Instant) -> Next {
        if self.reason.is_some() {
            return Next::Wait(None, None);
        }
        let probing = self.dispatcher.health.next_probe();
        if let Some(probe) = probing {
            if !self.in_flight.is_empty() {
                return Next::Wait(None, Some(HeldBy::Outage));
            }
            if probe > now {
                return Next::Wait(Some(probe), Some(HeldBy::Outage));
            }
        }
        let due = self.queues.next_due();
        let fresh = self.queues.fresh.front().is_some_and(|work| work.row.position < self.handed_out);
        if self.queues.cleared.is_empty() && !fresh {
            let idle = self.in_flight.is_empty() && self.queues.fresh.is_empty() && self.rows.is_none();
            return self.nothing_ready(now, due, idle);
        }
        if self.in_flight.len() >= self.places() {
            return Next::Wait(due, Some(HeldBy::Places));
        }
        if self.queues.cleared.is_empty() && !self.dispatcher.trial.allows_more() {
            return Next::Wait(due, Some(HeldBy::FirstRows));
        }
        self.leave(now, due)
    }

    /// No row can go: either none is there yet, or all that are left wait.
    fn nothing_ready(&self, now: Instant, due: Option<Instant>, idle: bool) -> Next {
        let patience = self.dispatcher.retry.max_outage;
        match due {
            // A service that asks for more patience than the job has is out for this job.
            Some(due) if idle && !self.queues.goes_again() && due > now + patience => {
                Next::Stop(Box::new(StopReason::Outage(self.last_fault())))
            }
            Some(due) => Next::Wait(Some(due), idle.then_some(HeldBy::Backoff)),
            None => Next::Wait(None, None),
        }
    }

    /// Pays for the first row that can go, if every limit and every cap lets it.
    fn leave(&mut self, now: Instant, due: Option<Instant>) -> Next {
        let goes_again = !self.queues.cleared.is_empty();
        let queue = if goes_again { &mut self.queues.cleared } else { &mut self.queues.fresh };
        let Some(work) = queue.pop_front() else { return Next::Wait(due, None) };
        let estimate = work.request.estimate;
        let paid = match self.dispatcher.purse.reserve(&self.dispatcher.pace.worst(&estimate)) {
            Err(Short::ForGood(cap)) => Err(Next::Stop(Box::new(StopReason::Cap(cap)))),
            Err(Short::ForNow) => Err(Next::Wait(due, Some(HeldBy::Cap))),
            Ok(reservation) => match self.dispatcher.pace.ask(now, &estimate) {
                Ok(ticket) => {
                    self.sent += 1;
                    Ok(Flight { order: self.sent, ticket, reservation, at: SystemTime::now() })
                }
                Err((when, held_by)) => {
                    self.dispatcher.purse.settle(reservation, None);
                    let held_by = match held_by {
                        pace::HeldBy::Requests => HeldBy::Rate,
                        pace::HeldBy::Tokens => HeldBy::Tokens,
                        pace::HeldBy::Brake => HeldBy::Throttling,
                    };
                    Err(Next::Wait(Some(due.map_or(when, |due| due.min(when))), Some(held_by)))
                }
            },
        };
        match paid {
            Ok(flight) => {
                if !goes_again {
                    self.dispatcher.trial.sent();
                }
                Next::Send(Box::new(work), flight)
            }
            Err(next) => {
                let queue = if goes_again { &mut self.queues.cleared } else { &mut self.queues.fresh };
                queue.push_front(work);
                next
            }
        }
    }

    fn send(&mut self, work: Work, flight: Flight, now: Instant) {
        let endpoint = self.dispatcher.endpoint;
        let timeout = self.dispatcher.retry.timeout;
        self.sent_at.insert(flight.order, now);
        self.in_flight.push(Box::pin(async move {
            let reply = tokio::time::timeout(timeout, endpoint.send(&work.request)).await;
            let late = || format!("no answer within {}", units::shown(timeout));
            let reply = match reply {
                Ok(reply) => reply,
                Err(_) => Err(Fault::new(FaultKind::Passing, "timeout", late())),
            };
            Finished { work, flight, latency: now.elapsed(), reply }
        }));
    }

    fn look_at_the_clock(&mut self, now: Instant) {
        if self.reason.is_some() {
            return;
        }
        let health = &self.dispatcher.health;
        let reason = match () {
            () if *self.stop.borrow() != Urgency::None => StopReason::Interrupted,
            () if self.dispatcher.ends_at.is_some_and(|end| end <= now) => StopReason::Cap(Cap::Duration),
            () if health.was_never_reached() => StopReason::NeverReached(self.last_fault()),
            () if health.patience_ends().is_some_and(|end| end <= now) => {
                StopReason::Outage(self.last_fault())
            }
            () => return,
        };
        self.end(reason);
    }

    pub(super) fn end(&mut self, reason: StopReason) {
        self.reason.get_or_insert(reason);
    }

    fn last_fault(&self) -> Fault {
        let none = || Fault::new(FaultKind::Passing, "no_answer", "the service answered nobody");
        self.dispatcher.last_fault.clone().unwrap_or_else(none)
    }

    /// Tells the journal of waiting rows whose time has come. During an outage only one goes, as the probe.
    fn take_due(&mut self, now: Instant) {
        if self.reason.is_some() {
            return;
        }
        if let Some(probe) = self.dispatcher.health.next_probe() {
            let fresh = self.queues.fresh.front().is_some_and(|work| work.row.position < self.handed_out);
            if probe > now || self.queues.goes_again() || fresh || !self.in_flight.is_empty() {
                return;
            }
            let far = now + self.dispatcher.retry.max_outage;
            if let Some(row) = self.queues.take_due(far) {
                self.write(Note::Resent(row));
            }
            return;
        }
        while let Some(row) = self.queues.take_due(now) {
            self.write(Note::Resent(row));
        }
    }

    /// Tells the journal, ahead of the sending, which rows may be sent next: as many as can go within a moment.
    fn hand_out(&mut self, now: Instant) {
        if self.reason.is_some() || self.handing_out > self.handed_out {
            return;
        }
        let places = self.places();
        let ahead = match self.dispatcher.pace.rate(now) {
            Some(rate) => (rate * HANDED_OUT_AHEAD.as_secs_f64()).ceil() as usize,
            None => places,
        };
        let ahead = ahead.clamp(1, places);
        let Some(row) = self.queues.fresh.iter().take(ahead).next_back() else { return };
        let below = row.row.position + 1;
        // Asking for each row anew would be one commit per row; a half used up is a good time to ask.
        let known = self.queues.fresh.iter().take_while(|work| work.row.position < self.handed_out).count();
        if below > self.handing_out && known <= ahead / 2 {
            self.handing_out = below;
            self.write(Note::HandedOut { below });
        }
    }

    fn places(&self) -> usize {
        let oldest = self.sent_at.values().next().map_or(Duration::ZERO, Instant::elapsed);
        self.dispatcher.window.places(oldest)
    }

    pub(super) fn store(&mut self, ended: Ended) {
        self.write(Note::Ended(Box::new(ended)));
    }

    fn write(&mut self, note: Note) {
        self.unstored += 1;
        self.ledger.write(note);
    }

    fn stored(&mut self, notes: &[Note]) {
        for note in notes {
            self.unstored -= 1;
            match note {
                Note::HandedOut { below } => self.handed_out = *below,
                Note::Resent(_) => self.queues.clear(),
                Note::Ended(_) => {}
            }
            self.observer.on(Event::Committed(note));
        }
    }
}

/// One request that came to its end.
pub(super) struct Finished {
    pub(super) work: Work,
    pub(super) flight: Flight,
    pub(super) latency: Duration,
    pub(super) reply: Reply,
}

/// A request in flight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    pub(super) order: u64,
    pub(super) ticket: Ticket,
    pub(super) reservation: Reservation,
    pub(super) at: SystemTime,
}

/// What can be done next.
enum Next {
    /// This one can be sent.
    Send(Box<Work>, Flight),
    /// Nothing before that instant, and why; `None`: before something else happens.
    Wait(Option<Instant>, Option<HeldBy>),
    /// Nothing any more.
    Stop(Box<StopReason>),
}

async fn next_row(rows: &mut Option<Receiver<Ready>>) -> Option<Ready> {
    match rows {
        Some(rows) => rows.recv().await,
        None => std::future::pending().await,
    }
}
