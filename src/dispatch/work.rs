//! The active rows and their queues: fresh, waiting, cleared to be sent again.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::circuit_breaker::Allowance;
use crate::conversation::calls::ToolCall;
use crate::conversation::{Asks, Step};
use crate::job::price::Price;
use crate::note::{BatchLine, RowKey};
use crate::outcome::{Fault, Reply};
use crate::packs::PackText;
use crate::request::ChatRequest;
use crate::reserve::Reserve;

/// A row that is ready to be sent.
#[derive(Debug)]
pub struct Ready {
    /// The row to which its answer belongs.
    pub row: RowKey,
    pub request: ChatRequest,
    /// Tries of earlier runs and passes that count. A row that has used up all of them starts again.
    pub tries: u32,
    /// Its paid answers that did not end it.
    pub steps: Vec<Step>,
    /// The reply to its first request, if a provider's batch has brought that.
    pub collected: Option<Box<Collected>>,
}

/// A reply that a provider's batch has brought.
#[derive(Debug)]
pub struct Collected {
    /// The line by which it came.
    pub line: BatchLine,
    pub reply: Reply,
    /// When the batch was submitted, and how long it took.
    pub at: SystemTime,
    pub latency: Duration,
    /// The most that it could cost, which has been set aside since.
    pub worst: Reserve,
    /// The price of what comes by a batch, if known.
    pub price: Option<Arc<Price>>,
}

/// An active row.
#[derive(Debug)]
pub(crate) struct Work {
    /// The row to which its answer belongs.
    pub row: RowKey,
    /// Its first request, or the one that follows from its steps.
    pub request: ChatRequest,
    /// Its first request, once another one has followed.
    first: Option<Box<ChatRequest>>,
    /// Its paid answers that did not end it.
    pub steps: Vec<Step>,
    pub allowance: Allowance,
    /// The transient fault for which it waits.
    pub fault: Option<Box<Fault>>,
    /// Throttling answers in a row: its backoff grows with them, its allowance does not shrink.
    pub throttled: u32,
    /// Answers that arrived whole but were unusable.
    pub unusable: u32,
    /// Throttled tries after which other requests are known to have been let in.
    pub overtaken: u32,
    /// What it may travel by with others; `None` for a row that goes alone.
    pub travel: Option<Box<PackText>>,
    /// The number of the service that its last request was sent to.
    pub service: usize,
    /// The rows that travel in its request, where there are several: they are sent again together, and end each by itself.
    pub pack: Option<Box<[Work]>>,
    /// The turn of the last throttled try for which that is not yet known.
    turned_away: Option<u64>,
}

impl Work {
    /// A row with its remaining tries out of `max_attempts`.
    pub(crate) fn new(ready: Ready, max_attempts: u32) -> Self {
        let allowance = Allowance::of_earlier(ready.tries, max_attempts);
        let Ready { row, request, steps, .. } = ready;
        Self {
            row,
            request,
            first: None,
            steps,
            allowance,
            fault: None,
            throttled: 0,
            unusable: 0,
            overtaken: 0,
            travel: None,
            service: 0,
            pack: None,
            turned_away: None,
        }
    }

    /// Rows that travel in this request.
    pub(crate) fn of_pack(members: Vec<Self>, request: ChatRequest) -> Option<Self> {
        let row = members.first()?.row.clone();
        let ready = Ready { row, request, tries: 0, steps: Vec::new(), collected: None };
        Some(Self { pack: Some(members.into_boxed_slice()), ..Self::new(ready, u32::MAX) })
    }

    /// How many rows its request has.
    pub(crate) fn rows(&self) -> usize {
        self.pack.as_ref().map_or(1, |members| members.len())
    }

    /// The rows that travel in its request, or itself.
    pub(crate) fn members(&self) -> &[Self] {
        self.pack.as_ref().map_or(std::slice::from_ref(self), |members| members)
    }

    /// It goes alone from now on.
    pub(crate) fn alone(self) -> Self {
        Self { travel: None, ..self }
    }

    /// Whether it waits for the answer to its first request.
    pub(crate) fn is_at_its_first(&self) -> bool {
        self.steps.iter().all(|step| step.asks == Asks::Alone)
    }

    /// It was throttled in this turn; the last turn in which any request was let in is `let_in`. Returns whether the row
    /// has been overtaken: others sent after one of its tries were let in.
    pub(crate) fn was_throttled(&mut self, turn: u64, let_in: u64) -> bool {
        let before = self.turned_away.take().is_some_and(|earlier| let_in > earlier);
        let now = let_in > turn;
        self.turned_away = (!now).then_some(turn);
        self.overtaken += u32::from(before) + u32::from(now);
        before || now
    }

    pub(crate) fn first(&self) -> &ChatRequest {
        self.first.as_deref().unwrap_or(&self.request)
    }

    /// The row continues with another request, which has tries of its own.
    pub(crate) fn continue_with(&mut self, request: ChatRequest) {
        self.resume_with(request);
        (self.allowance, self.throttled, self.unusable) = (Allowance::default(), 0, 0);
    }

    /// The row continues with a request that it had reached in an earlier run.
    pub(crate) fn resume_with(&mut self, request: ChatRequest) {
        let before = std::mem::replace(&mut self.request, request);
        // A row whose answers are cut off without streaming has been switched to streaming.
        self.request.stream |= before.stream;
        self.first.get_or_insert_with(|| Box::new(before));
    }
}

/// The active rows without a slot.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    /// Never sent in this pass, in the order of the input.
    pub fresh: VecDeque<Work>,
    waiting: BinaryHeap<Waiting>,
    /// With the number of rows of which the journal has yet to record that they are sent again.
    clearing: VecDeque<(Work, usize)>,
    /// Sent before; the journal has recorded that they are sent again.
    pub cleared: VecDeque<Work>,
    /// With tool calls, which run once the journal has the answer that makes them.
    calling: VecDeque<(Work, Vec<ToolCall>)>,
    count: u64,
}

#[derive(Debug)]
struct Waiting {
    due: Instant,
    order: u64,
    work: Work,
}

impl Queues {
    /// How many active rows are without a slot.
    pub(crate) fn len(&self) -> usize {
        let going = self.clearing.len() + self.cleared.len() + self.calling.len();
        self.fresh.len() + self.waiting.len() + going
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

    /// Takes the next waiting row if it is due by then.
    pub(crate) fn take_due(&mut self, by: Instant) -> Option<Work> {
        if self.waiting.peek()?.due > by {
            return None;
        }
        Some(self.waiting.pop()?.work)
    }

    /// Lets a row be sent again once [`Queues::clear`] reports that the journal has recorded it.
    pub(crate) fn clear_later(&mut self, work: Work) {
        let rows = work.rows();
        self.clearing.push_back((work, rows));
    }

    /// The journal has recorded that a row is sent again. Rows are cleared in the order in which they were taken.
    pub(crate) fn clear(&mut self) {
        let Some((_, left)) = self.clearing.front_mut() else { return };
        *left -= 1;
        if *left == 0 {
            self.cleared.extend(self.clearing.pop_front().map(|(work, _)| work));
        }
    }

    /// Lets a row wait until the answer with its tool calls is on disk.
    pub(crate) fn call_later(&mut self, work: Work, calls: Vec<ToolCall>) {
        self.calling.push_back((work, calls));
    }

    /// The next row whose calls are on disk. Answers are stored in the order in which they arrived.
    pub(crate) fn may_call(&mut self) -> Option<(Work, Vec<ToolCall>)> {
        self.calling.pop_front()
    }

    /// Whether a row is being cleared or already cleared, or is about to call its tools.
    pub(crate) fn goes_again(&self) -> bool {
        !self.clearing.is_empty() || !self.cleared.is_empty() || !self.calling.is_empty()
    }

    /// Shortens the waits of all rows, each by its own draw: the service is back.
    pub(crate) fn hasten(&mut self, mut due: impl FnMut(Instant) -> Instant) {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting = waiting.into_iter().map(|one| Waiting { due: due(one.due), ..one }).collect();
    }
}

/// A row whose tools have been run. It holds no slot meanwhile.
pub(super) struct ToolRound {
    pub(super) work: Work,
    pub(super) results: Result<Vec<String>, Fault>,
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

/// The earliest is the greatest, because a [`BinaryHeap`] returns the greatest first.
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.order).cmp(&(self.due, self.order))
    }
}
