//! Who hears how a run goes, and may steer it.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::PipelineError;
use super::plan::Plan;
use crate::dispatch::live_limits::LiveLimits;
use crate::event::{Event, Observer};
use crate::journal::orders::Inbox;
use crate::journal::reader::Reader;
use crate::tally::Snapshot;

/// Something that a run finds or does between its stages, which a user may want to hear of.
#[derive(Debug)]
pub enum RunNews<'a> {
    /// So many requests may have been out when the run before this one was killed; their rows are sent again.
    InDoubt(u64),
    /// So many answers of the journal are a simulator's, and the service asked now is none: they are dropped.
    Rehearsed(u64),
    /// The rules for answers have changed: so many kept answers failed by them, and so many rows that had failed fit them.
    Revalidated { failed: u64, ok: u64, warned: u64 },
    /// The input is planned; anew, when it has changed.
    Planned(&'a Plan),
    /// The run has this number in the journal from now on.
    Begun { run: i64, plan: &'a Plan },
    /// The input changed while it was read, and is planned anew.
    InputChanged,
}

/// What is known of a run when it begins to send.
pub struct Sending<'a> {
    /// What is to be sent.
    pub plan: &'a Plan,
    /// Orders for the run.
    pub inbox: Inbox,
    /// When the run began.
    pub begun: Timestamp,
    /// What earlier runs took of the cap on time.
    pub spent: Duration,
    /// What the run did before its input was planned anew.
    pub earlier: Snapshot,
    /// The state of the run, as it changes.
    pub snapshots: watch::Receiver<Snapshot>,
}

/// Who hears how a run goes. Of single requests it hears as an [`Observer`].
pub trait Reporter: Observer {
    /// Something has been found or done.
    fn tell(&mut self, _news: RunNews<'_>) {}

    /// The run is about to be entered into the journal, for the first plan.
    ///
    /// # Errors
    ///
    /// Why it is better not to begin.
    fn may_begin(&mut self, _plan: &Plan, _journal: &Reader) -> Result<(), PipelineError> {
        Ok(())
    }

    /// The run begins to send. A reporter that steers it returns the limits to keep to.
    fn send(&mut self, _sending: Sending<'_>) -> Option<LiveLimits> {
        None
    }

    /// Sending has ended; this is the state of the run.
    fn sent(&mut self, _snapshot: &Snapshot) {}
}

/// Nobody.
impl Observer for () {
    fn on(&mut self, _event: Event<'_>) {}
}

impl Reporter for () {}
