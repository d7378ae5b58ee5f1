//! Rows that continue from their stored steps: runs the tools that an answer calls, and sends the next request.

use std::cell::Cell;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::ledger::Ledger;
use super::pass::Pass;
use super::work::{Ready, ToolRound, Work};
use crate::conversation::calls::ToolCall;
use crate::conversation::{Asks, MOST_RESULT_BYTES, Resumed, Step};
use crate::endpoint::Endpoint;
use crate::failpoint::meet;
use crate::note::{JournalEvent, Outcome, RequestEnd};
use crate::outcome::{Fault, FaultKind};

/// How much more output the tools of a row may have. Output beyond that is dropped, so that the others can finish.
struct Room(Cell<usize>);

impl Room {
    fn of(steps: &[Step]) -> Self {
        let used = steps.iter().map(Step::result_bytes).sum();
        Self(Cell::new(MOST_RESULT_BYTES.saturating_sub(used)))
    }

    fn take(&self, result: String) -> Result<String, Fault> {
        let Some(left) = self.0.get().checked_sub(result.len()) else {
            self.0.set(0);
            let most = MOST_RESULT_BYTES >> 20;
            let message = format!("the tools of this row printed more than {most} MiB in total");
            return Err(Fault::new(FaultKind::InvalidAnswer, "too_long_results", message));
        };
        self.0.set(left);
        Ok(result)
    }
}

impl<E: Endpoint, L: Ledger> Pass<'_, '_, E, L> {
    /// Accepts a row to be sent; one that was interrupted between two requests continues where it was.
    pub(super) fn take_up(&mut self, ready: Ready) {
        let mut ready = ready;
        let collected = ready.collected.take();
        let mut work = Work::new(ready, self.dispatcher.retry.max_attempts);
        if let Some(collected) = collected {
            return self.collect(work, *collected);
        }
        if work.steps.is_empty() {
            work.travel = self.travels(&work);
            self.queues.fresh.push_back(work);
            return;
        }
        match self.dispatcher.conversation.resume(&work.request, &work.steps) {
            Resumed::Ask(request) => {
                work.resume_with(*request);
                self.queues.fresh.push_back(work);
            }
            Resumed::Call(calls) => self.call(work, calls),
            Resumed::Failed(fault) => self.failed_unsent(&work, fault),
        }
    }

    /// The end of a request is on disk. If its answer calls tools, they are run only now: the side effects of a command
    /// must belong to an answer that no kill can undo.
    pub(super) fn on_disk(&mut self, ending: &Outcome) {
        let calls = matches!(ending, Outcome::Continue(step) if step.asks == Asks::Tools);
        if calls && let Some((work, calls)) = self.queues.may_call() {
            self.call(work, calls);
        }
    }

    /// The tools of a row have finished: their results are stored, and the row continues.
    pub(super) fn came_back(&mut self, tool_round: ToolRound) {
        let ToolRound { mut work, results } = tool_round;
        let results = match results {
            Ok(results) => results,
            Err(fault) => return self.failed_unsent(&work, fault),
        };
        if let Some(step) = work.steps.last_mut() {
            step.results.clone_from(&results);
        }
        meet("dispatch.tools.before");
        self.write(JournalEvent::Results { row: work.row.clone(), results });
        meet("dispatch.tools.after");
        match self.dispatcher.conversation.resume(work.first(), &work.steps) {
            Resumed::Ask(request) => {
                work.continue_with(*request);
                self.queues.wait(Instant::now(), work);
            }
            Resumed::Call(calls) => self.call(work, calls),
            Resumed::Failed(fault) => self.failed_unsent(&work, fault),
        }
    }

    /// Runs the tools that a row calls in parallel, each to its end: the side effects of one must not be broken off because
    /// another fails. A stopping pass starts nothing: the row continues from its stored step in the next run.
    fn call(&mut self, work: Work, calls: Vec<ToolCall>) {
        if self.stops() {
            return;
        }
        let toolbox = self.dispatcher.toolbox;
        self.tool_rounds.push(Box::pin(async move {
            let room = Room::of(&work.steps);
            let results = calls.iter().map(|call| async { room.take(toolbox.run(call).await?) });
            let results = join_all(results).await;
            ToolRound { work, results: results.into_iter().collect() }
        }));
    }

    /// A row has failed between two requests.
    fn failed_unsent(&mut self, work: &Work, fault: Fault) {
        let tries = work.allowance.tries();
        let ending = Outcome::Failed(fault.clone());
        let ended = RequestEnd::unsent(work.row.clone(), tries, ending);
        self.failed(ended, fault, work, (work.service, None));
    }
}
