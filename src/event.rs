//! What an observer may learn of a run, and when: of an outcome only after its commit.

use crate::note::JournalEvent;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// This is on disk now.
    Committed(&'a JournalEvent),
    /// How the dispatcher stands.
    Standing(DispatchState),
}

/// How the dispatcher stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DispatchState {
    /// Requests in flight.
    pub in_flight: usize,
    /// The places there are for them at present.
    pub places: usize,
    /// Rows that wait for their backoff to end.
    pub waiting: usize,
    /// What holds the run back just now.
    pub held_by: Option<Bottleneck>,
}

/// What holds a run back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bottleneck {
    /// A limit of requests.
    Rate,
    /// The limit of tokens.
    Tokens,
    /// The service throttled, and the job runs slower for a while.
    Throttling,
    /// Every row that is left waits for its backoff.
    Backoff,
    /// The service answers nobody.
    Outage,
    /// All places are taken: the service's latency.
    Places,
    /// The worst case of what is in flight reaches a cap.
    Cap,
    /// The first rows are out, and none has come back yet.
    FirstRows,
    /// Somebody, or the schedule, told the run to send nothing for now.
    Pause,
}

impl Bottleneck {
    /// The word that progress lines hold.
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

/// Somebody who looks on. Nothing is asked of an observer, and nothing comes back.
pub trait Observer {
    /// Something happened.
    fn on(&mut self, event: Event<'_>);
}
