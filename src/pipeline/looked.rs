//! The rows of an input with their results, for whoever looks at what a job has done.

use super::fold::{FoldedRow, Folding};
use super::scan::{Depth, Scan, Scanned};
use super::{Opened, PipelineError};
use crate::journal::cursors::{Entry, Results};
use crate::read::Projection;

/// The rows of an input with their results, in order; with all their columns, or only with what their results need.
///
/// # Errors
///
/// When the input cannot be read.
pub fn looked_rows<'r>(
    opened: &Opened,
    mut results: Results<'r>,
    with_columns: bool,
) -> Result<impl Iterator<Item = Result<FoldedRow, PipelineError>> + use<'r>, PipelineError> {
    let wanted = match opened.requester().asks_once() {
        _ if with_columns => Projection::Fields,
        false => opened.wanted_by_requests(),
        true => Projection::Only([].into()),
    };
    let mut folding = Folding::new(opened, results.reader());
    let mut scan = Scan::new(opened, wanted, None, |_: u64, _: Option<&Entry>| Depth::Whole)?;
    Ok(std::iter::from_fn(move || next(&mut scan, &mut results, &mut folding).transpose()))
}

fn next<D: FnMut(u64, Option<&Entry>) -> Depth>(
    scan: &mut Scan<D>,
    results: &mut Results<'_>,
    folding: &mut Folding<'_>,
) -> Result<Option<FoldedRow>, PipelineError> {
    while let Some(Scanned { place, part, item, whole, .. }) = scan.next().transpose()? {
        let result = match part.count {
            0 => None,
            _ => Some(results.at(place.position)?.unwrap_or_default()),
        };
        let row = folding.add(part, (whole, item), result)?;
        if row.is_some() {
            return Ok(row);
        }
    }
    Ok(None)
}
