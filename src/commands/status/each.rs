//! The combinations of one row, in a job with `[each]`, with their results. Each has a name by which its history is shown.

use std::io::Write;

use serde::Serialize;

use super::request_report::{RequestName, RequestReport};
use crate::commands::failure::Failure;
use crate::commands::printout::to_json;
use crate::exit::Exit;
use crate::job::Job;
use crate::job::each::{Combination, Each};
use crate::journal::reader::Reader;
use crate::outcome::{RowResult, Status};
use crate::pipeline::Opened;
use crate::pipeline::requests::{MadeRequest, requests};
use crate::text::{counted, money, printable};

/// The version of the JSON. It only ever gains fields.
const VERSION: u32 = 1;

/// A row with its requests.
#[derive(Debug, Serialize)]
struct EachReport<'a> {
    version: u32,
    row: &'a str,
    status: &'static str,
    attempts: u32,
    cost: Option<f64>,
    total_tokens: Option<u64>,
    each: Vec<RequestReport>,
}

/// The name of a request of a combination; `made`: the request, if there is one.
fn named(row: &str, (each, one): (&Each, &Combination), made: Option<&MadeRequest>) -> RequestName {
    let piece = made.and_then(|made| made.piece);
    let of_piece = piece.map(|piece| format!("#{piece}")).unwrap_or_default();
    let in_words = piece.map(|piece| format!(", piece {piece}")).unwrap_or_default();
    RequestName {
        row: format!("{row}#{}{of_piece}", one.id()),
        shown: format!("{}{in_words}", one.shown()),
        each: Some(each.names().map(str::to_owned).zip(one.values.iter().cloned()).collect()),
        piece,
        position: made.map(|made| made.position),
    }
}

/// Shows the requests of a row; false when the input has no such row.
pub(super) fn tell(
    reader: &Reader,
    job: &Job,
    (row, has_ids): (&str, bool),
    as_json: bool,
    out: &mut impl Write,
) -> Result<Option<Exit>, Failure> {
    let Some(each) = &job.each else { return Ok(None) };
    let made = of_row(job, row, has_ids)?;
    if made.is_empty() {
        return Ok(None);
    }
    let mut results = reader.results();
    let (mut reports, mut statuses) = (Vec::new(), Vec::new());
    for (number, combination) in each.combinations().iter().enumerate() {
        let of_combination: Vec<&MadeRequest> =
            made.iter().filter(|made| made.combination == number).collect();
        if of_combination.is_empty() {
            let skipped = RowResult { status: Status::Skipped, ..RowResult::default() };
            reports.push(RequestReport::new(named(row, (each, combination), None), skipped));
        }
        for made in of_combination {
            let stored = results.belonging(made.position)?;
            // An entry of another request is no answer to this one.
            let result = stored.filter(|(fingerprint, _)| *fingerprint == made.fingerprint);
            let result = result.map(|(_, result)| result).unwrap_or_default();
            statuses.push(result.status);
            reports.push(RequestReport::new(named(row, (each, combination), Some(made)), result));
        }
    }
    let report = EachReport {
        version: VERSION,
        row,
        status: Status::of_requests(statuses).as_str(),
        attempts: reports.iter().filter_map(|one| one.attempts).sum(),
        cost: reports.iter().filter(|one| one.attempts.is_some()).map(|one| one.cost).sum(),
        total_tokens: reports.iter().filter(|one| one.attempts.is_some()).map(|one| one.total_tokens).sum(),
        each: reports,
    };
    match as_json {
        true => writeln!(out, "{}", to_json(&report)?)?,
        false => say(&report, out)?,
    }
    Ok(Some(Exit::Done))
}

/// The requests of a row as the job makes them now.
fn of_row(job: &Job, row: &str, has_ids: bool) -> Result<Vec<MadeRequest>, Failure> {
    let opened = Opened::again(job.clone())?;
    let number = row.parse::<u64>().ok().and_then(|number| number.checked_sub(1));
    let is_it = |made: &MadeRequest| match has_ids {
        true => made.row_id.as_ref().is_some_and(|id| id.as_str() == row),
        false => Some(made.row) == number,
    };
    let mut found = Vec::new();
    for made in requests(&opened)? {
        let made = made?;
        if is_it(&made) {
            found.push(made);
        } else if !found.is_empty() {
            break;
        }
    }
    Ok(found)
}

fn say(report: &EachReport<'_>, out: &mut impl Write) -> Result<(), Failure> {
    let cost = report.cost.map(|cost| format!(" · cost {} (estimate)", money(cost))).unwrap_or_default();
    let sent = counted(u64::from(report.attempts), "request");
    let line = format!("row {}: {} · {sent}{cost}", report.row, report.status);
    writeln!(out, "{}", printable(&line))?;
    for line in report.each.iter().flat_map(RequestReport::lines) {
        writeln!(out, "{}", printable(&line))?;
    }
    Ok(())
}
