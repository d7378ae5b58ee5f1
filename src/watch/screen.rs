//! Where lines for people go, past the bar.

use super::stderr::{fitted, put};
use super::{json, plain, terminal};
use crate::text::printable;

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A bar that is drawn over and over.
    Bar,
    /// A line now and then.
    Plain,
    /// A JSON line each second.
    Json,
    /// Not at all; messages come all the same.
    None,
    /// Not at all, and no messages either, but for errors.
    Quiet,
}

/// Where lines for people go: standard error, past the bar.
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

    /// Says something, unless the user wants quiet.
    pub fn say(&self, line: &str) {
        if self.mode != Mode::Quiet {
            self.insist(line);
        }
    }

    /// Says something of which a log has to tell when it was; on a terminal that is now.
    pub fn say_when(&self, line: &str) {
        match self.mode {
            Mode::Plain | Mode::None => self.say(&format!("{} {line}", plain::stamp())),
            Mode::Bar | Mode::Json | Mode::Quiet => self.say(line),
        }
    }

    /// Says something in any case: an error, or how to go on.
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

/// Says why a command ended early, before a screen or after it.
pub fn say_error(mode: Mode, message: &str) {
    match mode {
        Mode::Json => json::error(&printable(message)),
        _ => put(&fitted(&format!("error: {message}"))),
    }
}
