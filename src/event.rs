//! The events of a run that an observer receives, outcomes only after their commit.

use crate::batch::figures::BatchFigures;
use crate::batch::phase::BatchRecord;
use crate::note::JournalEvent;
use crate::outcome::Fault;
use crate::packs::PackTrouble;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A change that is now on disk.
    Committed(&'a JournalEvent),
    /// The dispatcher's state.
    State(DispatchState),
    /// How the provider's batches stand.
    Batches(BatchFigures),
    /// Something about one of them.
    Batch(BatchNews<'a>),
}

/// Something that happened to a batch.
#[derive(Debug)]
pub enum BatchNews<'a> {
    /// The provider has it.
    Submitted {
        /// The batch.
        batch: &'a BatchRecord,
        /// Whether it was found there, after an answer that was lost.
        found: bool,
    },
    /// It has ended there.
    Ended(&'a BatchRecord),
    /// Its replies are in the journal.
    Collected(&'a BatchRecord),
    /// The provider's queue is full: its requests are submitted again later.
    QueueFull {
        /// The batch.
        batch: &'a BatchRecord,
        /// The provider's words.
        message: &'a str,
    },
    /// It has not ended within its window.
    Late(&'a BatchRecord),
    /// A file could not be deleted.
    FileStays {
        /// Its id.
        file: &'a str,
        /// Why.
        fault: &'a Fault,
    },
}

/// The dispatcher's state at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DispatchState {
    /// Requests in flight.
    pub in_flight: usize,
    /// The most requests that may be in flight at present.
    pub places: usize,
    /// Rows that wait for their backoff to end.
    pub waiting: usize,
    /// How many rows travel together at present; 0 in a job that does not pack.
    pub pack_rows: usize,
    /// What was done about packs that failed.
    pub pack_trouble: PackTrouble,
    /// What holds the run back at present.
    pub held_by: Option<Bottleneck>,
}

/// What holds a run back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bottleneck {
    /// A limit of requests.
    Rate,
    /// The limit of tokens.
    Tokens,
    /// The service throttled, and the job is slower for a while.
    Throttling,
    /// Every remaining row waits for its backoff.
    Backoff,
    /// The service answers no request.
    Outage,
    /// All places are taken: the service's latency decides.
    Places,
    /// The worst case of the requests in flight reaches a cap.
    Cap,
    /// The first rows are in flight, and none is answered yet.
    FirstRows,
    /// A user or the schedule has paused the run.
    Pause,
}

impl Bottleneck {
    /// The word for it in progress lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Tokens => "tokens",
            Self::Throttling => "throttling",
            Self::Backoff => "backoff",
            Self::Outage => "outage",
            Self::Places => "concurrency",
            Self::Cap => "cap",
            Self::FirstRows => "first rows",
            Self::Pause => "pause",
        }
    }
}

/// An observer. It returns nothing to the run.
pub trait Observer {
    /// Something happened.
    fn on(&mut self, event: Event<'_>);
}
