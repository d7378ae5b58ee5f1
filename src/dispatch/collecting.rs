//! Takes in a reply that a provider's batch has brought: it was paid for, and needs no slot, no turn and no patience. From the
//! conversation on it is like any other; what follows it is sent at once, under the limits of the job.

use tokio::time::Instant;

use super::bill::{Bill, BilledRequest};
use super::flight::SentRequest;
use super::ledger::Ledger;
use super::pass::Pass;
use super::work::{Collected, Work};
use crate::endpoint::Endpoint;
use crate::failpoint::meet;
use crate::note::{Outcome, PackPlace, SendTime};
use crate::outcome::Fault;

/// The service that batches are sent to.
const FIRST: usize = 0;

/// Ends that may wait for the journal while more replies are taken in.
const MOST_UNSTORED: usize = 1024;

impl<E: Endpoint, L: Ledger> Pass<'_, '_, E, L> {
    /// Whether the next rows may be read. What was collected is taken in even when the pass stops.
    pub(super) fn reads(&self) -> bool {
        match self.collects {
            true => self.unstored < MOST_UNSTORED && (self.stops() || self.has_room()),
            false => self.reason.is_none() && self.has_room(),
        }
    }

    /// Takes in the reply to the first request of a row.
    pub(super) fn collect(&mut self, work: Work, collected: Collected) {
        meet("batch.collect");
        let now = Instant::now();
        let Collected { line, reply, at, latency, worst, price } = collected;
        self.sent += 1;
        let worst_estimate = self.worst_of(&work).0;
        let billed = BilledRequest {
            request: &work.request,
            price: price.as_deref(),
            worst_estimate,
            reservation: worst,
        };
        let bill = Bill::of(&reply, &billed, false);
        self.dispatcher.budget.collected(worst, &bill);
        let sent = SendTime { at, latency, worst, pack: PackPlace::ALONE, line: Some(line) };
        let end =
            SentRequest { order: self.sent, service: FIRST, sent, cost: bill.cost, reserved: bill.reserved };
        match reply {
            Ok(answer) => {
                let estimate = &work.request.estimate;
                if answer.usage.and_then(|usage| usage.completion_tokens).is_some() || estimate.unbounded {
                    self.dispatcher.pace.learn_length(estimate, answer.length(), 1);
                }
                for ended in self.preflight(FIRST).heard(end.order) {
                    self.store(ended);
                }
                self.converse(work, answer, end, now);
            }
            Err(fault) if fault.kind.passes() => self.goes_into_the_next_batch(work, fault, end),
            Err(fault) => self.judged(work, fault, end, now),
        }
    }

    /// A line had a fault that passes: it stays pending for another batch, where it costs half, unless its tries are used up.
    fn goes_into_the_next_batch(&mut self, mut work: Work, fault: Fault, end: SentRequest) {
        work.allowance.charge();
        match work.allowance.tries() >= self.dispatcher.retry.max_attempts {
            true => self.refused(&work, fault, end),
            false => self.store(end.of(&work, Outcome::Retry(fault))),
        }
    }
}
