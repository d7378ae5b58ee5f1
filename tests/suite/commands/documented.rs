//! Checks the README and `docs/` against the command line: every command and flag is documented, and every documented one
//! exists; and every link leads somewhere.

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

/// The code on a page: lines of blocks, joined after a backslash, and spans.
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
    let program = fanfold::inside::command();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/commands.md")).expect("the page of commands");
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
    let program = fanfold::inside::command();
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
            // Everything after `fanfold VERB` up to the end of that command is a flag of that verb.
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

/// The addresses of the links and pictures on a page, outside its code.
fn links(text: &str) -> Vec<String> {
    let prose = text.split("```").step_by(2);
    let links = prose.flat_map(|part| part.split("](").skip(1));
    links.filter_map(|rest| rest.split_once(')').map(|(address, _)| address.to_owned())).collect()
}

/// The anchors of a page's headings, as the usual renderers make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let prose: String = text.split("```").step_by(2).collect();
    let headings =
        prose.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#'));
    let anchor = |heading: &str| -> String {
        let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs =
        fs::read_dir(root.join("docs")).expect("a folder").map(|entry| entry.expect("an entry").path());
    let beside = fs::read_dir(root).expect("a folder").map(|entry| entry.expect("an entry").path());
    let more = [root.join("samples/README.md"), root.join("fuzz/README.md")];
    let is_page = |path: &std::path::PathBuf| path.extension().is_some_and(|ending| ending == "md");
    let mut checked = 0;
    for page in docs.chain(beside).chain(more).filter(is_page) {
        let text = fs::read_to_string(&page).expect("a page");
        for link in links(&text).into_iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
            assert!(target.exists(), "{}: {link} is not there", page.display());
            if !anchor.is_empty() {
                let headings = anchors(&fs::read_to_string(&target).expect("a page"));
                assert!(
                    headings.contains(anchor),
                    "{}: {link}: the headings are {headings:?}",
                    page.display()
                );
            }
            checked += 1;
        }
    }
    assert!(checked > 60, "{checked}");
}

#[test]
fn every_file_that_contributing_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("CONTRIBUTING.md")).expect("the page");
    let rooms = ["src/", "tests/", "docs/", "fuzz/", "benches/"];
    // `NAME.rs` means a file to be created.
    let named = code(&text).into_iter().filter(|piece| {
        rooms.iter().any(|room| piece.starts_with(room)) && !piece.contains("NAME") && !piece.contains(' ')
    });
    let named: Vec<String> = named.collect();
    assert!(named.len() > 30, "{named:?}");
    for path in named {
        assert!(root.join(&path).exists(), "{path}");
    }
}

#[test]
fn every_page_is_named_in_the_readme_and_its_pictures_have_no_script() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("the README");
    for (name, _) in pages().iter().filter(|(name, _)| name != "README.md") {
        assert!(readme.contains(&format!("(docs/{name}")), "docs/{name} is not linked");
    }
    let picture = fs::read_to_string(root.join("docs/terminal.svg")).expect("the picture");
    assert!(
        !picture.contains("<script") && !picture.contains("javascript:") && !picture.contains("http-equiv")
    );
    assert!(picture.len() < 150_000, "{}", picture.len());
}
