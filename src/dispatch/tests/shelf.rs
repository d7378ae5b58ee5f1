//! The journal in memory, and the observer.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::bench::Log;
use crate::dispatch::Ledger;
use crate::event::{Event, Observer};
use crate::note::JournalEvent;

/// Turns of the loop at one instant that show an endless loop.
const CIRCLES: u32 = 20_000;

/// A journal in memory.
pub(super) struct Shelf {
    pub(super) log: Rc<RefCell<Log>>,
    pub(super) delay: Duration,
    pub(super) full_after: Option<usize>,
    pub(super) waiting: Vec<(Instant, JournalEvent)>,
}

impl Ledger for Shelf {
    type Error = &'static str;

    fn write(&mut self, note: JournalEvent) {
        self.waiting.push((Instant::now() + self.delay, note));
    }

    async fn committed(&mut self) -> Result<Vec<JournalEvent>, Self::Error> {
        match self.waiting.first() {
            Some((due, _)) => tokio::time::sleep_until(*due).await,
            None => std::future::pending().await,
        }
        let now = Instant::now();
        let ready = self.waiting.partition_point(|(due, _)| *due <= now);
        let log = &mut *self.log.borrow_mut();
        if self.full_after.is_some_and(|full| log.committed.len() + ready > full) {
            return Err("disk full");
        }
        let notes: Vec<JournalEvent> = self.waiting.drain(..ready).map(|(_, note)| note).collect();
        for note in &notes {
            match note {
                JournalEvent::HandedOut { below } => log.handed_out = *below,
                JournalEvent::Resent(row) => *log.resent.entry(row.position).or_default() += 1,
                JournalEvent::Out(_) | JournalEvent::Ended(_) | JournalEvent::Results { .. } => {}
            }
        }
        log.committed.extend(notes.iter().cloned());
        Ok(notes)
    }
}

/// The observer.
pub(super) struct Watcher {
    pub(super) log: Rc<RefCell<Log>>,
    pub(super) start: Instant,
}

impl Observer for Watcher {
    fn on(&mut self, event: Event<'_>) {
        let log = &mut *self.log.borrow_mut();
        match event {
            Event::Committed(note) => {
                assert_eq!(log.committed.get(log.shown), Some(note), "shown before it was committed");
                log.shown += 1;
            }
            Event::Batches(_) | Event::Batch(_) => {}
            Event::State(state) => {
                let at = self.start.elapsed();
                log.turns = (at, if log.turns.0 == at { log.turns.1 + 1 } else { 0 });
                assert!(log.turns.1 < CIRCLES, "the loop goes round in circles: {state:?}");
                log.states.push((at, state));
            }
        }
    }
}
