//! A part of a pass that is done on a thread of its own, a batch ahead of whoever takes what comes of it.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Items that change threads at once: to wake the other thread for each would cost more than to make it.
const BATCH_ITEMS: usize = 64;
/// Bytes of items, about, after which fewer of them do.
const BATCH_BYTES: usize = 128 * 1024;
/// Time after which fewer of them do: whoever waits for them may have been told to stop meanwhile.
const BATCH_TIME: Duration = Duration::from_millis(50);
/// Batches that wait between the threads. With the one that is being made and the one that is being used there are never
/// more than three in memory, however slow the taker is.
const BATCHES: usize = 1;

/// About the bytes that something holds.
pub(super) trait Weight {
    /// Its bytes.
    fn bytes(&self) -> usize;
}

/// The items of a pass, in its order. It ends where the pass does.
pub(super) struct Ahead<T> {
    /// `None` once nothing more is to come.
    batches: Option<Receiver<Vec<T>>>,
    batch: std::vec::IntoIter<T>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Weight + Send + 'static> Ahead<T> {
    /// Begins to make them.
    pub(super) fn new(items: impl Iterator<Item = T> + Send + 'static) -> Self {
        let (sender, batches) = sync_channel(BATCHES);
        let thread = std::thread::spawn(move || make(items, &sender));
        Self { batches: Some(batches), batch: Vec::new().into_iter(), thread: Some(thread) }
    }
}

impl<T> Ahead<T> {
    /// Waits for the thread, whose panic is the taker's.
    fn end(&mut self) {
        self.batches = None;
        let ended = self.thread.take().map_or(Ok(()), JoinHandle::join);
        if let Err(panic) = ended
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl<T> Iterator for Ahead<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        loop {
            if let Some(item) = self.batch.next() {
                return Some(item);
            }
            match self.batches.as_ref()?.recv() {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(_) => self.end(),
            }
        }
    }
}

impl<T> Drop for Ahead<T> {
    /// A pass that is given up is gone on with no further than the batch that is being made.
    fn drop(&mut self) {
        self.end();
    }
}

fn make<T: Weight>(items: impl Iterator<Item = T>, batches: &SyncSender<Vec<T>>) {
    let mut batch = Batch::default();
    for item in items {
        if let Some(full) = batch.add(item)
            && batches.send(full).is_err()
        {
            return;
        }
    }
    if !batch.items.is_empty() {
        // Nobody takes it any more, or it is the last one.
        let _ = batches.send(batch.items);
    }
}

/// A batch that is being made.
pub(super) struct Batch<T> {
    /// What is in it.
    pub(super) items: Vec<T>,
    bytes: usize,
    began: Instant,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self { items: Vec::with_capacity(BATCH_ITEMS), bytes: 0, began: Instant::now() }
    }
}

impl<T: Weight> Batch<T> {
    /// Adds an item; gives the batch away when it is full, and begins the next one.
    pub(super) fn add(&mut self, item: T) -> Option<Vec<T>> {
        self.bytes += item.bytes();
        self.items.push(item);
        let is_full = self.items.len() >= BATCH_ITEMS || self.bytes >= BATCH_BYTES;
        (is_full || self.began.elapsed() >= BATCH_TIME).then(|| std::mem::take(self).items)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Debug, PartialEq)]
    struct Thing(usize, usize);

    impl Weight for Thing {
        fn bytes(&self) -> usize {
            self.1
        }
    }

    #[test]
    fn things_come_in_their_order_and_end_once() {
        let mut ahead = Ahead::new((0..1000).map(|number| Thing(number, 1)));
        for number in 0..1000 {
            assert_eq!(ahead.next(), Some(Thing(number, 1)));
        }
        assert!(ahead.next().is_none() && ahead.next().is_none());
    }

    #[test]
    fn no_more_is_made_ahead_than_fits_between_the_threads() {
        let made = Arc::new(AtomicUsize::new(0));
        let theirs = made.clone();
        let things = (0..1000).map(move |number| {
            theirs.fetch_add(1, Ordering::SeqCst);
            Thing(number, BATCH_BYTES)
        });
        let mut ahead = Ahead::new(things);
        for taken in 1..=100 {
            ahead.next().unwrap();
            // One is used, one waits, and one is being made.
            assert!(made.load(Ordering::SeqCst) <= taken + BATCHES + 1);
        }
        drop(ahead);
        assert!(
            made.load(Ordering::SeqCst) <= 102,
            "a pass that was given up is not gone on with to its end"
        );
    }

    #[test]
    fn stages_behind_each_other_end_together() {
        let made = Arc::new(AtomicUsize::new(0));
        let theirs = made.clone();
        let first = Ahead::new((0..100_000).map(move |number| {
            theirs.fetch_add(1, Ordering::SeqCst);
            Thing(number, 1)
        }));
        let mut second = Ahead::new(first.map(|Thing(number, bytes)| Thing(number * 2, bytes)));
        assert_eq!((second.next(), second.next()), (Some(Thing(0, 1)), Some(Thing(2, 1))));
        drop(second);
        let made_by_then = made.load(Ordering::SeqCst);
        assert!(made_by_then <= BATCH_ITEMS * 8, "{made_by_then}");
    }

    #[test]
    fn a_panic_of_the_maker_is_not_the_end_of_the_input() {
        let things = (0..300).map(|number| if number < 200 { Thing(number, 1) } else { panic!("made") });
        let taken = std::panic::catch_unwind(|| Ahead::new(things).count());
        assert!(taken.is_err());
    }
}
