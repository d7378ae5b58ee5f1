//! The second of two passes: what has no answer is sent, and every end is stored before it counts.

use super::audience::{Audience, Watch, before_it_sends};
use super::batches;
use super::judged::judge;
use super::plan::Plan;
pub use super::rounds::SendRequest;
use super::rounds::{Passed, RoundKind, Sender};
use super::unsent::{share, store_bad_rows};
use super::{Opened, PipelineError};
use crate::batch_service::BatchService;
use crate::dispatch::stop::{Stop, StopLevel, StopReason};
use crate::dispatch::{CarryOver, DispatchSettings, Dispatcher};
use crate::endpoint::Endpoint;
use crate::job::field_owner::FieldOwners;
use crate::job::limits::EffectiveLimits;
use crate::journal::Journal;
use crate::journal::duplicates::Shared;
use crate::reserve::Reserve;
use crate::tally::{Snapshot, Tally};
use crate::tools::Commands;

/// How the sending ended.
#[derive(Debug)]
pub struct SendReport {
    /// Why.
    pub reason: StopReason,
    /// Requests that were given up in flight.
    pub abandoned: usize,
    /// The most that the request may use which a cap did not let leave.
    pub beyond: Option<Reserve>,
    /// The counts.
    pub snapshot: Snapshot,
    /// Whether the input changed meanwhile: rows may be left, and are to be planned anew.
    pub input_changed: bool,
}

/// Sends what is to be sent. Gives the journal back.
///
/// # Errors
///
/// When input or journal fail.
pub async fn send<E: Endpoint, B: BatchService>(
    opened: &Opened,
    journal: Journal,
    order: SendRequest<'_>,
    past: &CarryOver,
    (endpoint, batch_service): (&E, &B),
    stop: Stop,
    audience: Audience<'_>,
) -> Result<(SendReport, Journal), PipelineError> {
    let mut observer = Watch::new(before_it_sends(opened, order.plan, order.retry_failed), audience);
    let failed = store_unsent(opened, &journal, order).map_err(|error| order.kept(&journal, error))?;
    observer.tally.now.failed += failed;
    let rules = settings(opened, order);
    let commands = Commands::new(opened.job.tools.clone(), order.hidden.to_vec(), order.mark.clone());
    let dispatcher = Dispatcher::new(endpoint, &commands, &rules, past, Box::new(rand::random::<f64>));
    let mut dispatcher = dispatcher.steered(order.live_limits.clone());
    let mut sender =
        Sender { opened, order, dispatcher: &mut dispatcher, observer: &mut observer, stop: &stop };
    let (mut passed, mut journal) = match opened.job.batch {
        None if !journal.reader().has_open_lines()? => sender.round(journal, RoundKind::Rows).await?,
        _ => batches::run(&mut sender, journal, batch_service, past.works).await?,
    };
    let shares = opened.job.input.share_duplicates && *stop.borrow() != StopLevel::Now;
    let ended = end_pass(opened, &journal, order, &mut sender.observer.tally, (passed.input_changed, shares));
    ended.map_err(|error| order.kept(&journal, error))?;
    for kind in opened.over_kinds() {
        if passed.reason == StopReason::Finished && !passed.input_changed {
            (passed, journal) = sender.over_round(journal, passed, kind).await?;
        }
    }
    let Passed { reason, abandoned, beyond, input_changed, set_aside: _ } = passed;
    let snapshot = observer.finish();
    Ok((SendReport { reason, abandoned, beyond, snapshot, input_changed }, journal))
}

/// Stores what is known of rows before anything is sent: those that cannot be sent as failed, and those that had failed as
/// open, where they are sent again. Gives how many failed now.
fn store_unsent(opened: &Opened, journal: &Journal, order: SendRequest<'_>) -> Result<u64, PipelineError> {
    let failed = match order.plan.matched.unsendable {
        0 => 0,
        _ => store_bad_rows(opened, journal)?,
    };
    if order.retry_failed {
        journal.reopen_failed(limit(opened, order.plan))?;
    }
    Ok(failed)
}

/// The number of requests to which the job's limit of rows comes, if it has one.
fn limit(opened: &Opened, plan: &Plan) -> Option<u64> {
    opened.job.input.limit.map(|_| plan.requests)
}

fn settings(opened: &Opened, order: SendRequest<'_>) -> DispatchSettings {
    let EffectiveLimits { quotas, concurrency, caps, .. } = *order.live_limits.borrow();
    DispatchSettings {
        retry: opened.job.retry,
        quotas,
        concurrency,
        caps,
        // An answer that is checked against a schema is that of one row, and a line of a batch is, too.
        pack: opened
            .job
            .pack
            .filter(|_| opened.conversation().schema.is_none() && opened.job.batch.is_none()),
        conversation: opened.conversation(),
        open_files: order.open_files,
        most_in_flight: opened.job.most_in_flight,
        field_owners: FieldOwners::of(&opened.job),
    }
}

/// What is stored when nothing is sent any more: the ends of rows that share a request, and that the survey of the input holds.
fn end_pass(
    opened: &Opened,
    journal: &Journal,
    order: SendRequest<'_>,
    tally: &mut Tally,
    (input_changed, shares): (bool, bool),
) -> Result<(), PipelineError> {
    if shares {
        let healed = journal.heal(limit(opened, order.plan), opened.codes_of_one_row())?;
        if !order.retry_failed {
            tally.now.failed = tally.now.failed.saturating_sub(healed);
        }
        let shared = match order.retry_failed || order.plan.matched.shared() > 0 {
            true => share(opened, journal, order.retry_failed)?,
            false => Shared::default(),
        };
        tally.shared(healed + shared.ok);
        tally.now.failed += shared.failed;
        if opened.has_own_source() && healed + shared.ok + shared.failed > 0 {
            // What is shared was checked against the text of another row.
            let turned = judge(opened, journal)?;
            tally.now.failed = (tally.now.failed + turned.failed).saturating_sub(turned.ok);
        }
    }
    // Rows that got the answer of another were read once more.
    if !input_changed && opened.source.stamp().is_ok_and(|stamp| stamp == order.plan.stamp) {
        journal.survey_holds()?;
    }
    Ok(())
}

/// A handle on nothing: for callers that send nothing and cannot be stopped.
pub fn never_stopped() -> Stop {
    tokio::sync::watch::channel(StopLevel::None).1
}
