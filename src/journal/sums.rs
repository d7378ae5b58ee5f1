//! What a group of notes adds to its run's totals.

use rusqlite::{Transaction, params};

use super::codec::{MOST_TOKENS, tokens_kept};
use super::seal::seal_run;
use crate::clock;
use crate::epoch::seconds;
use crate::note::RequestEnd;
use crate::outcome::{FaultKind, TokenSum};
use crate::reserve::Reserve;

/// What a group adds to its run's totals.
#[derive(Default)]
pub(super) struct Sums {
    /// How far the pass has been handed out.
    pub(super) handed_out: Option<u64>,
    /// The most that requests may cost which are out.
    pub(super) out: Option<Reserve>,
    requests: u64,
    answers: u64,
    throttled: u64,
    faults: u64,
    usage: TokenSum,
    cost: f64,
    simulated: bool,
    reserved: Reserve,
    longest_answer: u64,
}

impl Sums {
    pub(super) fn add(&mut self, ended: &RequestEnd) {
        if ended.sent.is_none() {
            return;
        }
        self.requests += u64::from(ended.counts());
        self.simulated |= ended.ending.is_simulated();
        self.cost += ended.cost.unwrap_or(0.0);
        self.reserved += ended.reserved;
        let throttled = ended.ending.fault().is_some_and(|fault| fault.kind == FaultKind::Throttled);
        match ended.ending.paid_answer() {
            Some(answer) => {
                self.answers += 1;
                self.longest_answer = self.longest_answer.max(answer.length());
            }
            None if throttled => self.throttled += u64::from(ended.counts()),
            None => self.faults += u64::from(ended.counts()),
        }
        self.usage.count(&ended.ending.usage().unwrap_or_default());
    }

    pub(super) fn store(&self, transaction: &Transaction<'_>, run: i64) -> rusqlite::Result<()> {
        let sql =
            "UPDATE runs SET last_at = ?2, handed_out = coalesce(?3, handed_out), requests = requests + ?4,
                 answers = answers + ?5, throttled = throttled + ?6, faults = faults + ?7,
                 prompt_tokens = min(prompt_tokens + ?8, ?17), completion_tokens = min(completion_tokens + ?9, ?17),
                 total_tokens = min(total_tokens + ?10, ?17), cost = cost + ?11,
                 reserved_cost = reserved_cost + ?12, reserved_tokens = min(reserved_tokens + ?13, ?17),
                 out_cost = coalesce(?14, out_cost), out_tokens = coalesce(?15, out_tokens),
                 longest_answer = max(longest_answer, ?16), simulated = max(simulated, ?18)
             WHERE run = ?1";
        let mut statement = transaction.prepare_cached(sql)?;
        let written = statement.execute(params![
            run,
            seconds(clock::now()),
            self.handed_out,
            self.requests,
            self.answers,
            self.throttled,
            self.faults,
            tokens_kept(self.usage.prompt_tokens),
            tokens_kept(self.usage.completion_tokens),
            tokens_kept(self.usage.total_tokens),
            self.cost,
            self.reserved.cost,
            tokens_kept(self.reserved.tokens),
            self.out.map(|out| out.cost),
            self.out.map(|out| tokens_kept(out.tokens)),
            tokens_kept(self.longest_answer),
            MOST_TOKENS,
            self.simulated,
        ]);
        written?;
        seal_run(transaction, run)
    }
}
