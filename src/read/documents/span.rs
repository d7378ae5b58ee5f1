//! Where a line is: in the kept file of before, or in the log of the reading that is active.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The file of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineOrigin {
    /// The kept file of before.
    Kept,
    /// The log.
    Log,
}

/// The bytes of a line, with its line feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineSpan {
    pub(super) origin: LineOrigin,
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// The two files that have lines.
#[derive(Debug)]
pub(super) struct LineFiles {
    pub(super) kept: Option<File>,
    pub(super) log: File,
}

impl LineFiles {
    /// The file of a span; `None` for the kept file where there is none.
    pub(super) fn of(&self, span: LineSpan) -> Option<&File> {
        match span.origin {
            LineOrigin::Kept => self.kept.as_ref(),
            LineOrigin::Log => Some(&self.log),
        }
    }

    /// The same files, for another thread.
    pub(super) fn again(&self) -> io::Result<Self> {
        let kept = self.kept.as_ref().map(File::try_clone).transpose()?;
        Ok(Self { kept, log: self.log.try_clone()? })
    }

    /// The bytes of a line.
    pub(super) fn read(&self, span: LineSpan) -> io::Result<Vec<u8>> {
        let file = self.of(span).ok_or(io::ErrorKind::NotFound)?;
        let mut line = vec![0; usize::try_from(span.length).map_err(io::Error::other)?];
        file.read_exact_at(&mut line, span.offset)?;
        Ok(line)
    }
}
