//! What becomes of a row's entry: handed out, ended, with the answer or the fault that a request brought.

use std::time::Duration;

use rusqlite::{CachedStatement, OptionalExtension, Transaction, params};

use super::batch_lines::taken;
use super::codec::{tokens_kept, written_texts, written_warnings};
use super::seal::{STORE_RESULTS, record_of};
use crate::clock;
use crate::conversation::Step;
use crate::epoch::seconds;
use crate::note::{Outcome, OverKind, RequestEnd, RowKey, SendTime};
use crate::outcome::{Answer, Fault, Status};
use crate::reserve::Reserve;

/// Rows that the journal knows of already, and that have no answer, go out again with the new ones around them.
pub(super) fn handed_out(transaction: &Transaction<'_>, from: u64, below: u64) -> rusqlite::Result<()> {
    let sql = "UPDATE entries SET out = 1 WHERE position >= ?1 AND position < ?2 AND status IN ('pending', 'set_aside')
                   AND NOT EXISTS (SELECT 1 FROM batch_lines l WHERE l.entry = entries.entry AND l.state < 2)";
    transaction.prepare_cached(sql)?.execute([from, below]).map(drop)
}

pub(super) fn resent(transaction: &Transaction<'_>, row: &RowKey) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached("UPDATE entries SET out = 1 WHERE position = ?1")?;
    statement.execute([row.position]).map(drop)
}

/// Stores the end of one request. `answers`: how many the journal holds, which is the number of the last one.
pub(super) fn end(
    transaction: &Transaction<'_>,
    ended: &RequestEnd,
    answers: &mut u64,
) -> rusqlite::Result<()> {
    let (status, fault) = match &ended.ending {
        Outcome::Answered(_) => (Status::Ok, None),
        Outcome::Failed(fault) => (Status::Failed, Some(fault)),
        Outcome::SetAside(fault) => (Status::SetAside, Some(fault)),
        Outcome::Retry(_) | Outcome::Continue(_) => (Status::Pending, None),
    };
    // An answer that is not what the job asks for was paid for like any other, and is kept like one.
    let answer = match &ended.ending {
        Outcome::Answered(answer) => Some(answer),
        ending => fault.filter(|_| matches!(ending, Outcome::Failed(_))).and_then(Fault::unfit_answer),
    };
    let answer = answer.zip(ended.sent);
    if let Some(line) = ended.sent.and_then(|sent| sent.line) {
        taken(transaction, line)?;
    }
    let entry = enter(transaction, ended, (status, fault), answer.map(|_| *answers + 1))?;
    let row = (entry, &ended.row);
    if let Some((answer, sent)) = answer {
        return store_step(transaction, row, (answer, ended), (sent, None), answers);
    }
    match (&ended.ending, ended.sent) {
        (Outcome::Continue(step), Some(sent)) => {
            store_step(transaction, row, (&step.answer, ended), (sent, Some(step)), answers)
        }
        // The fault of a request is one, however many rows it had.
        (_, Some(sent)) if !sent.pack.counts() => Ok(()),
        (ending, Some(sent)) => {
            ending.fault().map_or(Ok(()), |fault| store_fault(transaction, entry, (fault, ended), sent))
        }
        (_, None) => Ok(()),
    }
}

/// A row of which the journal knows nothing, unless there is one in its place.
const NEW_ENTRY: &str =
    "INSERT INTO entries (position, row_id, fingerprint, status, tries, attempts, cost, error_code, error, answer,
         simulated, record, part, parts, over)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) ON CONFLICT (position) DO NOTHING";

/// What another request brought the same row.
const SAME_ENTRY: &str =
    "UPDATE entries SET status = ?4, out = 0, shares = NULL, tries = ?5, attempts = attempts + ?6,
         cost = CASE WHEN cost IS NULL THEN ?7 ELSE cost + coalesce(?7, 0) END, error_code = ?8, error = ?9,
         answer = coalesce(?10, answer), simulated = max(simulated, ?11), row_id = coalesce(?2, row_id), record = ?12,
         part = ?13, parts = ?14, over = ?15
     WHERE position = ?1 AND fingerprint = ?3
     RETURNING entry";

/// Enters what a row has come to, and the step that will hold its answer. Gives the entry. Most rows are entered once, so
/// that this is tried first.
fn enter(
    transaction: &Transaction<'_>,
    ended: &RequestEnd,
    (status, fault): (Status, Option<&Fault>),
    answer: Option<u64>,
) -> rusqlite::Result<i64> {
    let words = match &ended.ending {
        Outcome::Answered(answer) => written_warnings(&answer.warnings),
        _ => fault.map(|fault| fault.message.clone()),
    };
    let values = params![
        ended.row.position,
        ended.row.id.as_ref().map(|id| id.as_str()),
        ended.row.fingerprint.0,
        status,
        ended.tries,
        ended.sent.is_some(),
        ended.cost,
        fault.map(|fault| &fault.code),
        words,
        answer,
        ended.ending.is_simulated(),
        record_of(&ended.row),
        ended.row.part.number,
        ended.row.part.count,
        ended.row.over.map(OverKind::as_str),
    ];
    let mut new = transaction.prepare_cached(NEW_ENTRY)?;
    if new.execute(values)? == 1 {
        return Ok(transaction.last_insert_rowid());
    }
    let mut same = transaction.prepare_cached(SAME_ENTRY)?;
    if let Some(entry) = same.query_row(values, |row| row.get(0)).optional()? {
        return Ok(entry);
    }
    // An answer belongs to the exact request it was given for: whatever another request left in this place makes room.
    let sql = "UPDATE entries SET position = NULL, record = NULL, out = 0, gone_at = ?2 WHERE position = ?1";
    let gone = params![ended.row.position, seconds(clock::now())];
    transaction.prepare_cached(sql)?.execute(gone)?;
    new.insert(values)
}

/// Stores a paid answer; with what follows from it, when it did not end its row.
fn store_step(
    transaction: &Transaction<'_>,
    (entry, row): (i64, &RowKey),
    (answer, ended): (&Answer, &RequestEnd),
    (sent, step): (SendTime, Option<&Step>),
    answers: &mut u64,
) -> rusqlite::Result<()> {
    let usage = answer.usage.as_ref();
    let sql = "INSERT INTO steps (entry, sent_at, latency_ms, prompt_tokens, completion_tokens, total_tokens,
             cached_tokens, reasoning_tokens, finish_reason, model, request_id, tool_calls, reasoning, response,
             cost, next, results, step, simulated, reserved_cost, reserved_tokens, packed, batch, seal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?19, ?20, ?21, ?22, ?23, ?24,
             sealed(?18, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?20, ?21, ?22, ?23, ?24))";
    let (reserved_cost, reserved_tokens) = reserved(ended);
    let mut statement: CachedStatement<'_> = transaction.prepare_cached(sql)?;
    statement.execute(params![
        entry,
        seconds(sent.at),
        milliseconds(sent.latency),
        usage.and_then(|usage| usage.prompt_tokens),
        usage.and_then(|usage| usage.completion_tokens),
        usage.and_then(|usage| usage.total_tokens),
        usage.and_then(|usage| usage.cached_tokens),
        usage.and_then(|usage| usage.reasoning_tokens),
        answer.finish_reason,
        answer.model,
        answer.request_id,
        answer.tool_calls,
        answer.reasoning,
        answer.response,
        ended.cost,
        step.map(|step| step.asks.as_str()),
        step.map(|step| written_texts(&step.results))
            .or_else(|| answer.flaw.clone().map(|flaw| written_texts(&flaw.into_texts()))),
        row.fingerprint.0,
        *answers + 1,
        answer.simulated,
        reserved_cost,
        reserved_tokens,
        sent.pack.rows,
        sent.line.map(|line| line.batch),
    ])?;
    *answers += 1;
    Ok(())
}

/// Stores what the tools gave that a row's last step calls.
pub(super) fn store_results(
    transaction: &Transaction<'_>,
    row: &RowKey,
    results: &[String],
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(STORE_RESULTS)?
        .execute(params![row.position, written_texts(results)])
        .map(drop)
}

fn store_fault(
    transaction: &Transaction<'_>,
    entry: i64,
    (fault, ended): (&Fault, &RequestEnd),
    sent: SendTime,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO faults (entry, sent_at, latency_ms, kind, status, code, message, request_id, total_tokens,
             evidence, cost, simulated, reserved_cost, reserved_tokens, packed, batch, seal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
             sealed(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?9, ?11, ?12, ?13, ?14, ?15, ?16))";
    let (reserved_cost, reserved_tokens) = reserved(ended);
    let mut statement = transaction.prepare_cached(sql)?;
    let written = statement.execute(params![
        entry,
        seconds(sent.at),
        milliseconds(sent.latency),
        fault.kind.as_str(),
        fault.status,
        fault.code,
        fault.message,
        fault.request_id,
        fault.usage.and_then(|usage| usage.total_tokens),
        fault.evidence,
        ended.cost,
        fault.simulated,
        reserved_cost,
        reserved_tokens,
        sent.pack.rows,
        sent.line.map(|line| line.batch),
    ]);
    written.map(drop)
}

/// What stays set aside for a request, in two columns; null where that is nothing.
fn reserved(ended: &RequestEnd) -> (Option<f64>, Option<i64>) {
    let Reserve { cost, tokens } = ended.reserved;
    ((cost > 0.0).then_some(cost), (tokens > 0).then(|| tokens_kept(tokens)))
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
