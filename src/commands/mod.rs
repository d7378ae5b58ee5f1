//! The commands, a file each. The only place that prints to standard output.

mod ask;
mod caps;
mod coding_plan;
mod completions;
mod deadline;
mod environment;
mod event_log;
mod export;
mod init;
mod interrupt;
pub mod keeper;
mod limited;
mod load;
mod man;
mod metrics;
mod models;
mod notify;
mod preview;
mod printout;
pub mod prober;
mod prune;
mod rehearsed;
mod report;
mod resume;
mod run;
mod run_control;
mod run_record;
mod run_session;
mod schema;
mod secrets;
mod set;
mod side_file;
mod simulate;
mod status;
mod summary;
mod tables;
mod usage;
mod verify;
mod warnings;

pub use secrets::{keep_environment, refuse_with_a_key};

use std::io;
use std::panic;
use std::path::Path;

use crate::cli::{Cli, Progress, Verb};
use crate::diagnostic::Diagnostic;
use crate::exit::Exit;
use crate::journal::JournalError;
use crate::pipeline::PipelineError;
use crate::render::template::is_in_the_engine;
use crate::secrets::hide;
use crate::watch::{Mode, put, say_error};

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

    /// A file that cannot be read; `what` is what it was to be, in a few words.
    fn unreadable(what: &str, path: &Path, error: &io::Error) -> Self {
        let name = path.display();
        Self::new(match error.kind() {
            io::ErrorKind::NotFound => {
                let help = "check the name; paths are relative to the folder you are in";
                Diagnostic::new(format!("there is no {what} {name}")).help(help)
            }
            io::ErrorKind::IsADirectory => {
                Diagnostic::new(format!("{name} is a folder")).help(format!("name a file in it: a {what}"))
            }
            io::ErrorKind::PermissionDenied => {
                Diagnostic::new(format!("the {what} {name} may not be read by this user")).help("see `ls -l`")
            }
            _ => Diagnostic::new(format!("the {what} {name} cannot be read: {error}")),
        })
    }

    /// An error with the causes that its own text leaves out.
    fn with_causes(error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        Self::new(causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}")))
    }
}

impl From<Diagnostic> for Failure {
    fn from(problem: Diagnostic) -> Self {
        Self::new(problem)
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let exit = match error {
            JournalError::Held { .. } | JournalError::Ousted { .. } => Exit::Held,
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

/// Keeps a panic silent that is caught and told as a mistake of the user's; every other one is shown as ever, without the
/// secrets in it.
fn hush_caught_panics() {
    let shown = panic::take_hook();
    panic::set_hook(Box::new(move |panic| match hide(&panic.to_string()) {
        _ if is_in_the_engine() => {}
        Some(words) => put(&words),
        None => shown(panic),
    }));
}

/// Runs a command to its end, and says what went wrong.
pub fn run(cli: Cli) -> Exit {
    hush_caught_panics();
    prober::allow();
    let mode = match &cli.command {
        Verb::Run(args) if args.progress == Progress::Json => Mode::Json,
        _ => Mode::Plain,
    };
    #[cfg(debug_assertions)]
    if let Err(problem) = environment::arm_failpoint() {
        say_error(mode, &problem);
        return Exit::CannotRun;
    }
    if let Err(failure) = secrets::refuse_arguments() {
        say_error(mode, &failure.message);
        return failure.exit;
    }
    let result = match cli.command {
        Verb::Run(args) => run::run(args),
        Verb::Preview(args) => preview::run(args),
        Verb::Set(args) => set::run(args),
        Verb::Status(args) => status::run(args),
        Verb::Export(args) => export::run(args),
        Verb::Report(args) => report::run(args),
        Verb::Verify(args) => verify::run(args),
        Verb::Prune(args) => prune::run(args),
        Verb::Models(args) => models::run(args),
        Verb::Ask(args) => ask::run(args),
        Verb::Simulate(args) => simulate::run(args),
        Verb::Init(args) => init::run(args),
        Verb::Schema => schema::run(),
        Verb::Completions(args) => completions::run(args),
        Verb::Man(args) => man::run(args),
    };
    result.unwrap_or_else(|failure| {
        if !failure.message.is_empty() {
            say_error(mode, &failure.message);
        }
        failure.exit
    })
}
