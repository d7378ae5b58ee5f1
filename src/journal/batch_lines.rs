//! The lines of provider batches: each is one request, and keeps its reply until a row has taken it.

use rusqlite::{OptionalExtension, Transaction, params};

use super::codec::tokens_kept;
use super::seal::{SEAL_OF_LINE, record_of};
use crate::clock;
use crate::epoch::seconds;
use crate::note::{BatchLine, RowKey};
use crate::reserve::Reserve;

/// The states of a line.
pub(super) mod state {
    /// It has a reply that waits for its row.
    pub(in crate::journal) const REPLIED: i64 = 1;
    /// Its reply was taken.
    pub(in crate::journal) const TAKEN: i64 = 2;
    /// It will have no reply.
    pub(in crate::journal) const UNANSWERED: i64 = 3;
}

/// A line that is planned.
#[derive(Debug, Clone)]
pub struct PlannedLine {
    /// The request.
    pub row: RowKey,
    /// The most that it may cost.
    pub worst: Reserve,
}

/// Enters the lines of a batch, and an entry for each request that has none.
pub(super) fn enter(
    transaction: &Transaction<'_>,
    batch: i64,
    lines: &[PlannedLine],
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO batch_lines (batch, line, entry, fingerprint, reserved_cost, reserved_tokens)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    for (number, line) in lines.iter().enumerate() {
        let entry = entry_of(transaction, &line.row)?;
        let (cost, tokens) = (line.worst.cost, tokens_kept(line.worst.tokens));
        let values = params![batch, number, entry, line.row.fingerprint.0, cost, tokens];
        transaction.prepare_cached(sql)?.execute(values)?;
    }
    seal(transaction, batch)
}

/// The entry of a request: the one in its place, or a new one. What another request has left there makes room.
fn entry_of(transaction: &Transaction<'_>, row: &RowKey) -> rusqlite::Result<i64> {
    let sql = "SELECT entry FROM entries WHERE position = ?1 AND fingerprint = ?2";
    let mut known = transaction.prepare_cached(sql)?;
    if let Some(entry) =
        known.query_row(params![row.position, row.fingerprint.0], |row| row.get(0)).optional()?
    {
        return Ok(entry);
    }
    let gone = "UPDATE entries SET position = NULL, record = NULL, out = 0, gone_at = ?2 WHERE position = ?1";
    transaction.prepare_cached(gone)?.execute(params![row.position, seconds(clock::now())])?;
    let new = "INSERT INTO entries (position, row_id, fingerprint, record, part, parts) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let id = row.id.as_ref().map(|id| id.as_str());
    let values =
        params![row.position, id, row.fingerprint.0, record_of(row), row.part.number, row.part.count];
    transaction.prepare_cached(new)?.insert(values)
}

/// Seals all lines of a batch anew.
pub(super) fn seal(transaction: &Transaction<'_>, batch: i64) -> rusqlite::Result<()> {
    let sql = format!("UPDATE batch_lines SET seal = {SEAL_OF_LINE} WHERE batch = ?1");
    transaction.prepare_cached(&sql)?.execute([batch]).map(drop)
}

/// A row has taken the reply of a line: what it may cost is not set aside any more, and it is not kept twice.
pub(super) fn taken(transaction: &Transaction<'_>, line: BatchLine) -> rusqlite::Result<()> {
    let sql = "UPDATE batch_lines SET state = ?3, reply = NULL WHERE batch = ?1 AND line = ?2";
    transaction.prepare_cached(sql)?.execute(params![line.batch, line.line, state::TAKEN])?;
    seal_one(transaction, line)
}

fn seal_one(transaction: &Transaction<'_>, line: BatchLine) -> rusqlite::Result<()> {
    let sql = format!("UPDATE batch_lines SET seal = {SEAL_OF_LINE} WHERE batch = ?1 AND line = ?2");
    transaction.prepare_cached(&sql)?.execute(params![line.batch, line.line]).map(drop)
}

/// Keeps the reply to a line that has none yet.
pub(super) fn keep_reply(
    transaction: &Transaction<'_>,
    line: BatchLine,
    reply: &[u8],
) -> rusqlite::Result<()> {
    let sql = "UPDATE batch_lines SET state = ?3, reply = ?4 WHERE batch = ?1 AND line = ?2 AND state = 0";
    let kept =
        transaction.prepare_cached(sql)?.execute(params![line.batch, line.line, state::REPLIED, reply])?;
    match kept {
        0 => Ok(()),
        _ => seal_one(transaction, line),
    }
}

/// The lines of a batch that have no reply will have none. `paid`: whether they may have been paid for all the same, so that
/// what they may cost stays set aside.
pub(super) fn release(transaction: &Transaction<'_>, batch: i64, paid: bool) -> rusqlite::Result<()> {
    let keeps = if paid { 1 } else { 0 };
    let sql = "UPDATE batch_lines SET state = ?2, reserved_cost = reserved_cost * ?3, reserved_tokens = reserved_tokens * ?3
               WHERE batch = ?1 AND state = 0";
    transaction.execute(sql, params![batch, state::UNANSWERED, keeps])?;
    seal(transaction, batch)
}

/// Forgets the lines of a batch that say nothing any more: taken ones, and those that cost nothing.
pub(super) fn forget(transaction: &Transaction<'_>, batch: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM batch_lines WHERE batch = ?1
                   AND (state = ?2 OR state = ?3 AND reserved_cost = 0 AND reserved_tokens = 0)";
    transaction.execute(sql, params![batch, state::TAKEN, state::UNANSWERED]).map(drop)
}
