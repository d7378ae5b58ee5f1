//! The one writer of a journal: notes come in, are committed in groups, and come back once they are on disk.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, params};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::ballast::Ballast;
use super::entries::{end, handed_out, resent, store_results};
use super::high_water_mark::{self, HighWaterMark};
use super::seal::seal_run;
use super::whereabouts::Whereabouts;
use super::{JournalError, MOST_TOKENS, broke, is_full, seconds, tokens_kept};
use crate::bottleneck::HeldSpan;
use crate::failpoint::meet;
use crate::note::{JournalEvent, Outcome, RequestEnd};
use crate::outcome::{Answer, Fault, FaultKind, TokenSum};
use crate::reserve::Reserve;
use crate::secrets::hidden;

/// Notes that wait for their commit at most; past it whoever writes waits for the disk.
const WAITING_NOTES: usize = 1024;

/// How long a group of notes is gathered. The commit behind it takes some milliseconds more.
const GATHERING: Duration = Duration::from_millis(5);

/// Notes after which a group is committed at once.
const FULL_GROUP: usize = 512;

/// How often a group is tried again, ten seconds later each time, while another program keeps the journal locked.
const BUSY_TRIES: u32 = 30;

/// The end of the writer's thread that takes notes.
#[derive(Debug, Clone)]
pub struct EventSender {
    notes: SyncSender<JournalEvent>,
    held: Sender<Vec<HeldSpan>>,
}

impl EventSender {
    /// Hands a note over, without the secrets in it. It counts only when it has come back committed. When the writer has ended on an error, the
    /// note is dropped: the error comes instead of it.
    pub fn write(&self, note: JournalEvent) {
        let _ = self.notes.send(note.without_secrets());
    }

    /// Tells what held the run back. It is stored along with the next group of notes, and wakes nobody.
    pub fn held(&self, spans: Vec<HeldSpan>) {
        let _ = self.held.send(spans);
    }
}

/// The other end, where committed notes come back in groups, or the error that ended the writer. It holds no more
/// than went in: notes in flight are bounded by what the dispatcher has on its way.
pub type Committed = UnboundedReceiver<Result<Vec<JournalEvent>, JournalError>>;

/// A writer at work.
#[derive(Debug)]
pub struct JournalWriter {
    thread: JoinHandle<Result<Connection, JournalError>>,
}

/// The name and number of the present run.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// The version of the program.
    pub program: String,
    /// The settled job, as JSON, without the key.
    pub job: String,
    /// Rows that were out when the run before this one was killed.
    pub in_doubt: u64,
    /// Whether it is known that fanfold's simulator is asked.
    pub simulated: bool,
}

/// Enters a run into the journal and gives its number.
///
/// # Errors
///
/// When the journal cannot be written.
pub fn begin_run(connection: &Connection, path: &Path, record: &RunRecord) -> Result<i64, JournalError> {
    let now = seconds(SystemTime::now());
    let sql = "INSERT INTO runs (started_at, last_at, program, job, in_doubt, simulated) VALUES (?1, ?1, ?2, ?3, ?4, ?5)";
    let enter = || {
        let transaction = connection.unchecked_transaction()?;
        // What was out at a kill is counted in the record; from here on only what this run sends is out.
        transaction.execute("UPDATE entries SET out = 0 WHERE out <> 0", [])?;
        transaction.execute(
            sql,
            params![now, record.program, hidden(record.job.clone()), record.in_doubt, record.simulated],
        )?;
        seal_run(&transaction, transaction.last_insert_rowid())?;
        transaction.commit()
    };
    meet("journal.run.before");
    enter().map_err(|source| broke(connection, path, source))?;
    meet("journal.run.begun");
    Ok(connection.last_insert_rowid())
}

/// Enters the end of a run. A run without an end was killed.
///
/// # Errors
///
/// When the journal cannot be written.
pub fn end_run(connection: &Connection, path: &Path, run: i64, reason: &str) -> Result<(), JournalError> {
    let now = seconds(SystemTime::now());
    let sql = "UPDATE runs SET ended_at = ?2, last_at = ?2, reason = ?3, handed_out = 0 WHERE run = ?1";
    let failed = |source| broke(connection, path, source);
    meet("journal.end.before");
    let enter = || {
        let transaction = connection.unchecked_transaction()?;
        transaction.execute(sql, params![run, now, reason])?;
        seal_run(&transaction, run)?;
        transaction.commit()
    };
    enter().map_err(failed)?;
    meet("journal.end.entered");
    // What is left in the log goes into the journal itself, so that a copy of the one file is whole.
    let checkpoint = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    meet("journal.end.in-one-file");
    match checkpoint {
        Err(source) if source.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) => Err(failed(source)),
        // The log holds it as well.
        _ => Ok(()),
    }
}

/// Makes rows that have failed after they were sent pending again, among the first `limit` where that is given.
///
/// # Errors
///
/// When the journal cannot be written.
pub fn reopen_failed(connection: &Connection, path: &Path, limit: Option<u64>) -> Result<(), JournalError> {
    let sql = "UPDATE entries SET status = 0, tries = 0 WHERE status = 2 AND attempts > 0 AND position < ?1";
    let reopened = connection.execute(sql, [limit.unwrap_or(i64::MAX as u64)]);
    reopened.map(drop).map_err(|source| broke(connection, path, source))
}

/// Stores rows that came to their end without a request, in one commit.
///
/// # Errors
///
/// When the journal cannot be written.
pub fn store_unsent(connection: &Connection, path: &Path, group: &[RequestEnd]) -> Result<(), JournalError> {
    let store = || {
        let transaction = connection.unchecked_transaction()?;
        let mut answers = high_water_mark::held(&transaction)?;
        let ends = group.iter().map(|ended| ended.clone().without_secrets());
        ends.into_iter().try_for_each(|ended| end(&transaction, &ended, &mut answers))?;
        transaction.commit()
    };
    store().map_err(|source| broke(connection, path, source))
}

impl JournalWriter {
    /// Starts the writer's thread for one pass over the rows. It gives the ballast up when the disk is full.
    pub fn start(
        connection: Connection,
        path: &Path,
        run: i64,
        ballast: Ballast,
        whereabouts: Whereabouts,
    ) -> (Self, EventSender, Committed) {
        let (sender, notes) = sync_channel(WAITING_NOTES);
        let (held, spans) = channel();
        let (committed, receiver) = unbounded_channel();
        let high_water_mark = HighWaterMark::open(path);
        let held_back = HeldBack { spans, untold: Vec::new() };
        let path = path.to_owned();
        let book = WriterLoop { path, run, ballast, whereabouts, handed_out: 0, held_back, high_water_mark };
        let thread = std::thread::spawn(move || book.keep(connection, &notes, &committed));
        (Self { thread }, EventSender { notes: sender, held }, receiver)
    }

    /// Waits for the thread's end, which comes when every [`EventSender`] is gone, and gives the connection back.
    ///
    /// # Errors
    ///
    /// When what is stored at its end could not be: the connection is not to be used again.
    ///
    /// # Panics
    ///
    /// When the thread has.
    pub fn finish(self) -> Result<Connection, JournalError> {
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

struct WriterLoop {
    path: PathBuf,
    run: i64,
    ballast: Ballast,
    whereabouts: Whereabouts,
    /// How far this pass has been handed out, as far as that is on disk.
    handed_out: u64,
    held_back: HeldBack,
    high_water_mark: HighWaterMark,
}

/// What held the run back, on its way to the journal.
struct HeldBack {
    spans: Receiver<Vec<HeldSpan>>,
    /// What no commit has stored yet.
    untold: Vec<HeldSpan>,
}

impl HeldBack {
    fn store(&mut self, transaction: &Transaction<'_>, run: i64) -> rusqlite::Result<()> {
        self.untold.extend(self.spans.try_iter().flatten());
        let sql = "INSERT INTO held (run, minute, cause, seconds) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (run, minute, cause) DO UPDATE SET seconds = seconds + excluded.seconds";
        for span in &self.untold {
            let mut statement = transaction.prepare_cached(sql)?;
            statement.execute(params![run, span.minute, span.cause, span.seconds])?;
        }
        Ok(())
    }
}

impl WriterLoop {
    fn keep(
        mut self,
        mut connection: Connection,
        notes: &Receiver<JournalEvent>,
        committed: &UnboundedSender<Result<Vec<JournalEvent>, JournalError>>,
    ) -> Result<Connection, JournalError> {
        while let Some(group) = gather(notes) {
            match self.commit_with_room(&mut connection, &group) {
                // Nobody listens any more once a run is being stopped the hard way; what came in is still stored.
                Ok(()) => drop(committed.send(Ok(group))),
                Err(source) => {
                    // Not tried again: after a failed sync the system may have dropped the pages for good.
                    drop(committed.send(Err(broke(&connection, &self.path, source))));
                    return Ok(connection);
                }
            }
        }
        match self.commit_held(&mut connection) {
            Ok(()) => Ok(connection),
            // No room, and no turn, for what can be done without: that fails again, and is told, at the run's end.
            Err(source)
                if is_full(&source) || source.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) =>
            {
                Ok(connection)
            }
            // Nothing is written over a sync that failed.
            Err(source) => Err(broke(&connection, &self.path, source)),
        }
    }

    /// Stores what held the run back after its last note.
    fn commit_held(&mut self, connection: &mut Connection) -> rusqlite::Result<()> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.held_back.store(&transaction, self.run)?;
        transaction.commit()
    }

    /// A group that found the disk full has left no trace either, and may find room where the ballast was.
    fn commit_with_room(
        &mut self,
        connection: &mut Connection,
        group: &[JournalEvent],
    ) -> rusqlite::Result<()> {
        match self.commit_patiently(connection, group) {
            Err(error) if is_full(&error) && self.ballast.release() => {
                self.commit_patiently(connection, group)
            }
            other => other,
        }
    }

    /// A group that found the journal locked has left no trace and is tried again as a whole: that somebody looks at
    /// the journal, or works on it, does not end a run.
    fn commit_patiently(
        &mut self,
        connection: &mut Connection,
        group: &[JournalEvent],
    ) -> rusqlite::Result<()> {
        for _ in 0..BUSY_TRIES {
            match self.commit(connection, group) {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
                other => return other,
            }
        }
        self.commit(connection, group)
    }

    fn commit(&mut self, connection: &mut Connection, group: &[JournalEvent]) -> rusqlite::Result<()> {
        meet("journal.commit.before");
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut sums = Sums::default();
        let mut answers = high_water_mark::held(&transaction)?;
        for note in group {
            match note {
                JournalEvent::HandedOut { below } => {
                    let known = sums.handed_out.unwrap_or(self.handed_out);
                    // Another pass begins at the first row again.
                    handed_out(&transaction, if *below > known { known } else { 0 }, *below)?;
                    sums.handed_out = Some(*below);
                }
                JournalEvent::Out(out) => sums.out = Some(*out),
                JournalEvent::Resent(row) => resent(&transaction, row)?,
                JournalEvent::Results { row, results } => store_results(&transaction, row, results)?,
                JournalEvent::Ended(ended) => {
                    sums.add(ended);
                    end(&transaction, ended, &mut answers)?;
                }
            }
        }
        sums.store(&transaction, self.run)?;
        self.held_back.store(&transaction, self.run)?;
        meet("journal.commit.inside");
        transaction.commit()?;
        meet("journal.commit.after");
        self.whereabouts.look(connection, self.run);
        self.held_back.untold.clear();
        self.high_water_mark.rise(answers);
        self.handed_out = sums.handed_out.unwrap_or(self.handed_out);
        Ok(())
    }
}

/// The next group of notes; `None` when nobody writes any more. The thread sleeps while they gather, so that not each of
/// them wakes it.
fn gather(notes: &Receiver<JournalEvent>) -> Option<Vec<JournalEvent>> {
    let mut group = vec![notes.recv().ok()?];
    group.extend(notes.try_iter().take(FULL_GROUP - 1));
    if group.len() < FULL_GROUP {
        std::thread::sleep(GATHERING);
        group.extend(notes.try_iter().take(FULL_GROUP - group.len()));
    }
    Some(group)
}

/// What a group adds to its run's totals.
#[derive(Default)]
struct Sums {
    handed_out: Option<u64>,
    out: Option<Reserve>,
    requests: u64,
    answers: u64,
    throttled: u64,
    faults: u64,
    usage: TokenSum,
    cost: f64,
    simulated: bool,
    reserved: Reserve,
    longest_answer: u64,
}

impl Sums {
    fn add(&mut self, ended: &RequestEnd) {
        if ended.sent.is_none() {
            return;
        }
        self.requests += 1;
        self.simulated |= ended.ending.is_simulated();
        self.cost += ended.cost.unwrap_or(0.0);
        self.reserved = self.reserved.plus(ended.reserved);
        let usage = match &ended.ending {
            Outcome::Answered(answer) => {
                self.answer(answer);
                answer.usage
            }
            Outcome::Continue(step) => {
                self.answer(&step.answer);
                step.answer.usage
            }
            ending => {
                let fault = ending.fault();
                match (fault.map(|fault| fault.kind), fault.and_then(Fault::unfit_answer)) {
                    (Some(FaultKind::Throttled), _) => self.throttled += 1,
                    (_, Some(answer)) => self.answer(answer),
                    _ => self.faults += 1,
                }
                fault.and_then(|fault| fault.usage)
            }
        };
        self.usage.add(&usage.unwrap_or_default());
    }

    fn answer(&mut self, answer: &Answer) {
        self.answers += 1;
        self.longest_answer = self.longest_answer.max(answer.length());
    }

    fn store(&self, transaction: &Transaction<'_>, run: i64) -> rusqlite::Result<()> {
        let sql =
            "UPDATE runs SET last_at = ?2, handed_out = coalesce(?3, handed_out), requests = requests + ?4,
                 answers = answers + ?5, throttled = throttled + ?6, faults = faults + ?7,
                 prompt_tokens = min(prompt_tokens + ?8, ?17), completion_tokens = min(completion_tokens + ?9, ?17),
                 total_tokens = min(total_tokens + ?10, ?17), cost = cost + ?11,
                 reserved_cost = reserved_cost + ?12, reserved_tokens = min(reserved_tokens + ?13, ?17),
                 out_cost = coalesce(?14, out_cost), out_tokens = coalesce(?15, out_tokens),
                 longest_answer = max(longest_answer, ?16), simulated = max(simulated, ?18)
             WHERE run = ?1";
        let mut statement = transaction.prepare_cached(sql)?;
        let written = statement.execute(params![
            run,
            seconds(SystemTime::now()),
            self.handed_out,
            self.requests,
            self.answers,
            self.throttled,
            self.faults,
            tokens_kept(self.usage.prompt_tokens),
            tokens_kept(self.usage.completion_tokens),
            tokens_kept(self.usage.total_tokens),
            self.cost,
            self.reserved.cost,
            tokens_kept(self.reserved.tokens),
            self.out.map(|out| out.cost),
            self.out.map(|out| tokens_kept(out.tokens)),
            tokens_kept(self.longest_answer),
            MOST_TOKENS,
            self.simulated,
        ]);
        written?;
        seal_run(transaction, run)
    }
}
