//! The fault sweep. Each scenario stands in `tests/faults.toml` with the promise it puts to the test, its size, and
//! whether the promise holds; one whose end differs from what is written there fails the suite.

mod answers;
mod billing;
mod certificates;
mod damage;
mod disk;
mod environment;
mod everybody;
mod hostile;
mod identity;
mod killed;
mod kills;
mod leaks;
mod moving;
mod network;
mod own_end;
mod poison;
mod power_cut;
mod secrets;
mod service;
mod strangers;
mod system_calls;
mod taken;
mod volume;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// The register of scenarios.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Register {
    #[serde(default)]
    scenario: Vec<Scenario>,
}

/// A line of the register.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    name: String,
    promise: u8,
    state: State,
    size: Size,
    /// Why it does not hold.
    reason: Option<String>,
    /// A program that is not the project's own, without which it cannot be run.
    needs: Option<Tool>,
}

/// What some scenarios need, from the system's package of nearly the same name.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Tool {
    /// It may be there and not be allowed to trace.
    Strace,
    /// A library that lies about the time.
    Libfaketime,
}

impl Tool {
    /// Why it cannot be used here.
    fn missing(self) -> Option<String> {
        match self {
            Self::Strace => {
                let tried = Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).output();
                match tried {
                    Ok(output) if output.status.success() => None,
                    Ok(output) => Some(format!(
                        "strace may not trace: {}",
                        String::from_utf8_lossy(&output.stderr).trim()
                    )),
                    Err(error) => {
                        Some(format!("strace cannot be started ({error}); its package is `strace`"))
                    }
                }
            }
            Self::Libfaketime => {
                let none = clock_library().is_none();
                none.then(|| "libfaketime is not there; its package is `libfaketime`".to_owned())
            }
        }
    }
}

/// The library that lies about the time, where the system has it.
fn clock_library() -> Option<PathBuf> {
    let places = ["/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1"];
    places.iter().find_map(|place| glob::glob(place).expect("a pattern").flatten().next())
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    Holds,
    Broken,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Size {
    Quick,
    Full,
    Soak,
}

/// How much of the sweep is wanted.
fn wanted() -> Size {
    match std::env::var("FANFOLD_SUITE").as_deref() {
        Ok("soak") => Size::Soak,
        Ok("full") => Size::Full,
        _ => Size::Quick,
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn register() -> BTreeMap<String, Scenario> {
    let text = fs::read_to_string(root().join("tests/faults.toml")).expect("the register");
    let register: Register = toml::from_str(&text).expect("a good register");
    let count = register.scenario.len();
    let by_name: BTreeMap<_, _> =
        register.scenario.into_iter().map(|scenario| (scenario.name.clone(), scenario)).collect();
    assert_eq!(by_name.len(), count, "a name stands twice in tests/faults.toml");
    by_name
}

/// Runs a scenario, if its size is wanted, and holds its end against its state in the register.
pub fn scenario(name: &str, body: impl FnOnce()) {
    let register = register();
    let entry = register.get(name).unwrap_or_else(|| panic!("`{name}` does not stand in tests/faults.toml"));
    if entry.size > wanted() {
        return;
    }
    if let Some(missing) = entry.needs.and_then(Tool::missing) {
        // Past the harness, which keeps to itself what a test that does not fail says.
        let _ = writeln!(std::io::stderr(), "NOT RUN: the scenario {name}: {missing}");
        return;
    }
    let end = catch_unwind(AssertUnwindSafe(body));
    match (entry.state, end) {
        (State::Holds, Ok(())) | (State::Broken, Err(_)) => {}
        (State::Holds, Err(panic)) => resume_unwind(panic),
        (State::Broken, Ok(())) => panic!("`{name}` holds now: say so in tests/faults.toml"),
    }
}

/// The names of the scenarios in the sources.
fn in_the_sources() -> BTreeSet<String> {
    let folder = root().join("tests/suite/faults");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.file_name().is_some_and(|name| name != "mod.rs"));
    let mut names = BTreeSet::new();
    for path in files {
        let text = fs::read_to_string(&path).expect("a source file");
        for (at, call) in text.match_indices("scenario(\"") {
            let rest = &text[at + call.len()..];
            names.extend(rest.split('"').next().map(str::to_owned));
        }
    }
    names
}

#[test]
fn the_register_and_the_sources_name_the_same_scenarios() {
    let register = register();
    let registered: BTreeSet<String> = register.keys().cloned().collect();
    assert_eq!(in_the_sources(), registered);
    for scenario in register.values() {
        assert!(scenario.promise <= 6, "{}: there are six promises", scenario.name);
        let broken = scenario.state == State::Broken;
        assert_eq!(scenario.reason.is_some(), broken, "{}: what is broken says why", scenario.name);
    }
}
