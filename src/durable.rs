//! Gives a file another name, and makes a new name in a folder survive a power cut.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Gives a file another name, which loses the file that had it. Until [`sync_folder`] has returned, a power cut can undo it.
///
/// # Errors
///
/// When the file is missing, the name is on another file system, or the folder cannot be written.
#[expect(clippy::disallowed_methods, reason = "its home")]
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Syncs the entries of a folder. It is not an error if a file system cannot do that (CIFS, FUSE), or the folder cannot be
/// read: the file itself has been written.
///
/// # Errors
///
/// When the disk fails.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported) => Ok(()),
        other => other,
    }
}
