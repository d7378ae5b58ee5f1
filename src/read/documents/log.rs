//! What is being read now: one file that only grows, `OUT.documents.reading`. A reading that was killed leaves it, and the next
//! one continues with it; while it is open it is locked, so that no two processes read the documents of one job at once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::span::{LineFiles, LineOrigin, LineSpan};
use crate::beside::{folder_of, with_ending};
use crate::durable::{rename, sync_folder};
use crate::failpoint::meet;
use crate::read::error::ReadError;
use crate::regular;

/// The files of a reading, locked.
#[derive(Debug)]
pub(super) struct ReadingLog {
    pub(super) files: LineFiles,
    kept: PathBuf,
    path: PathBuf,
    /// Where the next line goes.
    end: u64,
}

impl ReadingLog {
    /// Opens the log next to the file of kept texts.
    ///
    /// # Errors
    /// Another process has it, or it cannot be made.
    pub(super) fn take(kept: &Path) -> Result<Self, ReadError> {
        let failed = |error: io::Error| failed(kept, &error);
        let path = with_ending(kept, ".reading");
        fs::create_dir_all(folder_of(kept)).map_err(failed)?;
        let log = locked(&path, kept)?;
        // A process that was killed may have left half a line.
        let end = whole_lines(&log).map_err(failed)?;
        log.set_len(end).map_err(failed)?;
        let old = match regular::open_own(kept, OpenOptions::new().read(true)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            opened => Some(opened.map_err(failed)?),
        };
        Ok(Self { files: LineFiles { kept: old, log }, kept: kept.to_owned(), path, end })
    }

    /// Adds a line, with its line feed.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn add(&mut self, line: &[u8]) -> Result<LineSpan, ReadError> {
        meet("read.documents.line");
        self.files.log.write_all_at(line, self.end).map_err(|error| failed(&self.kept, &error))?;
        let span = LineSpan { origin: LineOrigin::Log, offset: self.end, length: line.len() as u64 };
        self.end += span.length;
        Ok(span)
    }

    /// Replaces the file of kept texts by one with these lines, which appears whole or not at all, and removes the log. A file
    /// that already has these lines and no others is left as it is.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn finish(self, lines: &[LineSpan]) -> Result<(), ReadError> {
        let written = if self.is_as_it_was(lines) { Ok(()) } else { self.replace(lines) };
        written.map_err(|error| failed(&self.kept, &error))?;
        meet("read.documents.renamed");
        // What it holds is in the kept file now.
        let _ = fs::remove_file(&self.path);
        Ok(())
    }

    fn is_as_it_was(&self, lines: &[LineSpan]) -> bool {
        let Some(kept) = &self.files.kept else { return false };
        let mut end = 0;
        lines.iter().all(|span| {
            let is_next = span.origin == LineOrigin::Kept && span.offset == end;
            end += span.length;
            is_next
        }) && kept.metadata().is_ok_and(|about| about.len() == end)
    }

    fn replace(&self, lines: &[LineSpan]) -> io::Result<()> {
        let part = with_ending(&self.kept, ".part");
        // Whoever made it is dead: this process has the lock.
        let _ = fs::remove_file(&part);
        let mut options = OpenOptions::new();
        let mut file = io::BufWriter::with_capacity(
            1 << 20,
            options.write(true).create_new(true).mode(0o600).open(&part)?,
        );
        for span in lines {
            file.write_all(&self.files.read(*span)?)?;
        }
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        meet("read.documents.copied");
        file.sync_all()?;
        rename(&part, &self.kept)?;
        // The new name must survive a power cut too.
        sync_folder(folder_of(&self.kept))
    }
}

/// A thread that still reads has the same open file, and with it the lock.
impl Drop for ReadingLog {
    fn drop(&mut self) {
        let _ = self.files.log.unlock();
    }
}

/// The log, locked: the one that has the name now.
fn locked(path: &Path, kept: &Path) -> Result<File, ReadError> {
    loop {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let log = regular::open_own(path, options).map_err(|error| failed(kept, &error))?;
        match log.try_lock() {
            Err(fs::TryLockError::WouldBlock) => {
                let reason = "another process is reading the documents of this job; wait until it has ended";
                return Err(ReadError::Documents { path: kept.to_owned(), reason: reason.to_owned() });
            }
            // Where files cannot be locked, the lock of the journal has to do.
            Ok(()) | Err(fs::TryLockError::Error(_)) => {}
        }
        // The process that had it may have removed it meanwhile.
        let identity = |about: fs::Metadata| (about.dev(), about.ino());
        let named = fs::symlink_metadata(path).map(identity).ok();
        if log.metadata().map(identity).ok() == named {
            return Ok(log);
        }
    }
}

/// The bytes of the lines that are whole.
fn whole_lines(log: &File) -> io::Result<u64> {
    let mut end = log.metadata()?.len();
    let mut chunk = vec![0; 64 << 10];
    while end > 0 {
        let length = usize::try_from(end).unwrap_or(usize::MAX).min(chunk.len());
        let begin = end - length as u64;
        log.read_exact_at(&mut chunk[..length], begin)?;
        if let Some(last) = chunk[..length].iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + last as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

fn failed(kept: &Path, error: &io::Error) -> ReadError {
    let reason = format!("{error}; check the folder and its free space");
    ReadError::Documents { path: kept.to_owned(), reason }
}

/// The file of kept texts, and what may lie next to it.
pub fn own_files(kept: &Path) -> [PathBuf; 3] {
    [kept.to_owned(), with_ending(kept, ".reading"), with_ending(kept, ".part")]
}
