//! The pieces of one row, in a job that cuts rows, with their results. Each has a name by which its history is shown.

use std::io::Write;

use serde::Serialize;

use super::request_report::{RequestName, RequestReport};
use crate::commands::failure::Failure;
use crate::commands::printout::to_json;
use crate::exit::Exit;
use crate::journal::reader::Reader;
use crate::journal::rows::PieceEntry;
use crate::outcome::Status;
use crate::text::{counted, money, printable};

/// The version of the JSON. It only ever gains fields.
const VERSION: u32 = 1;

/// A row with its pieces.
#[derive(Debug, Serialize)]
struct PiecesReport<'a> {
    version: u32,
    row: &'a str,
    status: &'static str,
    attempts: u32,
    cost: Option<f64>,
    total_tokens: Option<u64>,
    /// The request over the answers to its pieces, in a job that merges them.
    merge: Option<RequestReport>,
    pieces: Vec<RequestReport>,
}

/// The name of a piece.
fn named(row: &str, entry: PieceEntry) -> RequestName {
    let number = entry.part.number + 1;
    RequestName {
        row: format!("{row}#{number}"),
        shown: format!("piece {number}"),
        piece: Some(number),
        position: Some(entry.position),
        each: None,
    }
}

/// Shows the pieces of a row: those that the journal has, of as many as there are.
pub(super) fn tell(
    reader: &Reader,
    row: &str,
    entries: Vec<PieceEntry>,
    as_json: bool,
    out: &mut impl Write,
) -> Result<Exit, Failure> {
    let all = entries.first().map_or(0, |entry| u64::from(entry.part.count));
    let mut results = reader.results();
    let (mut pieces, mut statuses) = (Vec::new(), Vec::new());
    for entry in entries {
        let result = results.at(entry.position)?.unwrap_or_default();
        statuses.push(result.status);
        pieces.push(RequestReport::new(named(row, entry), result));
    }
    let merge = reader.entry_of_merge(row)?.map(|entry| reader.result_of(entry)).transpose()?;
    // Of the missing ones the journal has nothing yet.
    statuses.extend(((pieces.len() as u64) < all).then_some(Status::Pending));
    let status = match &merge {
        Some(merge) if merge.status != Status::Ok => merge.status,
        _ => Status::of_requests(statuses),
    };
    let merge = merge.map(|result| {
        let name =
            RequestName { row: format!("{row}#merge"), shown: "merge".into(), ..RequestName::default() };
        RequestReport::new(name, result)
    });
    let report = PiecesReport {
        version: VERSION,
        row,
        status: status.as_str(),
        attempts: pieces.iter().chain(&merge).filter_map(|piece| piece.attempts).sum(),
        cost: pieces.iter().chain(&merge).map(|piece| piece.cost).sum(),
        total_tokens: pieces.iter().chain(&merge).map(|piece| piece.total_tokens).sum(),
        merge,
        pieces,
    };
    if as_json {
        writeln!(out, "{}", to_json(&report)?)?;
        return Ok(Exit::Done);
    }
    let cost = report.cost.map(|cost| format!(" · cost {} (estimate)", money(cost))).unwrap_or_default();
    let requests = counted(u64::from(report.attempts), "request");
    let line = format!("row {row}: {} · {} · {requests}{cost}", report.status, counted(all, "piece"));
    writeln!(out, "{}", printable(&line))?;
    for line in report.pieces.iter().chain(&report.merge).flat_map(RequestReport::lines) {
        writeln!(out, "{}", printable(&line))?;
    }
    let rest = all.saturating_sub(report.pieces.len() as u64);
    if rest > 0 {
        writeln!(out, "  {} without an answer yet", counted(rest, "piece"))?;
    }
    Ok(Exit::Done)
}
