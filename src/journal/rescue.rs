//! What becomes of a journal that was lost while a run had it: all that it holds is written into a file again.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::JournalError;
use super::files::{COMPANIONS, free_name};
use super::handle::Journal;
use crate::beside::{folder_of, with_ending};
use crate::durable::{rename, sync_folder};

const BROKEN_OFF: &str = "broken_off";

impl Journal {
    /// Looks, after a commit.
    pub(super) fn look(&self, run: i64) {
        if self.whereabouts().is_elsewhere() || self.is_ousted(run) {
            self.whereabouts().lose();
        }
    }

    /// Looks for the last time. A journal that is not in its place any more is put there again, or, where another is by
    /// now, beside it.
    ///
    /// # Errors
    ///
    /// When it was lost.
    pub fn settle(&self, run: Option<i64>) -> Result<(), JournalError> {
        let path = self.path().to_owned();
        if self.whereabouts().is_elsewhere() {
            let rescued = self.rescue(run);
            return Err(JournalError::TakenAway { path, rescued });
        }
        match run {
            Some(run) if self.is_ousted(run) => {
                let _ = self.end_run(run, BROKEN_OFF);
                Err(JournalError::Ousted { path })
            }
            _ => Ok(()),
        }
    }

    /// Whether another run has begun after this one. Where no lock of the system's reaches, the journal itself tells.
    fn is_ousted(&self, run: i64) -> bool {
        let last = self
            .connection()
            .prepare_cached("SELECT max(run) FROM runs")
            .and_then(|mut statement| statement.query_row([], |row| row.get::<_, Option<i64>>(0)));
        last.is_ok_and(|last| last.is_some_and(|last| last > run))
    }

    /// Writes all that the journal holds into a new file, and says where. `None` when that is not possible.
    fn rescue(&self, run: Option<i64>) -> Option<PathBuf> {
        if let Some(run) = run {
            let _ = self.end_run(run, BROKEN_OFF);
        }
        let path = self.path();
        let is_free =
            |path: &Path| COMPANIONS.iter().all(|ending| !holds_something(&with_ending(path, ending)));
        let mut place = if is_free(path) { path.to_owned() } else { free_name(path) };
        let new = with_ending(&place, ".new");
        let _ = fs::remove_file(&new);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).open(&new).ok()?;
        self.connection().execute("VACUUM INTO ?1", [new.to_str()?]).ok()?;
        fs::File::open(&new).and_then(|file| file.sync_all()).ok()?;
        if !took_free_name(&new, &place).ok()? {
            // Another run has made its journal meanwhile.
            place = free_name(path);
            rename(&new, &place).ok()?;
        }
        let _ = sync_folder(folder_of(&place));
        Some(place)
    }
}

/// Gives a file a name that nothing has; `false` when something has it after all.
fn took_free_name(file: &Path, name: &Path) -> io::Result<bool> {
    match fs::hard_link(file, name) {
        Ok(()) => fs::remove_file(file).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        // Not every file system has links.
        Err(_) => rename(file, name).map(|()| true),
    }
}

fn holds_something(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|found| found.len() > 0 && !path.as_os_str().as_encoded_bytes().ends_with(b"-shm"))
}
