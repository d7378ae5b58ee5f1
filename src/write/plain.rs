//! A file of the user's own text, which appears whole or not at all.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::atomic::{ByteSink, Manner, Target};
use super::error::WriteError;

/// A file that is being written. Dropped without [`PlainFile::finish`], it leaves the old one as it was.
pub struct PlainFile {
    sink: BufWriter<ByteSink>,
    path: PathBuf,
}

impl PlainFile {
    /// Opens a file that the user has named.
    ///
    /// # Errors
    ///
    /// It cannot be written to.
    pub fn create(path: &Path) -> Result<Self, WriteError> {
        Self::open(path, Manner::AS_NAMED)
    }

    fn open(path: &Path, manner: Manner) -> Result<Self, WriteError> {
        let sink = BufWriter::new(ByteSink::open(Target::File(path.to_owned()), manner)?);
        Ok(Self { sink, path: path.to_owned() })
    }

    /// Moves the file to its place: synced, renamed, and its folder synced.
    ///
    /// # Errors
    ///
    /// One of these steps fails.
    pub fn finish(self) -> Result<(), WriteError> {
        let sink =
            self.sink.into_inner().map_err(|error| WriteError::writing(&self.path, error.into_error()))?;
        sink.commit()
    }
}

impl Write for PlainFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Writes a text to a file with a name that follows from others, as a whole; folders are made. A link there is replaced, and
/// a file that already has this text is left as it is. Returns whether it was written.
///
/// # Errors
///
/// The file cannot be written.
pub fn write_text(path: &Path, text: &str) -> Result<bool, WriteError> {
    let is_same = fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_file() && found.len() == text.len() as u64)
        && fs::read(path).is_ok_and(|found| found == text.as_bytes());
    if is_same {
        return Ok(false);
    }
    let mut file = PlainFile::open(path, Manner { follows_links: false, ..Manner::AS_NAMED })?;
    file.write_all(text.as_bytes()).map_err(|source| WriteError::writing(path, source))?;
    file.finish()?;
    Ok(true)
}
