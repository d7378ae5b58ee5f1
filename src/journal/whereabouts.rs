//! Whether a run still has the journal that it began with: by the same name, and to itself.
//!
//! A file that is renamed or deleted goes on taking what is written to it, and is gone with the last handle.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tokio::sync::watch;

/// What tells one file from another: its device and its number there.
pub(super) type Identity = (u64, u64);

/// Looks after the journal of a run.
#[derive(Debug)]
pub(super) struct Whereabouts {
    path: PathBuf,
    /// The file that was opened; where that is not known, it is believed to be there.
    identity: Option<Identity>,
    lost: watch::Sender<bool>,
}

impl Whereabouts {
    /// Looks after the file that was opened at a path, as far as it is known.
    pub(super) fn of(path: &Path, identity: Option<Identity>) -> Self {
        Self { path: path.to_owned(), identity, lost: watch::channel(false).0 }
    }

    /// Tells when the journal is lost: nothing more is to be sent.
    pub(super) fn lost(&self) -> watch::Receiver<bool> {
        self.lost.subscribe()
    }

    /// Enters that the journal is lost.
    pub(super) fn lose(&self) {
        self.lost.send_replace(true);
    }

    /// Whether another file, or none, has the name. A folder that cannot be searched for a moment, or a server that does not
    /// answer, says nothing of that.
    pub(super) fn is_elsewhere(&self) -> bool {
        let Some(own) = self.identity else { return false };
        match fs::symlink_metadata(&self.path) {
            Ok(found) => (found.dev(), found.ino()) != own,
            Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        }
    }
}

/// What a file is told by, if there is one of that name.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}
