//! The combinations of one row, in a job with `[each]`: what each came to. The history of one is that of a row by its own name.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use crate::commands::failure::Failure;
use crate::commands::printout::to_json;
use crate::exit::Exit;
use crate::job::Job;
use crate::job::each::{Combination, Each};
use crate::job::price::rounded;
use crate::journal::reader::Reader;
use crate::outcome::{RowResult, Status};
use crate::pipeline::Opened;
use crate::pipeline::requests::{MadeRequest, requests};
use crate::text::{count, counted, money, printable, short};

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

/// What a request came to.
#[derive(Debug, Serialize)]
struct RequestReport {
    row: String,
    /// The values of its combination, by name.
    each: BTreeMap<String, String>,
    #[serde(skip)]
    shown: String,
    piece: Option<u32>,
    position: Option<u64>,
    status: &'static str,
    attempts: Option<u32>,
    cost: Option<f64>,
    total_tokens: Option<u64>,
    error_code: Option<String>,
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl RequestReport {
    fn of(
        row: &str,
        (each, one): (&Each, &Combination),
        made: Option<&MadeRequest>,
        result: RowResult,
    ) -> Self {
        let usage = result.answer.as_ref().and_then(|answer| answer.usage.as_ref());
        let piece = made.and_then(|made| made.piece);
        let of_piece = piece.map(|piece| format!("#{piece}")).unwrap_or_default();
        Self {
            row: format!("{row}#{}{of_piece}", one.id()),
            each: each.names().map(str::to_owned).zip(one.values.iter().cloned()).collect(),
            shown: one.shown(),
            piece,
            position: made.map(|made| made.position),
            status: result.status.as_str(),
            attempts: result.attempts,
            cost: result.cost.map(rounded),
            total_tokens: usage.and_then(|usage| usage.total_tokens),
            error_code: result.error_code,
            error: result.error,
            warnings: result.warnings,
        }
    }

    /// The line of the request, and one for each warning about its answer.
    fn lines(&self) -> Vec<String> {
        let warnings = self.warnings.iter().map(|text| format!("    warning: {}", short(text, 200)));
        [self.line()].into_iter().chain(warnings).collect()
    }

    fn line(&self) -> String {
        let requests = counted(u64::from(self.attempts.unwrap_or(0)), "request");
        let tokens = self.total_tokens.map(|tokens| format!(" · {} tokens", count(tokens)));
        let error = self.error.as_deref().map(|error| format!(": {}", short(error, 200)));
        let piece = self.piece.map(|piece| format!(", piece {piece}")).unwrap_or_default();
        let sent = match self.status {
            "skipped" => ": skipped, nothing to ask".to_owned(),
            status => format!(" ({}): {status} after {requests}", self.row),
        };
        let (tokens, error) = (tokens.unwrap_or_default(), error.unwrap_or_default());
        format!("  {}{piece}{sent}{tokens}{error}", self.shown)
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
            reports.push(RequestReport::of(row, (each, combination), None, skipped));
        }
        for made in of_combination {
            let stored = results.belonging(made.position)?;
            // An entry of another request is no answer to this one.
            let result = stored.filter(|(fingerprint, _)| *fingerprint == made.fingerprint);
            let result = result.map(|(_, result)| result).unwrap_or_default();
            statuses.push(result.status);
            reports.push(RequestReport::of(row, (each, combination), Some(made), result));
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
