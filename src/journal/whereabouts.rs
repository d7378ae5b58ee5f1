//! Whether a run still has the journal that it began with: by the same name, and to itself.
//!
//! A file that is renamed or deleted goes on taking what is written to it, and is gone with the last handle.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::watch;

use super::writer::end_run;
use super::{COMPANIONS, JournalError, free_name, with_ending};
use crate::durable::sync_folder;

/// What tells one file from another: its device and its number there.
pub type Identity = (u64, u64);

/// Looks after the journal of a run.
#[derive(Debug, Clone)]
pub struct Whereabouts {
    path: PathBuf,
    /// The file that was opened; where that is not known, it is believed to be there.
    identity: Option<Identity>,
    lost: Arc<watch::Sender<bool>>,
}

impl Whereabouts {
    /// Looks after the file that was opened at a path, as far as it is known.
    pub fn of(path: &Path, identity: Option<Identity>) -> Self {
        Self { path: path.to_owned(), identity, lost: Arc::new(watch::channel(false).0) }
    }

    /// Tells when the journal is lost: nothing more is to be sent.
    pub fn lost(&self) -> watch::Receiver<bool> {
        self.lost.subscribe()
    }

    /// Looks, after a commit.
    pub(super) fn look(&self, connection: &Connection, run: i64) {
        if self.is_elsewhere() || is_ousted(connection, run) {
            self.lost.send_replace(true);
        }
    }

    /// Whether another file, or none, has the name. A folder that cannot be searched for a moment, or a server that does not
    /// answer, says nothing of that.
    fn is_elsewhere(&self) -> bool {
        let Some(own) = self.identity else { return false };
        match fs::symlink_metadata(&self.path) {
            Ok(found) => (found.dev(), found.ino()) != own,
            Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        }
    }

    /// Looks for the last time. A journal that is not in its place any more is put there again, or, where another is by
    /// now, beside it.
    ///
    /// # Errors
    ///
    /// When it was lost.
    pub fn settle(&self, connection: &Connection, run: Option<i64>) -> Result<(), JournalError> {
        let path = self.path.clone();
        if self.is_elsewhere() {
            let rescued = rescue(connection, &path, run);
            return Err(JournalError::TakenAway { path, rescued });
        }
        match run {
            Some(run) if is_ousted(connection, run) => {
                let _ = end_run(connection, &path, run, BROKEN_OFF);
                Err(JournalError::Ousted { path })
            }
            _ => Ok(()),
        }
    }
}

const BROKEN_OFF: &str = "broken_off";

/// What a file is told by, if there is one of that name.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// Whether another run has begun after this one. Where no lock of the system's reaches, the journal itself tells.
fn is_ousted(connection: &Connection, run: i64) -> bool {
    let last = connection
        .prepare_cached("SELECT max(run) FROM runs")
        .and_then(|mut statement| statement.query_row([], |row| row.get::<_, Option<i64>>(0)));
    last.is_ok_and(|last| last.is_some_and(|last| last > run))
}

/// Writes all that a journal holds into a new file, and says where. `None` when that is not possible.
fn rescue(connection: &Connection, path: &Path, run: Option<i64>) -> Option<PathBuf> {
    if let Some(run) = run {
        let _ = end_run(connection, path, run, BROKEN_OFF);
    }
    let is_free = |path: &Path| COMPANIONS.iter().all(|ending| !holds_something(&with_ending(path, ending)));
    let mut place = if is_free(path) { path.to_owned() } else { free_name(path) };
    let new = with_ending(&place, ".new");
    let _ = fs::remove_file(&new);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(&new).ok()?;
    connection.execute("VACUUM INTO ?1", [new.to_str()?]).ok()?;
    fs::File::open(&new).and_then(|file| file.sync_all()).ok()?;
    if !took_free_name(&new, &place).ok()? {
        // Another run has made its journal meanwhile.
        place = free_name(path);
        fs::rename(&new, &place).ok()?;
    }
    let _ = sync_folder(super::folder_of(&place));
    Some(place)
}

/// Gives a file a name that nothing has; `false` when something has it after all.
fn took_free_name(file: &Path, name: &Path) -> io::Result<bool> {
    match fs::hard_link(file, name) {
        Ok(()) => fs::remove_file(file).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        // Not every file system has links.
        Err(_) => fs::rename(file, name).map(|()| true),
    }
}

fn holds_something(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|found| found.len() > 0 && !path.as_os_str().as_encoded_bytes().ends_with(b"-shm"))
}
