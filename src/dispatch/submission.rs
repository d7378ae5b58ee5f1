//! What a run that submits batches asks of the dispatcher between passes: what the caps leave, and whether its time is up.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::bill::worst_at;
use super::dispatcher::Dispatcher;
use super::stop::{Cap, StopReason};
use crate::endpoint::Endpoint;
use crate::job::price::Price;
use crate::request::ChatRequest;
use crate::reserve::Reserve;

impl<E: Endpoint> Dispatcher<'_, E> {
    /// The most that a request can cost in a batch, at its price there.
    pub fn worst_in_a_batch(&self, request: &ChatRequest, price: Option<&Arc<Price>>) -> Reserve {
        worst_at(price.map(Arc::as_ref), request.thinks, &self.worst_estimate(request, 1))
    }

    /// Whether a batch that may cost so much is within the caps; if not, which is in the way.
    ///
    /// # Errors
    ///
    /// The cap.
    pub fn affords(&self, worst: Reserve) -> Result<(), Cap> {
        let left = self.budget.left();
        match () {
            () if worst.cost > left.cost => Err(Cap::Cost),
            () if worst.tokens > left.tokens => Err(Cap::TotalTokens),
            () => Ok(()),
        }
    }

    /// Sets aside what a batch may cost.
    pub fn submit(&mut self, worst: Reserve) {
        self.budget.submit(worst);
    }

    /// Sets no longer aside what a batch, or a part of it, was not used for.
    pub fn withdraw(&mut self, worst: Reserve) {
        self.budget.withdraw(worst);
    }

    /// Nothing was sent for so long because the run waited for a batch: that is no silence of the service.
    pub fn has_waited(&mut self, waited: Duration) {
        self.services.0.iter_mut().for_each(|service| service.breaker.was_paused(waited));
    }

    /// Applies the newest terms, and says whether one of them ends the run.
    pub fn look_at_the_terms(&mut self) -> Option<StopReason> {
        let now = Instant::now();
        self.take_terms(now);
        match () {
            () if self.terms.time_is_up => Some(StopReason::Cap(Cap::Until)),
            () if self.ends_at.is_some_and(|end| end <= now) => Some(StopReason::Cap(Cap::Duration)),
            () => None,
        }
    }

    /// Whether a user, or the schedule, has paused the run.
    pub fn is_paused(&self) -> bool {
        self.terms.paused
    }

    /// Whether a user has asked for the batches to be cancelled.
    pub fn is_to_cancel(&self) -> bool {
        self.terms.cancels
    }
}
