//! The early end of a command: its message and its exit code.

use std::io;
use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::exit::Exit;
use crate::journal::JournalError;
use crate::pipeline::PipelineError;
use crate::write::WriteError;

/// The early end of a command: its message and its exit code.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(message: impl ToString) -> Self {
        Self { exit: Exit::CannotRun, message: message.to_string() }
    }

    /// An invalid command line.
    pub(super) fn usage(problem: Diagnostic) -> Self {
        Self { exit: Exit::Usage, ..problem.into() }
    }

    /// A file that cannot be read; `what` describes it in a few words.
    pub(super) fn unreadable(what: &str, path: &Path, error: &io::Error) -> Self {
        let name = path.display();
        Self::new(match error.kind() {
            io::ErrorKind::NotFound => {
                let help = "check the name; paths are relative to the working directory";
                Diagnostic::new(format!("there is no {what} {name}")).help(help)
            }
            io::ErrorKind::IsADirectory => {
                Diagnostic::new(format!("{name} is a folder; a {what} is expected"))
                    .help(format!("give the path of a {what}"))
            }
            io::ErrorKind::PermissionDenied => {
                Diagnostic::new(format!("no permission to read the {what} {name}")).help(
                    "check its \
                    permissions with `ls -l`",
                )
            }
            _ => Diagnostic::new(format!("cannot read the {what} {name}: {error}")),
        })
    }

    /// The async runtime, on which requests are sent, cannot be started.
    pub(super) fn no_runtime(error: io::Error) -> Self {
        Self::new(format!("the runtime that sends requests cannot be started: {error}"))
    }

    /// An error with the causes that its own text leaves out.
    pub(super) fn with_causes(error: &dyn std::error::Error) -> Self {
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
            // The reader of our output has closed it, which is not a failure of ours.
            PipelineError::Write(WriteError::BrokenPipe) => Self { exit: Exit::Done, message: String::new() },
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
