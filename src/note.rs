//! Notes from the dispatcher to the journal, and the events that follow once they are on disk.

use std::time::{Duration, SystemTime};

use crate::conversation::Step;
use crate::outcome::{Answer, Fault, Usage};
use crate::request::Fingerprint;
use crate::reserve::Reserve;
use crate::row::{RecordHash, RowId};
use crate::secrets::{self, hidden};
use crate::text::{count, short};

/// The request that an answer belongs to, and its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowKey {
    /// The row's number in the input, counted from 0, for people. A request over answers has its position.
    pub row: u64,
    /// The request's number in the whole input, counted from 0. Where each row has one request, that is the row's.
    pub position: u64,
    /// Which of its row's requests it is.
    pub part: EntryPart,
    /// What its request is made of, if that is other answers. Its entry is then found by the request alone.
    pub over: Option<OverKind>,
    /// The row's identifier, in a job that names the column.
    pub id: Option<RowId>,
    /// The request's fingerprint.
    pub fingerprint: Fingerprint,
    /// The hash of the row as written, if it is known by one.
    pub record: Option<RecordHash>,
}

impl RowKey {
    /// The row for people, and which of its requests this is: by its identifier, if it has one.
    pub fn shown(&self) -> String {
        let EntryPart { number, count: of, .. } = self.part;
        match (&self.id, self.over) {
            (Some(id), _) => format!("row {}", short(id.as_str(), 60)),
            (None, Some(kind)) => format!("a {}", kind.as_str()),
            (None, None) if of > 1 => {
                format!(
                    "row {}, request {} of {}",
                    count(self.row + 1),
                    count(u64::from(number) + 1),
                    count(of.into())
                )
            }
            (None, None) => format!("row {}", count(self.row + 1)),
        }
    }
}

/// A request over the answers to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverKind {
    /// Over the answers to the pieces of a row.
    Merge,
    /// Over the rows of a job.
    Digest,
}

impl OverKind {
    /// The word for it in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Digest => "digest",
        }
    }
}

/// Which of its row's requests one is: rows of long texts have several, side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryPart {
    /// Its number, counted from 0.
    pub number: u32,
    /// How many the row has; at least one, but for [`EntryPart::NONE`].
    pub count: u32,
}

impl EntryPart {
    /// The one request of a row that has one.
    pub const WHOLE: Self = Self { number: 0, count: 1 };

    /// Instead of the requests of a row that makes none.
    pub const NONE: Self = Self { number: 0, count: 0 };

    /// Whether it is its row's last.
    pub fn is_last(self) -> bool {
        self.number + 1 >= self.count
    }
}

/// A note for the journal.
#[derive(Debug, Clone, PartialEq)]
pub enum JournalEvent {
    /// From now on any row below this position may have been sent.
    HandedOut {
        /// The first position that has not been handed out.
        below: u64,
    },
    /// From now on, the requests whose ends are not stored may cost this much together.
    Out(Reserve),
    /// A row that was sent before will be sent again.
    Resent(RowKey),
    /// One request of a row has ended.
    Ended(Box<RequestEnd>),
    /// The tools called by a row's last step have been run.
    Results {
        /// The row.
        row: RowKey,
        /// The result of each call.
        results: Vec<String>,
    },
}

impl JournalEvent {
    /// The note in the form in which it may be stored.
    pub fn without_secrets(self) -> Self {
        match self {
            Self::Ended(ended) => Self::Ended(Box::new(ended.without_secrets())),
            Self::Results { row, results } => {
                Self::Results { row, results: results.into_iter().map(hidden).collect() }
            }
            note @ (Self::HandedOut { .. } | Self::Out(_) | Self::Resent(_)) => note,
        }
    }
}

/// The end of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestEnd {
    /// The row it was sent for.
    pub row: RowKey,
    /// When it was sent; `None` for a row that failed without a request.
    pub sent: Option<SendTime>,
    /// Tries of the row that count towards its limit.
    pub tries: u32,
    /// Its cost, if the price is known.
    pub cost: Option<f64>,
    /// The amount that stays set aside for it, because its usage or its cost is unknown.
    pub reserved: Reserve,
    /// The outcome.
    pub ending: Outcome,
}

impl RequestEnd {
    /// The end of a row without a request.
    pub fn unsent(row: RowKey, tries: u32, ending: Outcome) -> Self {
        Self { row, sent: None, tries, cost: None, reserved: Reserve::NOTHING, ending }
    }

    /// Whether a request ended with it that no other row counts.
    pub fn counts(&self) -> bool {
        self.sent.is_some_and(|sent| sent.pack.counts())
    }

    /// The end in the form in which it may be stored.
    pub fn without_secrets(self) -> Self {
        let secrets = secrets::kept();
        let ending = match self.ending {
            Outcome::Answered(answer) => Outcome::Answered(secrets.out_of_answer(answer)),
            Outcome::Failed(fault) => Outcome::Failed(secrets.out_of_fault(fault)),
            Outcome::SetAside(fault) => Outcome::SetAside(secrets.out_of_fault(fault)),
            Outcome::Retry(fault) => Outcome::Retry(secrets.out_of_fault(fault)),
            Outcome::Continue(step) => {
                let Step { answer, asks, results } = *step;
                let results = results.into_iter().map(hidden).collect();
                Outcome::Continue(Box::new(Step { answer: secrets.out_of_answer(answer), asks, results }))
            }
        };
        Self { ending, ..self }
    }
}

/// When a request was sent, and how long it took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SendTime {
    /// The time of day it was sent at.
    pub at: SystemTime,
    /// From sending to the end of its reply.
    pub latency: Duration,
    /// The most it could have cost; of a request with several rows, the row's share.
    pub worst: Reserve,
    /// Which of the rows of its request it was sent for.
    pub pack: PackPlace,
    /// The line of a provider's batch by which it came; `None` for a request of its own.
    pub line: Option<BatchLine>,
}

/// A line of a provider's batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchLine {
    /// The number of the batch in the journal.
    pub batch: i64,
    /// The number of the line in its file, counted from 0.
    pub line: u32,
}

/// Which of the rows of one request a row is: short rows may travel together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackPlace {
    /// How many rows the request has; at least one.
    pub rows: u32,
    /// The row's number among them, counted from 0.
    pub number: u32,
}

impl PackPlace {
    /// That of a row that has a request to itself.
    pub const ALONE: Self = Self { rows: 1, number: 0 };

    /// Whether the request is counted with this row: each is counted once.
    pub fn counts(self) -> bool {
        self.number == 0
    }

    /// Whether the row travelled with others.
    pub fn is_packed(self) -> bool {
        self.rows > 1
    }
}

/// The outcome of a request for its row.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The row is answered.
    Answered(Answer),
    /// The row has failed.
    Failed(Fault),
    /// The row has used up its tries for a temporary reason: it gets one more pass at the end of the run.
    SetAside(Fault),
    /// The row will be sent again, in this run or the next.
    Retry(Fault),
    /// The row continues after a paid answer: with the results of tools, or with another request.
    Continue(Box<Step>),
}

impl Outcome {
    /// The fault of a request that brought no answer.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Answered(_) | Self::Continue(_) => None,
            Self::Failed(fault) | Self::SetAside(fault) | Self::Retry(fault) => Some(fault),
        }
    }

    /// The answer that was paid for: also one that did not end its row, and one that is not what the job asks for.
    pub fn paid_answer(&self) -> Option<&Answer> {
        match self {
            Self::Answered(answer) => Some(answer),
            Self::Continue(step) => Some(&step.answer),
            Self::Failed(fault) | Self::SetAside(fault) | Self::Retry(fault) => fault.unfit_answer(),
        }
    }

    /// The tokens that its request used, as far as the service reported them.
    pub fn usage(&self) -> Option<Usage> {
        match self {
            Self::Answered(answer) => answer.usage,
            Self::Continue(step) => step.answer.usage,
            Self::Failed(fault) | Self::SetAside(fault) | Self::Retry(fault) => fault.usage,
        }
    }

    /// Whether it comes from fanfold's simulator and not from a service.
    pub fn is_simulated(&self) -> bool {
        match self {
            Self::Answered(answer) => answer.simulated,
            Self::Continue(step) => step.answer.simulated,
            Self::Failed(fault) | Self::SetAside(fault) | Self::Retry(fault) => {
                fault.simulated || fault.partial.as_ref().is_some_and(|answer| answer.simulated)
            }
        }
    }
}
