//! One run at a time: a lock on a file of its own, which says who holds it and is free after a death.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;

use super::JournalError;
use super::tidemark::{note, noted};

/// How often a lock that somebody has is looked at again, and how long after.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// The hold on a journal; it ends when this is dropped, or with the process.
#[derive(Debug)]
pub struct Lock {
    _file: File,
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
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            // Its name is known beforehand: a link in its place would let this overwrite another file.
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path)
            .map_err(failed)?;
        match try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder may be just writing its words; that another run holds the lock is certain all the same.
                let _ = file.read_to_string(&mut holder);
                return Err(JournalError::Held { path: journal.to_owned(), holder: words(&holder) });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let mut before = Vec::new();
        file.read_to_end(&mut before).map_err(failed)?;
        let words = format!(
            "process {} on {} since {}\n{}",
            std::process::id(),
            host(),
            jiff::Zoned::now().strftime("%F %T %Z"),
            note(noted(&String::from_utf8_lossy(&before))),
        );
        // First written, then cut: whoever dies in between leaves the note.
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        file.write_all(words.as_bytes()).map_err(failed)?;
        file.set_len(words.len() as u64).map_err(failed)?;
        Ok(Self { _file: file })
    }

    /// The words of the run that holds a journal's lock at present; `None` when no run does.
    pub fn holder(journal: &Path) -> Option<String> {
        let mut file = File::open(lock_path(journal)).ok()?;
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

pub(super) fn lock_path(journal: &Path) -> PathBuf {
    let mut path = journal.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
