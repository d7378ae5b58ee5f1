//! A pass whose rows are read and parsed on a thread of their own, a batch ahead of whoever takes them.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::ReadError;
use crate::row::{Item, Origin, Row};

/// Rows that change threads at once: to wake the other thread for each would cost more than to parse it.
const BATCH_ROWS: usize = 128;
/// Bytes of values, about, after which fewer rows than that do.
const BATCH_BYTES: usize = 256 * 1024;
/// Batches that wait between the threads. With the one that is being read and the one that is being used there are never
/// more than three in memory, however slow the taker is.
const BATCHES: usize = 1;

type Read = Result<Item, ReadError>;

/// The rows of a pass, in its order. It ends where the pass does: behind the last row, or behind an error.
pub struct Ahead {
    /// `None` once nothing more is to come.
    batches: Option<Receiver<Vec<Read>>>,
    batch: std::vec::IntoIter<Read>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    /// Begins to read.
    pub fn new(rows: impl Iterator<Item = Read> + Send + 'static) -> Self {
        let (sender, batches) = sync_channel(BATCHES);
        let thread = std::thread::spawn(move || read(rows, &sender));
        Self { batches: Some(batches), batch: Vec::new().into_iter(), thread: Some(thread) }
    }

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

impl Iterator for Ahead {
    type Item = Read;

    fn next(&mut self) -> Option<Read> {
        loop {
            if let Some(read) = self.batch.next() {
                return Some(read);
            }
            match self.batches.as_ref()?.recv() {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(_) => self.end(),
            }
        }
    }
}

impl Drop for Ahead {
    /// A pass that is given up is read no further than the batch that is being read.
    fn drop(&mut self) {
        self.end();
    }
}

fn read(rows: impl Iterator<Item = Read>, batches: &SyncSender<Vec<Read>>) {
    let mut batch = Vec::new();
    let mut bytes = 0;
    for read in rows {
        bytes += read.as_ref().map_or(0, bytes_of);
        batch.push(read);
        if batch.len() >= BATCH_ROWS || bytes >= BATCH_BYTES {
            bytes = 0;
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH_ROWS));
            if batches.send(full).is_err() {
                return;
            }
        }
    }
    if !batch.is_empty() {
        // Nobody takes it any more, or it is the last one.
        let _ = batches.send(batch);
    }
}

/// About the bytes of a row's values. A row of a Parquet batch shares that with its neighbours.
fn bytes_of(item: &Item) -> usize {
    match item {
        Item::Row(Row { origin: Origin::Line(line), .. }) => line.len(),
        Item::Row(row) => row.fields.values().filter_map(|value| value.as_str()).map(str::len).sum(),
        Item::Bad(bad) => bad.raw.len(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::row::{Place, PlaceUnit};

    fn row(position: u64, bytes: usize) -> Item {
        let place = Place { file: Arc::from("a"), number: position + 1, unit: PlaceUnit::Line };
        let origin = Origin::Line("x".repeat(bytes).into());
        Item::Row(Row { position, place, id: None, fields: serde_json::Map::new(), origin })
    }

    fn failure() -> ReadError {
        ReadError::NoFile { path: "a".to_owned(), reason: "gone".to_owned() }
    }

    #[test]
    fn rows_come_in_their_order_and_an_error_behind_those_before_it() {
        let rows = (0..1000).map(|position| Ok(row(position, 1))).chain([Err(failure())]);
        let mut ahead = Ahead::new(rows);
        for position in 0..1000 {
            assert_eq!(ahead.next().unwrap().unwrap().position(), position);
        }
        assert!(ahead.next().unwrap().is_err());
        assert!(ahead.next().is_none() && ahead.next().is_none());
    }

    #[test]
    fn no_more_is_read_ahead_than_fits_between_the_threads() {
        let read = Arc::new(AtomicUsize::new(0));
        let theirs = read.clone();
        let rows = (0..1000).map(move |position| {
            theirs.fetch_add(1, Ordering::SeqCst);
            Ok(row(position, BATCH_BYTES))
        });
        let mut ahead = Ahead::new(rows);
        for taken in 1..=100 {
            ahead.next().unwrap().unwrap();
            // One is used, one waits, and one is being read.
            assert!(read.load(Ordering::SeqCst) <= taken + BATCHES + 1);
        }
        drop(ahead);
        assert!(read.load(Ordering::SeqCst) <= 102, "a pass that was given up is not read to its end");
    }

    #[test]
    fn a_panic_of_the_reader_is_not_the_end_of_the_input() {
        let rows =
            (0..300).map(|position| if position < 200 { Ok(row(position, 1)) } else { panic!("read") });
        let taken = std::panic::catch_unwind(|| Ahead::new(rows).count());
        assert!(taken.is_err());
    }
}
