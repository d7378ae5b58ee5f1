//! The command that goes on where one ended.

use super::failure::Failure;
use crate::job::Job;

/// The command that goes on where this one of a job ended. What came on standard input comes from where it was kept.
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

/// A word as a shell reads it back. Our own, since `shlex` also quotes `=` and all letters but ASCII's, of which these commands
/// have many.
pub(super) fn shell_quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The failure with the command that goes on. Nothing is said where nobody reads the output any more.
pub(super) fn resumable(failure: Failure, job: &Job) -> Failure {
    if failure.message.is_empty() {
        return failure;
    }
    let message = format!("{}\nto continue, once this is fixed: {}", failure.message, resume_command(job));
    Failure { message, ..failure }
}
