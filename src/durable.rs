//! Makes a new name in a folder survive a power cut.

use std::fs::File;
use std::io;
use std::path::Path;

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
