//! What a journal tells, looking back: of each request that came to its end, of each row that failed, of each run.

use std::time::{Duration, SystemTime};

use crate::outcome::{TokenSum, Usage};
use crate::reserve::Reserve;

/// A paid answer, without its text.
#[derive(Debug, Clone, PartialEq)]
pub struct PastAnswer {
    /// The entry of the row it was given to.
    pub entry: i64,
    /// When its request was sent.
    pub sent_at: SystemTime,
    /// From sending to the end of the reply.
    pub latency: Duration,
    /// What it used; `None` when the service did not say.
    pub usage: Option<Usage>,
    /// Why the model stopped.
    pub finish_reason: Option<String>,
    /// The model that answered, by its own account.
    pub model: Option<String>,
    /// The service's name for the request.
    pub request_id: Option<String>,
    /// What it cost; `None` where no price is known.
    pub cost: Option<f64>,
    /// Whether it ended its row.
    pub is_last: bool,
}

/// A request that brought no answer.
#[derive(Debug, Clone, PartialEq)]
pub struct PastFault {
    /// When it was sent.
    pub sent_at: SystemTime,
    /// From sending to the end of the reply, or of the patience.
    pub latency: Duration,
    /// Whether it was throttled.
    pub throttled: bool,
    /// The HTTP status, when there was a response.
    pub status: Option<u16>,
    /// The code.
    pub code: String,
    /// What was said.
    pub message: String,
    /// Tokens it used all the same.
    pub total_tokens: Option<u64>,
    /// What it cost.
    pub cost: Option<f64>,
}

/// A row that has failed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FailedRow<'a> {
    /// Its number in the input, counted from 0.
    pub position: u64,
    /// Its identifier, in a job that names the column.
    pub id: Option<&'a str>,
    /// The code.
    pub code: &'a str,
    /// What was said.
    pub message: &'a str,
}

/// Seconds of a minute of a run in which one thing held it back.
#[derive(Debug, Clone, PartialEq)]
pub struct PastHeld {
    /// The run.
    pub run: i64,
    /// The minute, counted from 1970.
    pub minute: i64,
    /// What held it back.
    pub cause: String,
    /// For how long.
    pub seconds: f64,
}

/// What runs spent: one of them, or several together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Requests that came to an end.
    pub requests: u64,
    /// Of these, throttled ones.
    pub throttled: u64,
    /// Of these, otherwise without an answer.
    pub faults: u64,
    /// Tokens, failed and repeated attempts included.
    pub usage: TokenSum,
    /// Money, where prices were known.
    pub cost: f64,
    /// What is set aside: for requests of which nobody knows what they used, and for those that are out, or may have been when
    /// the run was killed.
    pub reserved: Reserve,
    /// Time spent running.
    pub duration: Duration,
}

impl std::iter::Sum for Spent {
    fn sum<I: Iterator<Item = Self>>(runs: I) -> Self {
        runs.fold(Self::default(), |sum, run| Self {
            requests: sum.requests.saturating_add(run.requests),
            throttled: sum.throttled.saturating_add(run.throttled),
            faults: sum.faults.saturating_add(run.faults),
            usage: sum.usage.plus(run.usage),
            cost: sum.cost + run.cost,
            reserved: sum.reserved.plus(run.reserved),
            duration: sum.duration.saturating_add(run.duration),
        })
    }
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its number, from 1.
    pub number: i64,
    /// When it began.
    pub started_at: SystemTime,
    /// When it last stored something.
    pub last_at: SystemTime,
    /// When it ended in order; `None` while it runs, or when it was killed.
    pub ended_at: Option<SystemTime>,
    /// Why it ended.
    pub reason: Option<String>,
    /// The version of the program.
    pub program: String,
    /// Rows that were out when the run before it was killed.
    pub in_doubt: u64,
    /// What it spent.
    pub spent: Spent,
    /// Whether fanfold's simulator was asked: nothing of that was bought.
    pub simulated: bool,
}

/// What all runs spent: what a simulator gave counts only as long as the last of them asked one too.
pub fn spent_by(runs: &[Run]) -> Spent {
    let rehearsed = runs.last().is_some_and(|last| last.simulated);
    runs.iter().filter(|run| rehearsed || !run.simulated).map(|run| run.spent).sum()
}

/// What somebody told the job while it ran.
#[derive(Debug, Clone, PartialEq)]
pub struct PastOrder {
    /// What it is about.
    pub key: String,
    /// What it is to be.
    pub value: String,
    /// When it was given.
    pub given_at: SystemTime,
    /// The run that took it up; `None` when none has.
    pub run: Option<i64>,
}
