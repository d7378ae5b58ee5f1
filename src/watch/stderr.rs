//! Lines on standard error.

use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;

use crate::secrets::hidden;
use crate::text::{printable, wrapped};

/// The columns of a terminal; `None` if there is no terminal.
pub fn columns(stream: impl IsTerminal + AsFd) -> Option<usize> {
    let size = stream.is_terminal().then(|| rustix::termios::tcgetwinsize(stream).ok()).flatten()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Text as it is shown on standard error: on a terminal, lines are broken between words.
pub fn fitted(words: &str) -> String {
    let words = printable(words);
    match columns(std::io::stderr()) {
        Some(columns) => wrapped(&words, columns),
        None => words,
    }
}

/// Prints a line on standard error, without the secrets in it. A run does not end because nobody can read the line, as when
/// the log's disk is full or the other end of a pipe is closed.
pub fn put(line: &str) {
    let _ = std::io::stderr().write_all(hidden(format!("{line}\n")).as_bytes());
}
