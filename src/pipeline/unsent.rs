//! The ends of rows for which nothing is sent: bad rows, and rows that share the answer of another.

use super::bad_rows::{BAD_ROW, code_of};
use super::scan::{Depth, Scan};
use super::{Opened, PipelineError};
use crate::journal::Journal;
use crate::journal::cursors::Entry;
use crate::journal::duplicates::Shared;
use crate::journal::reader::Reader;
use crate::note::{Outcome, RequestEnd};
use crate::outcome::{Fault, FaultKind, Status};

/// Records the rows that cannot be sent as failed. Gives how many were recorded now.
pub(super) fn store_bad_rows(opened: &Opened, journal: &Journal) -> Result<u64, PipelineError> {
    let mut stored = 0;
    let mut group = Vec::new();
    let entries = Reader::beside(journal.path())?.entries();
    let scan = Scan::new(opened, opened.wanted_by_requests(), Some(entries), |_, entry| {
        unless(entry, |status| matches!(status, Status::Failed | Status::Ok))
    })?;
    for row in scan {
        let scanned = row?;
        let Some((row, Err(problem))) = scanned.prepared(opened) else { continue };
        let code = scanned.item.as_ref().map_or(BAD_ROW, code_of);
        // Where the row stands is said when this is shown: it may have moved by then.
        let fault = Fault::new(FaultKind::RowRefused, code, problem.in_a_line());
        group.push(RequestEnd::unsent(row, 0, Outcome::Failed(fault)));
        stored += 1;
        if group.len() >= 256 {
            journal.store_unsent(&group)?;
            group.clear();
        }
    }
    journal.store_unsent(&group)?;
    Ok(stored)
}

/// Gives rows with equal requests the end of the one that was sent; rows that have failed, when that was sent again.
pub(super) fn share(opened: &Opened, journal: &Journal, retry_failed: bool) -> Result<Shared, PipelineError> {
    let mut sharer = journal.sharer()?;
    let entries = Reader::beside(journal.path())?.entries();
    let scan = Scan::new(opened, opened.wanted_by_requests(), Some(entries), |_, entry| {
        unless(entry, |status| status == Status::Ok || status == Status::Failed && !retry_failed)
    })?;
    for row in scan {
        if let Some((row, _)) = row?.prepared(opened) {
            sharer.share(&row)?;
        }
    }
    Ok(sharer.finish()?)
}

/// Looks into a row unless its entry is in such a state.
fn unless(entry: Option<&Entry>, is_so: impl Fn(Status) -> bool) -> Depth {
    if entry.is_some_and(|entry| is_so(entry.status)) { Depth::Pass } else { Depth::Whole }
}
