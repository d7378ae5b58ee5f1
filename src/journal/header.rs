//! How the file of a journal begins, looked at before SQLite opens it, which would take some of it for an empty file, or for
//! one of another program.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::JournalError;
use super::files::{BESIDE, COMPANIONS};
use super::schema::APPLICATION_ID;
use crate::beside::with_ending;
use crate::regular;

/// How every file of SQLite begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Whether a file is a journal, or lies beside one as a part of it. Not to be asked of a journal that this process has open
/// (see [`Reader::beside`](super::reader::Reader::beside)).
pub fn is_part_of_one(file: &Path) -> bool {
    let name = file.as_os_str().as_bytes();
    let journal = BESIDE.iter().filter_map(|ending| name.strip_suffix(ending.as_bytes()));
    is_one(file) || journal.map(OsStr::from_bytes).any(|journal| is_one(Path::new(journal)))
}

/// Whether a file begins as a journal does.
pub(super) fn is_one(file: &Path) -> bool {
    let mut header = [0_u8; 72];
    let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
    is_file
        && regular::open(file).and_then(|mut file| file.read_exact(&mut header)).is_ok()
        && header.starts_with(MAGIC)
        && header[68..] == APPLICATION_ID.to_be_bytes()
}

/// Files that SQLite would take for empty or foreign are recognised before they are opened.
pub(super) fn check_header(path: &Path) -> Result<(), JournalError> {
    let failed = |source| JournalError::File { path: path.to_owned(), source };
    let damaged = |detail: String| JournalError::Damaged { path: path.to_owned(), detail };
    let mut header = [0_u8; 100];
    if path.is_symlink() {
        let what = "it is a symbolic link. Its log and its lock would be next to the link, so two runs could \
            write to one journal under two names; use the output's path in the journal's own folder";
        return Err(JournalError::Unusable { path: path.to_owned(), what: what.to_owned() });
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
        return Err(damaged(format!("it has been truncated to {size} bytes")));
    }
    // The name of the application is there from the first moment; another's database is not even opened.
    if header[68..72] != APPLICATION_ID.to_be_bytes() {
        return Err(JournalError::Foreign { path: path.to_owned() });
    }
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        bytes => u64::from(bytes),
    };
    let pages = u64::from(u32::from_be_bytes([header[28], header[29], header[30], header[31]]));
    // The header's count holds only when these two counters agree (SQLite's file format, 1.3.7).
    if header[24..28] == header[92..96] && size < page * pages && !with_ending(path, "-wal").exists() {
        return Err(damaged(format!("it has been truncated: {size} of {} bytes are left", page * pages)));
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
