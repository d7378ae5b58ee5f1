//! A part of a pass that runs on separate threads, some batches ahead of the consumer.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How many items are passed between threads together: waking the other thread for each would cost more than making it.
const BATCH_ITEMS: usize = 64;
/// The approximate bytes of items after which a batch is passed on early.
const BATCH_BYTES: usize = 128 * 1024;
/// The time after which a batch is passed on early: its consumer may have been asked to stop.
const BATCH_TIME: Duration = Duration::from_millis(50);
/// Batches that wait between two threads. With the one being made and the one being used, at most three are in memory,
/// however slow the consumer.
const BATCHES: usize = 1;

/// The maximum number of worker threads: one reader and one consumer cannot keep more of them busy.
const MOST_WORKERS: usize = 4;

/// The approximate size of an item.
pub(super) trait Weight {
    fn bytes(&self) -> usize;
}

/// The items of a pass, in its order. It ends with the pass.
pub(super) struct Prefetch<T> {
    /// Where the batches come from, in turn; empty after the last one.
    batches: Vec<Receiver<Vec<T>>>,
    turn: usize,
    batch: std::vec::IntoIter<T>,
    threads: Vec<JoinHandle<()>>,
}

impl<T: Send + 'static> Prefetch<T> {
    /// Starts processing each item, on as many threads as the machine has processors, after the one that produces them. The
    /// results keep the order.
    pub(super) fn of_each<S: Weight + Send + 'static>(
        items: impl Iterator<Item = S> + Send + 'static,
        work: impl Fn(S) -> T + Clone + Send + 'static,
    ) -> Self {
        let workers = std::thread::available_parallelism().map_or(1, NonZero::get).min(MOST_WORKERS);
        let (mut makers, mut batches, mut threads) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..workers {
            let (maker, made) = sync_channel::<Vec<S>>(BATCHES);
            let (sender, worked) = sync_channel(BATCHES);
            let work = work.clone();
            threads.push(std::thread::spawn(move || {
                for batch in made {
                    if sender.send(batch.into_iter().map(&work).collect()).is_err() {
                        return;
                    }
                }
            }));
            makers.push(maker);
            batches.push(worked);
        }
        threads.push(std::thread::spawn(move || make(items, &makers)));
        Self { batches, turn: 0, batch: Vec::new().into_iter(), threads }
    }
}

impl<T> Prefetch<T> {
    /// Waits for the threads, and passes on their panic.
    fn end(&mut self) {
        self.batches.clear();
        let ended: Vec<_> = self.threads.drain(..).map(JoinHandle::join).collect();
        if let Some(panic) = ended.into_iter().find_map(Result::err)
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl<T> Iterator for Prefetch<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        loop {
            if let Some(item) = self.batch.next() {
                return Some(item);
            }
            match self.batches.get(self.turn)?.recv() {
                Ok(batch) => {
                    self.batch = batch.into_iter();
                    self.turn = (self.turn + 1) % self.batches.len();
                }
                Err(_) => self.end(),
            }
        }
    }
}

impl<T> Drop for Prefetch<T> {
    /// An abandoned pass continues only to the end of the batches being made.
    fn drop(&mut self) {
        self.end();
    }
}

/// Produces the items, and gives the batches to the workers in turn.
fn make<T: Weight>(items: impl Iterator<Item = T>, takers: &[SyncSender<Vec<T>>]) {
    let mut batch = PrefetchBatch::default();
    let mut takers = takers.iter().cycle();
    let mut give = |batch| takers.next().is_some_and(|taker| taker.send(batch).is_ok());
    for item in items {
        if let Some(full) = batch.add(item)
            && !give(full)
        {
            return;
        }
    }
    if !batch.items.is_empty() {
        // The receiver may be gone, or this is the last batch.
        give(batch.items);
    }
}

/// A batch in the making.
pub(super) struct PrefetchBatch<T> {
    pub(super) items: Vec<T>,
    bytes: usize,
    began: Instant,
}

impl<T> Default for PrefetchBatch<T> {
    fn default() -> Self {
        Self { items: Vec::with_capacity(BATCH_ITEMS), bytes: 0, began: Instant::now() }
    }
}

impl<T: Weight> PrefetchBatch<T> {
    /// Adds an item; returns the batch when it is full, and begins the next one.
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
        let mut ahead = Prefetch::of_each((0..1000).map(|number| Thing(number, 1)), |thing| thing);
        for number in 0..1000 {
            assert_eq!(ahead.next(), Some(Thing(number, 1)));
        }
        assert!(ahead.next().is_none() && ahead.next().is_none());
    }

    #[test]
    fn results_of_several_threads_keep_the_order_and_are_bounded() {
        let made = Arc::new(AtomicUsize::new(0));
        let theirs = made.clone();
        let things = (0..100_000).map(move |number| {
            theirs.fetch_add(1, Ordering::SeqCst);
            Thing(number, 1)
        });
        let mut ahead = Prefetch::of_each(things, |Thing(number, _)| number * 2);
        for number in 0..10_000 {
            assert_eq!(ahead.next(), Some(number * 2));
        }
        drop(ahead);
        let made = made.load(Ordering::SeqCst) - 10_000;
        assert!(made <= BATCH_ITEMS * (3 * MOST_WORKERS + 2), "{made} more than were taken");
        let whole: Vec<usize> =
            Prefetch::of_each((0..1000).map(|number| Thing(number, 1)), |Thing(number, _)| number).collect();
        assert_eq!(whole, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn a_panic_of_the_maker_is_not_the_end_of_the_input() {
        let things = (0..300).map(|number| if number < 200 { Thing(number, 1) } else { panic!("made") });
        assert!(std::panic::catch_unwind(|| Prefetch::of_each(things, |thing| thing).count()).is_err());
        let work = |Thing(number, _)| if number < 200 { number } else { panic!("worked") };
        let things = (0..300).map(|number| Thing(number, 1));
        assert!(std::panic::catch_unwind(move || Prefetch::of_each(things, work).count()).is_err());
    }
}
