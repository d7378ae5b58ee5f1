//! A part of a pass that is done on threads of its own, some batches ahead of whoever takes what comes of it.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Items that change threads at once: to wake the other thread for each would cost more than to make it.
const BATCH_ITEMS: usize = 64;
/// Bytes of items, about, after which fewer of them do.
const BATCH_BYTES: usize = 128 * 1024;
/// Time after which fewer of them do: whoever waits for them may have been told to stop meanwhile.
const BATCH_TIME: Duration = Duration::from_millis(50);
/// Batches that wait between two threads. With the one that is being made and the one that is being used there are never
/// more than three in memory, however slow the taker is.
const BATCHES: usize = 1;

/// Threads at most that make something of the same items: one reader and one taker cannot keep more of them busy.
const MOST_WORKERS: usize = 4;

/// About the bytes that something holds.
pub(super) trait Weight {
    /// Its bytes.
    fn bytes(&self) -> usize;
}

/// The items of a pass, in its order. It ends where the pass does.
pub(super) struct Prefetch<T> {
    /// Where the batches come from, each in its turn; none once nothing more is to come.
    batches: Vec<Receiver<Vec<T>>>,
    turn: usize,
    batch: std::vec::IntoIter<T>,
    threads: Vec<JoinHandle<()>>,
}

impl<T: Send + 'static> Prefetch<T> {
    /// Begins to make something of each item, on as many threads as the machine has processors for, behind the one that
    /// makes the items. What is made keeps their order.
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
    /// Waits for the threads, whose panic is the taker's.
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
    /// A pass that is given up is gone on with no further than the batches that are being made.
    fn drop(&mut self) {
        self.end();
    }
}

/// Makes the items, and gives the batches to the takers in turn.
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
        // Nobody takes it any more, or it is the last one.
        give(batch.items);
    }
}

/// A batch that is being made.
pub(super) struct PrefetchBatch<T> {
    /// What is in it.
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
        let mut ahead = Prefetch::of_each((0..1000).map(|number| Thing(number, 1)), |thing| thing);
        for number in 0..1000 {
            assert_eq!(ahead.next(), Some(Thing(number, 1)));
        }
        assert!(ahead.next().is_none() && ahead.next().is_none());
    }

    #[test]
    fn what_several_threads_make_keeps_the_order_and_is_bounded() {
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
