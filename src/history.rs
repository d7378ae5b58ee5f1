//! What a journal tells, looking back: of each request that came to its end, of each row that failed, of each run.

use serde::Serialize;

use crate::outcome::Usage;

/// A paid answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PastAnswer<'a> {
    /// The entry of the row it was given to.
    pub entry: i64,
    /// When its request was sent, in seconds since 1970.
    pub sent_at: f64,
    /// From sending to the end of the reply.
    pub latency_ms: u64,
    /// What it used; `None` when the service did not say.
    pub usage: Option<Usage>,
    /// Why the model stopped.
    pub finish_reason: Option<&'a str>,
    /// The model that answered, by its own account.
    pub model: Option<&'a str>,
    /// What it cost; `None` where no price is known.
    pub cost: Option<f64>,
    /// Whether it ended its row.
    pub is_last: bool,
}

/// A request that brought no answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PastFault<'a> {
    /// When it was sent, in seconds since 1970.
    pub sent_at: f64,
    /// From sending to the end of the reply, or of the patience.
    pub latency_ms: u64,
    /// Whether it was throttled.
    pub throttled: bool,
    /// The HTTP status, when there was a response.
    pub status: Option<u16>,
    /// The code.
    pub code: &'a str,
    /// What was said.
    pub message: &'a str,
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

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PastRun {
    /// Its number, from 1.
    pub number: i64,
    /// When it began, in seconds since 1970.
    pub started_at: f64,
    /// When it last stored something.
    pub last_at: f64,
    /// Whether it ended in order; one that did not runs still, or was killed.
    pub ended: bool,
    /// Why it ended.
    pub reason: Option<String>,
    /// The version of the program.
    pub program: String,
    /// The job as it ran, as JSON.
    pub job: String,
    /// Requests that came to an end.
    pub requests: u64,
    /// Of these, throttled ones.
    pub throttled: u64,
    /// Of these, otherwise without an answer.
    pub faults: u64,
    /// Tokens, failed and repeated attempts included.
    pub total_tokens: u64,
    /// Money, where prices were known.
    pub cost: f64,
    /// Tokens that may have been used beyond these: nobody knows.
    pub reserved_tokens: u64,
    /// Money, likewise.
    pub reserved_cost: f64,
    /// Rows that were out when the run before it was killed.
    pub in_doubt: u64,
}

/// What somebody told the job while it ran.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PastOrder {
    /// What it is about.
    pub key: String,
    /// What it is to be.
    pub value: String,
    /// When it was given, in seconds since 1970.
    pub given_at: f64,
    /// The run that took it up; `None` when none has.
    pub run: Option<i64>,
}
