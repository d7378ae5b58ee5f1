//! Looking into a journal: runs and totals, doubts, the last requests, failures.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, OptionalExtension};
use rustix::fs::Access;

use super::codec::seconds;
use super::connection::{at_rest, keep_log, to_look};
use super::files::{exists, folder_of, with_ending};
use super::header::check_header;
use super::high_water_mark::{self, held};
use super::seal::run_is_whole;
use super::{JournalError, schema};
use crate::outcome::{Status, TokenSum};
use crate::reserve::Reserve;

/// Requests at most that are stored long after they ended.
const HELD_BACK: u32 = 64;

/// A journal that is looked into.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
}

/// Totals over all runs of a journal.
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

/// Rows by their state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answered.
    pub ok: u64,
    /// Failed.
    pub failed: u64,
    /// Sent, and without an answer yet.
    pub pending: u64,
}

/// A run as the journal knows it.
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

impl Reader {
    /// Opens a journal to look at it, also while a run writes.
    ///
    /// # Errors
    ///
    /// A journal that is damaged, foreign or newer, or that cannot be read; and when there is none.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        if !exists(path)? {
            return Err(JournalError::Missing { path: path.to_owned() });
        }
        let expected = high_water_mark::expected(path);
        check_header(path)?;
        let reader = Self::beside(path)?;
        reader.check_answers(expected)?;
        Ok(reader)
    }

    /// Opens a journal to look at it from the process that writes it. POSIX drops all locks of a process on a file when
    /// it closes any handle of that file, so nothing but SQLite may open it here.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`].
    pub fn beside(path: &Path) -> Result<Self, JournalError> {
        check_log_can_be_read(path)?;
        let connection = to_look(path, at_rest(path)).map_err(|source| JournalError::sqlite(path, source))?;
        let reader = Self::over(connection, path);
        reader.check_version()?;
        Ok(reader)
    }

    /// An empty journal in memory, for a job that has none yet and is only looked at. `path` is where it would be.
    ///
    /// # Errors
    ///
    /// When SQLite cannot.
    pub fn in_memory(path: &Path) -> Result<Self, JournalError> {
        let connection = schema::in_memory().map_err(|source| JournalError::sqlite(path, source))?;
        Ok(Self::over(connection, path))
    }

    /// A view over a connection to the journal at a path.
    pub(super) fn over(connection: Connection, path: &Path) -> Self {
        Self { connection, path: path.to_owned() }
    }

    /// Where the journal lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the journal is asked by.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// An error of SQLite, told of this journal.
    pub(super) fn failed(&self) -> impl Fn(rusqlite::Error) -> JournalError + '_ {
        |source| JournalError::sqlite(&self.path, source)
    }

    /// The same while it is written to. After a failed sync the system may have dropped what was to be written, so that
    /// nothing of it is tried again here: the log stays beside the journal, for the next run to read.
    pub(super) fn broke(&self) -> impl Fn(rusqlite::Error) -> JournalError + '_ {
        |source| {
            if source.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) {
                // The other errors of this connection say as much.
                let _ = keep_log(&self.connection, true);
            }
            JournalError::sqlite(&self.path, source)
        }
    }

    /// The journal is not whole.
    pub(super) fn damaged(&self, detail: String) -> JournalError {
        JournalError::Damaged { path: self.path.clone(), detail }
    }

    /// Whether this program knows the journal's version, and has made all that acts in it.
    pub(super) fn check_version(&self) -> Result<(), JournalError> {
        let path = || self.path.clone();
        let number = |name: &str| self.connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        if number("application_id").map_err(self.failed())? != schema::APPLICATION_ID {
            return Err(JournalError::Foreign { path: path() });
        }
        match number("user_version").map_err(self.failed())? {
            version if version > schema::VERSION => Err(JournalError::Newer { path: path(), version }),
            version if version < 1 => {
                Err(self.damaged(format!("no fanfold has written a journal of version {version}")))
            }
            _ => match schema::stranger(&self.connection).map_err(self.failed())? {
                Some(what) => Err(JournalError::Unusable { path: path(), what }),
                None => Ok(()),
            },
        }
    }

    /// Whether the journal holds as many answers as it should; how many that is was read before it was opened.
    pub(super) fn check_answers(&self, expected: u64) -> Result<(), JournalError> {
        let held = held(&self.connection).map_err(self.failed())?;
        match held < expected {
            true => Err(JournalError::Behind { path: self.path.clone(), held, expected }),
            false => Ok(()),
        }
    }

    /// Rows of the present input by their state, among its first `rows` where that is given.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn counts(&self, rows: Option<u64>) -> Result<Counts, JournalError> {
        let mut counts = Counts::default();
        let sql = "SELECT status, count(*) FROM entries WHERE position < ?1 GROUP BY status";
        let mut statement = self.connection.prepare(sql).map_err(self.failed())?;
        let mut found = statement.query([rows.unwrap_or(i64::MAX as u64)]).map_err(self.failed())?;
        while let Some(row) = found.next().map_err(self.failed())? {
            let (status, count): (Status, u64) =
                row.get(0).and_then(|status| Ok((status, row.get(1)?))).map_err(self.failed())?;
            match status {
                Status::Ok => counts.ok += count,
                Status::Failed => counts.failed += count,
                Status::Pending | Status::SetAside | Status::Dropped => counts.pending += count,
            }
        }
        Ok(counts)
    }

    /// All runs, the first one first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn runs(&self) -> Result<Vec<Run>, JournalError> {
        let sql = format!(
            "SELECT run, started_at, last_at, ended_at, reason, in_doubt, requests, throttled, faults,
                 prompt_tokens, completion_tokens, total_tokens, cost, simulated, reserved_cost + out_cost,
                 reserved_tokens + out_tokens, {} FROM runs ORDER BY run",
            run_is_whole()
        );
        let mut statement = self.connection.prepare(&sql).map_err(self.failed())?;
        let runs = statement.query_map([], |row| {
            if !row.get(16)? {
                return Ok(Err(row.get::<_, i64>(0)?));
            }
            let (started, last): (f64, f64) = (row.get(1)?, row.get(2)?);
            Ok(Ok(Run {
                number: row.get(0)?,
                started_at: time(started),
                last_at: time(last),
                ended_at: row.get::<_, Option<f64>>(3)?.map(time),
                reason: row.get(4)?,
                in_doubt: row.get(5)?,
                spent: Spent {
                    requests: row.get(6)?,
                    throttled: row.get(7)?,
                    faults: row.get(8)?,
                    usage: TokenSum {
                        prompt_tokens: row.get(9)?,
                        completion_tokens: row.get(10)?,
                        total_tokens: row.get(11)?,
                    },
                    cost: row.get(12)?,
                    reserved: Reserve { cost: row.get(14)?, tokens: row.get(15)? },
                    duration: Duration::try_from_secs_f64(last - started).unwrap_or_default(),
                },
                simulated: row.get(13)?,
            }))
        });
        let runs: Vec<_> = runs.and_then(Iterator::collect).map_err(self.failed())?;
        // No sum is made of what somebody, or a disk, has changed.
        let not_as_stored = |run| self.damaged(format!("the record of run {run} is not what was stored"));
        runs.into_iter().collect::<Result<_, i64>>().map_err(not_as_stored)
    }

    /// The longest answer of all runs, in tokens; 0 where there was none.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn longest_answer(&self) -> Result<u64, JournalError> {
        let sql = "SELECT coalesce(max(longest_answer), 0) FROM runs";
        self.connection.query_row(sql, [], |row| row.get(0)).map_err(self.failed())
    }

    /// The job of the last run, as its JSON text; `None` before the first run.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn last_job(&self) -> Result<Option<String>, JournalError> {
        let sql = "SELECT job FROM runs ORDER BY run DESC LIMIT 1";
        self.connection.query_row(sql, [], |row| row.get(0)).optional().map_err(self.failed())
    }

    /// The outputs that were written, the last one first, as far as the journal tells: a run that was killed or broken off
    /// writes none.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn written(&self) -> Result<Vec<WrittenOutput>, JournalError> {
        let sql = "SELECT json_extract(job, '$.output'), json_extract(job, '$.rows') FROM runs
                   WHERE ended_at IS NOT NULL AND reason IS NOT 'broken_off' ORDER BY run DESC LIMIT 1000";
        let mut statement = self.connection.prepare(sql).map_err(self.failed())?;
        let mut runs = statement.query([]).map_err(self.failed())?;
        let mut outputs = Vec::new();
        while let Some(run) = runs.next().map_err(self.failed())? {
            let output: Option<String> = run.get(0).map_err(self.failed())?;
            let rows: Option<u64> = run.get(1).map_err(self.failed())?;
            let written = output.zip(rows);
            outputs.extend(written.map(|(path, rows)| WrittenOutput { path: path.into(), rows }));
        }
        Ok(outputs)
    }

    /// Whether a run was answered by the service at an address.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn has_answers_from(&self, base_url: &str) -> Result<bool, JournalError> {
        let sql =
            "SELECT EXISTS (SELECT 1 FROM runs WHERE answers > 0 AND json_extract(job, '$.base_url') = ?1)";
        self.connection.query_row(sql, [base_url], |row| row.get(0)).map_err(self.failed())
    }

    /// Rows that were out when the last run was killed; 0 when it ended in order. To be asked before a matching moves
    /// entries and before the next run begins.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn in_doubt(&self) -> Result<u64, JournalError> {
        let sql = "SELECT max(0, handed_out - (SELECT count(*) FROM entries WHERE position < handed_out))
                       + (SELECT count(*) FROM entries WHERE out = 1 AND position IS NOT NULL)
                   FROM runs WHERE run = (SELECT max(run) FROM runs) AND ended_at IS NULL";
        let rows = self.connection.query_row(sql, [], |row| row.get(0)).optional();
        Ok(rows.map_err(self.failed())?.unwrap_or(0))
    }

    /// The requests sent within so long before `now`, the oldest first: when each was sent, and its tokens; `None` of one
    /// that may have used some, and nobody said how many.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn sent_within(
        &self,
        span: Duration,
        now: SystemTime,
    ) -> Result<Vec<(SystemTime, Option<u64>)>, JournalError> {
        let from = seconds(now) - span.as_secs_f64();
        let mut sent = Vec::new();
        // Steps and faults are stored nearly in the order of their ends: past some that ended before that time began,
        // none was sent within it. A few refusals of the first rows are held back until they can be judged.
        for sql in [
            "SELECT sent_at, latency_ms, total_tokens FROM steps ORDER BY step DESC",
            "SELECT sent_at, latency_ms,
                 coalesce(total_tokens, CASE WHEN kind IN ('throttled', 'unreachable') THEN 0 END)
             FROM faults ORDER BY fault DESC",
        ] {
            let mut statement = self.connection.prepare(sql).map_err(self.failed())?;
            let mut rows = statement.query([]).map_err(self.failed())?;
            let mut ended_before = 0;
            while let Some(row) = rows.next().map_err(self.failed())? {
                let read =
                    || Ok((row.get::<_, f64>(0)?, row.get::<_, f64>(1)?, row.get::<_, Option<u64>>(2)?));
                let (at, latency, tokens) = read().map_err(self.failed())?;
                ended_before += u32::from(at + latency / 1000.0 < from - 5.0);
                if ended_before > HELD_BACK {
                    break;
                }
                if at >= from {
                    sent.push((time(at), tokens));
                }
            }
        }
        sent.sort_by_key(|(at, _)| *at);
        Ok(sent)
    }

    /// The result of the row at a position is not what was stored.
    pub(super) fn not_as_stored(&self, position: u64) -> JournalError {
        self.damaged(format!("the record of row {} is not what was stored", position + 1))
    }

    /// Every fault of the row at a position, the first one first: when, how long, status, code and message.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn history(&self, position: u64) -> Result<Vec<FaultRecord>, JournalError> {
        let sql = "SELECT f.sent_at, f.latency_ms, f.status, f.code, f.message FROM faults f
                   JOIN entries e ON e.entry = f.entry WHERE e.position = ?1 ORDER BY f.fault";
        let mut statement = self.connection.prepare(sql).map_err(self.failed())?;
        let faults = statement.query_map([position], |row| {
            Ok(FaultRecord {
                sent_at: time(row.get(0)?),
                latency: Duration::from_millis(row.get(1)?),
                status: row.get(2)?,
                code: row.get(3)?,
                message: row.get(4)?,
            })
        });
        faults.and_then(Iterator::collect).map_err(self.failed())
    }

    /// The position of the row with an identifier.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn position_of(&self, id: &str) -> Result<Option<u64>, JournalError> {
        let sql = "SELECT position FROM entries WHERE row_id = ?1 AND position IS NOT NULL";
        self.connection.query_row(sql, [id], |row| row.get(0)).optional().map_err(self.failed())
    }

    /// Why rows have failed: the code, how many rows, the position of one and its message; the most frequent first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn failures(&self) -> Result<Vec<FailureGroup>, JournalError> {
        // Of a group SQLite gives the columns of the row that has the least position.
        let sql = "SELECT error_code, count(*), min(position), error, row_id FROM entries
                   WHERE status = 'failed' AND position IS NOT NULL GROUP BY error_code ORDER BY 2 DESC LIMIT 10";
        let mut statement = self.connection.prepare(sql).map_err(self.failed())?;
        let groups = statement.query_map([], |row| {
            Ok(FailureGroup {
                code: row.get::<_, Option<String>>(0)?.unwrap_or_default(),
                rows: row.get(1)?,
                example: row.get(2)?,
                message: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
                id: row.get(4)?,
            })
        });
        groups.and_then(Iterator::collect).map_err(self.failed())
    }

    /// Why the answers of the present rows ended, the most frequent first: a word, and how many answers it ended.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn finish_reasons(&self) -> Result<Vec<(String, u64)>, JournalError> {
        let sql = "SELECT s.finish_reason, count(*) FROM entries e JOIN steps s ON s.step = e.answer
                   WHERE e.position IS NOT NULL AND s.finish_reason IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 100";
        let mut statement = self.connection.prepare(sql).map_err(self.failed())?;
        let reasons = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(self.failed())?;
        reasons.collect::<Result<_, _>>().map_err(self.failed())
    }
}

/// One request that brought no answer.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultRecord {
    /// When it was sent.
    pub sent_at: SystemTime,
    /// How long it took.
    pub latency: Duration,
    /// The HTTP status, when there was a response.
    pub status: Option<u16>,
    /// The code.
    pub code: String,
    /// What was said.
    pub message: String,
}

/// An output that a run has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenOutput {
    /// Its path, as the job had it.
    pub path: PathBuf,
    /// Its rows.
    pub rows: u64,
}

/// Rows that failed alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureGroup {
    /// The code.
    pub code: String,
    /// How many rows.
    pub rows: u64,
    /// The position of one of them.
    pub example: u64,
    /// Its identifier, in a job that names the column.
    pub id: Option<String>,
    /// What was said of it.
    pub message: String,
}

/// A journal whose log cannot be read: the shared memory that goes with it is not there, and cannot be made.
fn check_log_can_be_read(path: &Path) -> Result<(), JournalError> {
    let has_log = with_ending(path, "-wal").metadata().is_ok_and(|log| log.len() > 0);
    let is_made = rustix::fs::access(folder_of(path), Access::WRITE_OK).is_ok();
    if !has_log || is_made || with_ending(path, "-shm").exists() {
        return Ok(());
    }
    let what = format!(
        "it has answers in its log, {}-wal, but the file {}-shm needed to read them is missing, and this folder \
         is not writable. Copy the journal and its log to a folder of your own, and use them there",
        path.display(),
        path.display()
    );
    Err(JournalError::Unusable { path: path.to_owned(), what })
}

fn time(seconds: f64) -> SystemTime {
    let since = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}
