//! The brakes of a service: one for requests, and one for tokens if the service is known to count them.

use std::time::Duration;

use tokio::time::Instant;

use super::adaptive::{Brake, Throttling};
use super::limit_gates::Raised;
use super::send_history::Record;
use super::ticket::{HeldUntil, PacedBy, Ticket};

/// Refusals up to this share of what was sent within a minute are strays.
const STRAY: f64 = 0.001;

/// Both brakes, each with the record that it uses.
#[derive(Debug, Default)]
pub(super) struct Brakes {
    requests: (Brake, Record),
    tokens: (Brake, Record),
}

/// A throttling answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct ThrottlingAnswer {
    /// The wait requested by the service.
    pub(super) retry_after: Option<Duration>,
    /// Whether it gives the number of tokens as the reason.
    pub(super) tokens: bool,
    /// The known limit per second of what it counts; infinite if there is none.
    pub(super) limit: f64,
}

impl Brakes {
    /// When a request can be sent: now, or at the returned instant.
    pub(super) fn ready(&self, now: Instant) -> Result<(), HeldUntil> {
        let held = [&self.requests, &self.tokens].map(|(brake, _)| brake.ready(now).err());
        held.into_iter().flatten().max().map_or(Ok(()), |when| Err((when, PacedBy::Brake)))
    }

    /// Lets a request with this many tokens pass.
    pub(super) fn pass(&mut self, now: Instant, tokens: f64) {
        for ((brake, record), amount) in [(&mut self.requests, 1.0), (&mut self.tokens, tokens)] {
            brake.pass(now, amount);
            record.sent(now, amount);
        }
    }

    /// A request turned out to use more or fewer tokens than estimated, by this difference.
    pub(super) fn correct(&mut self, ticket: Ticket, now: Instant, difference: f64) {
        let (brake, record) = &mut self.tokens;
        brake.correct(now, difference);
        record.correct(ticket.at, difference);
    }

    /// A request was throttled.
    pub(super) fn throttled(&mut self, ticket: Ticket, now: Instant, answer: ThrottlingAnswer) {
        let ThrottlingAnswer { retry_after, tokens, limit } = answer;
        self.requests.1.refused(ticket.at, 1.0);
        self.tokens.1.refused(ticket.at, ticket.charged);
        let (brake, record) = if tokens { &mut self.tokens } else { &mut self.requests };
        let throttling = Throttling {
            sent_at: ticket.at,
            rate: record.rate(now, limit),
            let_in: record.let_in(),
            total: record.total,
            began: record.began.unwrap_or(now),
            each: record.each(),
            retry_after,
            is_stray: record.share_refused() <= STRAY,
        };
        brake.throttled(now, throttling);
    }

    /// Limits were raised: what was learnt under the old ones can only be less.
    pub(super) fn forget(&mut self, raised: Raised) {
        if raised.requests {
            self.requests.0.forget();
        }
        if raised.tokens {
            self.tokens.0.forget();
        }
    }

    /// The requests per second that their brake allows; `None` when it is off.
    pub(super) fn requests_each_second(&self, now: Instant) -> Option<f64> {
        self.requests.0.rate(now)
    }

    /// The tokens per second that their brake allows; `None` when it is off.
    pub(super) fn tokens_each_second(&self, now: Instant) -> Option<f64> {
        self.tokens.0.rate(now)
    }

    /// The requests per second that the brake for tokens allows; `None` when it is off.
    pub(super) fn requests_by_tokens(&self, now: Instant) -> Option<f64> {
        let (brake, record) = &self.tokens;
        brake.rate(now).map(|rate| rate / record.each())
    }
}
