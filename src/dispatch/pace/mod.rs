//! All limits together: a request passes every gate, or none. Those of the job hold over all services; each service may have
//! limits of its own, and its brake.

mod adaptive;
mod brakes;
mod calibration;
#[cfg(test)]
mod late;
mod limit_gates;
mod request_limit;
mod send_history;
mod ticket;
mod token_limit;

use std::time::Duration;

use tokio::time::Instant;

use crate::job::limits::{Quota, Quotas};
use crate::outcome::Usage;
use crate::packs::{PackText, RowSize};
use crate::request::Estimate;
use brakes::{Brakes, ThrottlingAnswer};
use calibration::Calibration;
use limit_gates::LimitGates;
use ticket::later;
pub use ticket::{HeldUntil, PacedBy, Ticket};

/// The pace of a job: its own limits, and the usage of its requests.
#[derive(Debug)]
pub struct Pace {
    limits: LimitGates,
    calibration: Calibration,
}

/// The pace of one service: its own limits, and the rate that it has been found to admit.
#[derive(Debug)]
pub struct ServicePace {
    limits: LimitGates,
    brakes: Brakes,
}

impl Pace {
    /// A pace that takes the past into account: when the requests that still count were sent, and their tokens.
    pub fn new(quotas: Quotas, now: Instant, past: &[(Instant, u64)]) -> Self {
        Self { limits: LimitGates::new(quotas, now, past), calibration: Calibration::default() }
    }

    /// Applies another quota from now on, without a burst. If a limit is raised, the brakes forget what they learnt under the
    /// old one, which can only be less.
    pub fn change<'s>(
        &mut self,
        quotas: Quotas,
        now: Instant,
        services: impl Iterator<Item = &'s mut ServicePace>,
    ) {
        let raised = self.limits.change(quotas, now);
        services.for_each(|service| service.brakes.forget(raised));
    }

    /// Requests permission to send a request of so many rows to a service now.
    ///
    /// # Errors
    ///
    /// When to ask again, and which limit delays it.
    pub fn ask(
        &mut self,
        now: Instant,
        (estimate, rows): (&Estimate, usize),
        service: &mut ServicePace,
    ) -> Result<Ticket, HeldUntil> {
        let charged = self.calibration.expected(estimate, rows);
        later(service.ready(now, charged), self.limits.ready(now, charged))?;
        self.limits.pass(now, charged);
        service.limits.pass(now, charged);
        service.brakes.pass(now, charged);
        Ok(Ticket { at: now, charged })
    }

    /// A request was answered: settles its tokens, and improves the estimate.
    pub fn answered(
        &mut self,
        ticket: Ticket,
        now: Instant,
        (estimate, rows): (&Estimate, usize),
        usage: &Usage,
        service: &mut ServicePace,
    ) {
        self.calibration.learn(estimate, usage, rows);
        // Tokens that the service did not count stay as charged.
        let Some(total_tokens) = usage.total_tokens else { return };
        service.brakes.correct(ticket, now, total_tokens as f64 - ticket.charged);
        self.settle(ticket, now, total_tokens as f64, service);
    }

    /// A request never reached a model: its tokens are returned.
    pub fn unused(&mut self, ticket: Ticket, now: Instant, service: &mut ServicePace) {
        self.settle(ticket, now, 0.0, service);
    }

    /// A request was throttled: the service is asked less from now on. `tokens`: it gives their number as the reason.
    pub fn throttled(
        &mut self,
        ticket: Ticket,
        now: Instant,
        retry_after: Option<Duration>,
        tokens: bool,
        service: &mut ServicePace,
    ) {
        self.unused(ticket, now, service);
        let limits =
            [self.limits.quotas(), service.limits.quotas()].into_iter().filter_map(|quotas| match tokens {
                true => quotas.tokens_per_minute.map(Quota::each_second),
                false => quotas.requests_each_second(),
            });
        let limit = limits.fold(f64::INFINITY, f64::min);
        service.brakes.throttled(ticket, now, ThrottlingAnswer { retry_after, tokens, limit });
    }

    /// The expected tokens of a request before any answer.
    pub fn first_guess(estimate: &Estimate) -> u64 {
        Calibration::default().expected(estimate, 1) as u64
    }

    /// Starts with the longest answer of earlier runs; 0 if there was none.
    #[must_use]
    pub fn after(self, longest_answer: u64) -> Self {
        Self { calibration: Calibration::after(longest_answer), ..self }
    }

    /// Learns the length of an answer to so many rows.
    pub fn learn_length(&mut self, estimate: &Estimate, tokens: u64, rows: usize) {
        self.calibration.learn_length(estimate, tokens, rows);
    }

    /// How many requests with answers of unknown maximum length may be in flight; `None` means any number.
    pub fn may_leave_unbounded(&self) -> Option<usize> {
        self.calibration.may_leave_unbounded()
    }

    /// The most that a request can use, which a cap reserves.
    pub fn worst(&self, estimate: &Estimate, rows: usize) -> Estimate {
        self.calibration.worst(estimate, rows)
    }

    /// The requests per second that the job's limits allow, and those of the services together; `None` when nothing limits
    /// them.
    pub fn rate<'s>(&self, now: Instant, services: impl Iterator<Item = &'s ServicePace>) -> Option<f64> {
        least(
            self.limits.quotas().requests_each_second(),
            together(services.map(|service| service.rate(now))),
        )
    }

    /// The tokens that a request may have so that requests and tokens are used up together, where so many requests a second
    /// can be in flight at the present latency; `None`: tokens are not limited.
    pub fn tokens_each<'s>(
        &self,
        now: Instant,
        services: impl Iterator<Item = &'s ServicePace> + Clone,
        in_flight: Option<f64>,
    ) -> Option<f64> {
        let tokens = together(services.clone().map(|service| service.tokens_each_second(now)));
        let tokens = least(self.limits.tokens_each_second(), tokens)?;
        let braked = together(services.map(|service| service.requests_each_second(now)));
        let requests = [self.limits.quotas().requests_each_second(), braked, in_flight];
        Some(tokens / requests.into_iter().flatten().reduce(f64::min)?)
    }

    /// What a row is expected to use: what it shares with others in its request, and what is its own.
    pub fn row_size(&self, text: &PackText, estimate: &Estimate) -> RowSize {
        let own = self.calibration.in_prompt(text.own_tokens) + self.calibration.in_answer(estimate);
        RowSize { shared: self.calibration.in_prompt(text.shared_tokens), own }
    }

    fn settle(&mut self, ticket: Ticket, now: Instant, tokens: f64, service: &mut ServicePace) {
        for limits in [&mut self.limits, &mut service.limits] {
            limits.correct(ticket, now, tokens - ticket.charged);
        }
    }
}

impl ServicePace {
    /// The pace of a service with these limits of its own, and the requests to it that still count.
    pub fn new(quotas: Quotas, now: Instant, past: &[(Instant, u64)]) -> Self {
        Self { limits: LimitGates::new(quotas, now, past), brakes: Brakes::default() }
    }

    fn ready(&mut self, now: Instant, charged: f64) -> Result<(), HeldUntil> {
        later(self.brakes.ready(now), self.limits.ready(now, charged))
    }

    /// The requests per second that the service admits and its limits allow.
    fn requests_each_second(&self, now: Instant) -> Option<f64> {
        least(self.limits.quotas().requests_each_second(), self.brakes.requests_each_second(now))
    }

    fn tokens_each_second(&self, now: Instant) -> Option<f64> {
        least(self.limits.tokens_each_second(), self.brakes.tokens_each_second(now))
    }

    /// The requests per second that may be sent to it at present, by its brakes and its own limits.
    fn rate(&self, now: Instant) -> Option<f64> {
        least(self.requests_each_second(now), self.brakes.requests_by_tokens(now))
    }
}

/// The lower of two rates, where each may be unlimited.
fn least(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(f64::min)
}

/// The sum of the rates of all; `None` as soon as one is unlimited.
fn together(mut rates: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    rates.try_fold(0.0, |sum, rate| Some(sum + rate?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(quotas: Quotas, now: Instant) -> (Pace, ServicePace) {
        (Pace::new(quotas, now, &[]), ServicePace::new(Quotas::default(), now, &[]))
    }

    #[test]
    fn all_limits_are_kept_at_once_and_none_is_paid_for_nothing() {
        let start = Instant::now();
        let quotas = Quotas {
            requests_per_second: Quota::per_second(100.0),
            requests_per_minute: Quota::per_minute(3000.0),
            tokens_per_minute: Quota::per_minute(60_000.0),
        };
        let (mut pace, mut service) = both(quotas, start);
        let estimate = Estimate { prompt_tokens: 100, max_completion_tokens: 100, unbounded: false };
        let usage = Usage::of(60, 40);
        let (mut now, mut sent) = (start, 0_u32);
        while now < start + Duration::from_secs(60) {
            match pace.ask(now, (&estimate, 1), &mut service) {
                Ok(ticket) => {
                    sent += 1;
                    pace.answered(
                        ticket,
                        now + Duration::from_millis(50),
                        (&estimate, 1),
                        &usage,
                        &mut service,
                    );
                }
                Err((when, _)) => now = when,
            }
        }
        assert!((580..=600).contains(&sent), "60,000 tokens a minute are 600 requests of 100: {sent}");
    }

    #[test]
    fn a_throttled_job_slows_down_as_a_whole() {
        let start = Instant::now();
        let (mut pace, mut service) = both(Quotas::default(), start);
        let estimate = Estimate { prompt_tokens: 1, max_completion_tokens: 1, unbounded: false };
        let mut last = None;
        for request in 0..100 {
            last = pace.ask(start + Duration::from_millis(10 * request), (&estimate, 1), &mut service).ok();
        }
        let now = start + Duration::from_secs(1);
        pace.throttled(last.expect("sent"), now, None, false, &mut service);
        let rate = pace.rate(now, [&service].into_iter()).expect("braked");
        assert!((80.0..95.0).contains(&rate), "{rate}");
        assert!(matches!(pace.ask(now, (&estimate, 1), &mut service), Err((_, PacedBy::Brake))));
    }
}
