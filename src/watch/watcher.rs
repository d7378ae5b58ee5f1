//! The thread that shows a run, at the pace of its mode.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch::Receiver;

use super::screen::{Mode, Screen};
use super::stderr::put;
use super::{json, plain, terminal};
use crate::tally::Snapshot;

/// A running watcher.
#[derive(Debug)]
pub struct Watcher {
    end: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watcher {
    /// Shows snapshots as they arrive, until it is finished.
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
                    // Frequent at first, while somebody may be watching.
                    _ if shown < 6 => Duration::from_secs(5),
                    _ => Duration::from_secs(30),
                };
                let ended = !matches!(ended.recv_timeout(pause), Err(RecvTimeoutError::Timeout));
                let newest = *snapshots.borrow();
                if newest != last {
                    (last, since) = (newest, Instant::now());
                }
                // Even if nothing happens for a while, as in an outage, the elapsed time grows.
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
        // A watcher that panicked has already printed that.
        let _ = self.thread.join();
    }
}
