//! Room set aside beside a journal while rows are sent. When the disk is full it is given up, so that the answers in
//! flight, which are paid for, can still be stored.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, OFlags};
use tokio::sync::watch;

use crate::beside::with_ending;

/// The most room that is set aside: a thousand answers of a dozen kilobytes.
const MOST_BYTES: u64 = 16 << 20;

/// The share of the free room that is set aside at most.
const SHARE: u64 = 4;

/// The ballast of one journal, removed with the last of its handles.
#[derive(Debug, Clone)]
pub struct Ballast(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// Whether the disk was full.
    full: watch::Sender<bool>,
}

impl Ballast {
    /// Sets room aside beside a journal. Where the file system cannot do that, there is none.
    pub fn beside(journal: &Path) -> Self {
        let path = with_ending(journal, ".ballast");
        // What a killed run has left is of the size that was right then.
        let _ = fs::remove_file(&path);
        if reserve(&path).is_err() {
            let _ = fs::remove_file(&path);
        }
        Self(Arc::new(Inner { path, full: watch::channel(false).0 }))
    }

    /// Gives the room up, because the disk is full. False when there was none, or none any more.
    pub fn release(&self) -> bool {
        let had_some = fs::remove_file(&self.0.path).is_ok();
        if had_some {
            self.0.full.send_replace(true);
        }
        had_some
    }

    /// Tells when the room is given up.
    pub fn full(&self) -> watch::Receiver<bool> {
        self.0.full.subscribe()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn reserve(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let no_link = OFlags::NOFOLLOW.bits().cast_signed();
    let file = options.write(true).create_new(true).mode(0o600).custom_flags(no_link).open(path)?;
    let disk = rustix::fs::fstatvfs(&file)?;
    let bytes = (disk.f_bavail.saturating_mul(disk.f_frsize) / SHARE).min(MOST_BYTES);
    if bytes == 0 {
        return Err(io::ErrorKind::StorageFull.into());
    }
    // Blocks that are really taken: a file of zeros may take none.
    Ok(rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn room_is_taken_for_real_given_up_once_and_never_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("out.journal");
        let file = folder.path().join("out.journal.ballast");
        let ballast = Ballast::beside(&journal);
        let full = ballast.full();
        if let Ok(taken) = fs::metadata(&file) {
            assert!(taken.blocks() * 512 >= taken.len() && taken.len() > 0, "{taken:?}");
            assert!(!*full.borrow() && ballast.release() && *full.borrow());
        }
        assert!(!ballast.release() && !file.exists());
        drop(Ballast::beside(&journal));
        assert!(!file.exists());
    }
}
