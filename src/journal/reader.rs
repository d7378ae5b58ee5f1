//! A journal that is only read: how it is opened and checked. The queries are in files by theme.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, Params, Row};
use rustix::fs::Access;

use super::connection::{at_rest, keep_log, to_look};
use super::files::exists;
use super::header::check_header;
use super::high_water_mark::{self, held};
use super::{JournalError, schema};
use crate::beside::{folder_of, with_ending};

/// A journal that is looked into.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
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

    /// All that a query finds.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, JournalError> {
        let mut statement = self.connection.prepare(sql).map_err(self.failed())?;
        let found = statement.query_map(values, read);
        found.and_then(Iterator::collect).map_err(self.failed())
    }

    /// Visits all that a query without values finds, and keeps nothing of it.
    pub(super) fn each(
        &self,
        sql: &str,
        mut visit: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), JournalError> {
        let mut statement = self.connection.prepare(sql).map_err(self.failed())?;
        let mut rows = statement.query([]).map_err(self.failed())?;
        while let Some(row) = rows.next().map_err(self.failed())? {
            visit(row).map_err(self.failed())?;
        }
        Ok(())
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

    /// The result of the row at a position is not what was stored.
    pub(super) fn not_as_stored(&self, position: u64) -> JournalError {
        self.damaged(format!("the record of row {} is not what was stored", position + 1))
    }
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
