//! All limits together: a request passes every gate, or none.

mod adaptive;
mod calibration;
#[cfg(test)]
mod late;
mod request_limit;
mod send_history;
mod token_limit;

use std::time::Duration;

use tokio::time::Instant;

use crate::job::limits::{Quota, Quotas};
use crate::outcome::Usage;
use crate::packs::{PackText, RowSize};
use crate::request::Estimate;
use adaptive::{Brake, Throttling};
use calibration::Calibration;
use request_limit::Spacing;
use send_history::Record;
use token_limit::Gate;

/// Refusals up to this share of what was sent within a minute are strays.
const STRAY: f64 = 0.001;

/// The pace of a job.
#[derive(Debug)]
pub struct Pace {
    quotas: Quotas,
    /// Per second, and per minute.
    requests: [Option<Spacing>; 2],
    tokens: Option<Gate>,
    /// The brake for requests, and the record that it uses.
    brake: (Brake, Record),
    /// The brake for tokens, for a service that is known to count them.
    token_brake: (Brake, Record),
    calibration: Calibration,
}

/// Permission to send one request now.
#[derive(Debug, Clone, Copy)]
pub struct Ticket {
    /// When it was given.
    pub at: Instant,
    charged: f64,
}

/// The limit that delays a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacedBy {
    /// A limit of requests.
    Requests,
    /// The limit of tokens.
    Tokens,
    /// The brake, after throttling.
    Brake,
}

impl Pace {
    /// A pace that takes the past into account: when the requests that still count were sent, and their tokens.
    pub fn new(quotas: Quotas, now: Instant, past: &[(Instant, u64)]) -> Self {
        let limits = [quotas.requests_per_second, quotas.requests_per_minute];
        let spaced = quotas.requests_each_second().is_some();
        let mut pace = Self {
            quotas,
            requests: limits.map(|limit| limit.map(|quota| Spacing::new(quota, now))),
            tokens: quotas.tokens_per_minute.map(|quota| Gate::new(quota, now).with_credit(spaced)),
            brake: Default::default(),
            token_brake: Default::default(),
            calibration: Calibration::default(),
        };
        // In order of time: each has its turn after the one before.
        let mut past = past.to_vec();
        past.sort_unstable();
        for spacing in pace.requests.iter().flatten() {
            spacing.remember(past.iter().map(|(at, _)| *at));
        }
        for (at, tokens) in &past {
            if let Some(gate) = &mut pace.tokens {
                gate.remember(*at, *tokens as f64);
            }
        }
        pace
    }

    /// Applies another quota from now on, without a burst. If a limit is raised, the brake forgets what it learnt under the
    /// old one, which can only be less.
    pub fn change(&mut self, quotas: Quotas, now: Instant) {
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
        if is_raised([before, quotas].map(|quotas| quotas.requests_each_second())) {
            self.brake.0.forget();
        }
        if is_raised(tokens.map(|quota| quota.map(Quota::amount))) {
            self.token_brake.0.forget();
        }
    }

    /// Requests permission to send a request of so many rows now.
    ///
    /// # Errors
    ///
    /// When to ask again, and which limit delays it.
    pub fn ask(
        &mut self,
        now: Instant,
        estimate: &Estimate,
        rows: usize,
    ) -> Result<Ticket, (Instant, PacedBy)> {
        let charged = self.calibration.expected(estimate, rows);
        let brakes = [&self.brake, &self.token_brake].map(|(brake, _)| brake.ready(now).err());
        let mut held = brakes.into_iter().flatten().max().map(|when| (when, PacedBy::Brake));
        let mut hold = |ready: Result<(), Instant>, by: PacedBy| {
            if let Err(when) = ready
                && held.is_none_or(|(latest, _)| when > latest)
            {
                held = Some((when, by));
            }
        };
        for spacing in self.requests.iter().flatten() {
            hold(spacing.ready(now), PacedBy::Requests);
        }
        if let Some(gate) = &mut self.tokens {
            hold(gate.ready(now, charged), PacedBy::Tokens);
        }
        if let Some(held) = held {
            return Err(held);
        }
        for ((brake, record), amount) in [(&mut self.brake, 1.0), (&mut self.token_brake, charged)] {
            brake.pass(now, amount);
            record.sent(now, amount);
        }
        self.requests.iter().flatten().for_each(|spacing| spacing.pass(now));
        if let Some(gate) = &mut self.tokens {
            gate.pass(now, charged);
        }
        Ok(Ticket { at: now, charged })
    }

    /// A request was answered: settles its tokens, and improves the estimate.
    pub fn answered(
        &mut self,
        ticket: Ticket,
        now: Instant,
        (estimate, rows): (&Estimate, usize),
        usage: &Usage,
    ) {
        self.calibration.learn(estimate, usage, rows);
        // Tokens that the service did not count stay as charged.
        let Some(total_tokens) = usage.total_tokens else { return };
        let (brake, record) = &mut self.token_brake;
        let difference = total_tokens as f64 - ticket.charged;
        brake.correct(now, difference);
        record.correct(ticket.at, difference);
        self.settle(ticket, now, total_tokens as f64);
    }

    /// A request never reached a model: its tokens are returned.
    pub fn unused(&mut self, ticket: Ticket, now: Instant) {
        self.settle(ticket, now, 0.0);
    }

    /// A request was throttled: the whole job slows down. `tokens`: the service gives their number as the reason.
    pub fn throttled(&mut self, ticket: Ticket, now: Instant, retry_after: Option<Duration>, tokens: bool) {
        self.unused(ticket, now);
        self.brake.1.refused(ticket.at, 1.0);
        self.token_brake.1.refused(ticket.at, ticket.charged);
        let limit = match tokens {
            true => self.quotas.tokens_per_minute.map(Quota::each_second),
            false => self.quotas.requests_each_second(),
        };
        let limit = limit.unwrap_or(f64::INFINITY);
        let (brake, record) = if tokens { &mut self.token_brake } else { &mut self.brake };
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

    /// The requests per second that all limits currently allow; `None` when nothing limits them.
    pub fn rate(&self, now: Instant) -> Option<f64> {
        let (tokens, record) = &self.token_brake;
        let braked = [self.brake.0.rate(now), tokens.rate(now).map(|rate| rate / record.each())];
        braked.into_iter().chain([self.quotas.requests_each_second()]).flatten().reduce(f64::min)
    }

    /// The tokens that a request may have so that requests and tokens are used up together, where so many requests a second
    /// can be in flight at the present latency; `None`: tokens are not limited.
    pub fn tokens_each(&self, now: Instant, in_flight: Option<f64>) -> Option<f64> {
        let limit = self.quotas.tokens_per_minute.map(Quota::each_second);
        let tokens = self.token_brake.0.rate(now).into_iter().chain(limit).reduce(f64::min)?;
        let requests = [self.quotas.requests_each_second(), self.brake.0.rate(now), in_flight];
        Some(tokens / requests.into_iter().flatten().reduce(f64::min)?)
    }

    /// What a row is expected to use: what it shares with others in its request, and what is its own.
    pub fn row_size(&self, text: &PackText, estimate: &Estimate) -> RowSize {
        let own = self.calibration.in_prompt(text.own_tokens) + self.calibration.in_answer(estimate);
        RowSize { shared: self.calibration.in_prompt(text.shared_tokens), own }
    }

    fn settle(&mut self, ticket: Ticket, now: Instant, tokens: f64) {
        if let Some(gate) = &mut self.tokens {
            gate.correct(ticket.at, now, tokens - ticket.charged);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_limits_are_kept_at_once_and_none_is_paid_for_nothing() {
        let start = Instant::now();
        let quotas = Quotas {
            requests_per_second: Quota::per_second(100.0),
            requests_per_minute: Quota::per_minute(3000.0),
            tokens_per_minute: Quota::per_minute(60_000.0),
        };
        let mut pace = Pace::new(quotas, start, &[]);
        let estimate = Estimate { prompt_tokens: 100, max_completion_tokens: 100, unbounded: false };
        let usage = Usage::of(60, 40);
        let (mut now, mut sent) = (start, 0_u32);
        while now < start + Duration::from_secs(60) {
            match pace.ask(now, &estimate, 1) {
                Ok(ticket) => {
                    sent += 1;
                    pace.answered(ticket, now + Duration::from_millis(50), (&estimate, 1), &usage);
                }
                Err((when, _)) => now = when,
            }
        }
        assert!((580..=600).contains(&sent), "60,000 tokens a minute are 600 requests of 100: {sent}");
    }

    #[test]
    fn a_throttled_job_slows_down_as_a_whole() {
        let start = Instant::now();
        let mut pace = Pace::new(Quotas::default(), start, &[]);
        let estimate = Estimate { prompt_tokens: 1, max_completion_tokens: 1, unbounded: false };
        let mut last = None;
        for request in 0..100 {
            last = pace.ask(start + Duration::from_millis(10 * request), &estimate, 1).ok();
        }
        let now = start + Duration::from_secs(1);
        pace.throttled(last.expect("sent"), now, None, false);
        let rate = pace.rate(now).expect("braked");
        assert!((80.0..95.0).contains(&rate), "{rate}");
        assert!(matches!(pace.ask(now, &estimate, 1), Err((_, PacedBy::Brake))));
    }
}
