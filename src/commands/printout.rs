//! Text printed for people: control characters never reach a terminal, and lines are wrapped between words.

use std::fmt::Arguments;
use std::io::{self, StdoutLock, Write, stdout};

use serde::Serialize;

use super::failure::Failure;
use crate::secrets::hide;
use crate::text::{printable, wrapped};
use crate::watch::columns;

/// Standard output for text. Bytes are written unchanged.
pub(super) struct Printout {
    out: StdoutLock<'static>,
    columns: Option<usize>,
}

impl Printout {
    pub(super) fn new() -> Self {
        Self { out: stdout().lock(), columns: columns(stdout()) }
    }
}

/// An output that hides secrets: each piece written to it is a text by itself.
pub(super) struct Veiled<W>(pub(super) W);

impl<W: Write> Write for Veiled<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match hide(&String::from_utf8_lossy(bytes)) {
            Some(hidden) => self.0.write_all(hidden.as_bytes()).map(|()| bytes.len()),
            None => self.0.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Write for Printout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Veiled(&mut self.out).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn write_fmt(&mut self, words: Arguments<'_>) -> io::Result<()> {
        let words = printable(&words.to_string());
        let words = match self.columns {
            Some(columns) => wrapped(&words, columns),
            None => words,
        };
        self.out.write_all(words.as_bytes())
    }
}

/// A value for programs, as one line of JSON.
pub(super) fn to_json(what: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(what)
        .map_err(|error| Failure::new(format!("this cannot be written as JSON: {error}")))
}
