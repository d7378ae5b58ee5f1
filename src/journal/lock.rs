//! One run at a time: a lock on a file of its own, which says who holds it and is free after a death.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::JournalError;

/// How often and how long a run waits for those that only look whether the lock is held.
const LOOKS: usize = 5;
const LOOK: Duration = Duration::from_millis(10);

/// The hold on a journal; it ends when this is dropped, or with the process.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a journal without waiting.
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
            .open(&path)
            .map_err(failed)?;
        // Whoever looks for a holder has the lock for an instant.
        let looks = std::iter::repeat_with(|| file.try_lock());
        let mut taken = looks.take(LOOKS).inspect(|taken| {
            if taken.is_err() {
                std::thread::sleep(LOOK);
            }
        });
        let taken = taken.find(Result::is_ok).unwrap_or_else(|| file.try_lock());
        match taken {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder may be just writing its words; that another run holds the lock is certain all the same.
                let _ = file.read_to_string(&mut holder);
                return Err(JournalError::Held {
                    path: journal.to_owned(),
                    holder: holder.trim().to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let words = format!(
            "process {} on {} since {}\n",
            std::process::id(),
            host(),
            jiff::Zoned::now().strftime("%F %T %Z")
        );
        file.set_len(0).map_err(failed)?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        file.write_all(words.as_bytes()).map_err(failed)?;
        Ok(Self { _file: file })
    }

    /// The words of the run that holds a journal's lock at present; `None` when no run does.
    pub fn holder(journal: &Path) -> Option<String> {
        let mut file = File::open(lock_path(journal)).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).ok()?;
                Some(holder.trim().to_owned())
            }
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }
}

fn lock_path(journal: &Path) -> PathBuf {
    let mut path = journal.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
