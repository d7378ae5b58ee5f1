//! The steps until the provider has a batch: its file is uploaded, and it is created once.

use super::driver::{Driver, StepEnd};
use super::file::{FileRole, is_as_written, path_of, remove_all};
use crate::batch::failure::BatchFailure;
use crate::batch::line::ENDPOINT;
use crate::batch::phase::{BatchPhase, BatchRecord};
use crate::batch::step::Looks;
use crate::batch_service::{BatchError, BatchOrder, BatchService, CreateFault, ProviderBatch};
use crate::clock;
use crate::dispatch::stop::StopReason;
use crate::event::{BatchNews, Event, Observer};
use crate::failpoint::meet;
use crate::journal::Journal;
use crate::outcome::{Fault, FaultKind};
use crate::pipeline::PipelineError;

impl<B: BatchService> Driver<'_, B> {
    pub(super) async fn upload(
        &mut self,
        journal: &Journal,
        record: &mut BatchRecord,
    ) -> Result<StepEnd, PipelineError> {
        let path = path_of(journal.path(), &record.tag, FileRole::Requests);
        // Nothing was asked for yet: what is not as it was planned, or for another address, is planned anew.
        if record.base_url != self.address || self.cancels || !is_as_written(&path, record) {
            self.give_up(journal, record, false).await?;
            return Ok(StepEnd::Next);
        }
        let name = record.tag.file_name();
        if self.memory(record.number).may_be_uploaded {
            match self.service.uploaded(&name).await {
                Ok(files) => record.input_file = files.into_iter().next(),
                Err(fault) => return Ok(self.trouble(record.number, fault)),
            }
        }
        if record.input_file.is_none() {
            self.memory(record.number).may_be_uploaded = true;
            meet("batch.upload.before");
            match self.service.upload(&name, &path).await {
                Ok(file) => record.input_file = Some(file),
                Err(fault) => return Ok(self.trouble(record.number, fault)),
            }
            meet("batch.upload.after");
        }
        self.heard(record.number);
        record.phase = BatchPhase::Uploaded;
        journal.keep_batch(record)?;
        meet("batch.uploaded");
        Ok(StepEnd::Next)
    }

    pub(super) async fn create(
        &mut self,
        journal: &Journal,
        record: &mut BatchRecord,
        news: &mut dyn Observer,
    ) -> Result<StepEnd, PipelineError> {
        if record.base_url != self.address || self.cancels {
            self.give_up(journal, record, false).await?;
            return Ok(StepEnd::Next);
        }
        record.asked_at = Some(clock::now());
        journal.keep_batch(record)?;
        meet("batch.create.before");
        let order = BatchOrder {
            input_file: record.input_file.clone().unwrap_or_default(),
            endpoint: ENDPOINT.to_owned(),
            window: format!("{}h", record.window_hours),
            tag: record.tag.as_str().to_owned(),
        };
        match self.service.create(&order).await {
            Ok(batch) => {
                meet("batch.create.after");
                self.heard(record.number);
                self.adopt(journal, record, batch, false, news)?;
                Ok(StepEnd::Next)
            }
            Err(CreateFault::Refused(fault)) => {
                record.asked_at = None;
                journal.keep_batch(record)?;
                self.refused(journal, record, fault, news).await
            }
            // It is looked for at once.
            Err(CreateFault::Unknown(fault)) => {
                self.memory(record.number).looks = Looks::default();
                Ok(match self.patience.lasts() {
                    true => StepEnd::Next,
                    false => StepEnd::Stop(StopReason::Outage(fault)),
                })
            }
        }
    }

    /// The provider has refused to create a batch.
    async fn refused(
        &mut self,
        journal: &Journal,
        record: &mut BatchRecord,
        fault: Fault,
        news: &mut dyn Observer,
    ) -> Result<StepEnd, PipelineError> {
        let why = BatchError { code: fault.code.clone(), message: fault.message.clone(), line: None };
        if BatchFailure::of(&[why]) == BatchFailure::QueueFull && !fault.kind.passes() {
            self.queue_is_full = true;
            news.on(Event::Batch(BatchNews::QueueFull { batch: record, message: &fault.message }));
            self.give_up(journal, record, false).await?;
            return Ok(StepEnd::Wait);
        }
        let end = self.trouble(record.number, fault);
        if end != StepEnd::Wait {
            self.give_up(journal, record, false).await?;
        }
        Ok(end)
    }

    pub(super) async fn look_for(
        &mut self,
        journal: &Journal,
        record: &mut BatchRecord,
        news: &mut dyn Observer,
    ) -> Result<StepEnd, PipelineError> {
        if record.base_url != self.address {
            return Ok(StepEnd::Stop(StopReason::Refused(elsewhere(record))));
        }
        let file = record.input_file.clone().unwrap_or_default();
        let since = record.asked_at.unwrap_or(record.planned_at);
        let found = match self.service.made_of(&file, record.tag.as_str(), since).await {
            Ok(found) => found,
            Err(fault) => return Ok(self.trouble(record.number, fault)),
        };
        self.heard(record.number);
        let mut found = found.into_iter();
        if let Some(batch) = found.next() {
            meet("batch.look.found");
            self.adopt(journal, record, batch, true, news)?;
            // There are two only if the provider made them of one order.
            for twin in found.filter(|twin| !twin.state.is_end()) {
                let _ = self.service.cancel(&twin.id).await;
            }
            return Ok(StepEnd::Next);
        }
        let pause = Looks::pause(self.settings.poll);
        if !self.memory(record.number).looks.found_nothing() {
            return Ok(self.later(record.number, pause));
        }
        record.asked_at = None;
        journal.keep_batch(record)?;
        Ok(StepEnd::Next)
    }

    fn adopt(
        &mut self,
        journal: &Journal,
        record: &mut BatchRecord,
        batch: ProviderBatch,
        found: bool,
        news: &mut dyn Observer,
    ) -> Result<(), PipelineError> {
        record.update(batch, clock::now());
        journal.keep_batch(record)?;
        meet("batch.created");
        // Its lines are in the journal, and its file is the provider's.
        remove_all(journal.path(), &record.tag);
        if record.phase == BatchPhase::Created {
            self.later(record.number, self.settings.poll);
        }
        news.on(Event::Batch(BatchNews::Submitted { batch: record, found }));
        Ok(())
    }
}

fn elsewhere(record: &BatchRecord) -> Fault {
    let message = format!(
        "batch {} may have been created at {}, and this job is for another address",
        record.number, record.base_url
    );
    let help = "run the job once with that `base_url`: what is there is found and collected";
    Fault { help: Some(help), ..Fault::new(FaultKind::JobRefused, "batch_elsewhere", message) }
}
