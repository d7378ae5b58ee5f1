//! How many answers a journal has held, noted outside of it: so that a loss is noticed.
//!
//! What a run that was killed has stored is mostly in the journal's log, `OUT.journal-wal`, and the journal without its
//! log is whole and has never heard of it: only somebody else can know. The note stands in the lock's file, behind the
//! holder's words. It is written after each commit and never synced, so that it is never ahead of the journal.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::Connection;

use super::files::lock_path;
use crate::regular;

/// What stands before the number.
const NAME: &str = "answers ";

/// Digits of the number: it is written over in place.
const DIGITS: usize = 20;

/// The note as it stands in a file's text; 0 where there is none.
pub(super) fn noted(text: &str) -> u64 {
    let number = text.lines().find_map(|line| line.strip_prefix(NAME));
    number.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

/// The note as text.
pub(super) fn note(answers: u64) -> String {
    format!("{NAME}{answers:0DIGITS$}\n")
}

/// The note on a journal, open to be written over. The file, and the lock on it, are another's.
pub(super) struct HighWaterMark {
    file: Option<File>,
    at: u64,
    answers: u64,
}

impl HighWaterMark {
    /// Opens the note on a journal; where there is none, nothing is noted.
    pub(super) fn open(journal: &Path) -> Self {
        let nothing = Self { file: None, at: 0, answers: 0 };
        let file = regular::open_own(&lock_path(journal), OpenOptions::new().read(true).write(true));
        let Ok(mut file) = file else { return nothing };
        let mut text = String::new();
        let read = file.read_to_string(&mut text);
        match read.ok().and_then(|_| text.find(NAME)) {
            Some(at) => Self { answers: noted(&text), file: Some(file), at: at as u64 },
            None => nothing,
        }
    }

    /// Notes how many answers the journal holds now. A note that cannot be written is no reason to end a run.
    pub(super) fn rise(&mut self, answers: u64) {
        if answers != self.answers
            && let Some(file) = &self.file
        {
            let _ = file.write_all_at(note(answers).as_bytes(), self.at);
            self.answers = answers;
        }
    }
}

/// How many answers a journal should hold.
pub(super) fn expected(journal: &Path) -> u64 {
    // Who only looks may not be allowed to write.
    regular::own_text(&lock_path(journal)).map_or(0, |text| noted(&text))
}

/// How many answers a journal holds. None is ever taken out.
pub(super) fn held(connection: &Connection) -> rusqlite::Result<u64> {
    connection.prepare_cached("SELECT coalesce(max(step), 0) FROM steps")?.query_row([], |row| row.get(0))
}
