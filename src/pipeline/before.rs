//! What earlier runs have left in the journal, brought to the rules of the present job before its input is planned.

use serde_json::Value;

use super::reporter::{Reporter, RunNews};
use super::{Opened, PipelineError};
use crate::conversation::kept;
use crate::endpoint::Endpoint;
use crate::journal::Journal;
use crate::journal::revalidation::HeldScope;

/// What a run finds in its journal.
pub(super) struct Legacy {
    /// The number of the last order that is not meant for it.
    pub(super) last_order: i64,
    /// Requests that were out when the run before was killed.
    pub(super) in_doubt: u64,
    /// Whether a simulator is asked.
    pub(super) simulated: bool,
}

/// Looks back, and brings kept answers to the rules of the present job. `simulated`: whether it is known that a simulator is
/// asked.
pub(super) async fn revalidate(
    opened: &Opened,
    simulated: bool,
    journal: &Journal,
    endpoint: &impl Endpoint,
    reporter: &mut impl Reporter,
) -> Result<Legacy, PipelineError> {
    let last_order = journal.reader().last_order()?;
    let in_doubt = journal.reader().in_doubt()?;
    if in_doubt > 0 {
        reporter.tell(RunNews::InDoubt(in_doubt));
    }
    let simulated =
        simulated || is_rehearsal(&opened.job.model.base_url, journal, endpoint, reporter).await?;
    hold_to_rules(opened, journal, reporter)?;
    if opened.job.input.share_duplicates {
        // A run that was killed may have had no time for it, or the job did not share before.
        journal.heal(None, opened.codes_of_one_row())?;
    }
    Ok(Legacy { last_order, in_doubt, simulated })
}

/// Whether a run is a rehearsal, as far as that is known before it sends. The endpoint is asked only when the journal holds
/// answers of a simulator; where it is none, they are dropped.
async fn is_rehearsal(
    base_url: &str,
    journal: &Journal,
    endpoint: &impl Endpoint,
    reporter: &mut impl Reporter,
) -> Result<bool, PipelineError> {
    let reader = journal.reader();
    if reader.simulated()?.rows == 0 {
        return Ok(false);
    }
    let is_one = match endpoint.is_simulator().await.map_err(PipelineError::Other)? {
        Some(is_one) => is_one,
        // Nobody is there to be sent anything.
        None => reader.has_heard_a_simulator_at(base_url)?,
    };
    if !is_one {
        let answers = journal.drop_simulated()?;
        if answers > 0 {
            reporter.tell(RunNews::Rehearsed(answers));
        }
    }
    Ok(is_one)
}

/// Whether the rules for answers are others than in the last run.
pub(super) fn rules_have_changed(opened: &Opened, journal: &Journal) -> Result<bool, PipelineError> {
    let last = journal.reader().last_job()?;
    let last: Option<Value> = last.and_then(|job| serde_json::from_str(&job).ok());
    let before = last.as_ref().and_then(|job| job["answer_rules"].as_str()).unwrap_or_default();
    Ok(last.is_some() && before != opened.conversation().key())
}

/// Holds the kept answers against the job's rules for answers, when these have changed since the last run. Those of rows of the input
/// wait for the plan where they are checked against their source (`judged.rs`).
fn hold_to_rules(
    opened: &Opened,
    journal: &Journal,
    reporter: &mut impl Reporter,
) -> Result<(), PipelineError> {
    let rules = opened.conversation();
    if !rules_have_changed(opened, journal)? {
        return Ok(());
    }
    let (codes, scope) = match rules.checks.is_empty() {
        true => (kept::CODES.as_slice(), HeldScope::All),
        false => (kept::CODES_WITHOUT_SOURCE, HeldScope::WithoutPlace),
    };
    let turned = journal.hold_to((codes, scope), |kept| rules.verdict(kept, None))?;
    reporter.tell(RunNews::Revalidated { failed: turned.failed, ok: turned.ok, warned: turned.warned });
    Ok(())
}
