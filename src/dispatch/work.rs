//! A row on its way, and where the rows on their way stand: fresh, waiting, cleared to go again.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use tokio::time::Instant;

use super::health::Allowance;
use crate::note::RowKey;
use crate::request::ChatRequest;

/// A row that is ready to be sent.
#[derive(Debug)]
pub struct Ready {
    /// What its answer will belong to.
    pub row: RowKey,
    /// Its request.
    pub request: ChatRequest,
    /// Tries of earlier runs and passes that count. A row that has used all of them up is tried again as one that is
    /// known to fail while others are answered, so that a few such rows at the end are not taken for an outage.
    pub tries: u32,
}

/// A row on its way.
#[derive(Debug)]
pub(crate) struct Work {
    /// What its answer will belong to.
    pub row: RowKey,
    /// Its request.
    pub request: ChatRequest,
    /// Its tries.
    pub allowance: Allowance,
    /// Throttling answers in a row: its backoff grows with them, its allowance does not shrink.
    pub throttled: u32,
    /// Answers that arrived whole and were no use.
    pub unusable: u32,
}

impl Work {
    /// A row that begins with the tries it has left of so many.
    pub(crate) fn new(ready: Ready, max_attempts: u32) -> Self {
        let used = if ready.tries < max_attempts { ready.tries } else { 1 };
        let allowance = Allowance::used(used);
        Self { row: ready.row, request: ready.request, allowance, throttled: 0, unusable: 0 }
    }
}

/// The rows on their way that hold no place.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    /// Never sent in this pass, in the order of the input.
    pub fresh: VecDeque<Work>,
    waiting: BinaryHeap<Waiting>,
    clearing: VecDeque<Work>,
    /// Sent before; the journal knows that they go out again.
    pub cleared: VecDeque<Work>,
    count: u64,
}

#[derive(Debug)]
struct Waiting {
    due: Instant,
    order: u64,
    work: Work,
}

impl Queues {
    /// Rows on their way that hold no place.
    pub(crate) fn len(&self) -> usize {
        self.fresh.len() + self.waiting.len() + self.clearing.len() + self.cleared.len()
    }

    /// Rows that wait for their backoff to end.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Lets a row wait.
    pub(crate) fn wait(&mut self, due: Instant, work: Work) {
        self.count += 1;
        self.waiting.push(Waiting { due, order: self.count, work });
    }

    /// When the first waiting row is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.waiting.peek().map(|waiting| waiting.due)
    }

    /// Takes the next waiting row if it is due by then. It goes out once [`Queues::clear`] says that the journal
    /// knows.
    pub(crate) fn take_due(&mut self, by: Instant) -> Option<RowKey> {
        if self.waiting.peek()?.due > by {
            return None;
        }
        let work = self.waiting.pop()?.work;
        let row = work.row.clone();
        self.clearing.push_back(work);
        Some(row)
    }

    /// The journal knows that a row goes out again. Rows are cleared in the order in which they were taken.
    pub(crate) fn clear(&mut self) {
        self.cleared.extend(self.clearing.pop_front());
    }

    /// Whether a row is being cleared or cleared already.
    pub(crate) fn goes_again(&self) -> bool {
        !self.clearing.is_empty() || !self.cleared.is_empty()
    }

    /// Brings the waits of all rows forward, each by its own throw: the service is back.
    pub(crate) fn hasten(&mut self, mut due: impl FnMut(Instant) -> Instant) {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting = waiting.into_iter().map(|one| Waiting { due: due(one.due), ..one }).collect();
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The earliest is the greatest, because a [`BinaryHeap`] gives the greatest first.
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.order).cmp(&(self.due, self.order))
    }
}
