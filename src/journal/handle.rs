//! The handle of a run on its journal: the one that may write to it.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::Connection;
use tokio::sync::watch;

use super::connection::{as_a_file, keep_log, prepare, to_write};
use super::files::{COMPANIONS, exists, on_network, set_aside};
use super::header::check_header;
use super::high_water_mark::{self, HighWaterMark};
use super::reader::Reader;
use super::whereabouts::{Identity, Whereabouts};
use super::{JournalError, schema, seal};
use crate::beside::{folder_of, with_ending};
use crate::durable::{rename, sync_folder};
use crate::failpoint::meet;

/// A journal that is written to.
#[derive(Debug)]
pub struct Journal {
    reader: Reader,
    whereabouts: Whereabouts,
}

impl Journal {
    /// Opens a journal for a run, which makes it when there is none. The run holds the [`Lock`](super::lock::Lock) by then. A
    /// journal that is refused stays as it was, byte for byte.
    ///
    /// # Errors
    ///
    /// A journal that is damaged, foreign or newer, or that cannot be written.
    #[cfg(not(main_alone))]
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        make(path)?;
        Self::open_made(path)
    }

    /// Opens a journal that is there.
    pub(super) fn open_made(path: &Path) -> Result<Self, JournalError> {
        let expected = high_water_mark::expected(path);
        check_header(path)?;
        let has_log = exists(&with_ending(path, "-wal"))?;
        let mut journal = Self::to_write(path, has_log)?;
        let reader = journal.reader();
        reader.check_at_start()?;
        reader.check_answers(expected)?;
        keep_log(reader.connection(), false).map_err(reader.failed())?;
        journal.prepare()?;
        meet("journal.open.prepared");
        Ok(journal)
    }

    /// Opens a journal once more for writing, in the process that has opened it before: nothing but SQLite touches it.
    ///
    /// # Errors
    ///
    /// When SQLite cannot.
    pub fn open_again(path: &Path) -> Result<Self, JournalError> {
        let mut journal = Self::to_write(path, false)?;
        journal.prepare()?;
        Ok(journal)
    }

    fn to_write(path: &Path, keeps_log: bool) -> Result<Self, JournalError> {
        let connection = to_write(path, keeps_log).map_err(|source| JournalError::sqlite(path, source))?;
        Ok(Self { reader: Reader::over(connection, path), whereabouts: Whereabouts::of(path, None) })
    }

    fn prepare(&mut self) -> Result<(), JournalError> {
        let shared = on_network(self.path());
        prepare(self.reader.connection_mut(), shared).map_err(self.reader.broke())
    }

    /// The same journal, which is looked after from now on: it is the file that is known by this.
    pub(super) fn known_by(self, identity: Option<Identity>) -> Self {
        let whereabouts = Whereabouts::of(self.path(), identity);
        Self { whereabouts, ..self }
    }

    /// Where the journal lies.
    pub fn path(&self) -> &Path {
        self.reader.path()
    }

    /// What the journal says.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Tells when the journal is lost: it has another name by now, or is another run's. Nothing more is to be sent then.
    pub fn lost(&self) -> watch::Receiver<bool> {
        self.whereabouts.lost()
    }

    pub(super) fn whereabouts(&self) -> &Whereabouts {
        &self.whereabouts
    }

    pub(super) fn connection(&self) -> &Connection {
        self.reader.connection()
    }

    /// An error of SQLite at a write.
    pub(super) fn broke(&self) -> impl Fn(rusqlite::Error) -> JournalError + '_ {
        self.reader.broke()
    }
}

/// Makes a journal when there is none.
pub(super) fn make(path: &Path) -> Result<(), JournalError> {
    if !exists(path)? {
        // The log of a journal that was deleted would be played into the new one.
        set_aside(path)?;
        HighWaterMark::open(path).rise(0);
        create(path)?;
    }
    Ok(())
}

/// Makes an empty journal under another name first, so that a journal is whole from the moment it has its name: an
/// empty file with that name is then always a damage, and never a beginning.
fn create(path: &Path) -> Result<(), JournalError> {
    let new = with_ending(path, ".new");
    let file_failed = |source| JournalError::File { path: path.to_owned(), source };
    for companion in COMPANIONS {
        let _ = fs::remove_file(with_ending(&new, companion));
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(&new).map_err(file_failed)?;
    let connection =
        Connection::open(as_a_file(&new)).map_err(|source| JournalError::sqlite(&new, source))?;
    let mut made = Reader::over(connection, &new);
    seal::register(made.connection()).map_err(made.failed())?;
    // The mode it stays in, from the first moment: the switch would leave, when it is cut short, a rollback that those
    // who only look cannot play back.
    prepare(made.connection_mut(), on_network(&new))
        .and_then(|()| schema::make(made.connection()))
        // What is closed leaves nothing in its log, or says why: the log does not get the new name.
        .and_then(|()| made.connection().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"))
        .map_err(made.broke())?;
    drop(made);
    meet("journal.create.made");
    rename(&new, path).map_err(file_failed)?;
    meet("journal.create.renamed");
    let folder = folder_of(path);
    sync_folder(folder).map_err(|source| JournalError::File { path: folder.to_owned(), source })
}
