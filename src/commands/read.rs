//! `fanfold read`: shows what is read of documents, before anything is paid.

use std::ffi::OsString;
use std::io::{BufWriter, IsTerminal, Write, stderr, stdout};
use std::path::Path;

use serde_json::{Map, Value};

use super::document_progress::{reading, stopped};
use super::environment::{Environment, KEY_VARIABLES};
use super::failure::Failure;
use super::load::{colored, load_to_look};
use crate::cli::{JobArgs, ReadArgs};
use crate::config::flags::{JOB_FLAGS, set};
use crate::config::layers::Layers;
use crate::config::resolve::input_alone;
use crate::diagnostic::Diagnostic;
use crate::exit::Exit;
use crate::job::InputSettings;
use crate::pipeline::{PipelineError, show_documents};
use crate::text::counted;
use crate::watch::{Mode, Screen};
use crate::write::PlainFile;

/// Runs the command.
pub(super) fn run(args: ReadArgs) -> Result<Exit, Failure> {
    let mode = if args.common.quiet { Mode::Quiet } else { Mode::Plain };
    let screen = Screen::new(mode, colored(args.common.color, stderr().is_terminal()));
    let stop = super::interrupt::listen(&screen, "")?;
    let output = args.output.clone();
    output.as_deref().map_or(Ok(()), check_ending)?;
    let (settings, hidden) = settings(args)?;
    let reading = reading(true, &screen, stop, &hidden);
    let mut file = output.as_deref().map(PlainFile::create).transpose().map_err(PipelineError::from)?;
    let mut standard = BufWriter::new(stdout().lock());
    let mut failed = None;
    let shown = show_documents(&settings, output.as_deref(), &reading, |columns| {
        let written = match &mut file {
            Some(file) => line(columns, file),
            None => line(columns, &mut standard),
        };
        failed = written.err();
        failed.is_none()
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    let shown = shown.map_err(stopped)?;
    match file {
        Some(file) => file.finish().map_err(PipelineError::from)?,
        None => standard.flush()?,
    }
    shown.notices.iter().for_each(|notice| screen.say(notice));
    let unread = match shown.unread {
        0 => String::new(),
        unread => format!("; {unread} of them cannot be read"),
    };
    screen.say(&format!("{}{unread}", counted(shown.documents, "document")));
    Ok(if shown.unread == 0 { Exit::Done } else { Exit::FailedRows })
}

/// Writes a line: rows belong to the user, and are written as they are.
fn line(columns: &Map<String, Value>, to: &mut impl Write) -> std::io::Result<()> {
    serde_json::to_writer(&mut *to, columns)?;
    to.write_all(b"\n")
}

fn check_ending(path: &Path) -> Result<(), Failure> {
    if path.extension().is_some_and(|ending| ending == "jsonl") {
        return Ok(());
    }
    let problem = Diagnostic::new(format!("{} is written as JSONL", path.display()));
    Err(Failure::usage(problem.help("give it a name that ends in .jsonl")))
}

/// What to read and how, and the variables that commands do not get to see.
fn settings(args: ReadArgs) -> Result<(InputSettings, Vec<OsString>), Failure> {
    if let [job] = &args.paths[..]
        && job.ends_with(".toml")
    {
        let job = JobArgs {
            job: Some(job.into()),
            job_flags: Default::default(),
            set: args.set,
            simulate: false,
            common: args.common,
            verbose: false,
        };
        let job = load_to_look(&job)?;
        let hidden = Environment::with_secrets(&job, None, None);
        return Ok((job.input, hidden));
    }
    let path = JOB_FLAGS.iter().find(|flag| flag.key == "input.path");
    let mut overlays = path.map(|flag| flag.of_flag(&args.paths)).into_iter().collect::<Vec<_>>();
    for argument in &args.set {
        overlays.push(set(argument)?);
    }
    let (file, layers) = Layers::read(None, overlays)?;
    Ok((input_alone(file.input, &layers)?, KEY_VARIABLES.map(OsString::from).to_vec()))
}
