//! The README and `docs/` against the command line: every command and flag is documented, and every documented one exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::{Arg, Command};

/// Every page for users, by its name.
fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs =
        fs::read_dir(root.join("docs")).expect("a folder").map(|entry| entry.expect("an entry").path());
    let is_page = |path: &std::path::PathBuf| path.extension().is_some_and(|ending| ending == "md");
    let all = docs.filter(is_page).chain([root.join("README.md")]);
    let named = |path: std::path::PathBuf| {
        let text = fs::read_to_string(&path).expect("a page");
        (path.file_name().expect("a name").to_string_lossy().into_owned(), text)
    };
    all.map(named).collect()
}

fn flags(command: &Command) -> BTreeSet<String> {
    command.get_arguments().filter_map(Arg::get_long).map(|flag| format!("--{flag}")).collect()
}

/// The flags in a piece of code.
fn flags_in(code: &str) -> impl Iterator<Item = String> + '_ {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
    code.split(word).filter(|word| word.starts_with("--") && word.len() > 3).map(str::to_owned)
}

/// What stands in code on a page: lines of blocks, with those that a backslash continues, and spans.
fn code(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, part) in text.split("```").enumerate() {
        match index % 2 {
            1 => found.extend(part.replace("\\\n", " ").lines().map(str::to_owned)),
            _ => found.extend(part.split('`').skip(1).step_by(2).map(str::to_owned)),
        }
    }
    found
}

#[test]
fn every_command_and_every_flag_of_it_is_documented() {
    let program = fanfold::cli::command();
    let text: String = pages().into_iter().map(|(_, text)| text).collect();
    let documented: BTreeSet<String> = flags_in(&text).collect();
    for command in program.get_subcommands() {
        let name = command.get_name();
        assert!(text.contains(&format!("`fanfold {name}")), "fanfold {name}");
        let missing: Vec<String> = flags(command).difference(&documented).cloned().collect();
        assert!(missing.is_empty(), "fanfold {name}: {missing:?}");
        let notes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(notes.contains(&format!("  fanfold {name}")), "fanfold {name} --help has no example");
    }
}

#[test]
fn every_flag_in_the_documentation_and_in_the_examples_exists() {
    let program = fanfold::cli::command();
    let known = |name: &str| program.get_subcommands().find(|command| command.get_name() == name);
    let all: BTreeSet<String> = program.get_subcommands().flat_map(flags).collect();
    let helps = program.get_subcommands().filter_map(|command| {
        Some((format!("{} --help", command.get_name()), command.get_after_help()?.to_string()))
    });
    let mut checked = 0;
    let pieces = pages().into_iter().map(|(name, text)| (name, code(&text)));
    for (page, pieces) in
        pieces.chain(helps.map(|(name, text)| (name, text.lines().map(str::to_owned).collect())))
    {
        for piece in pieces {
            // What follows `fanfold VERB` up to the end of that command is a flag of that verb.
            for call in piece.split("fanfold ").skip(1) {
                let call = call.split(['|', '&', ';', '#']).next().unwrap_or_default();
                let verb = call.split_whitespace().next().unwrap_or_default();
                let Some(command) = known(verb) else { continue };
                for flag in flags_in(call).filter(|flag| flag != "--help") {
                    assert!(flags(command).contains(&flag), "{page}: fanfold {verb} has no {flag}: {piece}");
                    checked += 1;
                }
            }
            if let Some(flag) = flags_in(&piece).next().filter(|flag| piece.starts_with(flag.as_str())) {
                assert!(all.contains(&flag), "{page}: there is no {flag}");
                checked += 1;
            }
        }
    }
    assert!(checked > 80, "{checked}");
}
