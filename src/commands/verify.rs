//! `fanfold verify`: the receipt. Every input row accounted for in journal and output, and the journal whole.

use std::io::{Write, stdout};

use serde_json::Value;

use super::Failure;
use super::load::load;
use super::run::plan_line;
use crate::cli::JobArgs;
use crate::exit::Exit;
use crate::journal;
use crate::journal::reader::Reader;
use crate::outcome::{RowResult, Status};
use crate::pipeline::plan::{Purpose, plan};
use crate::pipeline::send::never_stopped;
use crate::pipeline::{Opened, PipelineError};
use crate::read::{InputSpec, Source, Wanted};
use crate::row::Item;
use crate::watch::text::{count, counted};

/// Runs the command.
pub(super) fn run(args: JobArgs) -> Result<Exit, Failure> {
    let loaded = load(&args)?;
    let path = loaded.job.output.journal();
    let reader = Reader::new(journal::open_to_read(&path)?, &path);
    let mut out = stdout().lock();
    reader.check_integrity()?;
    writeln!(out, "journal: {} is whole", path.display())?;
    let opened = Opened::new(loaded.job)?;
    let plan = plan(&opened, Some(reader.connection()), Purpose::Look, &never_stopped())?;
    writeln!(out, "input: {}", plan_line(&plan))?;
    let mut counts = [0_u64; 3];
    let mut results = reader.results_as_matched();
    for position in 0..plan.rows {
        let status = results.at(position)?.unwrap_or_default().status;
        counts[status as usize] += 1;
    }
    let [pending, ok, failed] = counts;
    writeln!(out, "rows: {} ok · {} failed · {} pending", count(ok), count(failed), count(pending))?;
    let differences = check_output(&opened, plan.rows, &reader, &mut out)?;
    let exit = match () {
        () if differences > 0 => Exit::CannotRun,
        () if failed + pending > 0 => Exit::FailedRows,
        () => Exit::Done,
    };
    writeln!(
        out,
        "{}",
        if exit == Exit::Done {
            "verified: every row is answered, and in the output"
        } else {
            "not all is well: see above"
        }
    )?;
    Ok(exit)
}

/// Holds the output against the journal, row by row. Gives the number of rows that differ.
fn check_output(opened: &Opened, rows: u64, reader: &Reader, out: &mut impl Write) -> Result<u64, Failure> {
    let output = &opened.job.output;
    let path = output.path.display().to_string();
    if !output.path.exists() {
        writeln!(out, "output: there is none at {path}; `fanfold export` writes it")?;
        return Ok(1);
    }
    // The output is read as any input would be; its name is no glob.
    let spec = InputSpec { max_record_bytes: u64::MAX, ..InputSpec::new([escaped(&path)], output.spool()) };
    let written = Source::open(spec).map_err(PipelineError::from)?;
    let status = name_of(opened, "status");
    let response = name_of(opened, "response");
    let mut results = reader.results_as_matched();
    let (mut found, mut differ, mut first) = (0_u64, 0_u64, None);
    for item in written.rows(Wanted::Fields).map_err(PipelineError::from)? {
        let item = item.map_err(PipelineError::from)?;
        found += 1;
        let expected = results.at(item.position())?.unwrap_or_default();
        if !agrees(&item, &expected, &status, &response) {
            differ += 1;
            first.get_or_insert_with(|| item.place().to_string());
        }
    }
    if found != rows {
        writeln!(out, "output: {path} has {}, and the input has {}", counted(found, "row"), count(rows))?;
        return Ok(found.abs_diff(rows).max(differ));
    }
    match first {
        None => writeln!(out, "output: {path} has every row, as the journal has it")?,
        Some(first) => writeln!(
            out,
            "output: {} of {path} differ from the journal, the first at {first}; `fanfold export` writes it anew",
            counted(differ, "row")
        )?,
    }
    Ok(differ)
}

/// Whether a row of the output says what the journal says, in those columns that the output has.
fn agrees(item: &Item, expected: &RowResult, status: &str, response: &str) -> bool {
    let Item::Row(row) = item else { return false };
    let text = expected.answer.as_ref().and_then(|answer| answer.response.as_deref());
    let same_status =
        row.fields.get(status).is_none_or(|value| value.as_str() == Some(expected.status.as_str()));
    let same_text = row.fields.get(response).is_none_or(|value| match value {
        Value::String(found) => found == text.unwrap_or_default(),
        Value::Null => text.unwrap_or_default().is_empty() || expected.status != Status::Ok,
        _ => false,
    });
    same_status && (same_text || opened_safely(text))
}

/// A cell that a spreadsheet would run may have been escaped; its text then differs on purpose.
fn opened_safely(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']))
}

/// What an answer column is called in the output.
fn name_of(opened: &Opened, column: &str) -> String {
    let output = &opened.job.output;
    let prefixed = format!("{}{column}", output.prefix);
    let renamed = output.rename.iter().find(|(from, _)| *from == column || *from == prefixed);
    renamed.map_or(prefixed, |(_, to)| to.clone())
}

fn escaped(path: &str) -> String {
    glob::Pattern::escape(path)
}
