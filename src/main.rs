//! Parses the command line, runs the command, and ends with its exit code.

use std::process::ExitCode;

use fanfold::cli;
use fanfold::commands;

fn main() -> ExitCode {
    let arguments = std::env::args_os;
    if commands::keeper::was_keeper(arguments()) || commands::prober::was_prober(arguments()) {
        return ExitCode::SUCCESS;
    }
    commands::keep_environment();
    match cli::parse() {
        Ok(cli) => commands::run(cli).into(),
        Err(error) => match commands::refuse_with_a_key(&error.to_string()) {
            Some(exit) => exit.into(),
            None => error.exit(),
        },
    }
}
