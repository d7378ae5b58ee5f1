//! The journal: everything a run has paid for, on disk before it is counted.
//!
//! One SQLite file in WAL mode with full synchronisation. A run has one writer, on a thread of its own; `status`,
//! `export` and `verify` read beside it. The file is never opened other than through SQLite.

pub mod cursors;
pub mod lock;
pub mod matching;
pub mod reader;
pub mod rules;
mod schema;
pub mod sharing;
pub mod spending;
mod steps;
mod tidemark;
pub mod writer;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use crate::failpoint::meet;
use tidemark::Tidemark;

/// Journals up to this size are checked whole whenever a run begins; beyond it, `verify` does.
const CHECKED_AT_START_BYTES: u64 = 256 * 1024 * 1024;

/// What can be wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another run has it.
    #[error("another run holds this job: {holder}\n  = journal: {}", path.display())]
    Held {
        /// The journal.
        path: PathBuf,
        /// The holder's own words: process, host, start.
        holder: String,
    },
    /// It is not whole.
    #[error(
        "the journal {} is damaged: {detail}\n  = help: nothing was sent and nothing was changed. Put a copy of it back \
         if there is one; what can be read of it is shown by `sqlite3 {} .recover`. `--fresh` sets it aside under a \
         dated name and starts over, which pays for every row again", path.display(), path.display()
    )]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// It is some other file.
    #[error("{} is no fanfold journal; give the job another output, or move that file away", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later version of the program wrote it.
    #[error(
        "the journal {} was written by a newer fanfold (its version is {version}, this one knows {}); use that one",
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
        "the journal {} holds {held} answers, and held {expected} before: its log, {}-wal, is gone, or it is an older \
         copy\n  = help: put the log, or the newer journal, back beside it. To go on with what there is, and to pay for \
         the other answers again, remove {}.lock", path.display(), path.display(), path.display()
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
    #[error("there is no journal {}: this job has not run yet", path.display())]
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

fn advice(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            "\n  = help: make room on that disk, then run the same command: it goes on from here"
        }
        _ if error
            .sqlite_error()
            .is_some_and(|error| error.extended_code == ffi::SQLITE_READONLY_ROLLBACK) =>
        {
            "\n  = help: the last run was killed in the middle of a write, which the next one takes back; until then the \
             journal cannot be looked at"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "\n  = help: the folder and the journal have to be writable by this user"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "\n  = help: another program keeps it locked; end that program, then run the same command"
        }
        _ => "",
    }
}

fn file_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "\n  = help: the folder of the output, where the journal lies, has to be there"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "\n  = help: the folder and the journal have to be writable by this user"
        }
        io::ErrorKind::StorageFull => "\n  = help: make room on that disk, then run the same command",
        _ => "",
    }
}

impl JournalError {
    /// An error of SQLite on a journal; damage is told apart.
    pub(crate) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt) => {
                Self::Damaged { path: path.to_owned(), detail: source.to_string() }
            }
            Some(ErrorCode::NotADatabase) => {
                Self::Damaged { path: path.to_owned(), detail: "it is no SQLite file any more".to_owned() }
            }
            _ => Self::Sqlite { path: path.to_owned(), source },
        }
    }
}

/// Opens a journal for a run, which makes it when there is none. The run holds the [`lock::Lock`] by then. A journal
/// that is refused stays as it was, byte for byte.
///
/// # Errors
///
/// A journal that is damaged, foreign or newer, or that cannot be written.
pub fn open(path: &Path) -> Result<Connection, JournalError> {
    if !exists(path)? {
        // The log of a journal that was deleted would be played into the new one.
        set_aside(path)?;
        Tidemark::open(path).rise(0);
        create(path)?;
    }
    let expected = tidemark::expected(path);
    check_header(path)?;
    let failed = |source| JournalError::sqlite(path, source);
    let has_log = exists(&with_ending(path, "-wal"))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    let keeps_log = |connection: &Connection, keeps| {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keeps).map(drop).map_err(failed)
    };
    keeps_log(&connection, has_log)?;
    distrust(&connection).map_err(failed)?;
    check(&connection, path)?;
    tidemark::check(&connection, path, expected)?;
    keeps_log(&connection, false)?;
    prepare(&connection, path).map_err(failed)?;
    meet("journal.open.prepared");
    schema::migrate(&mut connection).map_err(failed)?;
    meet("journal.open.migrated");
    Ok(connection)
}

/// Opens a journal once more for writing, in the process that has opened it before: nothing but SQLite touches it.
///
/// # Errors
///
/// When SQLite cannot.
pub fn open_again(path: &Path) -> Result<Connection, JournalError> {
    let failed = |source| JournalError::sqlite(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    prepare(&connection, path).map_err(failed)?;
    Ok(connection)
}

/// Opens a journal to look at it, also while a run writes.
///
/// # Errors
///
/// As [`open`], and when there is no journal.
pub fn open_to_read(path: &Path) -> Result<Connection, JournalError> {
    if !exists(path)? {
        return Err(JournalError::Missing { path: path.to_owned() });
    }
    let expected = tidemark::expected(path);
    check_header(path)?;
    let connection = open_beside(path)?;
    tidemark::check(&connection, path, expected)?;
    Ok(connection)
}

/// Opens a journal to look at it from the process that writes it. POSIX drops all locks of a process on a file when
/// it closes any handle of that file, so nothing but SQLite may open it here.
///
/// # Errors
///
/// As [`open_to_read`].
pub fn open_beside(path: &Path) -> Result<Connection, JournalError> {
    let failed = |source| JournalError::sqlite(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    distrust(&connection).map_err(failed)?;
    check_version(&connection, path)?;
    Ok(connection)
}

/// An empty journal in memory, for a job that has none yet and is only looked at. `path` is where it would be.
///
/// # Errors
///
/// When SQLite cannot.
pub fn in_memory(path: &Path) -> Result<Connection, JournalError> {
    let failed = |source| JournalError::sqlite(path, source);
    let mut connection = Connection::open_in_memory().map_err(failed)?;
    schema::migrate(&mut connection).map_err(failed)?;
    Ok(connection)
}

/// What SQLite keeps beside a journal, and the journal itself. A log that stays behind would be played into the next
/// journal of that name.
const COMPANIONS: [&str; 4] = ["", "-wal", "-journal", "-shm"];

/// Sets a journal aside under a dated name, with its companions, and says the name. `None` when there is nothing.
///
/// # Errors
///
/// When a file cannot be renamed.
pub fn set_aside(path: &Path) -> Result<Option<PathBuf>, JournalError> {
    let any = |path: &Path| COMPANIONS.iter().any(|companion| with_ending(path, companion).exists());
    if !any(path) {
        return Ok(None);
    }
    let stamp = jiff::Zoned::now().strftime("%Y%m%dT%H%M%S").to_string();
    let mut aside = with_ending(path, &format!(".{stamp}"));
    let mut attempt = 0;
    while any(&aside) {
        attempt += 1;
        aside = with_ending(path, &format!(".{stamp}-{attempt}"));
    }
    for companion in COMPANIONS {
        let (from, to) = (with_ending(path, companion), with_ending(&aside, companion));
        match fs::rename(&from, &to) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(JournalError::File { path: from, source });
            }
            _ => {}
        }
    }
    Ok(Some(aside))
}

fn exists(path: &Path) -> Result<bool, JournalError> {
    path.try_exists().map_err(|source| JournalError::File { path: path.to_owned(), source })
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
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
    let failed = |source| JournalError::sqlite(&new, source);
    let mut connection = Connection::open(&new).map_err(failed)?;
    // The mode it stays in, from the first moment: the switch would leave, when it is cut short, a rollback that those
    // who only look cannot play back.
    prepare(&connection, &new).map_err(failed)?;
    schema::migrate(&mut connection).map_err(failed)?;
    drop(connection);
    meet("journal.create.made");
    fs::rename(&new, path).map_err(file_failed)?;
    meet("journal.create.renamed");
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| JournalError::File { path: folder.to_owned(), source })
}

/// What SQLite would take for an empty or foreign file is told before it is opened.
fn check_header(path: &Path) -> Result<(), JournalError> {
    use std::io::Read;
    let failed = |source| JournalError::File { path: path.to_owned(), source };
    let damaged = |detail: String| JournalError::Damaged { path: path.to_owned(), detail };
    let mut header = [0_u8; 100];
    let mut file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let there = usize::try_from(size).unwrap_or(usize::MAX).min(header.len());
    file.read_exact(&mut header[..there]).map_err(failed)?;
    let magic = b"SQLite format 3\0";
    let length = there.min(magic.len());
    if header[..length] != magic[..length] {
        return Err(JournalError::Foreign { path: path.to_owned() });
    }
    if there < header.len() {
        return Err(damaged(format!("it has been cut to {size} bytes")));
    }
    // The name of the application is there from the first moment; another's database is not even opened.
    if header[68..72] != schema::APPLICATION_ID.to_be_bytes() {
        return Err(JournalError::Foreign { path: path.to_owned() });
    }
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        bytes => u64::from(bytes),
    };
    let pages = u64::from(u32::from_be_bytes([header[28], header[29], header[30], header[31]]));
    // The header's count holds only when these two counters agree (SQLite's file format, 1.3.7).
    if header[24..28] == header[92..96] && size < page * pages && !with_ending(path, "-wal").exists() {
        return Err(damaged(format!("it has been cut: {size} of {} bytes are there", page * pages)));
    }
    Ok(())
}

fn check(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    check_version(connection, path)?;
    let size =
        fs::metadata(path).map_err(|source| JournalError::File { path: path.to_owned(), source })?.len();
    if size > CHECKED_AT_START_BYTES {
        return Ok(());
    }
    let failed = |source| JournalError::sqlite(path, source);
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(failed)?;
    match verdict.as_str() {
        "ok" => Ok(()),
        detail => Err(JournalError::Damaged { path: path.to_owned(), detail: detail.to_owned() }),
    }
}

fn check_version(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let failed = |source| JournalError::sqlite(path, source);
    let number =
        |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(failed);
    if number("application_id")? != schema::APPLICATION_ID {
        return Err(JournalError::Foreign { path: path.to_owned() });
    }
    match number("user_version")? {
        version if version > schema::VERSION => Err(JournalError::Newer { path: path.to_owned(), version }),
        _ => Ok(()),
    }
}

/// What holds for every connection, before anything of the journal is looked at.
fn distrust(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    // A journal may come from anywhere: nothing in its schema is trusted.
    connection.pragma_update(None, "trusted_schema", false)?;
    // A mapped file turns an error of the disk into a signal that ends the process.
    connection.pragma_update(None, "mmap_size", 0)
}

fn prepare(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    // The shared memory of WAL mode does not work between machines.
    let mode = if on_network(path) { "TRUNCATE" } else { "WAL" };
    connection.pragma_update(None, "journal_mode", mode)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Whether a file lies on NFS or SMB (the numbers are those of statfs(2)).
fn on_network(path: &Path) -> bool {
    const NETWORK: [u64; 4] = [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42];
    rustix::fs::statfs(path).is_ok_and(|stat| NETWORK.contains(&(stat.f_type as u64 & 0xffff_ffff)))
}

/// Seconds since 1970.
fn seconds(time: std::time::SystemTime) -> f64 {
    time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests;
