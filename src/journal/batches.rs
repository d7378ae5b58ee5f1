//! Provider batches in the journal: planned before they are made, and known until every reply has found its row.

use std::time::SystemTime;

use rusqlite::{OptionalExtension, Row, params};

use super::JournalError;
pub use super::batch_lines::PlannedLine;
use super::batch_lines::{enter, forget, keep_reply, release, state};
use super::codec::tokens_kept;
use super::handle::Journal;
use super::reader::Reader;
use super::seal::{SEAL_OF_BATCH, SEAL_OF_LINE};
use crate::batch::phase::{BatchPhase, BatchRecord};
use crate::batch::tag::BatchTag;
use crate::epoch::{seconds, time};
use crate::failpoint::meet;
use crate::note::BatchLine;
use crate::request::Fingerprint;
use crate::reserve::Reserve;
use crate::secrets::kept;

/// The columns of a batch, in the order in which they are read.
const COLUMNS: &str = "batch, tag, phase, run, base_url, model, lines, file_bytes, file_hash, window_hours, planned_at, asked_at, input_file,
     provider_id, state, created_at, started_at, expires_at, ended_at, closed_at, completed, failed, output_file, error_file,
     replies, unknown, doubled";

/// A line that is out, or whose reply waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenLine {
    /// Which it is.
    pub line: BatchLine,
    /// Whether it has a reply.
    pub is_replied: bool,
}

/// What is submitted, and not taken yet.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Submitted {
    /// Requests without a reply.
    pub waiting: u64,
    /// Replies that no row has taken.
    pub replies: u64,
    /// The most that all of them may cost.
    pub worst: Reserve,
}

impl Reader {
    /// All batches, the first one first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read, or a batch is not as it was stored.
    pub fn batches(&self) -> Result<Vec<BatchRecord>, JournalError> {
        let sql = format!("SELECT {COLUMNS}, seal IS {SEAL_OF_BATCH} FROM batches ORDER BY batch");
        let found = self.all(&sql, [], |row| {
            let number = row.get::<_, i64>(0)?;
            Ok((number, row.get::<_, bool>(27)?.then(|| record(row)).transpose()?.flatten()))
        })?;
        let not_as_stored =
            |number: i64| self.damaged(format!("the record of batch {number} is not what was stored"));
        found.into_iter().map(|(number, batch)| batch.ok_or_else(|| not_as_stored(number))).collect()
    }

    /// What is submitted, and not taken yet.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn submitted(&self) -> Result<Submitted, JournalError> {
        let sql = "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1), coalesce(sum(reserved_cost), 0.0),
                       coalesce(sum(reserved_tokens), 0) FROM batch_lines WHERE state <> ?1";
        let submitted = self.connection().query_row(sql, [state::TAKEN], |row| {
            Ok(Submitted {
                waiting: row.get(0)?,
                replies: row.get(1)?,
                worst: Reserve { cost: row.get(2)?, tokens: row.get(3)? },
            })
        });
        submitted.map_err(self.failed())
    }

    /// The open line that was made for an entry.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn line_of(&self, entry: i64) -> Result<Option<OpenLine>, JournalError> {
        let sql = "SELECT batch, line, state FROM batch_lines WHERE entry = ?1 AND state < 2 ORDER BY number LIMIT 1";
        let mut statement = self.connection().prepare_cached(sql).map_err(self.failed())?;
        statement.query_row([entry], open_line).optional().map_err(self.failed())
    }

    /// Whether a request is in any open line.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn is_submitted(&self, request: Fingerprint) -> Result<bool, JournalError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM batch_lines WHERE fingerprint = ?1 AND state < 2)";
        let mut statement = self.connection().prepare_cached(sql).map_err(self.failed())?;
        statement.query_row([request.0], |row| row.get(0)).map_err(self.failed())
    }

    /// The first open line for a request, among those that `claims` takes, whose own row is not in the input any more.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn ownerless_line(
        &self,
        request: Fingerprint,
        mut claims: impl FnMut(BatchLine) -> bool,
    ) -> Result<Option<OpenLine>, JournalError> {
        let sql = "SELECT l.batch, l.line, l.state FROM batch_lines l JOIN entries e ON e.entry = l.entry
                   WHERE l.fingerprint = ?1 AND l.state < 2 AND e.position IS NULL ORDER BY l.number";
        let mut statement = self.connection().prepare_cached(sql).map_err(self.failed())?;
        let mut rows = statement.query([request.0]).map_err(self.failed())?;
        while let Some(row) = rows.next().map_err(self.failed())? {
            let found = open_line(row).map_err(self.failed())?;
            if claims(found.line) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The reply of a line as it was received, and what was set aside for it.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read, or the line is not as it was stored.
    pub fn reply_of(&self, line: BatchLine) -> Result<(Vec<u8>, Reserve), JournalError> {
        let sql = format!(
            "SELECT seal IS {SEAL_OF_LINE}, coalesce(reply, x''), reserved_cost, reserved_tokens FROM batch_lines
             WHERE batch = ?1 AND line = ?2"
        );
        let mut statement = self.connection().prepare_cached(&sql).map_err(self.failed())?;
        let found = statement.query_row(params![line.batch, line.line], |row| {
            let worst = Reserve { cost: row.get(2)?, tokens: row.get(3)? };
            Ok((row.get::<_, bool>(0)?, row.get(1)?, worst))
        });
        match found.map_err(self.failed())? {
            (true, reply, worst) => Ok((reply, worst)),
            (false, ..) => {
                let BatchLine { batch, line } = line;
                Err(self
                    .damaged(format!("the record of line {line} of batch {batch} is not what was stored")))
            }
        }
    }

    /// Whether any line is out, or has a reply that no row has taken.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn has_open_lines(&self) -> Result<bool, JournalError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM batch_lines WHERE state < 2)";
        self.connection().query_row(sql, [], |row| row.get(0)).map_err(self.failed())
    }

    /// Whether there is something to take up before more is submitted: replies that no row has taken, and rows that continue from
    /// an answer.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn has_leftovers(&self) -> Result<bool, JournalError> {
        Ok(self.submitted()?.replies > 0 || self.has_steps_in_between()?)
    }

    /// Whether rows were set aside for one more pass.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn has_set_aside(&self) -> Result<bool, JournalError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM entries WHERE status = 'set_aside' AND position IS NOT NULL)";
        self.connection().query_row(sql, [], |row| row.get(0)).map_err(self.failed())
    }

    /// The requests of a batch, by their lines.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn requests_of_batch(&self, batch: i64) -> Result<Vec<Fingerprint>, JournalError> {
        let sql = "SELECT fingerprint FROM batch_lines WHERE batch = ?1 ORDER BY line";
        self.all(sql, [batch], |row| Ok(Fingerprint(row.get(0)?)))
    }

    /// The lines of a batch whose reply no row has taken.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn untaken(&self, batch: i64) -> Result<Vec<BatchLine>, JournalError> {
        let sql = "SELECT line FROM batch_lines WHERE batch = ?1 AND state = ?2 ORDER BY line";
        self.all(sql, [batch, state::REPLIED], |row| Ok(BatchLine { batch, line: row.get(0)? }))
    }
}

impl Journal {
    /// Enters a batch before anything of it leaves, with its lines, and gives its number.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn plan_batch(&self, batch: &BatchRecord, lines: &[PlannedLine]) -> Result<i64, JournalError> {
        meet("batch.plan.before");
        let enter = || {
            let transaction = self.connection().unchecked_transaction()?;
            let sql = "INSERT INTO batches (tag, phase, run, base_url, model, lines, file_bytes, file_hash, window_hours, planned_at)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
            transaction.execute(
                sql,
                params![
                    batch.tag.as_str(),
                    BatchPhase::Planned.as_str(),
                    batch.run,
                    batch.base_url,
                    batch.model,
                    batch.lines,
                    batch.file_bytes,
                    batch.file_hash,
                    batch.window_hours,
                    seconds(batch.planned_at),
                ],
            )?;
            let number = transaction.last_insert_rowid();
            let sql = format!("UPDATE batches SET seal = {SEAL_OF_BATCH} WHERE batch = ?1");
            transaction.execute(&sql, [number])?;
            enter(&transaction, number, lines)?;
            transaction.commit()?;
            Ok(number)
        };
        let number = enter().map_err(self.broke())?;
        meet("batch.plan.after");
        Ok(number)
    }

    /// Keeps what is known of a batch by now.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn keep_batch(&self, batch: &BatchRecord) -> Result<(), JournalError> {
        let keep = || {
            let transaction = self.connection().unchecked_transaction()?;
            update(&transaction, batch)?;
            transaction.commit()
        };
        keep().map_err(self.broke())
    }

    /// Keeps replies of a batch, all or none; those to lines that have one are left out.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn keep_replies(&self, replies: &[(BatchLine, Vec<u8>)]) -> Result<(), JournalError> {
        let keep = || {
            let transaction = self.connection().unchecked_transaction()?;
            let secrets = kept();
            for (line, reply) in replies {
                keep_reply(&transaction, *line, &secrets.out_of_body(reply.clone()))?;
            }
            meet("batch.replies.inside");
            transaction.commit()
        };
        keep().map_err(self.broke())
    }

    /// All replies of a batch are there: its other lines will have none. `paid`: whether these may have been paid for.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn batch_is_collected(&self, batch: &BatchRecord, paid: bool) -> Result<(), JournalError> {
        let keep = || {
            let transaction = self.connection().unchecked_transaction()?;
            release(&transaction, batch.number, paid)?;
            update(&transaction, batch)?;
            transaction.commit()
        };
        keep().map_err(self.broke())
    }

    /// A batch is done with. Replies that no row has taken stay for a row with the same request.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn close_batch(&self, batch: &BatchRecord) -> Result<(), JournalError> {
        let close = || {
            let transaction = self.connection().unchecked_transaction()?;
            forget(&transaction, batch.number)?;
            update(&transaction, batch)?;
            transaction.commit()
        };
        close().map_err(self.broke())
    }

    /// Sets less aside for a reply that no row has taken: what it says that it used.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn bill_untaken(&self, line: BatchLine, used: Reserve) -> Result<(), JournalError> {
        let sql = format!(
            "UPDATE batch_lines SET reserved_cost = ?3, reserved_tokens = ?4,
                 seal = sealed(batch, line, entry, fingerprint, state, ?3, ?4, reply)
             WHERE batch = ?1 AND line = ?2 AND state = {}",
            state::REPLIED
        );
        let values = params![line.batch, line.line, used.cost, tokens_kept(used.tokens)];
        self.connection().execute(&sql, values).map(drop).map_err(self.broke())
    }
}

fn open_line(row: &Row<'_>) -> rusqlite::Result<OpenLine> {
    let line = BatchLine { batch: row.get(0)?, line: row.get(1)? };
    Ok(OpenLine { line, is_replied: row.get::<_, i64>(2)? == state::REPLIED })
}

fn update(connection: &rusqlite::Connection, batch: &BatchRecord) -> rusqlite::Result<()> {
    let sql = "UPDATE batches SET phase = ?2, asked_at = ?3, input_file = ?4, provider_id = ?5, state = ?6, created_at = ?7,
             started_at = ?8, expires_at = ?9, ended_at = ?10, closed_at = ?11, completed = ?12, failed = ?13, output_file = ?14,
             error_file = ?15, replies = ?16, unknown = ?17, doubled = ?18
         WHERE batch = ?1";
    let at = |moment: Option<SystemTime>| moment.map(seconds);
    connection.execute(
        sql,
        params![
            batch.number,
            batch.phase.as_str(),
            at(batch.asked_at),
            batch.input_file,
            batch.provider_id,
            batch.state,
            at(batch.created_at),
            at(batch.started_at),
            at(batch.expires_at),
            at(batch.ended_at),
            at(batch.closed_at),
            tokens_kept(batch.completed),
            tokens_kept(batch.failed),
            batch.output_file,
            batch.error_file,
            tokens_kept(batch.replies),
            tokens_kept(batch.unknown),
            tokens_kept(batch.doubled),
        ],
    )?;
    let sql = format!("UPDATE batches SET seal = {SEAL_OF_BATCH} WHERE batch = ?1");
    connection.execute(&sql, [batch.number]).map(drop)
}

/// A batch; `None` if its phase is one that no fanfold has written.
fn record(row: &Row<'_>) -> rusqlite::Result<Option<BatchRecord>> {
    let Some(phase) = BatchPhase::of_word(&row.get::<_, String>(2)?) else { return Ok(None) };
    let at = |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<f64>>(column)?.map(time));
    Ok(Some(BatchRecord {
        number: row.get(0)?,
        tag: BatchTag::of_text(row.get(1)?),
        phase,
        run: row.get(3)?,
        base_url: row.get(4)?,
        model: row.get(5)?,
        lines: row.get(6)?,
        file_bytes: row.get(7)?,
        file_hash: row.get(8)?,
        window_hours: row.get(9)?,
        planned_at: time(row.get(10)?),
        asked_at: at(11)?,
        input_file: row.get(12)?,
        provider_id: row.get(13)?,
        state: row.get(14)?,
        created_at: at(15)?,
        started_at: at(16)?,
        expires_at: at(17)?,
        ended_at: at(18)?,
        closed_at: at(19)?,
        completed: row.get(20)?,
        failed: row.get(21)?,
        output_file: row.get(22)?,
        error_file: row.get(23)?,
        replies: row.get(24)?,
        unknown: row.get(25)?,
        doubled: row.get(26)?,
    }))
}
