//! What is printed for people: nothing foreign reaches a terminal with its control characters.

use std::fmt::Arguments;
use std::io::{self, Write};

use crate::watch::text::printable;

/// Standard output, for everything that is written to it in words.
pub(super) struct Page<W>(pub(super) W);

impl<W: Write> Write for Page<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    fn write_fmt(&mut self, words: Arguments<'_>) -> io::Result<()> {
        self.0.write_all(printable(&words.to_string()).as_bytes())
    }
}
