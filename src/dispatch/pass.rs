//! The state of one pass over the rows.

use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use super::dispatcher::Dispatcher;
use super::exposure::Exposure;
use super::flight::Finished;
use super::handout::Handout;
use super::ledger::Ledger;
use super::stop::{Stop, StopReason};
use super::work::{Queues, Ready, ToolRound};
use crate::endpoint::Endpoint;
use crate::event::Observer;
use crate::note::{JournalEvent, RequestEnd};
use crate::outcome::{Fault, FaultKind};
use crate::reserve::Reserve;

/// The maximum number of active rows without a slot, per slot.
const ROWS_PER_PLACE: usize = 4;

/// The minimum number of rows read ahead.
const FEWEST_READ_AHEAD: usize = 32;

/// The most rows read ahead for the sake of packs, unless there are more places.
const MOST_READ_AHEAD: usize = 4096;

/// What a pass is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct PassKind {
    /// It is the last: a row that runs out of tries fails.
    pub(super) last: bool,
    /// Rows may come with replies of batches.
    pub(super) collects: bool,
}

/// One pass over the rows.
pub(super) struct Pass<'p, 'e, E, L> {
    pub(super) dispatcher: &'p mut Dispatcher<'e, E>,
    pub(super) ledger: &'p mut L,
    pub(super) observer: &'p mut dyn Observer,
    pub(super) stop: Stop,
    pub(super) may_be_stopped: bool,
    pub(super) rows: Option<Receiver<Vec<Ready>>>,
    pub(super) queues: Queues,
    pub(super) in_flight: FuturesUnordered<LocalBoxFuture<'e, Finished>>,
    /// Rows whose tools are running.
    pub(super) tool_rounds: FuturesUnordered<LocalBoxFuture<'e, ToolRound>>,
    pub(super) sent: u64,
    /// Whether the last request sent was a repeated one.
    pub(super) went_again: bool,
    pub(super) ahead: Handout,
    pub(super) exposure: Exposure,
    /// Whether the first unsent row waits for others that travel with it.
    pub(super) gathers: bool,
    pub(super) unstored: usize,
    pub(super) set_aside: u64,
    /// The latest fault of a row that used up its tries during a brown-out, and stays pending.
    pub(super) bad_luck: Option<Fault>,
    pub(super) last: bool,
    /// Whether rows come with replies of batches, which are taken in whatever stops the pass.
    pub(super) collects: bool,
    pub(super) reason: Option<StopReason>,
    /// The most that the request may use that a cap does not allow.
    pub(super) beyond: Option<Reserve>,
}

impl<'p, 'e, E: Endpoint, L: Ledger> Pass<'p, 'e, E, L> {
    /// A pass before its beginning.
    pub(super) fn new(
        dispatcher: &'p mut Dispatcher<'e, E>,
        rows: Receiver<Vec<Ready>>,
        ledger: &'p mut L,
        stop: Stop,
        observer: &'p mut dyn Observer,
        kind: PassKind,
    ) -> Self {
        dispatcher.services.forget_traffic();
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
            sent: 0,
            went_again: false,
            ahead: Handout::new(Instant::now()),
            exposure: Exposure::default(),
            gathers: false,
            unstored: 0,
            set_aside: 0,
            bad_luck: None,
            last: kind.last,
            collects: kind.collects,
            reason: None,
            beyond: None,
        }
    }

    /// Whether another row may be read.
    pub(super) fn has_room(&self) -> bool {
        let read_ahead = (self.places() * self.pack_reach().rows).min(MOST_READ_AHEAD).max(self.places());
        let read_ahead = read_ahead.max(FEWEST_READ_AHEAD);
        let rows = self.queues.len() + self.tool_rounds.len();
        self.queues.fresh.len() < read_ahead.max(self.ahead.rows())
            && rows < ROWS_PER_PLACE * read_ahead + self.ahead.rows()
    }

    pub(super) fn end(&mut self, reason: StopReason) {
        self.reason.get_or_insert(reason);
    }

    /// A request in flight when the patience ended has been answered after all: the run continues.
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

    pub(super) fn places(&self) -> usize {
        self.dispatcher.services.places()
    }

    /// Whether the pass has a reason to end, and starts nothing more.
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
}
