//! Prints lines for people, without disturbing the bar.

use super::stderr::{fitted, put};
use super::{json, plain, terminal};
use crate::text::printable;

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A bar that is redrawn.
    Bar,
    /// A line from time to time.
    Plain,
    /// A JSON line each second.
    Json,
    /// No progress, only messages.
    None,
    /// Neither progress nor messages, only errors.
    Quiet,
}

/// Prints lines for people on standard error, without disturbing the bar.
#[derive(Debug, Clone)]
pub struct Screen {
    pub(super) mode: Mode,
    pub(super) color: bool,
    pub(super) bar: Option<indicatif::ProgressBar>,
}

impl Screen {
    /// A screen that shows progress in a mode; `color` says whether the bar may have colours.
    pub fn new(mode: Mode, color: bool) -> Self {
        Self { mode, color, bar: (mode == Mode::Bar).then(terminal::bar) }
    }

    /// Prints a line, unless the user wants quiet.
    pub fn say(&self, line: &str) {
        if self.mode != Mode::Quiet {
            self.insist(line);
        }
    }

    /// Prints a line with the time in a log; a terminal needs none.
    pub fn say_when(&self, line: &str) {
        match self.mode {
            Mode::Plain | Mode::None => self.say(&format!("{} {line}", plain::stamp())),
            Mode::Bar | Mode::Json | Mode::Quiet => self.say(line),
        }
    }

    /// Prints a line in any case: an error, or how to continue.
    pub fn insist(&self, line: &str) {
        let line = match self.mode {
            Mode::Json => printable(line),
            _ => fitted(line),
        };
        match (&self.bar, self.mode) {
            // A hidden or finished bar would swallow the line.
            (Some(bar), _) if !bar.is_hidden() && !bar.is_finished() => bar.println(line),
            (_, Mode::Json) => json::message(&line),
            _ => put(&line),
        }
    }
}

/// Prints why a command ended early, before or after a screen was in use.
pub fn say_error(mode: Mode, message: &str) {
    match mode {
        Mode::Json => json::error(&printable(message)),
        _ => put(&fitted(&format!("error: {message}"))),
    }
}
