//! What earlier runs leave for the limits and caps of the present one.

use std::time::SystemTime;

use jiff::Timestamp;

use super::counted::{Counted, counted};
use super::plan::Plan;
use crate::dispatch::CarryOver;
use crate::dispatch::carry_over::{EarlierRun, doubts};
use crate::dispatch::pace::Pace;
use crate::history::{Spent, spent_by};
use crate::job::Job;
use crate::job::effective::LiveSettings;
use crate::journal::JournalError;
use crate::journal::reader::Reader;
use crate::request::Estimate;

/// What earlier runs leave for the limits and caps of this one, which the journal knows of already.
///
/// # Errors
///
/// When the journal cannot be read.
pub(super) fn past(
    reader: &Reader,
    (job, run): (&Job, i64),
    plan: &Plan,
    base_url: &str,
    moment: Timestamp,
) -> Result<CarryOver, JournalError> {
    let now = SystemTime::from(moment);
    let runs = reader.runs()?;
    let Counted { since, bought, submitted } = counted(reader, job, Some(run), now)?;
    let spent = spent_by(&runs);
    let ago = |at: SystemTime| now.duration_since(at).unwrap_or_default();
    let tokens_unknown = mean_tokens(&spent, plan);
    // At this time of day, and at the hours of which the schedule says nothing.
    let quotas = [job.quotas_in_force(), job.terms(&LiveSettings::default(), moment, None).quotas];
    let memory = quotas.map(|quotas| quotas.memory(tokens_unknown));
    let memory = memory.into_iter().max().unwrap_or_default();
    let stored = reader.sent_within(memory, now)?.into_iter().map(|(at, tokens)| (ago(at), tokens));
    let earlier = runs.iter().map(|run| EarlierRun { began: ago(run.started_at), in_doubt: run.in_doubt });
    Ok(CarryOver {
        cost: bought.cost,
        tokens: bought.tokens,
        reserved: bought.reserved,
        submitted,
        longest_answer: reader.longest_answer()?,
        since,
        duration: spent.duration,
        reached: reader.has_answers_from(base_url)?,
        works: plan.matched.kept + plan.matched.moved > 0,
        recent: stored.chain(doubts(earlier, memory)).collect(),
        tokens_unknown,
    })
}

/// What a request uses on the average; before any was answered, what it is expected to use.
fn mean_tokens(spent: &Spent, plan: &Plan) -> u64 {
    let answers = spent.requests - (spent.throttled + spent.faults).min(spent.requests);
    if answers > 0 && spent.usage.total_tokens > 0 {
        return spent.usage.total_tokens.div_ceil(answers);
    }
    let estimated = plan.estimated.max(1);
    let Estimate { prompt_tokens, max_completion_tokens, unbounded } = plan.estimate;
    Pace::first_guess(&Estimate {
        prompt_tokens: prompt_tokens / estimated,
        max_completion_tokens: max_completion_tokens / estimated,
        unbounded,
    })
}
