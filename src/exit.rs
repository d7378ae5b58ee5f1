//! Every exit code of the program.

use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Every row is answered, or the command has succeeded.
    Done = 0,
    /// The job could not be run: job file, input, output, journal.
    CannotRun = 1,
    /// The command line is invalid.
    Usage = 2,
    /// The run ended, and some rows failed.
    FailedRows = 3,
    /// The API stopped the run: key, model, balance, outage, or a job whose every row it refuses.
    StoppedByApi = 4,
    /// The run stopped at a cap on cost or tokens: the same command stops there again, until the cap is raised.
    StoppedAtCap = 5,
    /// Another run holds the job.
    Held = 6,
    /// The run's time was up: `until` or `max_duration`. The same command continues.
    TimeIsUp = 7,
    /// Batches are submitted and not yet done, and the run does not wait for them: the same command collects them.
    Submitted = 8,
    /// The run was interrupted: 128 plus the number of SIGINT, as in shells.
    Interrupted = 130,
}

impl Exit {
    /// The code itself.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}
