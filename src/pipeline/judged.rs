//! Kept answers checked against their source, which is known when their rows are read and rendered.

use super::before::rules_have_changed;
use super::plan::{Plan, Purpose, plan};
use super::prefetch::Prefetch;
use super::reporter::{Reporter, RunNews};
use super::scan::{Depth, Scan, Scanned};
use super::{Opened, PipelineError};
use crate::conversation::kept::CODES;
use crate::dispatch::stop::Stop;
use crate::journal::Journal;
use crate::journal::cursors::Entry;
use crate::journal::reader::Reader;
use crate::journal::revalidation::Turned;
use crate::outcome::Status;

/// Why kept answers may have to be checked again, as it was before a plan was made.
#[derive(Debug, Clone, Copy)]
struct Unjudged {
    rules_changed: bool,
    /// Whether a run may have ended before it had checked what it found.
    broken_off: bool,
}

impl Unjudged {
    /// What is to be known before the journal is brought to the present input; `None` in a job without checks.
    fn before(opened: &Opened, journal: &Journal) -> Result<Option<Self>, PipelineError> {
        if opened.job.answer.checks.is_empty() {
            return Ok(None);
        }
        let reader = journal.reader();
        let broken_off = reader.end()? > 0 && !reader.survey()?.is_some_and(|survey| survey.holds);
        Ok(Some(Self { rules_changed: rules_have_changed(opened, journal)?, broken_off }))
    }

    /// Checks the kept answers of a plan, if anything about them may be new.
    fn judge(
        self,
        opened: &Opened,
        journal: &Journal,
        plan: &mut Plan,
    ) -> Result<Option<Turned>, PipelineError> {
        // An answer that comes back from elsewhere was not checked while it was away.
        let is_new = plan.matched.moved > 0 || (opened.has_own_source() && plan.edited);
        if !(self.rules_changed || self.broken_off || is_new) {
            return Ok(None);
        }
        let turned = judge(opened, journal)?;
        let failed = &mut plan.matched.failed;
        *failed = (*failed + turned.failed).saturating_sub(turned.ok);
        Ok(Some(turned))
    }
}

/// The plan, with the kept answers checked again where that is due.
pub(super) fn planned(
    opened: &Opened,
    journal: &Journal,
    stop: &Stop,
    reporter: &mut impl Reporter,
) -> Result<Plan, PipelineError> {
    let unjudged = Unjudged::before(opened, journal)?;
    let mut plan = plan(opened, Some(journal.reader()), Purpose::Send, stop)?;
    if let Some(unjudged) = unjudged
        && let Some(turned) = unjudged.judge(opened, journal, &mut plan)?
    {
        reporter.tell(RunNews::Revalidated { failed: turned.failed, ok: turned.ok, warned: turned.warned });
    }
    Ok(plan)
}

/// Checks all kept answers of the rows of the input.
pub(super) fn judge(opened: &Opened, journal: &Journal) -> Result<Turned, PipelineError> {
    let rules = opened.conversation();
    let entries = Reader::beside(journal.path())?.entries();
    let depth = |_, entry: Option<&Entry>| match entry.map(|entry| entry.status) {
        Some(Status::Ok | Status::Failed) => Depth::Whole,
        _ => Depth::Pass,
    };
    let scan = Scan::new(opened, opened.wanted_by_requests(), Some(entries), depth)?;
    let theirs = opened.clone();
    let mut judging = journal.judging(&CODES)?;
    let prepared = move |row: Result<Scanned, PipelineError>| row.map(|row| row.prepared(&theirs));
    for row in Prefetch::of_each(scan, prepared) {
        let Some((row, Ok(request))) = row? else { continue };
        judging.row(&row, |kept| rules.verdict(kept, request.source.as_deref()))?;
    }
    Ok(judging.finish()?)
}
