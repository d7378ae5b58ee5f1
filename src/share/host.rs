//! The quota of the processes of one host: a file with the schedule, under an advisory lock.
//!
//! The file has two halves, written in turn, each with a checksum. A process that is killed while it writes leaves the half
//! before as it is. Nothing is synced: after a power cut the host's clock begins anew, and the schedule with it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;

use super::boot;
use super::error::ShareError;
use super::name::{QuotaName, worker};
use super::schedule::TurnSchedule;
use crate::clock;
use crate::shared_quota::{Exchange, ExchangeReply, SharedQuota};

/// The beginnings of the two halves are this far apart; the schedule of a thousand workers is shorter.
const HALF: u64 = 1 << 20;

/// The length of the number and the checksum before a schedule.
const HEAD: usize = 16 + 16 + 32;

/// How long a lock is waited for: nobody holds it for longer than a moment, unless it was suspended.
const PATIENCE: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS: Duration = Duration::from_micros(300);

/// A file that nobody has used for this long is removed.
const OLD: Duration = Duration::from_secs(7 * 24 * 3600);

/// The name of such a file begins so.
const PREFIX: &str = "quota-";

/// A quota in a file.
#[derive(Debug)]
pub(super) struct HostQuota {
    path: PathBuf,
    worker: String,
}

impl HostQuota {
    /// The quota of this name, in a folder that is made if there is none.
    pub(super) fn open(folder: &Path, name: &QuotaName) -> Result<Self, ShareError> {
        let path = folder.join(format!("{PREFIX}{}", name.at(&boot::id())));
        let quota = Self { path, worker: worker() };
        let tried = prepared(folder).and_then(|()| changed(&quota.path, |_| ()));
        tried.map_err(|error| ShareError::Folder {
            folder: folder.display().to_string(),
            what: error.to_string(),
        })?;
        Ok(quota)
    }
}

impl SharedQuota for HostQuota {
    fn exchange(&self, exchange: Exchange) -> LocalBoxFuture<'_, Result<ExchangeReply, String>> {
        let (path, worker) = (self.path.clone(), self.worker.clone());
        let work = move || {
            changed(&path, |schedule| schedule.exchange(boot::seconds(), &worker, &exchange, 0.0).into())
        };
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?;
            done.map_err(|error| format!("{}: {error}", self.path.display()))
        })
    }

    fn leave(&self) -> LocalBoxFuture<'_, ()> {
        // Whoever stays finds out by itself, a little later.
        let _ = changed(&self.path, |schedule| schedule.leave(&self.worker));
        Box::pin(std::future::ready(()))
    }
}

/// Makes the folder, and removes files from it that nobody uses any more.
fn prepared(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let now = clock::now();
    for entry in fs::read_dir(folder)?.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| now.duration_since(modified).ok());
        if is_ours && age.is_some_and(|age| age > OLD) {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// Changes the schedule of a file, under its lock.
fn changed<T>(path: &Path, change: impl FnOnce(&mut TurnSchedule) -> T) -> io::Result<T> {
    let mut options = OpenOptions::new();
    let mut file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    lock(&file)?;
    let halves = [read(&mut file, 0)?, read(&mut file, 1)?];
    let newest = halves.into_iter().flatten().max_by_key(|(number, _)| *number);
    // A new file, or one that nobody can read: its quota begins now.
    let (number, mut schedule) = newest.unwrap_or_default();
    let result = change(&mut schedule);
    write(&mut file, number + 1, &schedule)?;
    Ok(result)
}

/// Takes the lock, which ends with the handle.
fn lock(file: &File) -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < until => thread::sleep(BETWEEN_LOOKS),
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "another process holds its lock"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Reads a half: its number and its schedule, if it is whole.
fn read(file: &mut File, half: u64) -> io::Result<Option<(u64, TurnSchedule)>> {
    file.seek(SeekFrom::Start(half * HALF))?;
    let mut head = [0; HEAD];
    let mut filled = 0;
    while filled < HEAD {
        match file.read(&mut head[filled..])? {
            0 => return Ok(None),
            some => filled += some,
        }
    }
    let word = |from: usize, to: usize| std::str::from_utf8(&head[from..to]).ok();
    let hex = |from: usize| u64::from_str_radix(word(from, from + 16)?, 16).ok();
    let (Some(number), Some(length), Some(sum)) = (hex(0), hex(16), word(32, HEAD)) else { return Ok(None) };
    let mut body = Vec::new();
    file.take(length.min(HALF)).read_to_end(&mut body)?;
    let is_whole = checksum(number, &body) == sum;
    Ok(is_whole.then(|| serde_json::from_slice(&body).ok()).flatten().map(|schedule| (number, schedule)))
}

/// Writes the half that is not the newest.
fn write(file: &mut File, number: u64, schedule: &TurnSchedule) -> io::Result<()> {
    let body = serde_json::to_vec(schedule)?;
    if (body.len() + HEAD) as u64 > HALF {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "too many workers"));
    }
    let mut bytes = format!("{number:016x}{:016x}{}", body.len(), checksum(number, &body)).into_bytes();
    bytes.extend_from_slice(&body);
    file.seek(SeekFrom::Start(number % 2 * HALF))?;
    file.write_all(&bytes)
}

fn checksum(number: u64, body: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&number.to_le_bytes()).update(body);
    hasher.finalize().to_hex()[..HEAD - 32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared_quota::{SharedLimits, TurnsAsked, TurnsReply};

    fn asked() -> Exchange {
        let limits = SharedLimits { qps: 2.0, ..SharedLimits::default() };
        Exchange { limits, ask: Some(TurnsAsked { turns: 1, tokens: 100.0 }), ..Exchange::default() }
    }

    fn quota(folder: &Path) -> HostQuota {
        HostQuota::open(folder, &QuotaName::new("http://a", "m", None)).expect("a folder")
    }

    #[tokio::test]
    async fn two_doors_have_one_schedule() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, other) = (quota(folder.path()), quota(folder.path()));
        let first = one.exchange(asked()).await.expect("a reply");
        let second = other.exchange(asked()).await.expect("a reply");
        assert!(matches!(first.turn, Some(TurnsReply::Granted { wait, .. }) if wait.is_zero()), "{first:?}");
        assert!(matches!(second.turn, Some(TurnsReply::Later { .. })), "{second:?}");
        assert_eq!((first.workers, second.workers), (1, 2));
        one.leave().await;
        assert_eq!(other.exchange(asked()).await.expect("a reply").workers, 1);
    }

    #[test]
    fn a_half_that_was_cut_short_leaves_the_one_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("quota-x");
        for worker in ["a", "b"] {
            changed(&path, |schedule| schedule.exchange(10.0, worker, &asked(), 0.0)).expect("changed");
        }
        let workers = |path: &Path| {
            changed(path, |schedule| schedule.exchange(10.1, "c", &asked(), 0.0).workers).expect("changed")
        };
        let mut whole = fs::read(&path).expect("bytes");
        // The second change is in the first half: number 2.
        whole[HEAD + 5] ^= 1;
        fs::write(&path, &whole).expect("written");
        assert_eq!(workers(&path), 2, "of `a` and `b`, the change of `b` was lost");
        fs::write(&path, "no schedule").expect("written");
        assert_eq!(workers(&path), 1, "what nobody can read begins anew");
    }

    #[test]
    fn the_file_is_the_users_own_and_old_ones_are_removed() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("state/fanfold");
        let path = quota(&folder).path;
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&folder)), (0o600, 0o700));
        let old = folder.join("quota-old");
        let file = File::create(&old).expect("made");
        file.set_modified(clock::now() - OLD * 2).expect("set");
        quota(&folder);
        assert!(!old.exists() && path.exists());
    }
}
