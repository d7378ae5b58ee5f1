//! Parses the command line, runs the command, and ends with its exit code.

use std::process::ExitCode;

use fanfold::cli::{parse, with_a_tip};
use fanfold::commands;

fn main() -> ExitCode {
    if commands::keeper::was_keeper(std::env::args_os()) {
        return ExitCode::SUCCESS;
    }
    let cli = parse().unwrap_or_else(|error| with_a_tip(error, std::env::args_os()).exit());
    commands::run(cli).into()
}
