//! The services of a job: what they are together, and which of them takes a request.

use tokio::time::Instant;

use super::circuit_breaker::{Allowance, Fate};
use super::pace::ServicePace;
use super::service::{Service, Traffic};
use crate::request::Shape;

/// All services of a job, of which there is at least one.
pub(super) struct Services<'e, E>(pub(super) Vec<Service<'e, E>>);

impl<'e, E> Services<'e, E> {
    /// A pass begins, or has ended: nothing is in flight.
    pub(super) fn forget_traffic(&mut self) {
        self.0.iter_mut().for_each(|service| service.traffic = Traffic::default());
    }

    /// The service by its number.
    pub(super) fn of(&mut self, number: usize) -> &mut Service<'e, E> {
        &mut self.0[number]
    }

    /// What holds requests back at each.
    pub(super) fn paces(&self) -> impl Iterator<Item = &ServicePace> + Clone {
        self.0.iter().map(|service| &service.pace)
    }

    /// How many requests may be in flight at present.
    pub(super) fn places(&self) -> usize {
        self.0.iter().map(Service::places).sum()
    }

    /// The requests per second that the places allow at the observed latencies; `None` before the first answer.
    pub(super) fn requests_each_second(&self) -> Option<f64> {
        self.0
            .iter()
            .filter_map(|service| service.window.requests_each_second())
            .reduce(|sum, rate| sum + rate)
    }

    /// When the next probe may go out, if no service answers.
    pub(super) fn next_probe(&self) -> Option<Instant> {
        let probes = self.0.iter().map(|service| service.breaker.next_probe());
        probes.reduce(|first, probe| Some(first?.min(probe?))).flatten()
    }

    /// When a continuing silence of all exceeds the job's patience.
    pub(super) fn patience_ends(&self) -> Option<Instant> {
        let ends = self.0.iter().map(|service| service.breaker.patience_ends());
        ends.reduce(|last, end| Some(last?.max(end?))).flatten()
    }

    /// Whether to report that no address was ever reached.
    pub(super) fn were_never_reached(&self) -> bool {
        self.0.iter().all(|service| service.breaker.was_never_reached())
    }

    /// Whether a row of this shape may be sent for the first time.
    pub(super) fn allow(&self, shape: Shape, now: Instant) -> bool {
        let allows = |service: &Service<'_, E>| {
            service.preflight.allows(shape, now, service.breaker.next_probe().is_some())
        };
        self.0.iter().any(allows)
    }

    /// When the wait for the first row of a shape ends, if it does not return before.
    pub(super) fn open_at(&self, shape: Shape, now: Instant) -> Option<Instant> {
        self.0.iter().filter_map(|service| service.preflight.opens_at(shape, now)).min()
    }

    /// Whether some service is known to take requests of this shape.
    pub(super) fn let_through(&self, shape: Shape) -> bool {
        self.0.iter().any(|service| service.preflight.is_let_through(shape))
    }

    /// Decides about a row after its wait.
    pub(super) fn waited(&self, allowance: &mut Allowance, last: bool) -> Fate {
        self.0[0].breaker.waited(allowance, last)
    }
}
