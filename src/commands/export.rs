//! `fanfold export`: writes the answers so far, even while the job runs.

use std::io::stdout;
use std::path::PathBuf;

use super::failure::Failure;
use super::limited::shortened;
use super::load::{load_to_look, screen, take_output};
use super::rehearsed::simulated_line;
use super::side_file::SideFile;
use crate::cli::{ExportArgs, Progress};
use crate::config::resolve::check_model_is_named;
use crate::diagnostic::Diagnostic;
use crate::exit::Exit;
use crate::format::{Compression, ENDINGS, Format};
use crate::journal::ownership::who_else_writes;
use crate::journal::reader::Reader;
use crate::pipeline::Opened;
use crate::pipeline::output::{Destination, write};
use crate::pipeline::plan::{Purpose, plan};
use crate::pipeline::send::never_stopped;
use crate::text::{count, counted};
use crate::write::Target;

/// Runs the command.
pub(super) fn run(mut args: ExportArgs) -> Result<Exit, Failure> {
    let screen = screen(&args.job, Progress::None);
    // The journal belongs to the output named in the job file.
    let asked = args.job.job.is_some().then(|| take_output(&mut args.job)).flatten();
    let job = load_to_look(&args.job)?;
    check_model_is_named(&job)?;
    let (destination, path) = match asked.as_deref() {
        Some("-") => (standard_output(), None),
        Some(path) => (named(path)?, Some(path.to_owned())),
        None => {
            let path = job.output.path.clone();
            let shown = path.display().to_string();
            (Destination::file(path, job.output.format), Some(shown))
        }
    };
    let path_of_journal = job.output.journal();
    who_else_writes(&path_of_journal)?.into_iter().for_each(|warning| screen.insist(&warning));
    let reader = Reader::open(&path_of_journal)?;
    if let Some(path) = &path {
        SideFile::check_output(path.as_ref(), &job, args.job.job.as_deref())?;
    }
    let opened = Opened::again(job)?;
    if let Some(path) = &path {
        opened.check_output_is_no_input(path.as_ref())?;
    }
    if asked.is_none()
        && let Some(why) = shortened(&opened, &reader)?
    {
        return Err(Failure::new(why));
    }
    let stop = never_stopped();
    let plan = plan(&opened, Some(&reader), Purpose::Export, &stop)?;
    let written = write(&opened, &plan, reader.results_as_matched(), destination, &stop)?;
    let written =
        written.ok_or_else(|| Failure::new("the input changed while it was read; run the export again"))?;
    if let Some(path) = path {
        screen.say(&format!(
            "{} written to {path}: {} ok · {} failed · {} pending",
            counted(written.rows(), "row"),
            count(written.ok),
            count(written.failed),
            count(written.pending)
        ));
    }
    // A user who exports with `--simulate` knows that it is a rehearsal.
    let simulated = simulated_line(written.simulated).filter(|_| !args.job.simulate);
    simulated.into_iter().for_each(|line| screen.say(&line));
    Ok(Exit::Done)
}

fn standard_output() -> Destination {
    let target = Target::Stdout(Box::new(stdout()));
    Destination { target, format: Format::Jsonl, compression: Compression::Plain }
}

fn named(path: &str) -> Result<Destination, Failure> {
    let format = Format::of_path(path).ok_or_else(|| {
        let problem = Diagnostic::new(format!("the ending of `{path}` is not that of a known format"));
        let help = format!("use {ENDINGS}, or `-` for JSONL on standard output");
        Failure::usage(problem.help(help))
    })?;
    Ok(Destination::file(PathBuf::from(path), format))
}
