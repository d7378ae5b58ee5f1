//! What this process has to keep to itself: found where it is said, before anything of it can be shown.

use std::fs;

use super::environment::{Environment, KEY_VARIABLES};
use super::failure::Failure;
use crate::api::key::alone;
use crate::config::file::JobFile;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::secret_scan::{is_no_name, looks_secret, masked};
use crate::exit::Exit;
use crate::job::Job;
use crate::job::notify::Recipient;
use crate::secrets::{hidden, hide, keep};
use crate::watch::put;

/// What the names of variables end with that hold keys, of whatever service.
const ENDS_A_KEY_S_NAME: &str = "_API_KEY";

/// No key is longer.
const LONGEST_KEY_BYTES: u64 = 16 * 1024;

/// The shortest path of an address that is a secret by itself, as that of a hook.
const SECRET_PATH: usize = 16;

/// Keeps what the environment holds by the names that keys have. What bears the name of another service's key may be something
/// else, such as a path, and is taken for a key when it looks like one.
pub fn keep_environment() {
    for (name, value) in std::env::vars_os() {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        let value = alone(&value);
        let of_another = || name.to_ascii_uppercase().ends_with(ENDS_A_KEY_S_NAME) && is_no_name(value);
        if KEY_VARIABLES.contains(&&*name) || of_another() {
            keep(value);
        }
    }
}

/// Keeps what a job says where its secrets are, as far as nothing has to be run for it.
pub(super) fn keep_secrets(file: &JobFile, environment: &Environment) {
    let model = &file.model;
    let variables = KEY_VARIABLES.into_iter().chain(model.api_key_env.as_deref());
    variables.filter_map(|name| environment.get(name)).for_each(|value| keep(alone(&value)));
    if let Some(path) = &model.api_key_file
        // A pipe gives what it holds only once.
        && fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= LONGEST_KEY_BYTES)
        && let Ok(text) = fs::read_to_string(path)
    {
        keep(alone(&text));
    }
    for value in
        model.headers.iter().filter(|(name, value)| looks_secret(name, value)).map(|(_, value)| value)
    {
        keep(value);
        // `Bearer` is no part of the secret.
        value.split_once(' ').into_iter().for_each(|(_, token)| keep(token.trim()));
    }
    if let Some(notify) = &file.notify {
        let variable = notify.url_env.as_deref().and_then(|name| environment.get(name));
        notify.url.iter().chain(&variable).for_each(|address| keep_address(address.trim()));
    }
}

/// Keeps an address that is called, and its path: a server may tell that alone.
pub(super) fn keep_address(address: &str) {
    keep(address);
    let rest = address.split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/').map(|at| &rest[at..]).filter(|path| path.len() >= SECRET_PATH).into_iter().for_each(keep);
}

/// Refuses a command line that has a secret in it: it would stand in the command that goes on.
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

/// Says what is wrong with a command line that has a key in it, without the key; `None`: it has none.
pub fn refuse_with_a_key(words: &str) -> Option<Exit> {
    let shown = hidden(masked(words));
    (shown != words).then(|| {
        put(shown.trim_end());
        Exit::Usage
    })
}

/// Keeps commands from reading the memory of this process, where the key is, and the system from leaving it in a dump. Against
/// root that is no protection.
pub(super) fn close_memory(job: &Job) {
    let tells = job.notify.as_ref().is_some_and(|notify| matches!(notify.to, Recipient::Command(_)));
    if job.tools.is_empty() && !tells {
        return;
    }
    #[cfg(target_os = "linux")]
    // A system that does not know of it is as it was.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
