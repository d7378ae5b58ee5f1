//! Performs the next step of each batch: each leaves its mark in the journal before and after it, so that a kill between any two is
//! followed by the same step, or by a look whether it was done.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::memory::{Memory, Patience};
use crate::batch::phase::{BatchPhase, BatchRecord};
use crate::batch::step::BatchStep;
use crate::batch_service::BatchService;
use crate::dispatch::stop::StopReason;
use crate::event::Observer;
use crate::job::batch::BatchSettings;
use crate::journal::Journal;
use crate::outcome::{Fault, FaultKind};
use crate::pipeline::PipelineError;

/// How a step went.
#[derive(Debug, PartialEq)]
pub(super) enum StepEnd {
    /// The next one can follow.
    Next,
    /// Nothing can be done before a later moment.
    Wait,
    /// The run ends.
    Stop(StopReason),
}

/// What a look at all batches brought.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// Batches whose replies are to be judged.
    pub(super) collected: u64,
    /// Batches of which it is not known yet that the provider has them.
    pub(super) unsettled: u64,
    /// Batches that are not closed.
    pub(super) open: u64,
    /// When to look again.
    pub(super) next: Option<Instant>,
    /// Why the run ends.
    pub(super) stop: Option<StopReason>,
}

/// Brings batches forward.
pub(super) struct Driver<'d, B> {
    pub(super) settings: BatchSettings,
    pub(super) service: &'d B,
    /// Where batches are sent, as the journal has it.
    pub(super) address: &'d str,
    pub(super) patience: Patience,
    memory: HashMap<i64, Memory>,
    /// Submissions in a row without a reply.
    pub(super) barren: u32,
    /// When the last of them was collected.
    pub(super) barren_at: SystemTime,
    /// Whether something was set free that goes into another batch.
    pub(super) has_news: bool,
    /// The provider's queue was found full.
    pub(super) queue_is_full: bool,
    /// Whether batches are cancelled.
    pub(super) cancels: bool,
    /// Whether the address is the simulator's own, which forgets everything when it ends.
    pub(super) forgets: bool,
}

impl<'d, B: BatchService> Driver<'d, B> {
    pub(super) fn new(
        settings: BatchSettings,
        service: &'d B,
        address: &'d str,
        patience: Patience,
        forgets: bool,
    ) -> Self {
        Self {
            settings,
            service,
            address,
            patience,
            memory: HashMap::new(),
            barren: 0,
            barren_at: SystemTime::UNIX_EPOCH,
            has_news: false,
            queue_is_full: false,
            cancels: false,
            forgets,
        }
    }

    /// Brings each batch as far as it goes now.
    pub(super) async fn advance(
        &mut self,
        journal: &Journal,
        news: &mut dyn Observer,
    ) -> Result<Moved, PipelineError> {
        let mut moved = Moved::default();
        for mut record in journal.reader().batches()? {
            if record.phase == BatchPhase::Closed {
                continue;
            }
            let end = match moved.stop {
                None => self.advance_one(journal, &mut record, news).await?,
                Some(_) => StepEnd::Wait,
            };
            if let StepEnd::Stop(reason) = end {
                moved.stop.get_or_insert(reason);
            }
            moved.open += u64::from(record.phase != BatchPhase::Closed);
            moved.collected += u64::from(record.phase == BatchPhase::Collected);
            moved.unsettled += u64::from(record.phase < BatchPhase::Created);
            if record.phase < BatchPhase::Collected {
                let due = self.memory(record.number).due;
                moved.next = moved.next.into_iter().chain([due]).min();
            }
        }
        Ok(moved)
    }

    /// Brings a batch as far as it goes now.
    pub(super) async fn advance_one(
        &mut self,
        journal: &Journal,
        record: &mut BatchRecord,
        news: &mut dyn Observer,
    ) -> Result<StepEnd, PipelineError> {
        loop {
            if self.memory(record.number).due > Instant::now() {
                return Ok(StepEnd::Wait);
            }
            let end = match BatchStep::after(record) {
                BatchStep::Upload => self.upload(journal, record).await?,
                BatchStep::Create => self.create(journal, record, news).await?,
                BatchStep::LookFor => self.look_for(journal, record, news).await?,
                BatchStep::Poll => self.poll(journal, record, news).await?,
                BatchStep::Download => self.download(journal, record, news).await?,
                BatchStep::Judge | BatchStep::Rest => StepEnd::Wait,
            };
            if end != StepEnd::Next {
                return Ok(end);
            }
        }
    }

    pub(super) fn memory(&mut self, batch: i64) -> &mut Memory {
        self.memory.entry(batch).or_insert_with(Memory::new)
    }

    /// A batch that was planned by this run: no file of its name can be there.
    pub(super) fn is_new(&mut self, batch: i64) {
        self.memory(batch).may_be_uploaded = false;
    }

    /// The service has answered about a batch.
    pub(super) fn heard(&mut self, batch: i64) {
        self.patience.heard();
        self.memory(batch).failures = 0;
    }

    /// Looks again after a while.
    pub(super) fn later(&mut self, batch: i64, pause: Duration) -> StepEnd {
        self.memory(batch).due = Instant::now() + pause;
        StepEnd::Wait
    }

    /// A call had a fault.
    pub(super) fn trouble(&mut self, batch: i64, fault: Fault) -> StepEnd {
        let passes =
            fault.kind.passes() || matches!(fault.kind, FaultKind::Unusable | FaultKind::CutByServer);
        if !passes {
            return StepEnd::Stop(StopReason::Refused(fault));
        }
        let poll = self.settings.poll;
        let pause = self.memory(batch).pause(&fault, poll);
        match self.patience.lasts() {
            true => self.later(batch, pause),
            false => StepEnd::Stop(StopReason::Outage(fault)),
        }
    }
}
