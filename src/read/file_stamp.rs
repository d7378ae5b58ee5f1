//! The state of a file by its metadata: what a file had last time it must have again, or it is read anew.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Size, times and identity of a file. A program that restores the modification time (`rsync --inplace -t`, `cp -p`) alters
/// the change time, which nobody can set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileStamp {
    /// In bytes.
    pub(super) bytes: u64,
    /// Seconds since 1970 and nanoseconds.
    pub(super) modified: (i64, i64),
    /// As `modified`, of the last change of the metadata too.
    pub(super) changed: (i64, i64),
    /// The device on which it is.
    pub(super) device: u64,
    /// Its number there.
    pub(super) inode: u64,
}

impl FileStamp {
    /// The stamp of a file with this metadata.
    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        Self {
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    /// The stamp as text.
    pub(super) fn mark(&self) -> String {
        let Self { bytes, modified, changed, device, inode } = self;
        format!("{device} {inode} {bytes} {modified:?} {changed:?}")
    }

    /// Whether any later change of the file will have another stamp.
    pub(super) fn is_settled(&self, now: SystemTime) -> bool {
        [self.modified, self.changed].iter().all(|time| is_past(*time, now))
    }
}

/// Whether a file's time is so long ago that another change would have another time. File systems that store whole seconds,
/// or two of them, are given three; the others use the kernel's time, which ticks at least every 10 ms.
fn is_past((seconds, nanoseconds): (i64, i64), now: SystemTime) -> bool {
    let tick = Duration::from_millis(if nanoseconds == 0 { 3_000 } else { 50 });
    let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(seconds), u32::try_from(nanoseconds)) else {
        return false;
    };
    now.duration_since(UNIX_EPOCH + Duration::new(seconds, nanoseconds)).is_ok_and(|age| age >= tick)
}
