//! The pieces of one row, in a job that cuts rows: what each came to. The history of one is that of a row by its own name.

use std::io::Write;

use serde::Serialize;

use crate::commands::failure::Failure;
use crate::commands::printout::to_json;
use crate::exit::Exit;
use crate::job::price::rounded;
use crate::journal::reader::Reader;
use crate::journal::rows::PieceEntry;
use crate::note::EntryPart;
use crate::outcome::{RowResult, Status};
use crate::text::{count, counted, money, printable, short};

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
    merge: Option<PieceReport>,
    pieces: Vec<PieceReport>,
}

/// What a piece came to.
#[derive(Debug, Serialize)]
struct PieceReport {
    row: String,
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

impl PieceReport {
    fn of(row: &str, entry: PieceEntry, result: RowResult) -> Self {
        let usage = result.answer.as_ref().and_then(|answer| answer.usage.as_ref());
        Self {
            row: format!("{row}#{}", entry.part.number + 1),
            piece: Some(entry.part.number + 1),
            position: Some(entry.position),
            status: result.status.as_str(),
            attempts: result.attempts,
            cost: result.cost.map(rounded),
            total_tokens: usage.and_then(|usage| usage.total_tokens),
            error_code: result.error_code,
            error: result.error,
            warnings: result.warnings,
        }
    }

    fn of_merge(row: &str, result: RowResult) -> Self {
        let entry = PieceEntry { position: 0, part: EntryPart::WHOLE };
        Self { row: format!("{row}#merge"), piece: None, position: None, ..Self::of(row, entry, result) }
    }

    /// The line of the piece, and one for each warning about its answer.
    fn lines(&self) -> Vec<String> {
        let warnings = self.warnings.iter().map(|text| format!("    warning: {}", short(text, 200)));
        [self.line()].into_iter().chain(warnings).collect()
    }

    fn line(&self) -> String {
        let requests = counted(u64::from(self.attempts.unwrap_or(0)), "request");
        let tokens = self.total_tokens.map(|tokens| format!(" · {} tokens", count(tokens)));
        let error = self.error.as_deref().map(|error| format!(": {}", short(error, 200)));
        let (tokens, error) = (tokens.unwrap_or_default(), error.unwrap_or_default());
        let name = self.piece.map_or_else(|| "merge".to_owned(), |piece| format!("piece {piece}"));
        format!("  {name} ({}): {} after {requests}{tokens}{error}", self.row, self.status)
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
        pieces.push(PieceReport::of(row, entry, result));
    }
    let merge = reader.entry_of_merge(row)?.map(|entry| reader.result_of(entry)).transpose()?;
    // Of the missing ones the journal has nothing yet.
    statuses.extend(((pieces.len() as u64) < all).then_some(Status::Pending));
    let status = match &merge {
        Some(merge) if merge.status != Status::Ok => merge.status,
        _ => Status::of_requests(statuses),
    };
    let merge = merge.map(|result| PieceReport::of_merge(row, result));
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
    for line in report.pieces.iter().chain(&report.merge).flat_map(PieceReport::lines) {
        writeln!(out, "{}", printable(&line))?;
    }
    let rest = all.saturating_sub(report.pieces.len() as u64);
    if rest > 0 {
        writeln!(out, "  {} without an answer yet", counted(rest, "piece"))?;
    }
    Ok(Exit::Done)
}
