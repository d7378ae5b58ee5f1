//! A journal in retrospect: each request that ended, each row that failed, each run.

use std::time::{Duration, SystemTime};

use crate::outcome::{TokenSum, Usage};
use crate::reserve::Reserve;

/// A paid answer, without its text.
#[derive(Debug, Clone, PartialEq)]
pub struct PastAnswer {
    /// The journal entry of its row.
    pub entry: i64,
    /// When its request was sent.
    pub sent_at: SystemTime,
    /// From sending to the end of the reply.
    pub latency: Duration,
    /// Its usage; `None` if the service did not report it.
    pub usage: Option<Usage>,
    /// Why the model stopped.
    pub finish_reason: Option<String>,
    /// The model that answered, according to the service.
    pub model: Option<String>,
    /// The service's id of the request.
    pub request_id: Option<String>,
    /// Its cost; `None` if no price is known.
    pub cost: Option<f64>,
    /// Whether it ended its row.
    pub is_last: bool,
}

/// A request that brought no answer.
#[derive(Debug, Clone, PartialEq)]
pub struct PastFault {
    /// When it was sent.
    pub sent_at: SystemTime,
    /// From sending to the end of the reply, or to the time limit.
    pub latency: Duration,
    /// Whether it was throttled.
    pub throttled: bool,
    /// The HTTP status, when there was a response.
    pub status: Option<u16>,
    /// The code.
    pub code: String,
    /// The message.
    pub message: String,
    /// Tokens that it used nevertheless.
    pub total_tokens: Option<u64>,
    /// Its cost.
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
    /// The message.
    pub message: &'a str,
}

/// Seconds of a minute of a run in which one thing held it back.
#[derive(Debug, Clone, PartialEq)]
pub struct PastHeld {
    /// The run.
    pub run: i64,
    /// The minute, counted from 1970.
    pub minute: i64,
    /// The cause.
    pub cause: String,
    /// The seconds.
    pub seconds: f64,
}

/// The spending of one run, or of several together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Requests that ended.
    pub requests: u64,
    /// Of these, throttled ones.
    pub throttled: u64,
    /// Of these, otherwise without an answer.
    pub faults: u64,
    /// Tokens, including failed and repeated attempts.
    pub usage: TokenSum,
    /// Money, as far as prices were known.
    pub cost: f64,
    /// The amount set aside for requests whose usage is unknown, and for those that are in flight, or may have been when the
    /// run was killed.
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
            usage: sum.usage + run.usage,
            cost: sum.cost + run.cost,
            reserved: sum.reserved + run.reserved,
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
    /// When it ended in order; `None` while it runs, or if it was killed.
    pub ended_at: Option<SystemTime>,
    /// Why it ended.
    pub reason: Option<String>,
    /// The version of the program.
    pub program: String,
    /// Rows in flight when the previous run was killed.
    pub in_doubt: u64,
    /// Its spending.
    pub spent: Spent,
    /// Whether it used fanfold's simulator, and so bought nothing.
    pub simulated: bool,
}

/// The spending of all runs: rehearsals count only if the last run was one too.
pub fn spent_by(runs: &[Run]) -> Spent {
    let rehearsed = runs.last().is_some_and(|last| last.simulated);
    runs.iter().filter(|run| rehearsed || !run.simulated).map(|run| run.spent).sum()
}

/// A change to the job while it ran.
#[derive(Debug, Clone, PartialEq)]
pub struct PastOrder {
    /// The key.
    pub key: String,
    /// The new value.
    pub value: String,
    /// When it was given.
    pub given_at: SystemTime,
    /// The run that applied it; `None` if none has.
    pub run: Option<i64>,
}
