//! The secrets of this process, collected at their sources before anything of them can be shown.

use std::fs;

use super::environment::{Environment, KEY_VARIABLES};
use super::failure::Failure;
use super::variables;
use crate::api::key::alone;
use crate::config::file::JobFile;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::secret_scan::{is_no_name, looks_secret, masked};
use crate::exit::Exit;
use crate::job::Job;
use crate::job::notify::Recipient;
use crate::secrets::{hidden, hide, keep};
use crate::watch::put;

/// The suffix of variables that hold keys of any service.
const ENDS_A_KEY_S_NAME: &str = "_API_KEY";

/// The maximum length of a key.
const LONGEST_KEY_BYTES: u64 = 16 * 1024;

/// The minimum length of an address's path that is itself a secret, like that of a webhook.
const SECRET_PATH: usize = 16;

/// Registers the environment's values with the names of keys. A variable named like another service's key may hold
/// something else, such as a path, and counts as a key only if it looks like one.
pub fn keep_environment() {
    for (name, value) in variables::all() {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        let value = alone(&value);
        let of_another = || name.to_ascii_uppercase().ends_with(ENDS_A_KEY_S_NAME) && is_no_name(value);
        if KEY_VARIABLES.contains(&&*name) || of_another() {
            keep(value);
        }
    }
}

/// Registers the secrets that a job refers to, as far as no command must be run for them.
pub(super) fn keep_secrets(file: &JobFile, environment: &Environment) {
    let model = &file.model;
    let variables = KEY_VARIABLES.into_iter().chain(model.api_key_env.as_deref());
    variables.filter_map(|name| environment.get(name)).for_each(|value| keep(alone(&value)));
    if let Some(path) = &model.api_key_file
        // A pipe can be read only once.
        && fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= LONGEST_KEY_BYTES)
        && let Ok(text) = fs::read_to_string(path)
    {
        keep(alone(&text));
    }
    for value in
        model.headers.iter().filter(|(name, value)| looks_secret(name, value)).map(|(_, value)| value)
    {
        keep(value);
        // `Bearer` is not part of the secret.
        value.split_once(' ').into_iter().for_each(|(_, token)| keep(token.trim()));
    }
    if let Some(notify) = &file.notify {
        let variable = notify.url_env.as_deref().and_then(|name| environment.get(name));
        notify.url.iter().chain(&variable).for_each(|address| keep_address(address.trim()));
    }
}

/// Registers an address that is called, and its path: a server may repeat the path alone.
pub(super) fn keep_address(address: &str) {
    keep(address);
    let rest = address.split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/').map(|at| &rest[at..]).filter(|path| path.len() >= SECRET_PATH).into_iter().for_each(keep);
}

/// Rejects a command line that contains a secret: it would appear in the command that continues the run.
pub(super) fn refuse_arguments() -> Result<(), Failure> {
    if !std::env::args_os().skip(1).any(|word| hide(&word.to_string_lossy()).is_some()) {
        return Ok(());
    }
    let help = "other users of this machine can read command-line arguments; put the key into \
        DASHSCOPE_API_KEY, or use model.api_key_env, api_key_file or api_key_command";
    Err(Diagnostic::new("an API key, or anything equally secret, does not belong on the command line")
        .help(help)
        .into())
}

/// Reports a command line that contains a key, without the key; `None` if it has none.
pub fn refuse_with_a_key(words: &str) -> Option<Exit> {
    let shown = hidden(masked(words));
    (shown != words).then(|| {
        put(shown.trim_end());
        Exit::Usage
    })
}

/// Keeps commands from reading the memory of this process, which holds the key, and the system from writing it to a core
/// dump. This does not protect against root.
pub(super) fn close_memory(job: &Job) {
    let tells = job.notify.as_ref().is_some_and(|notify| matches!(notify.to, Recipient::Command(_)));
    let reads = !job.input.documents.readers.is_empty();
    if job.tools.is_empty() && !tells && !reads {
        return;
    }
    #[cfg(target_os = "linux")]
    // A system without this feature is as it was.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
