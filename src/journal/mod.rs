//! The journal: everything a run has paid for, on disk before it is counted.
//!
//! One SQLite file in WAL mode with full synchronisation. A run has one writer, on a thread of its own; `status`,
//! `export` and `verify` read beside it. The file is never opened other than through SQLite.

pub mod ballast;
pub mod costs;
pub mod cursors;
pub mod duplicates;
mod entries;
mod error;
mod figures;
mod high_water_mark;
pub mod lock;
pub mod matching;
pub mod neighbours;
pub mod orders;
pub mod ownership;
pub mod pruning;
pub mod reader;
pub mod recent;
pub mod revalidation;
mod schema;
mod seal;
pub mod simulated;
mod steps;
pub mod whereabouts;
pub mod writer;

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::Access;

use crate::durable::sync_folder;
use crate::failpoint::meet;
use crate::regular;
pub use error::JournalError;
pub(crate) use error::is_full;
use high_water_mark::HighWaterMark;

/// Journals up to this size are checked whole whenever a run begins; beyond it, `verify` does.
const CHECKED_AT_START_BYTES: u64 = 256 * 1024 * 1024;

/// How every file of SQLite begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Pages of the log from which on it is brought into the journal after a commit; SQLite's own measure.
const LOG_PAGES: i32 = 1000;

/// An error of SQLite on a connection that writes. After a failed sync the system may have dropped what was to be
/// written, so that nothing of it is tried again here: the log stays beside the journal, for the next run to read.
fn broke(connection: &Connection, path: &Path, source: rusqlite::Error) -> JournalError {
    if source.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) {
        // The other errors of this connection say as much.
        let _ = keep_log(connection, true);
    }
    JournalError::sqlite(path, source)
}

/// Whether closing this connection leaves the log as it is.
fn keep_log(connection: &Connection, keeps: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keeps).map(drop)
}

/// What is wrong with an entry that is not as it was stored.
fn not_as_stored(entry: i64) -> String {
    format!("what it says of its entry {entry} is not what was stored")
}

/// Opens a journal for a run, which makes it when there is none. The run holds the [`lock::Lock`] by then. A journal
/// that is refused stays as it was, byte for byte.
///
/// # Errors
///
/// A journal that is damaged, foreign or newer, or that cannot be written.
pub fn open(path: &Path) -> Result<Connection, JournalError> {
    make(path)?;
    open_made(path)
}

/// Makes a journal when there is none.
fn make(path: &Path) -> Result<(), JournalError> {
    if !exists(path)? {
        // The log of a journal that was deleted would be played into the new one.
        set_aside(path)?;
        HighWaterMark::open(path).rise(0);
        create(path)?;
    }
    Ok(())
}

fn open_made(path: &Path) -> Result<Connection, JournalError> {
    let expected = high_water_mark::expected(path);
    check_header(path)?;
    let failed = |source| JournalError::sqlite(path, source);
    let has_log = exists(&with_ending(path, "-wal"))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(as_a_file(path), flags).map_err(failed)?;
    keep_log(&connection, has_log).map_err(failed)?;
    distrust(&connection).map_err(failed)?;
    check(&connection, path)?;
    high_water_mark::check(&connection, path, expected)?;
    keep_log(&connection, false).map_err(failed)?;
    prepare(&mut connection, path).map_err(|source| broke(&connection, path, source))?;
    meet("journal.open.prepared");
    schema::migrate(&mut connection).map_err(|source| broke(&connection, path, source))?;
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
    let mut connection = Connection::open_with_flags(as_a_file(path), flags).map_err(failed)?;
    distrust(&connection).map_err(failed)?;
    prepare(&mut connection, path).map_err(|source| broke(&connection, path, source))?;
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
    let expected = high_water_mark::expected(path);
    check_header(path)?;
    let connection = open_beside(path)?;
    high_water_mark::check(&connection, path, expected)?;
    Ok(connection)
}

/// Opens a journal to look at it from the process that writes it. POSIX drops all locks of a process on a file when
/// it closes any handle of that file, so nothing but SQLite may open it here.
///
/// # Errors
///
/// As [`open_to_read`].
pub fn open_beside(path: &Path) -> Result<Connection, JournalError> {
    check_log_can_be_read(path)?;
    let failed = |source| JournalError::sqlite(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match at_rest(path) {
        true => Connection::open_with_flags(immutable(path), flags | OpenFlags::SQLITE_OPEN_URI),
        false => Connection::open_with_flags(as_a_file(path), flags),
    };
    let connection = connection.map_err(failed)?;
    distrust(&connection).map_err(failed)?;
    check_version(&connection, path)?;
    Ok(connection)
}

/// Whether nobody writes to a journal, and nobody can from here: it lies in a folder that is read-only, and nothing is in its
/// log or to be taken back. SQLite could not make the shared memory beside it that it needs otherwise.
fn at_rest(path: &Path) -> bool {
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

/// A journal whose log cannot be read: the shared memory that goes with it is not there, and cannot be made.
fn check_log_can_be_read(path: &Path) -> Result<(), JournalError> {
    let has_log = with_ending(path, "-wal").metadata().is_ok_and(|log| log.len() > 0);
    let is_made = rustix::fs::access(folder_of(path), Access::WRITE_OK).is_ok();
    if !has_log || is_made || with_ending(path, "-shm").exists() {
        return Ok(());
    }
    let what = format!(
        "answers are in its log, {}-wal, which is read by way of a file {}-shm beside it; that is gone, and this folder cannot \
         be written to. Copy the journal and its log to a folder of your own, and look there",
        path.display(),
        path.display()
    );
    Err(JournalError::InvalidAnswer { path: path.to_owned(), what })
}

/// The path of a file, so that SQLite takes it for nothing else: `file:x` would be an address, `:memory:` no file at all.
fn as_a_file(path: &Path) -> PathBuf {
    match path.is_relative() {
        true => Path::new(".").join(path),
        false => path.to_owned(),
    }
}

/// The address of a file that does not change, as SQLite reads it.
fn immutable(path: &Path) -> PathBuf {
    // What stands between the first two slashes and the next one would be a host.
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

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// An empty journal in memory, for a job that has none yet and is only looked at. `path` is where it would be.
///
/// # Errors
///
/// When SQLite cannot.
pub fn in_memory(path: &Path) -> Result<Connection, JournalError> {
    let failed = |source| JournalError::sqlite(path, source);
    let mut connection = Connection::open_in_memory().map_err(failed)?;
    seal::register(&connection).map_err(failed)?;
    schema::migrate(&mut connection).map_err(failed)?;
    Ok(connection)
}

/// What SQLite keeps beside a journal, and the journal itself. A log that stays behind would be played into the next
/// journal of that name.
const COMPANIONS: [&str; 4] = ["", "-wal", "-journal", "-shm"];

/// What may lie beside a journal, of its own: what SQLite keeps there, the lock, the ballast, and a journal in the making.
const BESIDE: [&str; 9] =
    ["-wal", "-shm", "-journal", ".lock", ".ballast", ".new", ".new-wal", ".new-shm", ".new-journal"];

/// A journal and all that may lie beside it.
pub fn files(journal: &Path) -> impl Iterator<Item = PathBuf> + '_ {
    let beside = BESIDE.iter().map(|ending| with_ending(journal, ending));
    std::iter::once(journal.to_owned()).chain(beside)
}

/// Whether a file is a journal, or lies beside one as a part of it. Not to be asked of a journal that this process has open
/// (see [`open_beside`]).
pub fn is_part_of_one(file: &Path) -> bool {
    let name = file.as_os_str().as_bytes();
    let journal = BESIDE.iter().filter_map(|ending| name.strip_suffix(ending.as_bytes()));
    is_one(file) || journal.map(OsStr::from_bytes).any(|journal| is_one(Path::new(journal)))
}

/// Whether a file begins as a journal does.
fn is_one(file: &Path) -> bool {
    let mut header = [0_u8; 72];
    let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
    is_file
        && regular::open(file).and_then(|mut file| file.read_exact(&mut header)).is_ok()
        && header.starts_with(MAGIC)
        && header[68..] == schema::APPLICATION_ID.to_be_bytes()
}

/// Sets a journal aside under a dated name, with its companions, and says the name. `None` when there is nothing.
///
/// # Errors
///
/// When a file cannot be renamed.
pub fn set_aside(path: &Path) -> Result<Option<PathBuf>, JournalError> {
    if !lies_there(path) {
        return Ok(None);
    }
    let aside = free_name(path);
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

/// What others may do with a journal: as private is what else tells of its rows.
pub fn private_mode(path: &Path) -> u32 {
    fs::metadata(path).map_or(0o600, |found| found.permissions().mode() & 0o666)
}

/// Whether anything of a journal lies in its place.
fn lies_there(path: &Path) -> bool {
    COMPANIONS.iter().any(|companion| with_ending(path, companion).symlink_metadata().is_ok())
}

/// A dated name beside a journal that nothing has.
fn free_name(path: &Path) -> PathBuf {
    let stamp = jiff::Zoned::now().strftime("%Y%m%dT%H%M%S").to_string();
    let mut aside = with_ending(path, &format!(".{stamp}"));
    let mut attempt = 0;
    while lies_there(&aside) {
        attempt += 1;
        aside = with_ending(path, &format!(".{stamp}-{attempt}"));
    }
    aside
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
    let mut connection = Connection::open(as_a_file(&new)).map_err(failed)?;
    seal::register(&connection).map_err(failed)?;
    // What is closed leaves nothing in its log, or says why: the log does not get the new name.
    let in_one_file = |connection: &Connection| connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    // The mode it stays in, from the first moment: the switch would leave, when it is cut short, a rollback that those
    // who only look cannot play back.
    let made = prepare(&mut connection, &new)
        .and_then(|()| schema::migrate(&mut connection))
        .and_then(|()| in_one_file(&connection));
    made.map_err(|source| broke(&connection, &new, source))?;
    drop(connection);
    meet("journal.create.made");
    fs::rename(&new, path).map_err(file_failed)?;
    meet("journal.create.renamed");
    let folder = folder_of(path);
    sync_folder(folder).map_err(|source| JournalError::File { path: folder.to_owned(), source })
}

/// What SQLite would take for an empty or foreign file is told before it is opened.
fn check_header(path: &Path) -> Result<(), JournalError> {
    let failed = |source| JournalError::File { path: path.to_owned(), source };
    let damaged = |detail: String| JournalError::Damaged { path: path.to_owned(), detail };
    let mut header = [0_u8; 100];
    if path.is_symlink() {
        let what = "it is a symbolic link. Its log and its lock lie beside it, so that one journal by two names could be \
                    written to by two runs; name the output in the folder where the journal lies";
        return Err(JournalError::InvalidAnswer { path: path.to_owned(), what: what.to_owned() });
    }
    let mut file = regular::open_own(path, OpenOptions::new().read(true)).map_err(failed)?;
    check_beside(path)?;
    let size = file.metadata().map_err(failed)?.len();
    let there = usize::try_from(size).unwrap_or(usize::MAX).min(header.len());
    file.read_exact(&mut header[..there]).map_err(failed)?;
    let length = there.min(MAGIC.len());
    if header[..length] != MAGIC[..length] {
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

/// SQLite opens what it finds beside a journal, whatever that is and wherever it leads.
fn check_beside(path: &Path) -> Result<(), JournalError> {
    for ending in &COMPANIONS[1..] {
        let beside = with_ending(path, ending);
        if let Err(source) = regular::check_own(&beside) {
            return Err(JournalError::File { path: beside, source });
        }
    }
    Ok(())
}

fn check(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    check_version(connection, path)?;
    let failed = |source| JournalError::sqlite(path, source);
    let damaged = |detail| Err(JournalError::Damaged { path: path.to_owned(), detail });
    let size =
        fs::metadata(path).map_err(|source| JournalError::File { path: path.to_owned(), source })?.len();
    if size > CHECKED_AT_START_BYTES {
        return Ok(());
    }
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if verdict != "ok" {
        return damaged(verdict);
    }
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    if let Some(detail) = seal::broken_sum(connection, version).map_err(failed)? {
        return damaged(detail);
    }
    match seal::broken_entry(connection, version).map_err(failed)? {
        Some(entry) => damaged(not_as_stored(entry)),
        None => Ok(()),
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
        version if version < 1 => {
            let detail = format!("no fanfold wrote a journal of version {version}");
            Err(JournalError::Damaged { path: path.to_owned(), detail })
        }
        _ => match schema::stranger(connection).map_err(failed)? {
            Some(what) => Err(JournalError::InvalidAnswer { path: path.to_owned(), what }),
            None => Ok(()),
        },
    }
}

/// What holds for every connection, before anything of the journal is looked at.
fn distrust(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    // A journal may come from anywhere: nothing in its schema is trusted.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    seal::register(connection)?;
    // No plan depends on what is bound: else the statement of a page is parsed and planned anew for every page.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A mapped file turns an error of the disk into a signal that ends the process.
    connection.pragma_update(None, "mmap_size", 0)
}

fn prepare(connection: &mut Connection, path: &Path) -> rusqlite::Result<()> {
    // The shared memory of WAL mode does not work between machines, and a run and a `status` may be on two of them.
    let mode = if on_network(path) { "TRUNCATE" } else { "WAL" };
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

/// Whether a file lies on a file system that several machines share (the numbers are those of statfs(2)).
fn on_network(path: &Path) -> bool {
    const NFS_AND_SMB: [u64; 4] = [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42];
    // Lustre, GPFS, BeeGFS, Ceph, OCFS2, GFS2, AFS (two of them), Coda.
    const OF_CLUSTERS: [u64; 9] = [
        0x0bd0_0bd0,
        0x4750_4653,
        0x1983_0326,
        0x00c3_6400,
        0x7461_636f,
        0x0116_1970,
        0x5346_414f,
        0x6b41_4653,
        0x7375_7245,
    ];
    let is_shared = |number: u64| NFS_AND_SMB.contains(&number) || OF_CLUSTERS.contains(&number);
    rustix::fs::statfs(path).is_ok_and(|stat| is_shared(stat.f_type as u64 & 0xffff_ffff))
}

/// The most tokens that a journal adds up to, so that no sum of them is more than a number of SQLite holds.
const MOST_TOKENS: i64 = 1 << 61;

/// Tokens as they are kept.
fn tokens_kept(tokens: u64) -> i64 {
    i64::try_from(tokens).map_or(MOST_TOKENS, |tokens| tokens.min(MOST_TOKENS))
}

/// Seconds since 1970.
fn seconds(time: std::time::SystemTime) -> f64 {
    time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests;
