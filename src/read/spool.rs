//! Saves standard input in a file, so that it can be read again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::ReadError;
use crate::beside::{folder_of, with_ending};
use crate::durable::{rename, sync_folder};
use crate::failpoint::meet;
use crate::regular;

/// Copies `stdin` to `spool`, which appears whole or not at all; empty standard input is an input without rows. Returns
/// true when `stdin` is a terminal, and the `spool` of an earlier run is left as it is.
///
/// # Errors
/// It cannot be read or written, or there is only a terminal.
pub(super) fn keep(stdin: impl Read, is_terminal: bool, spool: &Path) -> Result<bool, ReadError> {
    let failed = |reason: String| ReadError::Spool { path: spool.to_owned(), reason };
    if is_terminal {
        let advice = "it is a terminal; pipe the rows in, or give a file";
        return if spool.is_file() { Ok(true) } else { Err(failed(advice.to_owned())) };
    }
    copy(stdin, spool).map_err(|error| failed(format!("{error}; check the folder and its free space")))?;
    Ok(false)
}

fn copy(mut content: impl Read, spool: &Path) -> io::Result<()> {
    let folder = folder_of(spool);
    fs::create_dir_all(folder)?;
    clear_away(folder, spool);
    let part = part_of(spool);
    // Left over from an earlier process with the same number.
    let _ = fs::remove_file(&part);
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
    let written = created.and_then(|mut file| {
        // Where files cannot be locked, they are not removed either.
        let _ = file.lock();
        io::copy(&mut content, &mut Pieces(&mut file))?;
        meet("read.spool.copied");
        file.sync_all()?;
        let is_empty = |path: &Path| fs::metadata(path).is_ok_and(|about| about.len() == 0);
        if is_empty(&part) && spool.is_file() && !is_empty(spool) {
            // The earlier spool may be the only copy of rows that have no answer yet.
            rename(spool, &before(spool))?;
        }
        rename(&part, spool)?;
        meet("read.spool.renamed");
        // The new name must survive a power cut too.
        sync_folder(folder)
    });
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&part);
    }
    written
}

/// Where an earlier spool is moved when standard input is empty: the same name with `.before` appended.
fn before(spool: &Path) -> PathBuf {
    with_ending(spool, ".before")
}

/// Removes the unfinished spools of programs that have died; a running program holds a lock on its own.
fn clear_away(folder: &Path, spool: &Path) {
    let Some(name) = spool.file_name() else { return };
    let prefix = format!("{}.", name.to_string_lossy());
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.strip_prefix(&prefix).is_some_and(|rest| rest.ends_with(".part"))
            && regular::open_own(&path, OpenOptions::new().read(true))
                .is_ok_and(|file| file.try_lock().is_ok())
        {
            // A file that cannot be removed is not in the way.
            let _ = fs::remove_file(&path);
        }
    }
}

struct Pieces<'f>(&'f mut File);

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        meet("read.spool.piece");
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The process number is in the name, so that no two processes write the same file.
fn part_of(spool: &Path) -> PathBuf {
    with_ending(spool, &format!(".{}.part", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn piped_input_is_kept_and_used_again_at_a_terminal() {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("new/out.stdin");
        assert!(!keep(&b"a\n1\n"[..], false, &spool).unwrap());
        assert!(keep(io::empty(), true, &spool).unwrap());
        assert_eq!(fs::read(&spool).unwrap(), b"a\n1\n");
        assert!(!keep(&b"a\n2\n"[..], false, &spool).unwrap());
        assert_eq!(fs::read(&spool).unwrap(), b"a\n2\n");
        assert_eq!(fs::read_dir(spool.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn an_empty_pipe_is_an_input_of_no_rows_and_a_terminal_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("out.stdin");
        assert!(keep(io::empty(), true, &spool).unwrap_err().to_string().contains("terminal"));
        assert!(!keep(&b"a"[..], false, &spool).unwrap());
        assert!(
            !keep(io::empty(), false, &spool).unwrap(),
            "what an earlier run kept is not what this one was given"
        );
        assert_eq!(fs::read(&spool).unwrap(), b"");
    }

    #[test]
    fn a_pipe_that_breaks_leaves_the_earlier_spool_as_it_was() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("out.stdin");
        keep(&b"a"[..], false, &spool).unwrap();
        assert!(keep((&b"b"[..]).chain(Broken), false, &spool).is_err());
        assert_eq!(fs::read(&spool).unwrap(), b"a");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
