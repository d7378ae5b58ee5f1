//! The file of figures that a run updates. If it cannot be written, that is only a warning.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::clock;
use crate::exit::Exit;
use crate::regular;
use crate::tally::Snapshot;
use crate::watch::Screen;
use crate::watch::metrics::{BEGINNING, RunLabels, text};
use crate::write::replace_unsynced;

/// How often the file is written.
const EVERY: Duration = Duration::from_secs(5);

/// The file, if the job has one.
#[derive(Debug, Clone)]
pub(super) struct MetricsFile {
    path: Option<PathBuf>,
    about: RunLabels,
    screen: Screen,
    written: Option<Instant>,
    has_failed: bool,
}

/// Why the figures may not replace an existing file: it is not empty, and does not begin like one of ours. Such a name is
/// easily mistyped, and it could be any file of the user's.
pub(super) fn check_replaceable(place: &Path) -> Result<(), String> {
    if fs::metadata(place).is_err() {
        return Ok(());
    }
    let mut begins = Vec::new();
    let file = regular::open(place).map_err(|error| format!("the existing file cannot be read ({error})"))?;
    let read = file.take(BEGINNING.len() as u64).read_to_end(&mut begins);
    read.map_err(|error| format!("the existing file cannot be read ({error})"))?;
    match begins.is_empty() || begins == BEGINNING.as_bytes() {
        true => Ok(()),
        false => {
            Err(format!("fanfold did not write the existing file (its figures begin with `{BEGINNING}`)"))
        }
    }
}

impl MetricsFile {
    /// The file of a run; without a path, none.
    pub(super) fn new(path: Option<PathBuf>, about: RunLabels, screen: &Screen) -> Self {
        Self { path, about, screen: screen.clone(), written: None, has_failed: false }
    }

    /// Writes it, unless it was just written.
    pub(super) fn keep(&mut self, snapshot: &Snapshot) {
        if self.written.is_none_or(|written| written.elapsed() >= EVERY) {
            self.write(snapshot, None);
        }
    }

    /// Writes it for the last time.
    pub(super) fn finish(mut self, snapshot: &Snapshot, exit: Exit) {
        self.write(snapshot, Some(exit));
    }

    fn write(&mut self, snapshot: &Snapshot, exit: Option<Exit>) {
        let Some(path) = &self.path else { return };
        self.written = Some(Instant::now());
        let text = text(&self.about, snapshot, clock::now(), exit.map(Exit::code));
        match replace_unsynced(path, text.as_bytes()) {
            Ok(()) => self.has_failed = false,
            Err(error) if !self.has_failed => {
                self.has_failed = true;
                self.screen.insist(&format!("warning: cannot write the metrics file: {error}"));
            }
            Err(_) => {}
        }
    }
}
