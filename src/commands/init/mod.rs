//! `fanfold init`: a commented job file, its schema, and a small sample to start from.

mod draft;
mod folder;
mod identity;
mod input;
mod questions;
mod workshop;

use std::io::{IsTerminal, Write, stderr, stdin};
use std::path::PathBuf;

use super::failure::Failure;
use super::resume::shell_quoted;
use super::tables::Tables;
use crate::cli::InitArgs;
use crate::config::flags::check_keyless;
use crate::config::overlay::Overlay;
use crate::exit::Exit;
use crate::watch::{fitted, put};
use folder::JobFolder;
use questions::Interview;
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
    let open = [&args.input, &args.model, &args.prompt].iter().any(|said| said.is_none());
    let asks = open && !args.yes && stdin().is_terminal() && stderr().is_terminal();
    let draft = match asks {
        true => match questions::ask(&args, &workshop, &mut stdin().lock(), &mut stderr().lock())? {
            Interview::Draft(draft) => *draft,
            Interview::Left => {
                return Err(Failure {
                    exit: Exit::Interrupted,
                    message: "interrupted: nothing is written".to_owned(),
                });
            }
        },
        false => workshop.unasked(&args)?,
    };
    if let Some(reason) = draft.facts.unavailable.as_ref().filter(|_| !asks || args.model.is_some()) {
        put(&fitted(&format!("warning: {reason}")));
    }
    place.check(draft.input.is_none())?;
    let written = place.write(draft.text(&place), draft.input.is_none())?;
    let by_default = open && !args.yes && !asks;
    say(&place, &written, by_default)
}

/// `fanfold init catalogue.xlsx` is about the file, and writes beside it.
fn with_its_input(args: InitArgs) -> InitArgs {
    match args.folder.to_str() {
        Some(file) if args.input.is_none() && args.folder.is_file() => {
            let folder = args.folder.parent().map(PathBuf::from).unwrap_or_default();
            InitArgs { input: Some(file.to_owned()), folder, ..args }
        }
        _ => args,
    }
}

/// Reports what was written, and how to continue.
fn say(place: &JobFolder, written: &[PathBuf], by_default: bool) -> Result<Exit, Failure> {
    let mut out = stderr().lock();
    let mut line = |line: String| writeln!(out, "{}", fitted(&line)).map_err(Failure::from);
    if by_default {
        line(
            "no terminal to ask on, so these are defaults; change them with --input, --model and --prompt"
                .to_owned(),
        )?;
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
