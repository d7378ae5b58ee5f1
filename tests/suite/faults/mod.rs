//! The fault sweep. `tests/faults.toml` registers each scenario, which is a test in this folder, with the promise that it
//! tests and its size. A scenario with another result than registered fails the suite.

mod answers;
mod batches;
mod billing;
mod certificates;
mod changing_input;
mod damage;
mod disk;
mod environment;
mod files_taken_away;
mod identity;
mod killed_batches;
mod killed_jobs;
mod kills;
mod leaks;
mod network;
mod poison;
mod power_cut;
mod prepared_folders;
mod runaway_rows_and_tools;
mod same_for_everybody;
mod secrets;
mod service;
mod strangers;
mod system_calls;
mod volume;
mod walk;

use std::any::type_name;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// A scenario's entry in `tests/faults.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    promise: u8,
    size: Size,
    /// Why the promise does not hold, if so.
    broken: Option<String>,
    /// An external program that the scenario needs.
    needs: Option<Tool>,
}

/// What some scenarios need, from the system's package of nearly the same name.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Tool {
    /// It may be installed but not permitted to trace.
    Strace,
    /// A library that fakes the time.
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

/// The library that fakes the time, if the system has it.
fn clock_library() -> Option<PathBuf> {
    let places = ["/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1"];
    places.iter().find_map(|place| glob::glob(place).expect("a pattern").flatten().next())
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Size {
    Quick,
    Full,
    Soak,
}

/// The requested size of the sweep.
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

/// The scenarios by their names, `module::function`.
fn register() -> BTreeMap<String, Scenario> {
    let text = fs::read_to_string(root().join("tests/faults.toml")).expect("the register");
    let modules: BTreeMap<String, BTreeMap<String, Scenario>> =
        toml::from_str(&text).expect("a good register");
    let named = |module: String, scenarios: BTreeMap<String, Scenario>| {
        scenarios.into_iter().map(move |(function, scenario)| (format!("{module}::{function}"), scenario))
    };
    modules.into_iter().flat_map(|(module, scenarios)| named(module, scenarios)).collect()
}

/// Runs the test with this body, if its size is requested, and checks its result against the register.
pub fn scenario<F: FnOnce()>(body: F) {
    // The closure's type has the path of the test in its name.
    let name = type_name::<F>().trim_start_matches("suite::faults::").trim_end_matches("::{{closure}}");
    let register = register();
    let entry = register.get(name).unwrap_or_else(|| panic!("tests/faults.toml has no `{name}`"));
    if entry.size > wanted() {
        return;
    }
    if let Some(missing) = entry.needs.and_then(Tool::missing) {
        // Bypasses the harness, which hides the output of passing tests.
        let _ = writeln!(std::io::stderr(), "NOT RUN: the scenario {name}: {missing}");
        return;
    }
    let end = catch_unwind(AssertUnwindSafe(body));
    match (&entry.broken, end) {
        (None, Ok(())) | (Some(_), Err(_)) => {}
        (None, Err(panic)) => resume_unwind(panic),
        (Some(_), Ok(())) => panic!("`{name}` holds now: say so in tests/faults.toml"),
    }
}

/// The tests of the sweep, as listed by this binary.
fn tests() -> BTreeSet<String> {
    let binary = std::env::current_exe().expect("this binary");
    let output = Command::new(binary).args(["--list", "--format", "terse", "faults::"]).output();
    let listed = String::from_utf8(output.expect("a list").stdout).expect("text");
    let names = listed.lines().filter_map(|line| line.strip_prefix("faults::")?.strip_suffix(": test"));
    // A test in this file itself is not a scenario.
    names.filter(|name| name.contains("::")).map(str::to_owned).collect()
}

#[test]
fn every_test_of_the_sweep_is_a_scenario_of_the_register() {
    let register = register();
    assert_eq!(tests(), register.keys().cloned().collect());
    for (name, scenario) in &register {
        assert!(scenario.promise <= 6, "{name}: there are six promises");
        let (module, function) = name.split_once("::").expect("a module and a function");
        let path = root().join(format!("tests/suite/faults/{module}.rs"));
        let source = fs::read_to_string(path).expect("a source file");
        let begins = format!("#[test]\nfn {function}() {{\n    scenario(");
        assert!(source.contains(&begins), "{name} does not begin with `scenario`");
    }
}
