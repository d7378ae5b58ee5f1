//! One run at a time: a lock on a file of its own, which says who holds it and is free after a death; and one on the journal
//! itself, so that it does not help to take that file away.

use std::cell::OnceCell;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::JournalError;
use super::files::{self, lock_path, on_network};
use super::handle::{Journal, make};
use super::high_water_mark::{HighWaterMark, note, noted};
use super::whereabouts::{Identity, identity};
use crate::clock;
use crate::regular;

/// How often a lock that somebody has is looked at again, and how long after.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// How often a file is opened anew because another has taken its name meanwhile.
const CHANGES: u32 = 100;

/// The hold on a journal; it ends when this is dropped, or with the process.
#[derive(Debug)]
pub struct Lock {
    journal: PathBuf,
    file: File,
    /// The journal itself, locked as well. POSIX takes all locks of a process off a file when it closes any handle of it, so
    /// that this is closed last.
    held: OnceCell<File>,
}

impl Lock {
    /// Takes the lock of a journal without waiting. What is noted of the journal in its file is kept.
    ///
    /// # Errors
    ///
    /// [`JournalError::Held`] with the holder's own words when another run has it.
    pub fn take(journal: &Path) -> Result<Self, JournalError> {
        let path = lock_path(journal);
        let failed = |source| JournalError::File { path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let open = || regular::open_own(&path, &mut options.clone());
        let mut file = match held_file(&path, open).map_err(failed)? {
            LockedFile::Ours(file) => file,
            LockedFile::Theirs(mut file) => {
                let mut holder = String::new();
                // The holder may be just writing its words; that another run holds the lock is certain all the same.
                let _ = file.read_to_string(&mut holder);
                return Err(JournalError::Held { path: journal.to_owned(), holder: words(&holder) });
            }
        };
        let mut before = Vec::new();
        file.read_to_end(&mut before).map_err(failed)?;
        let words = format!(
            "process {} on {} since {}\n{}",
            std::process::id(),
            host(),
            clock::zoned().strftime("%F %T %Z"),
            note(noted(&String::from_utf8_lossy(&before))),
        );
        // First written, then cut: whoever dies in between leaves the note.
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        file.write_all(words.as_bytes()).map_err(failed)?;
        file.set_len(words.len() as u64).map_err(failed)?;
        Ok(Self { journal: journal.to_owned(), file, held: OnceCell::new() })
    }

    /// Forgets how many answers the journal should hold.
    pub fn accept_loss(&self) {
        HighWaterMark::open(&self.journal).rise(0);
    }

    /// Sets the journal aside under a dated name, and says the name. `None` when there is none.
    ///
    /// # Errors
    ///
    /// When a file cannot be renamed; [`JournalError::Held`] when a run has it whose lock's file was taken away.
    pub fn set_aside(&self) -> Result<Option<PathBuf>, JournalError> {
        let _held = self.hold_journal()?;
        files::set_aside(&self.journal)
    }

    /// Opens the journal for its run, which makes it when there is none, and holds it as well.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`]; [`JournalError::Held`] when a run has it whose lock's file was taken away.
    pub fn open(&self) -> Result<Journal, JournalError> {
        let path = &self.journal;
        make(path)?;
        let held = match self.held.get() {
            Some(held) => Some(held),
            None => self.hold_journal()?.map(|file| self.held.get_or_init(|| file)),
        };
        let journal = Journal::open_made(path)?;
        let known = match held {
            Some(held) => identity_of(held).filter(|known| identity(path) == Some(*known)),
            None => identity(path),
        };
        Ok(journal.known_by(known))
    }

    /// The lock on the journal itself, where the system's locks and those of SQLite do not meet: elsewhere, and on file
    /// systems that several machines share, they are of one kind.
    fn hold_journal(&self) -> Result<Option<File>, JournalError> {
        let path = &self.journal;
        if !cfg!(target_os = "linux") || on_network(path) {
            return Ok(None);
        }
        // To write as well: a file of an image's lower layer becomes another with the first writer.
        let open = || regular::open_own(path, OpenOptions::new().read(true).write(true));
        match held_file(path, open) {
            Ok(LockedFile::Ours(file)) => Ok(Some(file)),
            Ok(LockedFile::Theirs(_)) => {
                let lock = lock_path(path);
                let holder = format!("its lock file, {}, was removed while it runs", lock.display());
                Err(JournalError::Held { path: path.clone(), holder })
            }
            // What cannot be written to, or locked, is told by who does more than that.
            Err(_) => Ok(None),
        }
    }

    /// The words of the run that holds a journal's lock at present; `None` when no run does.
    pub fn holder(journal: &Path) -> Option<String> {
        let mut file = regular::open_own(&lock_path(journal), OpenOptions::new().read(true)).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).ok()?;
                Some(words(&holder))
            }
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A run that was refused before it had a journal leaves nothing behind.
        let path = lock_path(&self.journal);
        if self.journal.symlink_metadata().is_err() && identity(&path) == identity_of(&self.file) {
            let _ = fs::remove_file(path);
        }
    }
}

/// A file that is locked here, or by somebody else.
enum LockedFile {
    Ours(File),
    Theirs(File),
}

/// Opens a file and locks it. It is the one of that name still when it is locked, or it is opened anew.
fn held_file(path: &Path, open: impl Fn() -> std::io::Result<File>) -> std::io::Result<LockedFile> {
    for _ in 0..CHANGES {
        let file = open()?;
        match try_lock(&file) {
            Ok(()) if identity(path) == identity_of(&file) => return Ok(LockedFile::Ours(file)),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(LockedFile::Theirs(file)),
            Err(TryLockError::Error(source)) => return Err(source),
        }
    }
    Err(std::io::Error::other("it keeps being replaced"))
}

fn identity_of(file: &File) -> Option<Identity> {
    file.metadata().ok().map(|found| (found.dev(), found.ino()))
}

/// Whoever asks for the holder has the file for an instant, which is no reason to turn a run away.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    for _ in 0..LOOKS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_LOOKS),
            other => return other,
        }
    }
    file.try_lock()
}

/// The holder's words, without the note behind them.
fn words(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
