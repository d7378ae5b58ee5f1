//! From the command line to the complete job.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::environment::Environment;
use super::failure::Failure;
use super::secrets::{keep_secrets, refuse_arguments};
use super::side_file::settled as settled_path;
use super::tables::Tables;
use super::variables;
use crate::cli::{Color, JobArgs, Progress};
use crate::config::file::JobFile;
use crate::config::flags::{check_keyless, set};
use crate::config::layers::Layers;
use crate::config::resolve::{Lookups, check_flags, resolve, resolve_to_look};
use crate::diagnostic::{Diagnostic, SourceText};
use crate::format::Format;
use crate::job::Job;
use crate::job::facts::ModelCatalog;
use crate::job::tier::ServedAt;
use crate::models::Region;
use crate::pipeline::check_request;
use crate::regular;
use crate::tools::can_be_run;
use crate::watch::{Mode, Screen};
use crate::write::followed;

/// A job as requested on the command line.
#[derive(Debug)]
pub(super) struct Loaded {
    /// The job; for a rehearsal, with an output of its own.
    pub(super) job: Job,
    /// Where variables are looked up.
    pub(super) environment: Environment,
    /// The model table.
    pub(super) tables: Tables,
}

/// Reads the job file, and applies environment and flags to it.
pub(super) fn load(args: &JobArgs, screen: &Screen) -> Result<Loaded, Failure> {
    let (file, layers, environment) = said(args)?;
    // Before missing settings are reported: a misspelling may have been meant to set them.
    let notify = file.notify.as_ref().and_then(|notify| notify.url_env.as_deref());
    for slip in environment.slips(&[file.model.api_key_env.as_deref(), notify]) {
        screen.insist(&slip);
    }
    let tables = tables(args, file.model.table.as_deref(), &layers)?;
    let key_file = file.model.api_key_file.clone();
    let mut job = settled(file, &layers, &tables)?;
    job.read_from = read_from(args, &tables, key_file);
    let job = placed(of_a_rehearsal(job, args), screen);
    Ok(Loaded { job, environment, tables })
}

/// The same, to inspect what the job has done: settings needed only for sending may be missing, and a model table that
/// cannot be read is ignored.
pub(super) fn load_to_look(args: &JobArgs) -> Result<Job, Failure> {
    let (file, layers, _) = said(args)?;
    let tables = tables(args, file.model.table.as_deref(), &layers).unwrap_or_else(|_| Tables::built_in());
    // The present time decides nothing about what was done.
    let zone = |name: Option<&str>| {
        time_zone(name).or_else(|error| name.map_or(Ok(TimeZone::system()), |_| Err(error)))
    };
    let book = |at: &ServedAt<'_>| tables.book(at);
    let key_file = file.model.api_key_file.clone();
    let figures = file.output.metrics.clone();
    let mut job = resolve_to_look(file, &layers, &Lookups { zone: &zone, ..lookups(&book) })?;
    job.read_from = read_from(args, &tables, key_file);
    // Such a job keeps no figures, and overwrites none.
    job.read_from.extend(figures.map(PathBuf::from));
    let job = placed(of_a_rehearsal(job, args), &Screen::new(Mode::Quiet, false));
    // A rehearsal is not held back by the schedule, except one in real time.
    Ok(if args.simulate { job.at_the_pace_of_a_rehearsal() } else { job })
}

/// The combined settings of job file, environment and flags.
fn said(args: &JobArgs) -> Result<(JobFile, Layers, Environment), Failure> {
    check_flags(args.job_flags.overlays.clone(), TimeZone::system, is_a_region).map_err(Failure::usage)?;
    args.job_flags.overlays.iter().try_for_each(check_keyless)?;
    let environment = Environment::read(args.common.env_file.as_deref())?;
    let file = args.job.as_deref().map(read).transpose()?;
    let mut overlays = environment.overlays();
    for argument in &args.set {
        overlays.push(set(argument)?);
    }
    overlays.extend(args.job_flags.overlays.iter().cloned());
    let (file, layers) = Layers::read(file, overlays)?;
    keep_secrets(&file, &environment);
    refuse_arguments()?;
    Ok((file, layers, environment))
}

/// The job, with the output of a rehearsal if it is one.
fn of_a_rehearsal(mut job: Job, args: &JobArgs) -> Job {
    if args.simulate {
        job = job.with_outputs_of_a_rehearsal();
    }
    job
}

/// The files from which a job is read. Inspecting commands include the key's file, so as not to overwrite it.
fn read_from(args: &JobArgs, tables: &Tables, key_file: Option<String>) -> Vec<PathBuf> {
    let named = [tables.own.clone(), key_file].into_iter().flatten().map(PathBuf::from);
    args.job.clone().into_iter().chain(args.common.env_file.clone()).chain(named).collect()
}

/// The job with its journal next to the file that is really written, whatever link names it. A journal from before next to
/// the link is used, unless the file has one.
fn placed(mut job: Job, screen: &Screen) -> Job {
    let output = &mut job.output;
    let by_name = output.journal();
    output.leads_to = followed(&output.path).ok().filter(|file| *file != output.path);
    let by_file = output.journal();
    if by_file == by_name
        || by_name.symlink_metadata().is_err()
        || settled_path(&by_file) == settled_path(&by_name)
    {
        return job;
    }
    let (old, new) = (by_name.display(), by_file.display());
    match by_file.symlink_metadata().is_ok() {
        true => screen.insist(&format!(
            "warning: {old}, next to the link, is ignored: the output links to a file with its own journal, {new}"
        )),
        false => {
            screen.insist(&format!(
                "warning: using {old}, next to the link; rename it to {new}, and it is also found by the file's \
                 own name"
            ));
            output.leads_to = None;
        }
    }
    job
}

fn lookups<'a>(book: &'a dyn Fn(&ServedAt<'_>) -> ModelCatalog) -> Lookups<'a> {
    Lookups { region: &address_of, book, zone: &time_zone }
}

/// The job from a file, with its requests checked against what the API is known to reject.
pub(super) fn settled(file: JobFile, layers: &Layers, tables: &Tables) -> Result<Job, Diagnostic> {
    let job = resolve(file, layers, &lookups(&|at| tables.book(at)))?;
    check_request(&job).map_err(|(key, problem)| match layers.place(&key) {
        Some((script, span)) => problem.at(&script, span),
        None => problem,
    })?;
    Ok(job)
}

fn read(path: &Path) -> Result<SourceText, Failure> {
    let name: Arc<str> = path.to_string_lossy().into();
    if Format::of_path(&name).is_some() {
        let problem = Diagnostic::new(format!("{name} is not a job file: its name is that of an input"));
        return Err(problem
            .help(format!(
                "give a TOML file, or define the job with flags: --input {name}, --output, --model, --prompt"
            ))
            .into());
    }
    let text = regular::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            let problem = Diagnostic::new(format!("there is no job file {name}"));
            Failure::from(problem.help(
                "give the path of a TOML file, or define the job with flags: --input, --output, --model, --prompt",
            ))
        }
        _ => Failure::unreadable("job file", path, &error),
    })?;
    let text = String::from_utf8(text).map_err(|_| {
        Diagnostic::new(format!("the job file {name} is not UTF-8 text")).help("save it as UTF-8")
    })?;
    Ok(SourceText::new(name, text.strip_prefix('\u{feff}').unwrap_or(&text)))
}

/// What helps when a program cannot be run.
const NO_PROGRAM: &str = "give its path, or install it in a folder on PATH; is it executable?";

/// Checks that the commands of a job's readers and tools exist, and that the job defines the functions that its tools answer.
pub(super) fn check_tools(job: &Job) -> Result<(), Diagnostic> {
    let path = variables::raw("PATH");
    let tools = job.request.get("tools").and_then(Value::as_array);
    let defined: Option<Vec<&str>> =
        tools.map(|tools| tools.iter().filter_map(|tool| tool.pointer("/function/name")?.as_str()).collect());
    for (ending, command) in &job.input.documents.readers {
        let program = command.first().map_or("", String::as_str);
        if !can_be_run(program, path.as_deref()) {
            let message =
                format!("`input.readers.{ending}` runs `{program}`, which is not an executable program");
            return Err(Diagnostic::new(message).help(NO_PROGRAM));
        }
    }
    for tool in &job.tools {
        let program = tool.command.first().map_or("", String::as_str);
        if !can_be_run(program, path.as_deref()) {
            let message =
                format!("[tools.{}] runs `{program}`, which is not an executable program", tool.name);
            return Err(Diagnostic::new(message).help(NO_PROGRAM));
        }
        if let Some(names) = defined.as_ref().filter(|names| !names.contains(&tool.name.as_str())) {
            let message = format!("[tools.{}] is a tool that `request.tools` does not define", tool.name);
            let defined = || Some(format!("defined are: {}", names.join(", ")));
            return Err(Diagnostic::new(message).suggest(&tool.name, names.iter().copied(), defined));
        }
    }
    Ok(())
}

/// Why a name is not a region.
pub(super) fn is_a_region(name: &str) -> Result<(), String> {
    name.parse::<Region>().map(drop).map_err(|error| error.to_string())
}

/// The address of a region.
pub(super) fn address_of(region: &str, workspace: Option<&str>) -> Result<String, String> {
    let region: Region = region.parse().map_err(|error| format!("{error}"))?;
    match workspace {
        Some(workspace) => Ok(region.workspace_url(workspace)),
        None => region
            .base_url()
            .map(str::to_owned)
            .ok_or_else(|| format!("{region} has no shared host: set your `workspace` under [model]")),
    }
}

/// A time zone by its IANA name; by default that of the system.
pub(super) fn time_zone(name: Option<&str>) -> Result<TimeZone, String> {
    match name {
        Some(name) => TimeZone::get(name)
            .map_err(|_| format!("unknown time zone `{name}`; write a name such as Europe/Berlin")),
        // A system without any zone uses UTC; a variable with an invalid one is a mistake.
        None => {
            TimeZone::try_system().or_else(|_| match variables::raw("TZ").filter(|name| !name.is_empty()) {
                Some(name) => {
                    Err(format!("the variable TZ holds an unknown time zone: `{}`", name.to_string_lossy()))
                }
                None => Ok(TimeZone::system()),
            })
        }
    }
}

/// The model table of a job: the one that it names, or the one next to its file; for a job made only of flags, in the
/// working directory.
fn tables(args: &JobArgs, named: Option<&str>, layers: &Layers) -> Result<Tables, Failure> {
    if let Some(name) = named.filter(|name| !Path::new(name).is_file()) {
        let problem = layers.problem("model.table", format!("there is no model table {name}"));
        return Err(problem.help("check the name; paths are relative to the working directory").into());
    }
    Tables::read(named.map(Path::new), args.job.as_deref().unwrap_or(Path::new("")))
}

/// Removes `--output` from the overlays, for a command that writes something other than the job's output.
pub(super) fn take_output(args: &mut JobArgs) -> Option<String> {
    let overlays = &mut args.job_flags.overlays;
    let index = overlays.iter().position(|overlay| overlay.key == "output.path")?;
    overlays.remove(index).value.as_str().map(str::to_owned)
}

/// Whether to use colours, given whether the output is a terminal.
pub(super) fn colored(when: Color, terminal: bool) -> bool {
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && variables::raw("NO_COLOR").is_none_or(|value| value.is_empty()),
    }
}

/// The screen of a command.
pub(super) fn screen(args: &JobArgs, progress: Progress) -> Screen {
    let terminal = stderr().is_terminal();
    let color = colored(args.common.color, terminal);
    let mode = match progress {
        _ if args.common.quiet => Mode::Quiet,
        Progress::Auto if terminal => Mode::Bar,
        Progress::Auto | Progress::Plain => Mode::Plain,
        Progress::Bar => Mode::Bar,
        Progress::Json => Mode::Json,
        Progress::None => Mode::None,
    };
    Screen::new(mode, color)
}
