//! Variables from the environment, and from the file given with `--env-file`.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;

use super::failure::Failure;
use super::variables;
use crate::api::key::{Key, unquoted};
use crate::config::flags::JOB_FLAGS;
use crate::config::overlay::Overlay;
use crate::diagnostic::{Diagnostic, nearest};
#[cfg(debug_assertions)]
use crate::failpoint;
use crate::job::notify::Recipient;
use crate::job::{Job, KeySource};
use crate::regular;

/// The names of the key's variable in the vendor's own tools.
pub(super) const KEY_VARIABLES: [&str; 2] = ["DASHSCOPE_API_KEY", "QWEN_API_KEY"];

/// The prefix of fanfold's own variables.
const PREFIX: &str = "FANFOLD_";

/// Variables with this prefix that belong to its tests and not to jobs.
const OF_TESTS: [&str; 6] = ["FAILPOINT", "SUITE", "SNAPSHOTS", "SEEDS", "WALKS", "TEST_JOURNAL"];

/// Where variables are looked up. The environment overrides the file.
#[derive(Debug, Default)]
pub(super) struct Environment {
    file: HashMap<String, String>,
}

impl Environment {
    /// The environment, and the file's variables if there is one. We parse the file ourselves: `dotenvy` expands a `$` in a
    /// value, which may be a key, and its errors have no line number but repeat the contents.
    pub(super) fn read(file: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = file else { return Ok(Self::default()) };
        let text = regular::read_to_string(path)
            .map_err(|error| Failure::unreadable("file of variables", path, &error))?;
        let mut variables = HashMap::new();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            let line = line.strip_prefix("export ").unwrap_or(line);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((name, value)) = line.split_once('=') else {
                let message = format!("{}:{}: not of the form NAME=VALUE", path.display(), index + 1);
                let help = "write one variable per line; lines that begin with # are ignored";
                return Err(Diagnostic::new(message).help(help).into());
            };
            variables.insert(name.trim().to_owned(), meant(value.trim()).to_owned());
        }
        Ok(Self { file: variables })
    }

    /// The value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        variables::text(name).ok().or_else(|| self.file.get(name).cloned())
    }

    /// The environment variables that may contain the API key or the notification address of a run: those named like a key,
    /// and those with either of them in the value.
    pub(super) fn with_secrets(job: &Job, key: Option<&Key>, address: Option<&str>) -> Vec<OsString> {
        let named = match &job.model.key {
            KeySource::Variable { name, .. } => Some(name.as_str()),
            KeySource::File(_) | KeySource::Command(_) => None,
        };
        let notified = match job.notify.as_ref().map(|notify| &notify.to) {
            Some(Recipient::Variable(name)) => Some(name.as_str()),
            _ => None,
        };
        let names = KEY_VARIABLES.into_iter().chain(named).chain(notified).map(OsString::from);
        let is_key = key.map(Key::finder);
        let holds_key = |value: &OsString| {
            let value = value.to_string_lossy();
            is_key.as_ref().is_some_and(|is_key| is_key(&value))
                || address.is_some_and(|address| !address.is_empty() && value.contains(address))
        };
        let holders = variables::all().filter(|(_, value)| holds_key(value)).map(|(name, _)| name);
        names.chain(holders).collect()
    }

    /// Warnings about variables that have fanfold's prefix and are nearly one of its names, so that such a misspelling is
    /// not silent. `named` are the variables that the job names itself.
    pub(super) fn slips(&self, named: &[Option<&str>]) -> Vec<String> {
        let known: Vec<String> = JOB_FLAGS.iter().map(|job_flag| job_flag.variable()).collect();
        let ends = || known.iter().filter_map(|name| name.strip_prefix(PREFIX));
        let there = variables::all().filter_map(|(name, _)| name.into_string().ok());
        let mut there: Vec<String> = there.chain(self.file.keys().cloned()).collect();
        there.sort();
        there.dedup();
        let slip = |name: &String| {
            let end = name.strip_prefix(PREFIX)?;
            let is_known = OF_TESTS.contains(&end) || known.contains(name) || named.contains(&Some(name));
            let near = nearest(end, ends()).filter(|_| !is_known && !is_of_kubernetes(end))?;
            let words = format!("warning: {name} is not a variable of fanfold, and is ignored");
            Some(format!("{words}\n  = help: did you mean {PREFIX}{near}?"))
        };
        there.iter().filter_map(slip).collect()
    }

    /// The settings from variables of the job flags.
    pub(super) fn overlays(&self) -> Vec<Overlay> {
        JOB_FLAGS
            .iter()
            .filter_map(|job_flag| Some(job_flag.of_variable(&self.get(&job_flag.variable())?)))
            .collect()
    }
}

/// Whether Kubernetes sets a variable like this for a service that is called `fanfold`, or similar.
fn is_of_kubernetes(end: &str) -> bool {
    let parts: Vec<&str> = end.split('_').collect();
    parts.contains(&"PORT") || parts.contains(&"SERVICE")
}

/// Sets the failpoint at which the environment makes this process die, as by `kill -9`.
#[cfg(debug_assertions)]
pub(super) fn arm_failpoint() -> Result<(), String> {
    let die = || {
        // The signal is pending when this returns; nothing more should happen here.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    };
    match variables::text(failpoint::VARIABLE) {
        Ok(text) => failpoint::arm(&text, die),
        Err(_) => Ok(()),
    }
}

/// A value as a shell reads it: the text between quotes, or everything up to a comment after white space and a `#`.
fn meant(value: &str) -> &str {
    let between = |quote: char| {
        let (inner, rest) = value.strip_prefix(quote)?.split_once(quote)?;
        let note = rest.trim_start();
        (note.is_empty() || note.starts_with('#') && note.len() < rest.len()).then_some(inner)
    };
    let bare = || {
        let mut notes = value.match_indices('#').map(|(at, _)| value[..at].trim_end());
        notes.find(|before| value[before.len()..].starts_with(char::is_whitespace)).unwrap_or(value)
    };
    match value.starts_with(['"', '\'']) {
        // Quotes inside quotes, as in JSON: only the outer ones are removed.
        true => between('"').or_else(|| between('\'')).unwrap_or_else(|| unquoted(value)),
        false => bare(),
    }
}
