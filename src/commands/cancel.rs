//! `fanfold set JOB cancel` when no run is active: the batches that the provider has are cancelled from here.

use tokio::runtime::Builder;

use super::failure::Failure;
use super::load::load;
use super::run::{endpoint, key};
use crate::batch::phase::BatchPhase;
use crate::batch_service::BatchService;
use crate::cli::JobArgs;
use crate::exit::Exit;
use crate::journal::lock::Lock;
use crate::text::{count, printable};
use crate::watch::Screen;

/// Cancels them. What they have done is collected by the next run.
pub(super) fn cancel(args: &JobArgs, screen: &Screen) -> Result<Exit, Failure> {
    let loaded = load(args, screen)?;
    let key = key(&loaded)?;
    let job = &loaded.job;
    // No run begins meanwhile.
    let lock = Lock::take(&job.output.journal())?;
    let journal = lock.open()?;
    let endpoint = endpoint(job, &job.model.base_url, key, false, screen)?;
    let service = endpoint.batches();
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Failure::no_runtime)?;
    let (mut cancelled, mut ending) = (0, 0);
    for batch in journal.reader().batches()?.into_iter().filter(|batch| batch.phase == BatchPhase::Created) {
        let id = batch.provider_id.unwrap_or_default();
        match runtime.block_on(service.cancel(&id)) {
            Ok(_) => cancelled += 1,
            // It is about to end, or has ended.
            Err(fault) if matches!(fault.status, Some(400 | 404 | 409)) => ending += 1,
            Err(fault) => {
                let summary = printable(&fault.summary());
                return Err(Failure::new(format!(
                    "batch {} ({id}) could not be cancelled: {summary}",
                    batch.number
                )));
            }
        }
    }
    screen.say(&match (cancelled, ending) {
        (0, 0) => "no batch of this job is at the provider: nothing was cancelled".to_owned(),
        (0, _) => "the batches of this job have ended already; `fanfold run` collects them".to_owned(),
        _ => format!(
            "{} being cancelled, which takes the provider some minutes; `fanfold run` collects what is done, and submits \
             the rest again",
            batches(cancelled)
        ),
    });
    Ok(Exit::Done)
}

fn batches(number: u64) -> String {
    match number {
        1 => "1 batch is".to_owned(),
        _ => format!("{} batches are", count(number)),
    }
}
