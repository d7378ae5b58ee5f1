//! `fanfold status`: the state of a job, from its journal alone; once, or repeatedly with `--watch`.

mod each;
mod ended;
mod job_status;
mod json;
mod pieces;
mod request_report;
mod row;
mod screen;
mod watching;

use std::io::{IsTerminal, Write, stdout};

use super::failure::Failure;
use super::load::{colored, load_to_look};
use super::printout::{Veiled, to_json};
use crate::cli::StatusArgs;
use crate::exit::Exit;
use crate::text::wrapped;
use crate::watch::columns;
pub(super) use job_status::over_line;
use job_status::{JobStatus, ReadScope, open};
use json::StatusReport;
use screen::painted;

/// Runs the command.
pub(super) fn run(args: StatusArgs) -> Result<Exit, Failure> {
    let job = load_to_look(&args.job)?;
    let color = colored(args.job.common.color, stdout().is_terminal());
    if args.watch {
        return watching::watch(&args.job, &job, color);
    }
    let mut out = Veiled(stdout().lock());
    let reader = open(&job)?;
    if let Some(row) = &args.row {
        return row::show(&reader, job, row, args.json, &mut out);
    }
    let status = JobStatus::read(&reader, &job, ReadScope::Whole)?;
    if args.json {
        writeln!(out, "{}", to_json(&StatusReport::of(&status, &job.output))?)?;
    } else {
        let columns = columns(stdout()).unwrap_or(usize::MAX);
        for (ink, line) in status.lines() {
            for part in wrapped(&line, columns).split('\n') {
                writeln!(out, "{}", painted(&(ink, part.to_owned()), color))?;
            }
        }
    }
    Ok(Exit::Done)
}
