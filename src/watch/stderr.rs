//! Lines on standard error.

use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;

use crate::secrets::hidden;
use crate::text::{printable, wrapped};

/// The columns of a terminal; `None` where there is none.
pub fn columns(stream: impl IsTerminal + AsFd) -> Option<usize> {
    let size = stream.is_terminal().then(|| rustix::termios::tcgetwinsize(stream).ok()).flatten()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Words as they are shown on standard error: on a terminal they are broken between words.
pub fn fitted(words: &str) -> String {
    let words = printable(words);
    match columns(std::io::stderr()) {
        Some(columns) => wrapped(&words, columns),
        None => words,
    }
}

/// Puts a line on standard error, without the secrets in it. That nobody can read it any more, because the log's disk is full or the other end of a
/// pipe is closed, is no reason to end a run.
pub fn put(line: &str) {
    let _ = std::io::stderr().write_all(hidden(format!("{line}\n")).as_bytes());
}
