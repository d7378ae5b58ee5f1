//! Who looks on while a run sends: events become counts, and counts snapshots.

use std::time::Duration;

use tokio::sync::watch::Sender;
use tokio::time::Instant;

use super::Opened;
use super::held::HeldRecorder;
use super::plan::Plan;
use crate::event::{Bottleneck, Event, Observer};
use crate::tally::{Snapshot, Tally};

/// Who looks on.
pub struct Audience<'a> {
    /// Where snapshots are shown.
    pub snapshots: &'a Sender<Snapshot>,
    /// Who hears of every event.
    pub listener: &'a mut dyn Observer,
}

/// Turns events into snapshots for whoever watches.
pub(super) struct Watch<'a> {
    pub(super) tally: Tally,
    begun: Instant,
    sent: Instant,
    held_by: Option<Bottleneck>,
    pub(super) held: Option<HeldRecorder>,
    audience: Audience<'a>,
}

/// How a run stands before it sends: with what earlier runs have done.
pub fn before_it_sends(opened: &Opened, plan: &Plan, retry_failed: bool) -> Tally {
    let matched = &plan.matched;
    let failed = if retry_failed { 0 } else { matched.failed };
    let ok = matched.kept + matched.moved - matched.failed;
    let mut tally = Tally::new(plan.requests, ok, failed, opened.job.price.is_some());
    (tally.now.words, tally.now.input_rows, tally.now.skipped) = (opened.words(), plan.rows, plan.skipped);
    tally
}

impl<'a> Watch<'a> {
    pub(super) fn new(tally: Tally, audience: Audience<'a>) -> Self {
        let begun = Instant::now();
        audience.snapshots.send_replace(tally.now);
        Self { tally, begun, sent: begun, held_by: None, held: None, audience }
    }

    pub(super) fn finish(self) -> Snapshot {
        let now = Snapshot { elapsed: self.begun.elapsed(), ..self.tally.now };
        self.audience.snapshots.send_replace(now);
        now
    }
}

impl Observer for Watch<'_> {
    fn on(&mut self, event: Event<'_>) {
        let now = Instant::now();
        // A run in batches waits long for the next event.
        let is_rare = matches!(event, Event::Batches(_));
        self.tally.on(&event, now - self.begun);
        if let Event::State(state) = &event {
            self.held.iter_mut().for_each(|held| held.set_state(state, now));
        }
        self.audience.listener.on(event);
        // A screen is drawn ten times a second; more would only cost.
        let held_by = self.tally.now.state.held_by;
        if now - self.sent >= Duration::from_millis(50) || held_by != self.held_by || is_rare {
            (self.sent, self.held_by) = (now, held_by);
            self.audience.snapshots.send_replace(self.tally.now);
        }
    }
}
