//! What can be wrong with a journal, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};

use super::schema;

/// What can be wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another run has it.
    #[error(
        "another run of this job is active: {holder}\n  = journal: {}\n  = help: `fanfold status` shows its \
         progress, `fanfold set` changes or stops it",
        path.display()
    )]
    Held {
        /// The journal.
        path: PathBuf,
        /// The holder's own words: process, host, start.
        holder: String,
    },
    /// It was renamed or deleted while a run had it.
    #[error(
        "the journal {} was renamed, replaced or deleted during the run: nothing more was sent, and all answers \
         received were stored{}", path.display(), whereabouts(path, rescued.as_deref())
    )]
    TakenAway {
        /// Where it was.
        path: PathBuf,
        /// Where all that it held has been written anew.
        rescued: Option<PathBuf>,
    },
    /// Another run has begun while a run had it.
    #[error(
        "another run has started on the journal {}: this one sent nothing more, and all answers received are \
         stored\n  = help: if its file system does not lock between machines, run the job on one machine at a \
         time", path.display()
    )]
    Ousted {
        /// The journal.
        path: PathBuf,
    },
    /// It is not whole.
    #[error(
        "the journal {} is damaged: {detail}\n  = help: fanfold will not read from it and has not changed it. \
         Restore a backup if you have one; `sqlite3 {} .recover` shows what is still readable. `--fresh` \
         renames it, adding the date, and starts over, which pays for every row again", path.display(), path.display()
    )]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// It is some other file.
    #[error("{} is not a fanfold journal; give the job another output, or move that file away", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It is none that may be written to or trusted.
    #[error("{} cannot serve as a journal: {what}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why not, and what to do.
        what: String,
    },
    /// Its disk is full, and what was in flight by then has been stored.
    #[error(
        "the disk of the journal {} is full: nothing more was sent, and all answers received are stored\n  = \
         help: free space on that disk, then run the same command to continue", path.display()
    )]
    Full {
        /// The journal.
        path: PathBuf,
    },
    /// A later version of the program wrote it.
    #[error(
        "the journal {} was written by a newer fanfold (its version is {version}, this one supports {}); use \
         that one",
        path.display(), schema::VERSION
    )]
    Newer {
        /// The journal.
        path: PathBuf,
        /// Its version.
        version: i32,
    },
    /// Answers that it held are missing.
    #[error(
        "the journal {} holds {held} answers, and held {expected} before: its log, {}-wal, is gone, or it is an \
         older copy\n  = help: restore the log, or the newer journal. `fanfold run --accept-loss` continues \
         with these answers, and pays for the others again", path.display(), path.display()
    )]
    Behind {
        /// The journal.
        path: PathBuf,
        /// Answers that it holds.
        held: u64,
        /// Answers that it held before.
        expected: u64,
    },
    /// There is none where one is needed.
    #[error(
        "there is no journal {}: this job has not run yet\n  = help: `fanfold run` starts it; for a rehearsal, \
         add --simulate here too", path.display()
    )]
    Missing {
        /// Where it would be.
        path: PathBuf,
    },
    /// SQLite could not read or write it.
    #[error("the journal {} cannot be used: {source}{}", path.display(), advice(source))]
    Sqlite {
        /// The journal.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The operating system could not.
    #[error("{}: {source}{}", path.display(), file_advice(source))]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

fn whereabouts(path: &Path, rescued: Option<&Path>) -> String {
    match rescued {
        Some(place) if place == path => "\n  = help: everything it held is there again".to_owned(),
        Some(place) => format!(
            "\n  = help: another file is in its place now; everything it held is in {}. Move the one with the \
             answers there",
            place.display()
        ),
        None => "\n  = help: it still holds everything in its new place; move it back".to_owned(),
    }
}

fn advice(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        _ if is_full(error) => {
            "\n  = help: if that disk is full or a quota is used up, free some space, then run the same command \
             to continue"
        }
        Some(ErrorCode::SystemIoFailure) => {
            "\n  = help: the disk, or the connection to it, fails: check the system log. Everything counted so \
             far is stored; once the disk works, the same command continues"
        }
        _ if error
            .sqlite_error()
            .is_some_and(|error| error.extended_code == ffi::SQLITE_READONLY_ROLLBACK) =>
        {
            "\n  = help: the last run was killed in the middle of a write, which the next one rolls back; until \
             then the journal cannot be read"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "\n  = help: the folder and the journal must be readable by this user, and writable for a run"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "\n  = help: another program has locked it; end that program, then run the same command"
        }
        _ => "",
    }
}

fn file_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "\n  = help: the folder of the output, where the journal is kept, must exist"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "\n  = help: the folder and the journal must be readable by this user, and writable for a run"
        }
        io::ErrorKind::StorageFull => "\n  = help: free space on that disk, then run the same command",
        _ => "",
    }
}

impl JournalError {
    /// An error of SQLite on a journal; damage is told apart.
    pub(super) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::Error::{
            FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error,
        };
        let is_no_value = matches!(
            source,
            FromSqlConversionFailure(..)
                | IntegralValueOutOfRange(..)
                | InvalidColumnType(..)
                | Utf8Error(..)
        );
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt) => {
                Self::Damaged { path: path.to_owned(), detail: source.to_string() }
            }
            None if is_no_value => Self::Damaged { path: path.to_owned(), detail: source.to_string() },
            Some(ErrorCode::NotADatabase) => {
                Self::Damaged { path: path.to_owned(), detail: "it is no longer a SQLite file".to_owned() }
            }
            _ => Self::Sqlite { path: path.to_owned(), source },
        }
    }
}

/// Whether an error says that there is no room. A disk whose quota is used up says so by refusing to write, and the
/// shared memory beside the journal has a word of its own.
pub(super) fn is_full(error: &rusqlite::Error) -> bool {
    let full = [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_SHMSIZE];
    error.sqlite_error().is_some_and(|error| full.contains(&error.extended_code))
}
