//! The one writer of a journal: notes come in, are committed in groups, and come back once they are on disk.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{ErrorCode, Transaction, TransactionBehavior, params};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::JournalError;
use super::ballast::Ballast;
use super::entries::{end, handed_out, resent, store_results};
use super::error::is_full;
use super::handle::Journal;
use super::high_water_mark::{self, HighWaterMark};
use super::sums::Sums;
use crate::bottleneck::HeldSpan;
use crate::failpoint::meet;
use crate::note::JournalEvent;

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
    thread: JoinHandle<Result<Journal, JournalError>>,
}

impl Journal {
    /// Starts the writer's thread for one pass over the rows. It gives the ballast up when the disk is full.
    pub fn writer(self, run: i64, ballast: Ballast) -> (JournalWriter, EventSender, Committed) {
        let (sender, notes) = sync_channel(WAITING_NOTES);
        let (held, spans) = channel();
        #[expect(clippy::disallowed_methods, reason = "what is committed was bounded on its way here")]
        let (committed, receiver) = unbounded_channel();
        let high_water_mark = HighWaterMark::open(self.path());
        let held_back = HeldBack { spans, untold: Vec::new() };
        let book = WriterLoop { journal: self, run, ballast, handed_out: 0, held_back, high_water_mark };
        let thread = std::thread::spawn(move || book.keep(&notes, &committed));
        (JournalWriter { thread }, EventSender { notes: sender, held }, receiver)
    }
}

impl JournalWriter {
    /// Waits for the thread's end, which comes when every [`EventSender`] is gone, and gives the journal back.
    ///
    /// # Errors
    ///
    /// When what is stored at its end could not be: the journal is not to be written to again.
    ///
    /// # Panics
    ///
    /// When the thread has.
    pub fn finish(self) -> Result<Journal, JournalError> {
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

struct WriterLoop {
    journal: Journal,
    run: i64,
    ballast: Ballast,
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
        notes: &Receiver<JournalEvent>,
        committed: &UnboundedSender<Result<Vec<JournalEvent>, JournalError>>,
    ) -> Result<Journal, JournalError> {
        while let Some(group) = gather(notes) {
            match self.commit_with_room(&group) {
                // Nobody listens any more once a run is being stopped the hard way; what came in is still stored.
                Ok(()) => drop(committed.send(Ok(group))),
                Err(source) => {
                    // Not tried again: after a failed sync the system may have dropped the pages for good.
                    drop(committed.send(Err(self.journal.broke()(source))));
                    return Ok(self.journal);
                }
            }
        }
        match self.commit_held() {
            Ok(()) => Ok(self.journal),
            // No room, and no turn, for what can be done without: that fails again, and is told, at the run's end.
            Err(source)
                if is_full(&source) || source.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) =>
            {
                Ok(self.journal)
            }
            // Nothing is written over a sync that failed.
            Err(source) => Err(self.journal.broke()(source)),
        }
    }

    /// Stores what held the run back after its last note.
    fn commit_held(&mut self) -> rusqlite::Result<()> {
        let transaction = Self::transaction(&self.journal)?;
        self.held_back.store(&transaction, self.run)?;
        transaction.commit()
    }

    /// A group that found the disk full has left no trace either, and may find room where the ballast was.
    fn commit_with_room(&mut self, group: &[JournalEvent]) -> rusqlite::Result<()> {
        match self.commit_patiently(group) {
            Err(error) if is_full(&error) && self.ballast.release() => self.commit_patiently(group),
            other => other,
        }
    }

    /// A group that found the journal locked has left no trace and is tried again as a whole: that somebody looks at
    /// the journal, or works on it, does not end a run.
    fn commit_patiently(&mut self, group: &[JournalEvent]) -> rusqlite::Result<()> {
        for _ in 0..BUSY_TRIES {
            match self.commit(group) {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
                other => return other,
            }
        }
        self.commit(group)
    }

    /// A transaction that waits for its turn to write before it begins.
    fn transaction(journal: &Journal) -> rusqlite::Result<Transaction<'_>> {
        Transaction::new_unchecked(journal.connection(), TransactionBehavior::Immediate)
    }

    fn commit(&mut self, group: &[JournalEvent]) -> rusqlite::Result<()> {
        meet("journal.commit.before");
        let transaction = Self::transaction(&self.journal)?;
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
        self.journal.look(self.run);
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
