//! The known limits of requests and tokens, of a job or of one service.

use tokio::time::Instant;

use super::request_limit::Spacing;
use super::ticket::{HeldUntil, PacedBy, Ticket, later};
use super::token_limit::Gate;
use crate::job::limits::{Quota, Quotas};

/// A gate for each limit.
#[derive(Debug)]
pub(super) struct LimitGates {
    quotas: Quotas,
    /// Per second, and per minute.
    requests: [Option<Spacing>; 2],
    tokens: Option<Gate>,
}

/// Which limits a change has raised.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raised {
    pub(super) requests: bool,
    pub(super) tokens: bool,
}

impl LimitGates {
    /// Gates that take the past into account: when the requests that still count were sent, and their tokens.
    pub(super) fn new(quotas: Quotas, now: Instant, past: &[(Instant, u64)]) -> Self {
        let limits = [quotas.requests_per_second, quotas.requests_per_minute];
        let spaced = quotas.requests_each_second().is_some();
        let mut gates = Self {
            quotas,
            requests: limits.map(|limit| limit.map(|quota| Spacing::new(quota, now))),
            tokens: quotas.tokens_per_minute.map(|quota| Gate::new(quota, now).with_credit(spaced)),
        };
        // In order of time: each has its turn after the one before.
        let mut past = past.to_vec();
        past.sort_unstable();
        for spacing in gates.requests.iter().flatten() {
            spacing.remember(past.iter().map(|(at, _)| *at));
        }
        for (at, tokens) in &past {
            if let Some(gate) = &mut gates.tokens {
                gate.remember(*at, *tokens as f64);
            }
        }
        gates
    }

    /// Applies other limits from now on, without a burst. Returns which of them are higher.
    pub(super) fn change(&mut self, quotas: Quotas, now: Instant) -> Raised {
        let before = std::mem::replace(&mut self.quotas, quotas);
        let limits = |quotas: Quotas| [quotas.requests_per_second, quotas.requests_per_minute];
        for ((spacing, before), after) in self.requests.iter_mut().zip(limits(before)).zip(limits(quotas)) {
            *spacing = match (spacing.take(), after) {
                (_, None) => None,
                (Some(spacing), after) if before == after => Some(spacing),
                (Some(spacing), Some(after)) => Some(spacing.changed(after, now)),
                (None, Some(after)) => Some(Spacing::put_up(after, now)),
            };
        }
        let tokens = [before.tokens_per_minute, quotas.tokens_per_minute];
        let gate = match (self.tokens.take(), tokens[1]) {
            (_, None) => None,
            (Some(gate), after) if tokens[0] == after => Some(gate),
            (Some(gate), Some(after)) => Some(gate.changed(after, now)),
            (None, Some(after)) => Some(Gate::put_up(after, now)),
        };
        let spaced = quotas.requests_each_second().is_some();
        self.tokens = gate.map(|gate| gate.with_credit(spaced));
        let is_raised = |[before, after]: [Option<f64>; 2]| {
            before.is_some_and(|before| after.is_none_or(|after| after > before))
        };
        Raised {
            requests: is_raised([before, quotas].map(|quotas| quotas.requests_each_second())),
            tokens: is_raised(tokens.map(|quota| quota.map(Quota::amount))),
        }
    }

    /// The limits.
    pub(super) fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// The tokens per second that the limit allows, if there is one.
    pub(super) fn tokens_each_second(&self) -> Option<f64> {
        self.quotas.tokens_per_minute.map(Quota::each_second)
    }

    /// When a request with this many tokens can pass every gate: now, or at the returned instant.
    pub(super) fn ready(&mut self, now: Instant, tokens: f64) -> Result<(), HeldUntil> {
        let requests = self.requests.iter().flatten().map(|spacing| spacing.ready(now));
        let requests =
            requests.map(|ready| ready.map_err(|when| (when, PacedBy::Requests))).fold(Ok(()), later);
        let gate = self.tokens.as_mut().map_or(Ok(()), |gate| gate.ready(now, tokens));
        later(requests, gate.map_err(|when| (when, PacedBy::Tokens)))
    }

    /// Lets a request pass that was found ready.
    pub(super) fn pass(&mut self, now: Instant, tokens: f64) {
        self.requests.iter().flatten().for_each(|spacing| spacing.pass(now));
        if let Some(gate) = &mut self.tokens {
            gate.pass(now, tokens);
        }
    }

    /// A request turned out to use more or fewer tokens than expected, by this difference.
    pub(super) fn correct(&mut self, ticket: Ticket, now: Instant, difference: f64) {
        if let Some(gate) = &mut self.tokens {
            gate.correct(ticket.at, now, difference);
        }
    }
}
