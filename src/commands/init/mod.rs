//! `fanfold init`: a commented job file, its schema, and a small sample to start from.

mod choices;
mod dialogue;
mod draft;
mod folder;
mod identity;
mod input;
mod listed;
mod questions;
mod quoted;
mod sheets;
mod texts;
mod translation;
mod workshop;

use std::io::{IsTerminal, Write, stderr, stdin};
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::resume::shell_quoted;
use super::tables::Tables;
use crate::cli::InitArgs;
use crate::config::flags::check_keyless;
use crate::config::overlay::Overlay;
use crate::exit::Exit;
use crate::format::Format;
use crate::watch::{fitted, put};
use dialogue::Dialogue;
use draft::JobDraft;
use folder::JobFolder;
use workshop::Workshop;

/// Runs the command.
pub(super) fn run(args: InitArgs) -> Result<Exit, Failure> {
    let args = with_its_input(args);
    for (flag, key, said) in [("model", "model.name", &args.model), ("prompt", "prompt.user", &args.prompt)] {
        said.iter().try_for_each(|text| check_keyless(&Overlay::text(flag, key, text)))?;
    }
    let place = JobFolder::new(&args.folder)?;
    place.check(args.input.is_none())?;
    let tables = Tables::read(None, &place.job())?;
    let workshop = Workshop { place: &place, tables: &tables };
    let asks = !args.yes && stdin().is_terminal() && stderr().is_terminal();
    let draft = match asks {
        true => {
            let mut dialogue = Dialogue { answers: &mut stdin().lock(), out: &mut stderr().lock() };
            questions::ask(&args, &workshop, &mut dialogue)?.ok_or_else(|| Failure {
                exit: Exit::Interrupted,
                message: "interrupted: nothing is written".to_owned(),
            })?
        }
        false => workshop.unasked(&args)?,
    };
    if let Some(reason) = draft.facts.unavailable.as_ref().filter(|_| !asks || args.model.is_some()) {
        put(&fitted(&format!("warning: {reason}")));
    }
    place.check(draft.choices.input.is_none())?;
    let written = place.write(draft.text(&place), draft.choices.input.is_none())?;
    let defaults = if asks { Vec::new() } else { left_open(&args, &draft) };
    say(&place, &written, &draft, &defaults, args.yes)
}

/// The flags that were not given, whose defaults are in the draft.
fn left_open(args: &InitArgs, draft: &JobDraft) -> Vec<&'static str> {
    let choices = &draft.choices;
    let flags = [
        ("--input", args.input.is_none()),
        ("--sheet", args.sheet.is_none() && choices.sheet.is_some()),
        ("--model", args.model.is_none()),
        ("--languages", args.languages.is_none() && !choices.languages.is_empty()),
        ("--columns", args.columns.is_none() && !choices.columns.is_empty()),
        ("--prompt", args.prompt.is_none() && choices.prompt.is_some() && choices.columns.is_empty()),
    ];
    flags.into_iter().filter(|(_, is_open)| *is_open).map(|(flag, _)| flag).collect()
}

/// `fanfold init catalogue.xlsx` is `fanfold init --input catalogue.xlsx`. A name like a file's is one, even if it is misspelt.
fn with_its_input(args: InitArgs) -> InitArgs {
    let is_input =
        |path: &Path, name: &str| path.is_file() || !path.exists() && Format::of_path(name).is_some();
    match args.folder.to_str() {
        Some(name) if args.input.is_none() && is_input(&args.folder, name) => {
            InitArgs { input: Some(name.to_owned()), folder: PathBuf::from("."), ..args }
        }
        _ => args,
    }
}

/// Reports what was written, and how to continue. `defaults`: the flags that were not given.
fn say(
    place: &JobFolder,
    written: &[PathBuf],
    draft: &JobDraft,
    defaults: &[&str],
    is_meant: bool,
) -> Result<Exit, Failure> {
    let mut out = stderr().lock();
    let mut line = |line: String| writeln!(out, "{}", fitted(&line)).map_err(Failure::from);
    if let Some((last, others)) = defaults.split_last().filter(|_| !is_meant) {
        let flags = match others {
            [] => (*last).to_owned(),
            others => format!("{} and {last}", others.join(", ")),
        };
        line(format!("no terminal to ask on, so these are defaults; change them with {flags}"))?;
    }
    if defaults.contains(&"--columns") {
        line(format!("columns with texts to translate: {}", draft.choices.columns.join(", ")))?;
    }
    let names: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
    line(format!("written: {}", names.join(", ")))?;
    let job = shell_quoted(&place.job().display().to_string());
    line(
        "next: a rehearsal, without a key and at no cost; then the job itself, with DASHSCOPE_API_KEY set:"
            .to_owned(),
    )?;
    line(format!("  fanfold run {job} --simulate"))?;
    line(format!("  fanfold run {job}"))?;
    Ok(Exit::Done)
}
