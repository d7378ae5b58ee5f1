//! The stage that sends: one loop owns everything that is on its way.
//!
//! A row waits without a place. It goes when a place is free, every limit lets it pass and the caps can bear its worst
//! case; then it is sent at once. A try ends in an answer or a fault; a fault is judged: again, this row, or the whole
//! job. What came of a row is told to the journal, and counts when the journal says that it is on disk.

mod ahead;
mod bill;
mod caps;
mod choice;
mod errand;
mod exposure;
mod flight;
mod health;
pub mod helm;
mod judge;
pub mod pace;
mod pass;
pub mod past;
mod reserved;
pub mod retry;
pub mod stop;
mod trial;
mod window;
mod work;

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use crate::conversation;
use crate::endpoint::Endpoint;
use crate::event::Observer;
use crate::job::Retry;
use crate::job::limits::{Caps, Concurrency, Quotas, Terms};
use crate::job::setters::Setters;
use crate::note::Note;
use crate::outcome::Fault;
use crate::reserve::Reserve;
use crate::toolbox::Toolbox;
use caps::Purse;
use health::Health;
use helm::Helm;
use pace::Pace;
use pass::Pass;
pub use past::Past;
use retry::Dice;
use stop::{Stop, StopReason};
use trial::Trial;
use window::Window;
pub use work::Ready;

/// Where notes go, and come back from once they are on disk.
pub trait Ledger {
    /// What the ledger fails with.
    type Error;

    /// Hands a note over.
    fn write(&mut self, note: Note);

    /// The next group of notes that is on disk, in the order of their writing. Dropping the future loses none of them.
    fn committed(&mut self) -> impl Future<Output = Result<Vec<Note>, Self::Error>>;
}

/// What a dispatcher keeps to.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Patience.
    pub retry: Retry,
    /// The quota.
    pub quotas: Quotas,
    /// Requests in flight at once.
    pub concurrency: Concurrency,
    /// Where to stop.
    pub caps: Caps,
    /// How a row goes on after an answer that does not end it.
    pub conversation: conversation::Rules,
    /// Files the process may open.
    pub open_files: u64,
    /// Who sets which field of the request: what is wrong with the job's is wrong with every row.
    pub setters: Setters,
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
    conversation: conversation::Rules,
    retry: Retry,
    dice: Dice,
    pace: Pace,
    purse: Purse,
    health: Health,
    window: Window,
    trial: Trial,
    began: Instant,
    /// Time that earlier runs have spent.
    spent: Duration,
    terms: Terms,
    paused_since: Option<Instant>,
    helm: Option<Helm>,
    ends_at: Option<Instant>,
    last_fault: Option<Fault>,
}

impl<'e, E: Endpoint> Dispatcher<'e, E> {
    /// A dispatcher for one run.
    pub fn new(endpoint: &'e E, toolbox: &'e dyn Toolbox, rules: &Rules, past: &Past, dice: Dice) -> Self {
        let now = Instant::now();
        let before = |(ago, tokens): &(Duration, Option<u64>)| {
            Some((now.checked_sub(*ago)?, tokens.unwrap_or(past.tokens_unknown)))
        };
        let recent: Vec<(Instant, u64)> = past.recent.iter().filter_map(before).collect();
        let Rules { quotas, concurrency, caps, .. } = *rules;
        Self {
            endpoint,
            toolbox,
            conversation: rules.conversation.clone(),
            retry: rules.retry,
            dice,
            pace: Pace::new(rules.quotas, now, &recent).after(past.longest_answer),
            purse: Purse::new(rules.caps, past.cost, past.tokens, past.reserved),
            health: Health::new(rules.retry, now, past.reached),
            window: Window::new(rules.concurrency, rules.quotas.requests_each_second(), rules.open_files),
            trial: Trial::new(rules.setters.clone(), past.works),
            began: now,
            spent: past.duration,
            terms: Terms { quotas, concurrency, caps, since: past.since, paused: false, time_is_up: false },
            paused_since: None,
            helm: None,
            ends_at: helm::ends_at(now, past.duration, caps),
            last_fault: None,
        }
    }

    /// Takes the changes of its limits that come by a helm.
    #[must_use]
    pub fn steered(self, helm: Helm) -> Self {
        Self { helm: Some(helm), ..self }
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
