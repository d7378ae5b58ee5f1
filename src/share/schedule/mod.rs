//! The schedule of a shared quota: what one exchange of a worker changes in it, and what it answers. Pure; `schedule.lua` is the
//! same for Redis, and a test compares the two.
//!
//! Requests have a schedule and tokens have one: each has a next free moment, and a turn is granted when both are free,
//! evenly spaced. Tokens also have a ledger, which keeps every sliding window whatever was corrected since; so their
//! schedule may lag a little, and long requests go at their turn if short ones came before them. All times are seconds of the
//! store's own clock.

mod brake;
mod ledger;
mod limits;
mod meter;
mod spacing;
mod workers;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::shared_quota::{Exchange, ExchangeReply, HeldBy, SharedLimits, TurnsAsked, TurnsReply};
use brake::{RefusedTurn, SharedBrake};
use ledger::TokenLedger;
use limits::Limits;
use meter::SendMeter;
use spacing::Spaces;
use workers::{Change, Workers};

/// How far ahead a turn is granted, in seconds.
const HORIZON: f64 = 0.3;

/// How long the workers keep to their parts after the store was away, so that all have noticed its return.
const RETURN: f64 = 2.0;

/// A store in which nothing was granted for this long may have been away for everyone.
const QUIET: f64 = 1.0;

/// A clock that was set back by more than this makes the schedule void.
const SET_BACK: f64 = 5.0;

/// What all workers of a quota know together.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct TurnSchedule {
    /// When it began; 0: it is new.
    began: f64,
    /// When the last exchange was, and the last grant.
    seen: f64,
    granted: f64,
    /// When the store opens.
    opens: f64,
    /// The next free moments of requests and tokens.
    requests: f64,
    tokens: f64,
    brakes: [SharedBrake; 2],
    meter: SendMeter,
    ledger: TokenLedger,
    workers: Workers,
}

/// An answer in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ScheduleReply {
    pub(super) turn: Option<ScheduledTurn>,
    pub(super) workers: u32,
    pub(super) limits: SharedLimits,
    pub(super) opens: f64,
}

/// Turns granted after `wait`, or when to ask again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum ScheduledTurn {
    Granted { wait: f64, every: f64, good: f64 },
    Later { wait: f64, held_by: HeldBy },
}

impl From<ScheduleReply> for ExchangeReply {
    fn from(reply: ScheduleReply) -> Self {
        let wait = |seconds: f64| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
        let turn = reply.turn.map(|turn| match turn {
            ScheduledTurn::Granted { wait: first, every, good } => {
                TurnsReply::Granted { wait: wait(first), every: wait(every), good: wait(good) }
            }
            ScheduledTurn::Later { wait: first, held_by } => TurnsReply::Later { wait: wait(first), held_by },
        });
        let ScheduleReply { workers, limits, opens, .. } = reply;
        Self { turn, workers, limits, opens: wait(opens) }
    }
}

impl TurnSchedule {
    /// One exchange of a worker. `first_wait`: how long a new schedule stays closed, because workers of a lost one may still keep
    /// to their parts.
    pub(super) fn exchange(
        &mut self,
        now: f64,
        worker: &str,
        exchange: &Exchange,
        first_wait: f64,
    ) -> ScheduleReply {
        if self.began == 0.0 || self.seen > now + SET_BACK {
            let opens = now + first_wait;
            *self = Self { began: now, opens, requests: opens, tokens: opens, ..Self::default() };
        }
        self.meter.decay(now - self.seen);
        self.seen = now;
        if let Some(change) = self.workers.see(now, worker, exchange.limits.into()) {
            self.change(change);
        }
        if exchange.divided_by > 0 {
            self.reopen(now, f64::from(exchange.divided_by));
        }
        for settled in &exchange.settled {
            self.settle(now, settled.ago.as_secs_f64(), settled.difference);
        }
        for throttled in &exchange.throttled {
            let retry_after = throttled.retry_after.map_or(0.0, |wait| wait.as_secs_f64());
            self.throttle(now, throttled.ago.as_secs_f64(), retry_after, throttled.tokens);
        }
        let turn = exchange.ask.as_ref().map(|ask| self.take(now, ask));
        let Limits { qps, qpm, tpm } = self.workers.lowest;
        let limits = SharedLimits { qps, qpm, tpm };
        ScheduleReply { turn, workers: self.workers.count, limits, opens: (self.opens - now).max(0.0) }
    }

    /// A worker ends.
    pub(super) fn leave(&mut self, worker: &str) {
        self.workers.leave(worker);
    }

    /// Other limits hold than before.
    fn change(&mut self, Change { before, after }: Change) {
        if after.tpm > 0.0 && after.tpm < before.tpm {
            self.ledger.scale(after.tpm / before.tpm);
        }
        // What the brake learnt under a lower limit can only be less than the quota.
        let is_raised = |before: f64, after: f64| before > 0.0 && (after <= 0.0 || after > before);
        if is_raised(before.requests_each_second(), after.requests_each_second()) {
            self.brakes[0].forget();
        }
        if is_raised(before.tpm, after.tpm) {
            self.brakes[1].forget();
        }
    }

    /// A worker that kept to its part is back. Where nobody was granted anything, the others are about to come back too.
    fn reopen(&mut self, now: f64, divided_by: f64) {
        if now - self.granted > QUIET && now > self.opens + QUIET {
            self.opens = now + RETURN;
        }
        if now < self.opens {
            // Each of the others may have sent one request just before.
            let each = Spaces::of(self.workers.lowest).each;
            self.requests = self.requests.max(self.opens + divided_by * each);
            self.tokens = self.tokens.max(self.opens + spacing::CREDIT);
        }
    }

    fn settle(&mut self, now: f64, ago: f64, difference: f64) {
        self.ledger.correct(now, now - ago, difference);
        self.meter.correct(difference);
        if self.workers.lowest.tpm > 0.0 {
            let shift = difference * 60.0 * (1.0 + spacing::MARGIN) / self.workers.lowest.tpm;
            let earliest = now - Spaces::of(self.workers.lowest).credit;
            self.tokens = match difference > 0.0 {
                true => self.tokens.max(earliest) + shift,
                false => (self.tokens + shift).max(earliest),
            };
        }
        self.brakes[1].correct(now, difference);
    }

    fn throttle(&mut self, now: f64, ago: f64, retry_after: f64, tokens: bool) {
        self.meter.refused += 1.0;
        let (kind, limit) = match tokens {
            true => (1, self.workers.lowest.tpm / 60.0),
            false => (0, self.workers.lowest.requests_each_second()),
        };
        let refusal = RefusedTurn {
            ago,
            retry_after,
            rate: self.meter.rate(kind, now - self.began, limit),
            let_in: self.meter.let_in(kind),
            each: self.meter.each(kind),
            is_stray: self.meter.is_stray(),
        };
        self.brakes[kind].throttled(now, &refusal);
    }

    fn take(&mut self, now: f64, ask: &TurnsAsked) -> ScheduledTurn {
        self.ledger.forget(now);
        let spaces = Spaces::of(self.workers.lowest);
        let (turns, rates) = (f64::from(ask.turns), [self.brakes[0].rate(now), self.brakes[1].rate(now)]);
        let mut at = now.max(self.opens);
        let mut held_by = HeldBy::Requests;
        if spaces.each > 0.0 {
            at = at.max(self.requests);
        }
        for (brake, rate) in self.brakes.iter().zip(rates) {
            if brake.ready(rate) > at {
                (at, held_by) = (brake.ready(rate), HeldBy::Brake);
            }
        }
        if self.workers.lowest.tpm > 0.0 {
            let free = self.tokens.max(self.ledger.ready(now, ask.tokens, self.workers.lowest.tpm));
            if free > at {
                (at, held_by) = (free, HeldBy::Tokens);
            }
        }
        if at - now > HORIZON {
            return ScheduledTurn::Later { wait: at - now - HORIZON, held_by };
        }
        let mut until = at;
        if spaces.each > 0.0 {
            self.requests = self.requests.max(at - spaces.lag) + turns * spaces.each;
            until = until.max(self.requests);
        }
        if self.workers.lowest.tpm > 0.0 {
            let each = 60.0 * (1.0 + spacing::MARGIN) / self.workers.lowest.tpm;
            self.tokens = self.tokens.max(at - spaces.credit) + ask.tokens * each;
            until = until.max(self.tokens);
        }
        self.ledger.enter(at, ask.tokens);
        for ((brake, rate), amount) in self.brakes.iter_mut().zip(rates).zip([turns, ask.tokens]) {
            until = until.max(brake.pass(at, rate, amount));
        }
        self.meter.sent(turns, ask.tokens);
        self.granted = now;
        ScheduledTurn::Granted { wait: at - now, every: (until - at) / turns.max(1.0), good: spaces.good }
    }
}
