//! `fanfold completions`: the script with which a shell completes commands.

use std::io::{Write, stdout};

use super::failure::Failure;
use crate::cli::{self, CompletionsArgs};
use crate::exit::Exit;

/// Prints the script of a shell.
pub(super) fn run(args: CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::command(), "fanfold", &mut script);
    stdout().lock().write_all(&script)?;
    Ok(Exit::Done)
}
