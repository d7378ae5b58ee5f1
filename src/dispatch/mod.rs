//! The stage that sends: one loop owns everything that is on its way.
//!
//! A row waits without a place. It goes when a place is free, every limit lets it pass and the caps can bear its worst
//! case; then it is sent at once. A try ends in an answer or a fault; a fault is judged: again, this row, or the whole
//! job. What came of a row is told to the journal, and counts when the journal says that it is on disk.

mod caps;
mod health;
pub mod pace;
pub mod retry;
pub mod stop;
mod trial;
mod window;
mod work;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use crate::endpoint::Endpoint;
use crate::event::{Event, HeldBy, Observer, Standing};
use crate::job::Retry;
use crate::job::limits::{Caps, Concurrency, Quotas};
use crate::job::price::Price;
use crate::job::units;
use crate::note::{Ended, Ending, Note, Sent};
use crate::outcome::{Answer, Fault, FaultKind, Reply};
use caps::{Purse, Reservation, Short};
use health::Health;
use pace::{Pace, Ticket};
use retry::Dice;
use stop::{Cap, Stop, StopReason, Urgency};
use trial::{Judgement, Trial};
use window::Window;
pub use work::Ready;
use work::{Queues, Work};

/// Rows at most that are on their way without a place, for each place.
const ROWS_PER_PLACE: usize = 4;

/// Rows that are read ahead at least.
const FEWEST_READ_AHEAD: usize = 32;

/// How far ahead of the sending the journal is told which rows are handed out.
const HANDED_OUT_AHEAD: Duration = Duration::from_millis(100);

/// Where notes go, and come back from once they are on disk.
pub trait Ledger {
    /// What the ledger fails with.
    type Error;

    /// Hands a note over.
    fn write(&mut self, note: Note);

    /// The next group of notes that is on disk.
    fn committed(&mut self) -> impl Future<Output = Result<Vec<Note>, Self::Error>>;
}

/// What a dispatcher keeps to.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Patience.
    pub retry: Retry,
    /// The quota.
    pub quotas: Quotas,
    /// Requests in flight at once.
    pub concurrency: Concurrency,
    /// Where to stop.
    pub caps: Caps,
    /// What tokens cost.
    pub price: Option<Price>,
    /// Files the process may open.
    pub open_files: u64,
}

/// What earlier runs of the same job leave behind.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// Money spent.
    pub cost: f64,
    /// Tokens spent.
    pub tokens: u64,
    /// Time spent.
    pub duration: Duration,
    /// Requests of the last minute: how long ago each was sent, and its tokens.
    pub last_minute: Vec<(Duration, u64)>,
}

/// How a pass over the rows ended.
#[derive(Debug, PartialEq)]
pub struct PassEnd {
    /// Why.
    pub reason: StopReason,
    /// Rows that were set aside for one more pass.
    pub set_aside: u64,
    /// Requests that were given up in flight.
    pub abandoned: usize,
}

/// Sends rows, pass after pass, under one set of limits.
pub struct Dispatcher<'e, E> {
    endpoint: &'e E,
    retry: Retry,
    dice: Dice,
    pace: Pace,
    purse: Purse,
    health: Health,
    window: Window,
    trial: Trial,
    ends_at: Option<Instant>,
    last_fault: Option<Fault>,
}

/// One request that came to its end.
struct Finished {
    work: Work,
    flight: Flight,
    latency: Duration,
    reply: Reply,
}

/// A request in flight.
#[derive(Debug, Clone, Copy)]
struct Flight {
    order: u64,
    ticket: Ticket,
    reservation: Reservation,
    at: SystemTime,
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

impl<'e, E: Endpoint> Dispatcher<'e, E> {
    /// A dispatcher for one run.
    pub fn new(endpoint: &'e E, rules: &Rules, past: &Past, dice: Dice) -> Self {
        let now = Instant::now();
        let before = |(ago, tokens): &(Duration, u64)| Some((now.checked_sub(*ago)?, *tokens));
        let last_minute: Vec<(Instant, u64)> = past.last_minute.iter().filter_map(before).collect();
        let ends_at = rules.caps.duration.map(|cap| now + cap.saturating_sub(past.duration));
        Self {
            endpoint,
            retry: rules.retry,
            dice,
            pace: Pace::new(rules.quotas, now, &last_minute),
            purse: Purse::new(rules.caps, rules.price, past.cost, past.tokens),
            health: Health::new(rules.retry, now),
            window: Window::new(rules.concurrency, rules.quotas.requests_each_second(), rules.open_files),
            trial: Trial::default(),
            ends_at,
            last_fault: None,
        }
    }

    /// Sends the rows that come, until there are none any more or there is a reason to stop. In the last pass, a row
    /// that runs out of tries has failed; before it, such a row is set aside.
    ///
    /// # Errors
    ///
    /// When the ledger fails: what came in meanwhile is not stored.
    pub async fn pass<L: Ledger>(
        &mut self,
        rows: Receiver<Ready>,
        ledger: &mut L,
        stop: Stop,
        observer: &mut dyn Observer,
        last: bool,
    ) -> Result<PassEnd, L::Error> {
        let pass = Pass {
            dispatcher: self,
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
        };
        pass.run().await
    }
}

/// One pass over the rows.
struct Pass<'p, 'e, E, L> {
    dispatcher: &'p mut Dispatcher<'e, E>,
    ledger: &'p mut L,
    observer: &'p mut dyn Observer,
    stop: Stop,
    rows: Option<Receiver<Ready>>,
    queues: Queues,
    in_flight: FuturesUnordered<LocalBoxFuture<'e, Finished>>,
    /// When the requests in flight were sent, by their order.
    sent_at: BTreeMap<u64, Instant>,
    sent: u64,
    /// Rows below this position may be sent: the journal knows of it.
    handed_out: u64,
    /// What the journal has been told.
    handing_out: u64,
    unstored: usize,
    set_aside: u64,
    last: bool,
    reason: Option<StopReason>,
}

impl<'e, E: Endpoint, L: Ledger> Pass<'_, 'e, E, L> {
    async fn run(mut self) -> Result<PassEnd, L::Error> {
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
        // The ends of the job's time and of its patience come whether or not anything else happens.
        let ends = [self.dispatcher.ends_at, self.dispatcher.health.patience_ends()];
        let ends = ends.into_iter().flatten().filter(|_| self.reason.is_none());
        let wake = wake.into_iter().chain(ends).min();
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

    /// Takes in a request that came to its end.
    fn take_in(&mut self, finished: Finished) {
        let now = Instant::now();
        let Finished { work, flight, latency, reply } = finished;
        self.sent_at.remove(&flight.order);
        let usage = match &reply {
            Ok(answer) => answer.usage,
            Err(fault) => fault.usage,
        };
        let cost = self.dispatcher.purse.settle(flight.reservation, usage.as_ref());
        let end = End { sent: Sent { at: flight.at, latency }, cost };
        match reply {
            Ok(answer) => self.answered(work, answer, end, flight.ticket, now),
            Err(fault) => self.faulted(work, fault, end, flight.ticket, now),
        }
    }

    fn answered(&mut self, work: Work, answer: Answer, end: End, ticket: Ticket, now: Instant) {
        self.dispatcher.window.observe(end.sent.latency);
        if let Some(usage) = &answer.usage {
            self.dispatcher.pace.answered(ticket, now, &work.request.estimate, usage);
        }
        self.service_is_there(now);
        self.job_is_right();
        self.store(end.of(&work, Ending::Answered(answer)));
    }

    /// A request was taken, be its answer of use or not: what was refused among the first rows is the rows' own.
    fn job_is_right(&mut self) {
        for ended in self.dispatcher.trial.answered() {
            self.store(ended);
        }
    }

    fn faulted(&mut self, mut work: Work, fault: Fault, end: End, ticket: Ticket, now: Instant) {
        self.dispatcher.last_fault = Some(fault.clone());
        match fault.kind {
            FaultKind::Throttled => {
                self.dispatcher.pace.throttled(ticket, now, fault.retry_after);
                if self.dispatcher.health.throttled(now) {
                    self.hasten(now);
                }
                work.throttled += 1;
                self.again(work, fault, end, now);
            }
            FaultKind::Unreachable | FaultKind::StaleConnection | FaultKind::Passing => {
                if fault.kind == FaultKind::Unreachable {
                    self.dispatcher.pace.unused(ticket, now);
                }
                let Dispatcher { health, dice, .. } = &mut *self.dispatcher;
                health.faulted(now, fault.kind, &mut work.allowance, dice);
                work.throttled = 0;
                self.again(work, fault, end, now);
            }
            FaultKind::Unusable => {
                self.service_is_there(now);
                self.job_is_right();
                work.unusable += 1;
                match work.unusable {
                    1 => self.again(work, fault, end, now),
                    _ => self.store(end.of(&work, Ending::Failed(fault))),
                }
            }
            FaultKind::CutByServer => {
                self.service_is_there(now);
                self.job_is_right();
                self.store(end.of(&work, Ending::Failed(fault)));
            }
            FaultKind::RowRefused => {
                self.service_is_there(now);
                self.refused(&work, fault, end);
            }
            FaultKind::JobRefused => {
                self.store(end.of(&work, Ending::Waits(fault.clone())));
                self.end(StopReason::Refused(fault));
            }
        }
    }

    /// A row that may be answered another time: it waits, or has used up its tries.
    fn again(&mut self, mut work: Work, fault: Fault, end: End, now: Instant) {
        self.dispatcher.health.settle(&mut work.allowance);
        if work.allowance.charged >= self.dispatcher.retry.max_attempts {
            let ending = match self.last {
                true => Ending::Failed(fault),
                false => {
                    self.set_aside += 1;
                    self.dispatcher.trial.set_aside();
                    Ending::SetAside(fault)
                }
            };
            return self.store(end.of(&work, ending));
        }
        let failures = (work.allowance.failures() + work.throttled + work.unusable).max(1);
        let Dispatcher { retry, dice, .. } = &mut *self.dispatcher;
        let due = now + retry::backoff(retry, &fault, failures, dice);
        self.store(end.of(&work, Ending::Waits(fault)));
        self.queues.wait(due, work);
    }

    fn refused(&mut self, work: &Work, fault: Fault, end: End) {
        let ended = end.of(work, Ending::Failed(fault.clone()));
        match self.dispatcher.trial.refused(ended, &fault) {
            Judgement::Open => {}
            Judgement::Rows(ended) => ended.into_iter().for_each(|ended| self.store(ended)),
            Judgement::Job(fault) => {
                // The rows stay pending: once the job is mended, they are to be sent.
                for ended in self.dispatcher.trial.release() {
                    self.store(Ended { ending: Ending::Waits(fault.clone()), ..ended });
                }
                self.end(StopReason::EveryRowRefused(fault));
            }
        }
    }

    fn service_is_there(&mut self, now: Instant) {
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

    fn end(&mut self, reason: StopReason) {
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

    fn store(&mut self, ended: Ended) {
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

/// When a request was sent, and what it cost.
struct End {
    sent: Sent,
    cost: Option<f64>,
}

impl End {
    fn of(self, work: &Work, ending: Ending) -> Ended {
        let tries = work.allowance.charged;
        Ended { row: work.row.clone(), sent: Some(self.sent), tries, cost: self.cost, ending }
    }
}

async fn next_row(rows: &mut Option<Receiver<Ready>>) -> Option<Ready> {
    match rows {
        Some(rows) => rows.recv().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
