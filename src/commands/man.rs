//! `fanfold man`: manual pages of the program and of each command.

use std::fs;
use std::io::{Write, stdout};
use std::path::Path;

use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::failure::Failure;
use crate::cli::{self, ManArgs};
use crate::diagnostic::Diagnostic;
use crate::exit::Exit;

/// Prints a page, or writes all of them.
pub(super) fn run(args: ManArgs) -> Result<Exit, Failure> {
    let pages = pages()?;
    if let Some(folder) = &args.dir {
        return write_all(&pages, folder);
    }
    let name = args.command.map_or_else(|| "fanfold".to_owned(), |command| format!("fanfold-{command}"));
    let Some((_, page)) = pages.iter().find(|(known, _)| *known == name) else {
        return Err(unknown(name.trim_start_matches("fanfold-"), &pages).into());
    };
    stdout().lock().write_all(page)?;
    Ok(Exit::Done)
}

/// Every page with its name: `fanfold`, `fanfold-run` and so on.
fn pages() -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut program = cli::command().disable_help_subcommand(true);
    program.build();
    let commands =
        program.get_subcommands().map(|command| (format!("fanfold-{}", command.get_name()), command));
    let all = [("fanfold".to_owned(), &program)].into_iter().chain(commands);
    all.map(|(name, command)| {
        let notes = command.get_after_help().map(ToString::to_string);
        let page = page(&name, &Man::new(command.clone()), notes)?;
        Ok((name, page))
    })
    .collect()
}

/// A page. We write its header ourselves, because an empty date would be left out and shift everything after it; and the
/// examples, whose lines must not be joined.
fn page(name: &str, man: &Man, notes: Option<String>) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    let mut head = Roff::new();
    head.control(
        "TH",
        [&name.to_uppercase(), "1", "\"\"", concat!("fanfold ", env!("CARGO_PKG_VERSION")), "fanfold"],
    );
    head.to_writer(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if name == "fanfold" {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(notes) = notes {
        let mut section = Roff::new();
        section.control("SH", ["NOTES"]).control("nf", []).text([roman(notes)]).control("fi", []);
        section.to_writer(&mut page)?;
    }
    Ok(page)
}

fn write_all(pages: &[(String, Vec<u8>)], folder: &Path) -> Result<Exit, Failure> {
    let failed = |path: &Path, error| Failure::new(format!("{}: {error}", path.display()));
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for (name, page) in pages {
        let path = folder.join(format!("{name}.1"));
        fs::write(&path, page).map_err(|error| failed(&path, error))?;
    }
    Ok(Exit::Done)
}

fn unknown(command: &str, pages: &[(String, Vec<u8>)]) -> Diagnostic {
    let known: Vec<&str> = pages.iter().filter_map(|(name, _)| name.strip_prefix("fanfold-")).collect();
    let there_are = || Some(format!("there are: {}", known.join(", ")));
    Diagnostic::new(format!("there is no command `{command}`")).suggest(
        command,
        known.iter().copied(),
        there_are,
    )
}
