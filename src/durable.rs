//! What makes a new name in a folder outlive a power cut.

use std::fs::File;
use std::io;
use std::path::Path;

/// Syncs the entries of a folder. A file system that cannot (CIFS, FUSE), or a folder that may be written to and not read, is not
/// a reason to call a file that is in its place not written.
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
