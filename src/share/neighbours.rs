//! Who else uses a quota on this host: each run has a small file with a lock on it, which the system releases when it ends.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::name::{QuotaName, worker};

/// The name of such a file begins so.
const PREFIX: &str = "run-";

/// That a run uses a quota; it is seen by others until this is dropped.
#[derive(Debug)]
pub struct Presence {
    path: PathBuf,
    _file: File,
}

impl Presence {
    /// Shows that this run uses a quota, and whether it shares it. `None` where nothing can be written: nobody sees it then.
    pub fn show(folder: &Path, name: &QuotaName, shares: bool) -> Option<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).ok()?;
        let shares = if shares { "shared" } else { "alone" };
        let path = folder.join(format!("{PREFIX}{name}-{shares}-{}", worker()));
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path).ok()?;
        let shown = Self { path, _file: file };
        shown._file.try_lock().ok()?;
        Some(shown)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Other runs on a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Neighbours {
    /// Runs that share it.
    pub shared: usize,
    /// Runs that use it without sharing it.
    pub alone: usize,
}

impl Neighbours {
    /// The other runs on a quota at present. What dead runs have left is removed.
    pub fn of(folder: &Path, name: &QuotaName) -> Self {
        let mut found = Self::default();
        let beginning = format!("{PREFIX}{name}-");
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let file_name = entry.file_name().to_string_lossy().into_owned();
            let Some(rest) = file_name.strip_prefix(&beginning) else { continue };
            match File::open(entry.path()).map(|file| file.try_lock()) {
                Ok(Err(TryLockError::WouldBlock)) if rest.starts_with("shared-") => found.shared += 1,
                Ok(Err(TryLockError::WouldBlock)) => found.alone += 1,
                Ok(Ok(())) => drop(fs::remove_file(entry.path())),
                // It has just ended, or is another user's.
                Ok(Err(TryLockError::Error(_))) | Err(_) => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_on_a_quota_are_seen_until_they_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("state");
        let name = QuotaName::new("http://a", "m", None);
        let other = QuotaName::new("http://b", "m", None);
        assert_eq!(Neighbours::of(&folder, &name), Neighbours::default());
        let alone = Presence::show(&folder, &name, false).expect("shown");
        let _shared = Presence::show(&folder, &name, true).expect("shown");
        let _elsewhere = Presence::show(&folder, &other, false).expect("shown");
        fs::write(folder.join(format!("run-{name}-alone-1-dead")), "").expect("written");
        assert_eq!(Neighbours::of(&folder, &name), Neighbours { shared: 1, alone: 1 });
        assert_eq!(fs::read_dir(&folder).expect("entries").count(), 3, "the dead one's file is gone");
        drop(alone);
        assert_eq!(Neighbours::of(&folder, &name), Neighbours { shared: 1, alone: 0 });
        fs::write(folder.join("file"), "").expect("written");
        assert!(Presence::show(&folder.join("file/below"), &name, true).is_none());
    }
}
