//! What the dispatcher tells the journal, and what comes back of it once it is on disk.

use std::time::{Duration, SystemTime};

use crate::conversation::Step;
use crate::outcome::{Answer, Fault};
use crate::request::Fingerprint;
use crate::reserve::Reserve;
use crate::row::{RecordHash, RowId};
use crate::secrets::{self, hidden};

/// What an answer belongs to: a row, and the exact request it was given for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowKey {
    /// The row's number in the whole input, counted from 0.
    pub position: u64,
    /// The row's identifier, in a job that names the column.
    pub id: Option<RowId>,
    /// The request's fingerprint.
    pub fingerprint: Fingerprint,
    /// The hash of the row as it is written, where it is known by one.
    pub record: Option<RecordHash>,
}

/// One thing the journal is to keep.
#[derive(Debug, Clone, PartialEq)]
pub enum JournalEvent {
    /// From now on any row below this position may have been sent.
    HandedOut {
        /// The first position that has not been handed out.
        below: u64,
    },
    /// From now on the requests whose ends are not stored may cost so much together.
    Out(Reserve),
    /// A row that was sent before is about to be sent again.
    Resent(RowKey),
    /// One request of a row came to its end.
    Ended(Box<RequestEnd>),
    /// The tools that a row's last step calls have been run.
    Results {
        /// The row.
        row: RowKey,
        /// The result of each call.
        results: Vec<String>,
    },
}

impl JournalEvent {
    /// The note as it may be stored.
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
    /// Tries of the row that count against its allowance.
    pub tries: u32,
    /// What it cost, where the price is known.
    pub cost: Option<f64>,
    /// What stays set aside for it, because nobody knows what it used, or what that costs.
    pub reserved: Reserve,
    /// What it came to.
    pub ending: Outcome,
}

impl RequestEnd {
    /// The end of a row that came without a request.
    pub fn unsent(row: RowKey, tries: u32, ending: Outcome) -> Self {
        Self { row, sent: None, tries, cost: None, reserved: Reserve::NOTHING, ending }
    }

    /// The end as it may be stored.
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
    /// The most it could have cost.
    pub worst: Reserve,
}

/// What a request came to, for its row.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The row is answered.
    Answered(Answer),
    /// The row has failed.
    Failed(Fault),
    /// The row has used up its tries for a reason that passes: it gets one more pass at the end of the run.
    SetAside(Fault),
    /// The row will be sent again, in this run or the next.
    Retry(Fault),
    /// The row goes on after a paid answer: with the results of tools, or with another request.
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

    /// Whether it is the word of fanfold's simulator, and not a service's.
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
