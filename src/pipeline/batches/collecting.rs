//! The steps once the provider has a batch: it is asked for until it ends, its replies are downloaded, and its files are deleted last.

use std::time::{Duration, SystemTime};

use super::driver::{Driver, StepEnd};
use super::file::{FileRole, keep_private, path_of, remove_all};
use super::replies::ReplyIntake;
use crate::batch::failure::BatchFailure;
use crate::batch::phase::{BatchPhase, BatchRecord};
use crate::batch::step::Looks;
use crate::batch_service::{BatchError, BatchService, BatchState};
use crate::clock;
use crate::dispatch::stop::StopReason;
use crate::event::{BatchNews, Event, Observer};
use crate::failpoint::meet;
use crate::journal::Journal;
use crate::outcome::{Fault, FaultKind};
use crate::pipeline::PipelineError;

/// Submissions in a row that bring no reply at all, after which the run ends: the next one would hardly do better.
const BARREN: u32 = 3;

/// How long the provider knows a batch.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long after its window a batch is late.
const GRACE: Duration = Duration::from_secs(3600);

/// Tries to delete a file.
const DELETIONS: u32 = 3;

impl<B: BatchService> Driver<'_, B> {
    pub(super) async fn poll(
        &mut self,
        journal: &Journal,
        record: &mut BatchRecord,
        news: &mut dyn Observer,
    ) -> Result<StepEnd, PipelineError> {
        let id = record.provider_id.clone().unwrap_or_default();
        if self.cancels && !std::mem::replace(&mut self.memory(record.number).is_cancelled, true) {
            // One that is about to end refuses, and ends.
            let _ = self.service.cancel(&id).await;
            meet("batch.cancelled");
        }
        let batch = match self.service.look(&id).await {
            Ok(batch) => batch,
            Err(fault) if fault.status == Some(404) => return self.lost(journal, record, fault).await,
            Err(fault) => return Ok(self.trouble(record.number, fault)),
        };
        self.heard(record.number);
        self.memory(record.number).looks = Looks::default();
        let before = record.clone();
        record.update(batch, clock::now());
        if *record != before {
            journal.keep_batch(record)?;
        }
        if record.phase == BatchPhase::Ended {
            meet("batch.ended");
            news.on(Event::Batch(BatchNews::Ended(record)));
            return Ok(StepEnd::Next);
        }
        if is_late(record, clock::now()) && !std::mem::replace(&mut self.memory(record.number).is_late, true)
        {
            news.on(Event::Batch(BatchNews::Late(record)));
        }
        Ok(self.later(record.number, self.settings.poll))
    }

    /// The provider does not know a batch that it has created.
    async fn lost(
        &mut self,
        journal: &Journal,
        record: &mut BatchRecord,
        fault: Fault,
    ) -> Result<StepEnd, PipelineError> {
        let pause = Looks::pause(self.settings.poll);
        let age = clock::now().duration_since(record.submitted_at()).unwrap_or_default();
        match () {
            () if self.forgets || age > KNOWN_FOR => {
                self.give_up(journal, record, !self.forgets).await?;
                Ok(StepEnd::Next)
            }
            () if !self.memory(record.number).looks.found_nothing() => Ok(self.later(record.number, pause)),
            () => Ok(StepEnd::Stop(StopReason::Refused(unknown(record, &fault)))),
        }
    }

    pub(super) async fn download(
        &mut self,
        journal: &Journal,
        record: &mut BatchRecord,
        news: &mut dyn Observer,
    ) -> Result<StepEnd, PipelineError> {
        let has_failed = record.state.as_deref() == Some(BatchState::Failed.as_str());
        let mut errors = Vec::new();
        if has_failed {
            match self.service.look(&record.provider_id.clone().unwrap_or_default()).await {
                Ok(batch) => errors = batch.errors,
                Err(fault) if fault.status == Some(404) => {}
                Err(fault) => return Ok(self.trouble(record.number, fault)),
            }
        }
        let mut is_gone = false;
        for (file, role) in files_of_replies(record) {
            let path = path_of(journal.path(), &record.tag, role);
            keep_private(&path);
            match self.service.download(&file, &path).await {
                Ok(()) => meet("batch.downloaded"),
                Err(fault) if fault.status == Some(404) => is_gone = true,
                Err(fault) => return Ok(self.trouble(record.number, fault)),
            }
        }
        let paths =
            [FileRole::Output, FileRole::Errors].map(|role| path_of(journal.path(), &record.tag, role));
        let mut intake = ReplyIntake::new(journal, record, self.service)?;
        for path in paths.iter().filter(|path| path.exists()) {
            intake.file(path)?;
        }
        intake.refused(&errors)?;
        self.heard(record.number);
        record.phase = BatchPhase::Collected;
        let is_complete = record.state.as_deref() == Some(BatchState::Completed.as_str());
        // What was completed without a trace may have been paid for.
        journal.batch_is_collected(record, is_gone || is_complete)?;
        meet("batch.collected");
        remove_all(journal.path(), &record.tag);
        self.has_news = true;
        news.on(Event::Batch(BatchNews::Collected(record)));
        Ok(self.judged(record, has_failed.then(|| BatchFailure::of(&errors)), &errors, news))
    }

    /// What the end of a batch means for the next ones.
    fn judged(
        &mut self,
        record: &BatchRecord,
        failure: Option<BatchFailure>,
        errors: &[BatchError],
        news: &mut dyn Observer,
    ) -> StepEnd {
        let why = errors.first();
        let code = why.map_or("batch_failed", |error| error.code.as_str());
        let state = record.state.as_deref().unwrap_or_default();
        let message = why.map_or_else(
            || format!("the batch ended as {state}, without any reply"),
            |why| why.message.clone(),
        );
        match failure {
            Some(BatchFailure::QueueFull) => {
                self.queue_is_full = true;
                news.on(Event::Batch(BatchNews::QueueFull { batch: record, message: &message }));
                return StepEnd::Wait;
            }
            Some(BatchFailure::Refused) => {
                let fault = Fault::new(FaultKind::JobRefused, code, message);
                return StepEnd::Stop(StopReason::Refused(fault));
            }
            _ => {}
        }
        if record.replies > 0 || self.cancels {
            self.barren = 0;
        } else if record.planned_at > self.barren_at {
            // Those that were submitted together end alike, and one who cancels them cancels all.
            (self.barren, self.barren_at) = (self.barren + 1, clock::now());
        }
        match self.barren >= BARREN {
            true => StepEnd::Stop(StopReason::BrownOut(Fault::new(FaultKind::Transient, code, message))),
            false => StepEnd::Wait,
        }
    }

    /// Closes batches whose replies are judged: their files are deleted last.
    pub(super) async fn close(
        &mut self,
        journal: &Journal,
        news: &mut dyn Observer,
    ) -> Result<(), PipelineError> {
        for mut record in journal.reader().batches()? {
            if record.phase == BatchPhase::Collected {
                meet("batch.judged");
                self.delete_files(&record, news).await;
                self.shut(journal, &mut record)?;
            }
        }
        Ok(())
    }

    /// Gives a batch up whose lines get no replies. `paid`: whether they may have been paid for.
    pub(super) async fn give_up(
        &mut self,
        journal: &Journal,
        record: &mut BatchRecord,
        paid: bool,
    ) -> Result<(), PipelineError> {
        if record.phase < BatchPhase::Created && record.base_url == self.address {
            self.delete_files(record, &mut ()).await;
        }
        remove_all(journal.path(), &record.tag);
        record.phase = BatchPhase::Collected;
        journal.batch_is_collected(record, paid)?;
        self.has_news = true;
        self.shut(journal, record)
    }

    fn shut(&mut self, journal: &Journal, record: &mut BatchRecord) -> Result<(), PipelineError> {
        record.phase = BatchPhase::Closed;
        record.closed_at = Some(clock::now());
        journal.close_batch(record)?;
        meet("batch.closed");
        Ok(())
    }

    async fn delete_files(&mut self, record: &BatchRecord, news: &mut dyn Observer) {
        if self.settings.keep_files {
            return;
        }
        for file in [&record.input_file, &record.output_file, &record.error_file].into_iter().flatten() {
            meet("batch.delete");
            let mut tries = 1;
            while let Err(fault) = self.service.delete(file).await {
                if tries >= DELETIONS || !fault.kind.passes() {
                    news.on(Event::Batch(BatchNews::FileStays { file, fault: &fault }));
                    break;
                }
                tries += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

fn files_of_replies(record: &BatchRecord) -> Vec<(String, FileRole)> {
    let output = record.output_file.clone().map(|file| (file, FileRole::Output));
    let errors = record.error_file.clone().map(|file| (file, FileRole::Errors));
    output.into_iter().chain(errors).collect()
}

fn is_late(record: &BatchRecord, now: SystemTime) -> bool {
    let window = Duration::from_secs(u64::from(record.window_hours) * 3600);
    now.duration_since(record.submitted_at()).is_ok_and(|age| age > window + GRACE)
}

fn unknown(record: &BatchRecord, fault: &Fault) -> Fault {
    let id = record.provider_id.as_deref().unwrap_or_default();
    let address = &record.base_url;
    let message = format!("the service does not know batch {} ({id}), submitted to {address}", record.number);
    let help = "use the key and the address that it was submitted with: another account does not see it";
    Fault {
        status: fault.status,
        help: Some(help),
        ..Fault::new(FaultKind::JobRefused, "batch_unknown", message)
    }
}
