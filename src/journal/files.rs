//! The files of a journal: their names, and what lies beside them.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::JournalError;
use crate::beside::with_ending;
use crate::clock;
use crate::durable::rename;

/// What SQLite keeps beside a journal, and the journal itself. A log that stays behind would be played into the next
/// journal of that name.
pub(super) const COMPANIONS: [&str; 4] = ["", "-wal", "-journal", "-shm"];

/// What may lie beside a journal, of its own: what SQLite keeps there, the lock, the ballast, and a journal in the making.
pub(super) const BESIDE: [&str; 9] =
    ["-wal", "-shm", "-journal", ".lock", ".ballast", ".new", ".new-wal", ".new-shm", ".new-journal"];

/// A journal and all that may lie beside it.
pub fn files(journal: &Path) -> impl Iterator<Item = PathBuf> + '_ {
    let beside = BESIDE.iter().map(|ending| with_ending(journal, ending));
    std::iter::once(journal.to_owned()).chain(beside)
}
/// Sets a journal aside under a dated name, with its companions, and says the name. `None` when there is nothing.
///
/// # Errors
///
/// When a file cannot be renamed.
pub(super) fn set_aside(path: &Path) -> Result<Option<PathBuf>, JournalError> {
    if !lies_there(path) {
        return Ok(None);
    }
    let aside = free_name(path);
    for companion in COMPANIONS {
        let (from, to) = (with_ending(path, companion), with_ending(&aside, companion));
        match rename(&from, &to) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(JournalError::File { path: from, source });
            }
            _ => {}
        }
    }
    Ok(Some(aside))
}

/// The mode of a journal: other files that show its rows are as private.
pub fn private_mode(path: &Path) -> u32 {
    fs::metadata(path).map_or(0o600, |found| found.permissions().mode() & 0o666)
}

/// Whether anything of a journal lies in its place.
fn lies_there(path: &Path) -> bool {
    COMPANIONS.iter().any(|companion| with_ending(path, companion).symlink_metadata().is_ok())
}

/// A dated name beside a journal that nothing has.
pub(super) fn free_name(path: &Path) -> PathBuf {
    let stamp = clock::zoned().strftime("%Y%m%dT%H%M%S").to_string();
    let mut aside = with_ending(path, &format!(".{stamp}"));
    let mut attempt = 0;
    while lies_there(&aside) {
        attempt += 1;
        aside = with_ending(path, &format!(".{stamp}-{attempt}"));
    }
    aside
}

pub(super) fn exists(path: &Path) -> Result<bool, JournalError> {
    path.try_exists().map_err(|source| JournalError::File { path: path.to_owned(), source })
}

/// The file that says who holds a journal.
pub(super) fn lock_path(journal: &Path) -> PathBuf {
    with_ending(journal, ".lock")
}

/// Whether a file lies on a file system that several machines share (the numbers are those of statfs(2)).
pub(super) fn on_network(path: &Path) -> bool {
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
