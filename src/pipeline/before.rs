//! What earlier runs have left in the journal, brought to the rules of the present job before its input is planned.

use serde_json::Value;

use super::reporter::{Reporter, RunNews};
use super::{Opened, PipelineError};
use crate::conversation;
use crate::endpoint::Endpoint;
use crate::journal::Journal;

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
        journal.heal(None)?;
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

/// Holds the kept answers against the job's rules for answers, when these have changed since the last run.
fn hold_to_rules(
    opened: &Opened,
    journal: &Journal,
    reporter: &mut impl Reporter,
) -> Result<(), PipelineError> {
    let rules = opened.conversation();
    let last = journal.reader().last_job()?;
    let last: Option<Value> = last.and_then(|job| serde_json::from_str(&job).ok());
    let before = last.as_ref().and_then(|job| job["answer_rules"].as_str()).unwrap_or_default();
    if last.is_none() || before == rules.key() {
        return Ok(());
    }
    let turned = journal.hold_to(&conversation::CODES, |kept| rules.verdict(kept))?;
    reporter.tell(RunNews::Revalidated { failed: turned.failed, ok: turned.ok });
    Ok(())
}
