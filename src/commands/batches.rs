//! The provider's batches of a job, as `status` and the receipt show them.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::time::timestamp;
use crate::batch::phase::{BatchPhase, BatchRecord};
use crate::job::units::shown;
use crate::text::{count, counted, short};

/// How many closed batches are shown; the JSON has all.
const SHOWN: usize = 3;

/// A batch, for programs.
#[derive(Debug, Serialize)]
pub(super) struct BatchReport<'a> {
    batch: i64,
    /// How far it is here: `planned`, `uploaded`, `created`, `ended`, `collected`, `closed`.
    phase: &'static str,
    /// How far it is there, in the provider's word.
    state: Option<&'a str>,
    id: Option<&'a str>,
    tag: &'a str,
    model: &'a str,
    requests: u32,
    completed: u64,
    failed: u64,
    replies: u64,
    doubled: u64,
    unknown: u64,
    submitted_at: String,
    in_progress_at: Option<String>,
    expires_at: Option<String>,
    ended_at: Option<String>,
    /// From its submission to its end, or until now.
    seconds: u64,
}

impl<'a> BatchReport<'a> {
    /// Of each batch.
    pub(super) fn of_all(batches: &'a [BatchRecord], now: SystemTime) -> Vec<Self> {
        batches.iter().map(|batch| Self::of(batch, now)).collect()
    }

    fn of(batch: &'a BatchRecord, now: SystemTime) -> Self {
        Self {
            batch: batch.number,
            phase: batch.phase.as_str(),
            state: batch.state.as_deref(),
            id: batch.provider_id.as_deref(),
            tag: batch.tag.as_str(),
            model: &batch.model,
            requests: batch.lines,
            completed: batch.completed,
            failed: batch.failed,
            replies: batch.replies,
            doubled: batch.doubled,
            unknown: batch.unknown,
            submitted_at: timestamp(batch.submitted_at()),
            in_progress_at: batch.started_at.map(timestamp),
            expires_at: batch.expires_at.map(timestamp),
            ended_at: batch.ended_at.map(timestamp),
            seconds: took(batch, now).as_secs(),
        }
    }
}

/// The open batches and the last closed ones, a line each, and how long batches of the job usually take.
pub(super) fn lines(batches: &[BatchRecord], now: SystemTime) -> Vec<String> {
    let (open, closed): (Vec<_>, Vec<_>) = batches.iter().partition(|batch| batch.phase < BatchPhase::Closed);
    let last = closed.len().saturating_sub(SHOWN);
    let mut lines: Vec<String> = closed[last..].iter().chain(&open).map(|batch| line(batch, now)).collect();
    if let Some(usual) = median(&closed, now).filter(|_| !open.is_empty()) {
        lines.push(format!(
            "batches of this job took {} (median of {})",
            shown(usual),
            count(closed.len() as u64)
        ));
    }
    lines
}

fn line(batch: &BatchRecord, now: SystemTime) -> String {
    let BatchRecord { number, lines, .. } = batch;
    let requests = counted((*lines).into(), "request");
    let age = shown(took(batch, now));
    let state = batch.state.as_deref().map_or_else(String::new, |state| format!(" as {}", short(state, 40)));
    match batch.phase {
        BatchPhase::Planned | BatchPhase::Uploaded => {
            format!("batch {number}: {requests}, {}, not submitted yet ({age})", batch.phase.as_str())
        }
        BatchPhase::Created => {
            let done = count(batch.completed + batch.failed);
            let state = short(batch.state.as_deref().unwrap_or_default(), 40);
            let until =
                batch.expires_at.map_or_else(String::new, |at| format!(", ends by {}", timestamp(at)));
            format!("batch {number}: {done} of {requests} done, {state}, submitted {age} ago{until}")
        }
        BatchPhase::Ended => {
            format!("batch {number}: {requests}, ended{state} after {age}, not collected yet")
        }
        BatchPhase::Collected | BatchPhase::Closed => {
            format!(
                "batch {number}: {} of {requests} answered, ended{state} after {age}",
                count(batch.replies)
            )
        }
    }
}

/// From the submission of a batch to its end, or until now; in whole seconds.
fn took(batch: &BatchRecord, now: SystemTime) -> Duration {
    let until = batch.ended_at.or(batch.closed_at).unwrap_or(now);
    Duration::from_secs(until.duration_since(batch.submitted_at()).unwrap_or_default().as_secs())
}

fn median(closed: &[&BatchRecord], now: SystemTime) -> Option<Duration> {
    let answered = closed.iter().filter(|batch| batch.replies > 0);
    let mut took: Vec<Duration> = answered.map(|batch| took(batch, now)).collect();
    took.sort_unstable();
    took.get(took.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tag::BatchTag;

    #[test]
    fn open_batches_are_shown_with_their_age_and_what_is_usual() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let batch = |number, phase, ended: Option<u64>| BatchRecord {
            number,
            phase,
            lines: 10,
            replies: if ended.is_some() { 9 } else { 0 },
            completed: 4,
            state: Some(if ended.is_some() { "completed" } else { "in_progress" }.to_owned()),
            created_at: Some(at(0)),
            ended_at: ended.map(at),
            ..BatchRecord::planned(BatchTag::new(1), String::new(), String::new(), 1, at(0))
        };
        let batches = [batch(1, BatchPhase::Closed, Some(60)), batch(2, BatchPhase::Created, None)];
        assert_eq!(
            lines(&batches, at(7200)),
            [
                "batch 1: 9 of 10 requests answered, ended as completed after 1m 00s",
                "batch 2: 4 of 10 requests done, in_progress, submitted 2h 00m ago",
                "batches of this job took 1m 00s (median of 1)",
            ]
        );
        assert!(lines(&[], at(0)).is_empty());
    }
}
