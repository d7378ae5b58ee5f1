//! Connections to the file of a journal: how SQLite opens it, and what holds for each of them.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::Access;

use super::error::is_full;
use super::seal;
use crate::beside::{folder_of, with_ending};

/// Pages of the log from which on it is brought into the journal after a commit; SQLite's own measure.
const LOG_PAGES: i32 = 1000;

/// A connection that writes to a file that is there. `keeps_log`: whether closing it leaves the log as it is.
pub(super) fn to_write(path: &Path, keeps_log: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(as_a_file(path), flags)?;
    keep_log(&connection, keeps_log)?;
    distrust(&connection)?;
    Ok(connection)
}

/// A connection that only looks; at a file that is `at_rest`, as at one that does not change.
pub(super) fn to_look(path: &Path, at_rest: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match at_rest {
        true => Connection::open_with_flags(immutable(path), flags | OpenFlags::SQLITE_OPEN_URI),
        false => Connection::open_with_flags(as_a_file(path), flags),
    }?;
    distrust(&connection)?;
    Ok(connection)
}

/// Whether closing this connection leaves the log as it is.
pub(super) fn keep_log(connection: &Connection, keeps: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keeps).map(drop)
}

/// Whether nobody writes to a journal, and nobody can from here: it lies in a folder that is read-only, and nothing is in its
/// log or to be taken back. SQLite could not make the shared memory beside it that it needs otherwise.
pub(super) fn at_rest(path: &Path) -> bool {
    let is_empty = |ending: &str| {
        with_ending(path, ending).symlink_metadata().map_or(true, |companion| companion.len() == 0)
    };
    // With the shared memory there, SQLite looks for itself, also while a run writes from elsewhere.
    let has_memory = with_ending(path, "-wal").exists() && with_ending(path, "-shm").exists();
    rustix::fs::access(folder_of(path), Access::WRITE_OK).is_err()
        && is_empty("-wal")
        && is_empty("-journal")
        && !has_memory
}

/// The path of a file, so that SQLite takes it for nothing else: `file:x` would be an address, `:memory:` no file at all.
pub(super) fn as_a_file(path: &Path) -> PathBuf {
    match path.is_relative() {
        true => Path::new(".").join(path),
        false => path.to_owned(),
    }
}

/// The address of a file that does not change, as SQLite reads it.
fn immutable(path: &Path) -> PathBuf {
    // Text between the first two slashes and the next one would be a host.
    let mut address = if path.is_absolute() { b"file://".to_vec() } else { b"file:./".to_vec() };
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'%' | b'?' | b'#' => address.extend(format!("%{byte:02X}").bytes()),
            byte => address.push(*byte),
        }
    }
    address.extend(b"?immutable=1");
    OsString::from_vec(address).into()
}

/// What holds for every connection, before anything of the journal is looked at.
fn distrust(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(10))?;
    // A journal may come from anywhere: nothing in its schema is trusted.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    seal::register(connection)?;
    // No plan depends on what is bound: else the statement of a page is parsed and planned anew for every page.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A mapped file turns an error of the disk into a signal that ends the process.
    connection.pragma_update(None, "mmap_size", 0)
}

/// Prepares a connection for a run's writing. `shared`: whether several machines share the file.
pub(super) fn prepare(connection: &mut Connection, shared: bool) -> rusqlite::Result<()> {
    // The shared memory of WAL mode does not work between machines, and a run and a `status` may be on two of them.
    let mode = if shared { "TRUNCATE" } else { "WAL" };
    connection.pragma_update(None, "journal_mode", mode)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    connection.set_prepared_statement_cache_capacity(64);
    // SQLite's own way to bring the log into the journal passes over a disk that fails.
    connection.wal_hook(Some(|log: &mut Wal, pages| match pages >= LOG_PAGES {
        true => log.checkpoint().or_else(|error| match error.sqlite_error() {
            Some(failure) if failure.code == ErrorCode::SystemIoFailure && !is_full(&error) => Err(error),
            // Somebody looks at it, or there is no room yet: the log holds it as well.
            _ => Ok(()),
        }),
        false => Ok(()),
    }))
}
