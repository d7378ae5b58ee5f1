//! The side room that shows a run: a bar on a terminal, plain lines elsewhere, JSON lines on request.
//!
//! Every line for people goes through a [`Screen`], so that bar and messages never tear each other, and so that
//! nothing foreign reaches a terminal with its control characters.

mod json;
pub mod metrics;
mod plain;
mod terminal;
pub use crate::text;

use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch::Receiver;

use crate::secrets::hidden;
use crate::tally::Snapshot;

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
    mode: Mode,
    color: bool,
    bar: Option<indicatif::ProgressBar>,
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
            Mode::Json => text::printable(line),
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
        Mode::Json => json::error(&text::printable(message)),
        _ => put(&fitted(&format!("error: {message}"))),
    }
}

/// The columns of a terminal; `None` where there is none.
pub fn columns(stream: impl IsTerminal + AsFd) -> Option<usize> {
    let size = stream.is_terminal().then(|| rustix::termios::tcgetwinsize(stream).ok()).flatten()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Words as they are shown on standard error: on a terminal they are broken between words.
pub fn fitted(words: &str) -> String {
    let words = text::printable(words);
    match columns(std::io::stderr()) {
        Some(columns) => text::wrapped(&words, columns),
        None => words,
    }
}

/// Puts a line on standard error, without the secrets in it. That nobody can read it any more, because the log's disk is full or the other end of a
/// pipe is closed, is no reason to end a run.
pub fn put(line: &str) {
    let _ = std::io::stderr().write_all(hidden(format!("{line}\n")).as_bytes());
}

/// A watcher at work.
#[derive(Debug)]
pub struct Watcher {
    end: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watcher {
    /// Shows the snapshots that come, until it is finished.
    pub fn start(screen: &Screen, snapshots: Receiver<Snapshot>) -> Self {
        let (end, ended) = channel();
        let screen = screen.clone();
        if let Some(bar) = &screen.bar {
            terminal::begin(bar, screen.color, &snapshots.borrow());
        }
        let thread = std::thread::spawn(move || {
            let mut shown = 0_u32;
            let (mut last, mut since) = (Snapshot::default(), Instant::now());
            loop {
                let pause = match screen.mode {
                    Mode::Bar => Duration::from_millis(100),
                    Mode::Json => Duration::from_secs(1),
                    // Dense at first, while somebody may be looking on.
                    _ if shown < 6 => Duration::from_secs(5),
                    _ => Duration::from_secs(30),
                };
                let ended = !matches!(ended.recv_timeout(pause), Err(RecvTimeoutError::Timeout));
                let newest = *snapshots.borrow();
                if newest != last {
                    (last, since) = (newest, Instant::now());
                }
                // Nothing may happen for a while, as in an outage; the time goes on all the same.
                let snapshot = Snapshot { elapsed: last.elapsed + since.elapsed(), ..last };
                shown += 1;
                match (screen.mode, &screen.bar) {
                    (Mode::Bar, Some(bar)) => terminal::draw(bar, screen.color, &snapshot),
                    (Mode::Json, _) => json::progress(&snapshot),
                    (Mode::Plain, _) if !ended => put(&plain::line(&snapshot)),
                    _ => {}
                }
                if ended {
                    break;
                }
            }
            if let Some(bar) = &screen.bar {
                bar.finish_and_clear();
            }
        });
        Self { end, thread }
    }

    /// Shows the last snapshot and ends.
    pub fn finish(self) {
        drop(self.end);
        // A watcher that panicked has shown that by itself.
        let _ = self.thread.join();
    }
}
