//! Parses the command line, runs the command, and ends with its exit code.

use std::process::ExitCode;

use clap::Parser;
use fanfold::cli::Cli;
use fanfold::commands;

fn main() -> ExitCode {
    let cli = Cli::parse();
    commands::run(cli).into()
}
