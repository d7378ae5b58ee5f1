//! The commands, a file each. The only place that prints to standard output.

mod ask;
mod begin;
mod coding_plan;
mod environment;
mod export;
mod forewarning;
mod interrupt;
mod listener;
mod load;
mod metrics;
mod models;
mod notify;
mod outlook;
mod page;
mod preview;
mod resume;
mod run;
mod set;
mod simulate;
mod status;
mod steward;
mod summary;
mod tables;
mod verify;

use std::io;

use crate::cli::{Cli, Progress, Verb};
use crate::exit::Exit;
use crate::job::problem::Problem;
use crate::journal::JournalError;
use crate::pipeline::PipelineError;
use crate::watch::{Mode, say_error};

/// A command that ended early: what to say, and the exit code.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    fn new(message: impl ToString) -> Self {
        Self { exit: Exit::CannotRun, message: message.to_string() }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::new(problem)
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let exit = match error {
            JournalError::Held { .. } => Exit::Held,
            _ => Exit::CannotRun,
        };
        Self { exit, message: error.to_string() }
    }
}

impl From<PipelineError> for Failure {
    fn from(error: PipelineError) -> Self {
        match error {
            PipelineError::Journal(error) => error.into(),
            PipelineError::Interrupted => Self { exit: Exit::Interrupted, message: "interrupted".to_owned() },
            // Whoever reads our output has had enough of it; that is no failure of ours.
            PipelineError::Write(crate::write::WriteError::BrokenPipe) => {
                Self { exit: Exit::Done, message: String::new() }
            }
            error => Self::new(error),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self { exit: Exit::Done, message: String::new() },
            _ => Self::new(format!("standard output: {error}")),
        }
    }
}

/// Runs a command to its end, and says what went wrong.
pub fn run(cli: Cli) -> Exit {
    let mode = match &cli.command {
        Verb::Run(args) if args.progress == Progress::Json => Mode::Json,
        _ => Mode::Plain,
    };
    #[cfg(debug_assertions)]
    if let Err(problem) = environment::arm_failpoint() {
        say_error(mode, &problem);
        return Exit::CannotRun;
    }
    let result = match cli.command {
        Verb::Run(args) => begin::run(args),
        Verb::Preview(args) => preview::run(args),
        Verb::Set(args) => set::run(args),
        Verb::Status(args) => status::run(args),
        Verb::Export(args) => export::run(args),
        Verb::Verify(args) => verify::run(args),
        Verb::Models(args) => models::run(args),
        Verb::Ask(args) => ask::run(args),
        Verb::Simulate(args) => simulate::run(args),
    };
    result.unwrap_or_else(|failure| {
        if !failure.message.is_empty() {
            say_error(mode, &failure.message);
        }
        failure.exit
    })
}
