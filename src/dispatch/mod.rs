//! The stage that sends: one loop owns everything that is on its way.
//!
//! A row waits without a place. It goes when a place is free, every limit lets it pass and the caps can bear its worst
//! case; then it is sent at once. A try ends in an answer or a fault; a fault is judged: again, this row, or the whole
//! job. What came of a row is told to the journal, and counts when the journal says that it is on disk.

mod bill;
mod budget;
pub mod carry_over;
mod circuit_breaker;
mod completion;
mod concurrency;
mod exposure;
mod flight;
mod handout;
pub mod live_limits;
pub mod pace;
mod pass;
mod preflight;
mod reserved;
pub mod retry;
mod scheduling;
pub mod stop;
mod tool_round;
mod work;

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use crate::conversation;
use crate::endpoint::Endpoint;
use crate::event::Observer;
use crate::job::Retry;
use crate::job::field_owner::FieldOwners;
use crate::job::limits::{Caps, Concurrency, EffectiveLimits, Quotas};
use crate::note::JournalEvent;
use crate::outcome::Fault;
use crate::reserve::Reserve;
use crate::toolbox::Toolbox;
use budget::Budget;
pub use carry_over::CarryOver;
use circuit_breaker::CircuitBreaker;
use concurrency::Window;
use live_limits::LiveLimits;
use pace::Pace;
use pass::Pass;
use preflight::Preflight;
use retry::Dice;
use stop::{Stop, StopReason};
pub use work::Ready;

/// Where notes go, and come back from once they are on disk.
pub trait Ledger {
    /// What the ledger fails with.
    type Error;

    /// Hands a note over.
    fn write(&mut self, note: JournalEvent);

    /// The next group of notes that is on disk, in the order of their writing. Dropping the future loses none of them.
    fn committed(&mut self) -> impl Future<Output = Result<Vec<JournalEvent>, Self::Error>>;
}

/// What a dispatcher keeps to.
#[derive(Debug, Clone)]
pub struct DispatchSettings {
    /// Patience.
    pub retry: Retry,
    /// The quota.
    pub quotas: Quotas,
    /// Requests in flight at once.
    pub concurrency: Concurrency,
    /// Where to stop.
    pub caps: Caps,
    /// How a row goes on after an answer that does not end it.
    pub conversation: conversation::ConversationRules,
    /// Files the process may open.
    pub open_files: u64,
    /// Who sets which field of the request: what is wrong with the job's is wrong with every row.
    pub setters: FieldOwners,
}

/// How a pass over the rows ended.
#[derive(Debug, PartialEq)]
pub struct PassEnd {
    /// Why.
    pub reason: StopReason,
    /// Rows that were set aside for one more pass.
    pub set_aside: u64,
    /// Requests that were given up in flight.
    pub abandoned: usize,
    /// The most that the request may use which a cap did not let leave.
    pub beyond: Option<Reserve>,
}

/// Sends rows, pass after pass, under one set of limits.
pub struct Dispatcher<'e, E> {
    endpoint: &'e E,
    toolbox: &'e dyn Toolbox,
    conversation: conversation::ConversationRules,
    retry: Retry,
    dice: Dice,
    pace: Pace,
    budget: Budget,
    health: CircuitBreaker,
    window: Window,
    trial: Preflight,
    began: Instant,
    /// Time that earlier runs have spent.
    spent: Duration,
    terms: EffectiveLimits,
    paused_since: Option<Instant>,
    live_limits: Option<LiveLimits>,
    ends_at: Option<Instant>,
    last_fault: Option<Fault>,
}

impl<'e, E: Endpoint> Dispatcher<'e, E> {
    /// A dispatcher for one run.
    pub fn new(
        endpoint: &'e E,
        toolbox: &'e dyn Toolbox,
        rules: &DispatchSettings,
        past: &CarryOver,
        dice: Dice,
    ) -> Self {
        let now = Instant::now();
        let before = |(ago, tokens): &(Duration, Option<u64>)| {
            Some((now.checked_sub(*ago)?, tokens.unwrap_or(past.tokens_unknown)))
        };
        let recent: Vec<(Instant, u64)> = past.recent.iter().filter_map(before).collect();
        let DispatchSettings { quotas, concurrency, caps, .. } = *rules;
        Self {
            endpoint,
            toolbox,
            conversation: rules.conversation.clone(),
            retry: rules.retry,
            dice,
            pace: Pace::new(rules.quotas, now, &recent).after(past.longest_answer),
            budget: Budget::new(rules.caps, past.cost, past.tokens, past.reserved),
            health: CircuitBreaker::new(rules.retry, now, past.reached),
            window: Window::new(rules.concurrency, rules.quotas.requests_each_second(), rules.open_files),
            trial: Preflight::new(rules.setters.clone(), past.works),
            began: now,
            spent: past.duration,
            terms: EffectiveLimits {
                quotas,
                concurrency,
                caps,
                since: past.since,
                paused: false,
                time_is_up: false,
            },
            paused_since: None,
            live_limits: None,
            ends_at: live_limits::ends_at(now, past.duration, caps),
            last_fault: None,
        }
    }

    /// Takes the changes of its limits that come by a live limits.
    #[must_use]
    pub fn steered(self, live_limits: LiveLimits) -> Self {
        Self { live_limits: Some(live_limits), ..self }
    }

    /// Sends the rows that come, some at a time, until there are none any more or there is a reason to stop. In the last
    /// pass, a row that runs out of tries has failed; before it, such a row is set aside.
    ///
    /// # Errors
    ///
    /// When the ledger fails: what came in meanwhile is not stored.
    pub async fn pass<L: Ledger>(
        &mut self,
        rows: Receiver<Vec<Ready>>,
        ledger: &mut L,
        stop: Stop,
        observer: &mut dyn Observer,
        last: bool,
    ) -> Result<PassEnd, L::Error> {
        Pass::new(self, rows, ledger, stop, observer, last).run().await
    }
}

#[cfg(test)]
mod tests;
