//! `fanfold verify`: checks that every input row is accounted for in journal and output, and that the journal is intact.

use std::cmp::Ordering;
use std::io::Write;

use serde_json::Value;

use super::failure::Failure;
use super::load::load_to_look;
use super::plan_words::plan_line;
use super::printout::Printout;
use super::rehearsed::simulated_line;
use super::status::over_line;
use crate::cli::JobArgs;
use crate::config::resolve::check_model_is_named;
use crate::exit::Exit;
use crate::format::Format;
use crate::journal::lock::Lock;
use crate::journal::reader::Reader;
use crate::journal::rows::StateCounts;
use crate::outcome::{RowResult, Status};
use crate::pipeline::looked::looked_rows;
use crate::pipeline::output::OutputCounts;
use crate::pipeline::plan::{Plan, Purpose, plan};
use crate::pipeline::send::never_stopped;
use crate::pipeline::{Opened, PipelineError};
use crate::read::{InputSpec, Projection, Source};
use crate::row::{Item, RowId};
use crate::text::{count, counted, printable};
use crate::write::Layout;

/// Runs the command.
pub(super) fn run(args: JobArgs) -> Result<Exit, Failure> {
    let job = load_to_look(&args)?;
    check_model_is_named(&job)?;
    let path = job.output.journal();
    let reader = Reader::open(&path)?;
    let mut out = Printout::new();
    reader.check_integrity()?;
    writeln!(out, "journal: {} is intact", path.display())?;
    let opened = Opened::again(job)?;
    let plan = plan(&opened, Some(&reader), Purpose::Look, &never_stopped())?;
    writeln!(out, "input: {}", plan_line(&plan, opened.words()))?;
    let (counts, lines) = counted_rows(&opened, &reader)?;
    let OutputCounts { ok, failed, pending, skipped, .. } = counts;
    let skipped = if skipped > 0 { format!(" · {} skipped", count(skipped)) } else { String::new() };
    writeln!(out, "rows: {} ok · {} failed · {} pending{skipped}", count(ok), count(failed), count(pending))?;
    let over = reader.counts_over()?.unwrap_or_default();
    if over != StateCounts::default() {
        writeln!(out, "{}", over_line(over))?;
    }
    let holder = Lock::holder(&path);
    if let Some(holder) = &holder {
        writeln!(out, "running: {}; the output is written when it ends", printable(holder))?;
    }
    if let Some(line) = simulated_line(reader.simulated()?.answers) {
        writeln!(out, "{line}")?;
    }
    let (found, differences) = check_output(&opened, (&plan, lines), &reader, &mut out)?;
    let exit = match () {
        () if differences > 0 => Exit::CannotRun,
        () if failed + pending + over.failed + over.pending > 0 => Exit::FailedRows,
        () => Exit::Done,
    };
    writeln!(
        out,
        "{}",
        match exit {
            Exit::Done => "verified: every row is answered, and in the output".to_owned(),
            Exit::FailedRows => format!(
                "every row is accounted for, but not every request is answered: {} failed, {} pending",
                count(failed.max(over.failed)),
                count(pending.max(over.pending))
            ),
            _ if holder.is_some() => {
                "the output differs from the journal, which a run is still adding to: verify again when it has ended"
                    .to_owned()
            }
            // A finished run has seen all its rows: these came or went later.
            _ if has_changed(&plan, found.cmp(&lines)) => {
                "the input has changed since the output was written: see above; `fanfold run` with the same job \
                 sends the new requests and rewrites the output"
                    .to_owned()
            }
            _ =>
                "the output differs from the journal: see above; `fanfold run` with the same job rewrites it"
                    .to_owned(),
        }
    )?;
    Ok(exit)
}

/// The rows of the input by their state, and how many rows an output has for them.
fn counted_rows(opened: &Opened, reader: &Reader) -> Result<(OutputCounts, u64), Failure> {
    let (mut counts, mut lines) = (OutputCounts::default(), 0);
    for row in looked_rows(opened, reader.results_as_matched(), false)? {
        let row = row?;
        counts.count(&row.result);
        lines += row.lines.len() as u64;
    }
    Ok((counts, lines))
}

/// Whether the input differs from the one from which an output was written that has fewer or more rows, or as many.
fn has_changed(plan: &Plan, found: Ordering) -> bool {
    let matched = &plan.matched;
    match found {
        Ordering::Less => matched.new > 0,
        Ordering::Greater => matched.gone > 0,
        Ordering::Equal => matched.changed + matched.moved > 0,
    }
}

/// Compares the output, which is to have this many rows, with input and journal, row by row. Returns how many rows it has, and how many differ.
fn check_output(
    opened: &Opened,
    (plan, lines): (&Plan, u64),
    reader: &Reader,
    out: &mut impl Write,
) -> Result<(u64, u64), Failure> {
    let output = &opened.job.output;
    let path = output.path.display().to_string();
    if !output.path.exists() {
        writeln!(out, "output: {path} does not exist; `fanfold export` writes it")?;
        return Ok((lines, 1));
    }
    let layout = opened.layout(Some(&plan.columns), output.format)?;
    let names = CheckedColumns::of(opened, &layout);
    // The output is read like any input; its name is not a glob.
    let spec = InputSpec {
        max_record_bytes: u64::MAX,
        delimiter: layout.delimiter(),
        ..InputSpec::new([escaped(&path)], output.spool())
    };
    let written = Source::open(spec).map_err(PipelineError::from)?;
    let mut rows = looked_rows(opened, reader.results_as_matched(), false)?;
    let mut row: Option<(Item, std::vec::IntoIter<RowResult>)> = None;
    let (mut found, mut differ, mut first) = (0_u64, 0_u64, None);
    for item in written.rows(Projection::Fields).map_err(PipelineError::from)? {
        let item = item.map_err(PipelineError::from)?;
        found += 1;
        if row.as_ref().is_none_or(|(_, lines)| lines.as_slice().is_empty()) {
            row = rows.next().transpose()?.map(|row| (row.item, row.lines.into_iter()));
        }
        let (of_row, expected) = match &mut row {
            Some((item, lines)) => (Some(&*item), lines.next().unwrap_or_default()),
            None => (None, RowResult::default()),
        };
        if !names.agree(&item, of_row, &expected) {
            differ += 1;
            first.get_or_insert_with(|| item.place().to_string());
        }
    }
    // A sheet ends with its last value.
    let ends_early = output.format == Format::Xlsx && names.status.is_none() && names.id.is_none();
    let found = if ends_early { found.max(lines) } else { found };
    if found != lines {
        let rows = counted(found, "row");
        writeln!(out, "output: {path} has {rows}, and the input has {}", count(lines))?;
        return Ok((found, found.abs_diff(lines).max(differ)));
    }
    match first {
        None => writeln!(out, "output: {path} has every row, as in the journal")?,
        Some(first) => writeln!(
            out,
            "output: {} of {path} {} from the journal, the first at {first}; `fanfold export` rewrites it",
            counted(differ, "row"),
            if differ == 1 { "differs" } else { "differ" },
        )?,
    }
    Ok((found, differ))
}

/// The output's names of the columns to compare with the journal; `None` for columns that it lacks.
struct CheckedColumns {
    id: Option<String>,
    status: Option<String>,
    response: Option<String>,
    is_escaped: bool,
}

impl CheckedColumns {
    fn of(opened: &Opened, layout: &Layout) -> Self {
        let id = opened.job.input.id.as_deref();
        Self {
            id: id.and_then(|id| layout.name_of_input(id)).map(str::to_owned),
            status: layout.name_of_answer("status").map(str::to_owned),
            response: layout.name_of_answer("response").map(str::to_owned),
            is_escaped: opened.job.output.spreadsheet_safe,
        }
    }

    /// Whether a row of the output matches the input's and the journal's.
    fn agree(&self, item: &Item, row: Option<&Item>, expected: &RowResult) -> bool {
        let Item::Row(written) = item else { return false };
        let cell = |name: &Option<String>| name.as_ref().and_then(|name| written.fields.get(name));
        // A row that could not be read has no id, not even in the output.
        let same_row = match (cell(&self.id), row) {
            (Some(found), Some(Item::Row(row))) => match (RowId::from_value(found), &row.id) {
                (Some(found), Some(id)) => self.is_same(found.as_str(), id.as_str()),
                (found, id) => found.is_none() && id.is_none(),
            },
            _ => true,
        };
        let same_status =
            cell(&self.status).is_none_or(|value| value.as_str() == Some(expected.status.as_str()));
        let text = expected.response();
        let same_text = cell(&self.response).is_none_or(|value| match value {
            Value::String(found) => self.is_same(found, text.unwrap_or_default()),
            Value::Null => text.unwrap_or_default().is_empty() || expected.status != Status::Ok,
            _ => false,
        });
        same_row && same_status && same_text
    }

    /// A cell that a spreadsheet would run may have been escaped.
    fn is_same(&self, found: &str, expected: &str) -> bool {
        found == expected || (self.is_escaped && found.strip_prefix('\'') == Some(expected))
    }
}

fn escaped(path: &str) -> String {
    glob::Pattern::escape(path)
}
