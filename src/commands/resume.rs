//! The command that continues a run.

use super::failure::Failure;
use crate::job::Job;

/// The command that continues a run of this job. Standard input is replaced by the file in which it was saved.
pub(super) fn resume_command(job: &Job) -> String {
    let words = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .filter(|word| !["--fresh", "--retry-failed", "--accept-loss"].contains(&word.as_str()))
        .map(|word| shell_quoted(&word));
    let command = words.collect::<Vec<_>>().join(" ");
    match job.input.paths.iter().any(|path| path == "-") {
        true => format!("{command} < {}", shell_quoted(&job.output.spool().to_string_lossy())),
        false => command,
    }
}

/// A word quoted for a shell. Our own, since `shlex` also quotes `=` and all non-ASCII letters, of which these commands
/// have many.
pub(super) fn shell_quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The failure with the command that continues the run. Nothing is added if the output has no reader any more.
pub(super) fn resumable(failure: Failure, job: &Job) -> Failure {
    if failure.message.is_empty() {
        return failure;
    }
    let message = format!("{}\nto continue, once this is fixed: {}", failure.message, resume_command(job));
    Failure { message, ..failure }
}
