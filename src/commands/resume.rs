//! The command that goes on where one ended.

use super::Failure;

/// The command that goes on where this one ended.
pub(super) fn resume_command() -> String {
    let words = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .filter(|word| word != "--fresh" && word != "--retry-failed")
        .map(|word| quoted(&word));
    words.collect::<Vec<_>>().join(" ")
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The failure with the command that goes on. Nothing is said where nobody reads the output any more.
pub(super) fn resumable(failure: Failure) -> Failure {
    if failure.message.is_empty() {
        return failure;
    }
    let message = format!("{}\nto go on, once that is mended: {}", failure.message, resume_command());
    Failure { message, ..failure }
}
