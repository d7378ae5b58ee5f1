//! What the caps of a job have counted so far: over its life, over one run, over a day or a month.

use std::time::SystemTime;

use jiff::Timestamp;

use crate::history::{Run, Spent};
use crate::job::Job;
use crate::job::period::CapPeriod;
use crate::journal::JournalError;
use crate::journal::costs::Bought;
use crate::journal::reader::Reader;
use crate::reserve::Reserve;

/// What the caps have counted so far in the present period.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counted {
    /// When the period began, if it began at a certain time.
    pub since: Option<Timestamp>,
    /// What was bought in it.
    pub bought: Bought,
    /// What requests may cost that are in batches and not collected, in whatever period.
    pub submitted: Reserve,
}

/// What the caps have counted by now. `run`: the run whose caps they are; `None` if it has not begun.
///
/// # Errors
///
/// The journal cannot be read.
pub fn counted(
    reader: &Reader,
    job: &Job,
    run: Option<i64>,
    now: SystemTime,
) -> Result<Counted, JournalError> {
    let moment = Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH);
    let since = job.cap_period.began(moment, &job.schedule.zone);
    let bought = match since {
        Some(since) => reader.bought_since(since.into())?,
        None => {
            let runs = reader.runs()?;
            let rehearsed = runs.last().is_some_and(|last| last.simulated);
            let counts = |one: &&Run| match job.cap_period {
                CapPeriod::Run => Some(one.number) == run,
                _ => rehearsed || !one.simulated,
            };
            let spent: Spent = runs.iter().filter(counts).map(|run| run.spent).sum();
            Bought { cost: spent.cost, tokens: spent.usage.total_tokens, reserved: spent.reserved }
        }
    };
    Ok(Counted { since, bought, submitted: reader.submitted()?.worst })
}
