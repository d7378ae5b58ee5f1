//! The commands, one file per verb. The only place that prints to standard output.
//!
//! `run` below reads like a table of contents: it prepares what holds for every command (panics, secrets on the command line), hands
//! the arguments to the verb, and turns a `Failure` into a message and an exit code. A verb is `run(args) -> Result<Exit, Failure>`;
//! it loads its job, asks the stages through `pipeline/` and the journal, and says what came of it.
//!
//! What verbs have in common:
//!
//! - `load` goes from the command line to the settled job, with `environment` for variables and files of variables, `tables` for the
//!   model table, and `secrets` for what has to be kept to itself before anything can be shown.
//! - `document_progress` is shown while the documents of a job are read.
//! - `run`, `run_reporter` and `run_control` are `fanfold run`, with `notify`, `event_log`, `receipt` and `summary`.
//! - Checks before anything is sent: `side_file` (nothing is written over what belongs to the job), `limited` (a `limit` would shorten
//!   the output), `warnings`, `deadline`, `coding_plan`, `rehearsed` (answers of the simulator).
//! - Words that several verbs say: `caps`, `usage`, `resume`, `time`; `printout` is standard output, made printable.
//! - `keeper`, `prober` and `reader` are no verbs: they are the program started `again` by itself, for tools, for templates and for
//!   documents.

mod again;
mod ask;
mod batches;
mod cancel;
mod caps;
mod coding_plan;
mod completions;
mod deadline;
mod document_progress;
mod environment;
mod event_log;
mod export;
mod failure;
mod init;
mod interrupt;
mod keeper;
mod limited;
mod load;
mod man;
mod metrics;
mod models;
mod notify;
mod outlook;
mod plan_words;
mod preview;
mod preview_words;
mod price_advice;
mod printout;
mod prober;
mod prune;
mod read;
pub mod reader;
mod receipt;
mod rehearsed;
mod report;
mod resume;
mod run;
mod run_control;
mod run_reporter;
mod schema;
mod secrets;
mod set;
mod side_file;
mod simulate;
mod status;
mod summary;
mod tables;
mod time;
mod usage;
mod variables;
mod verify;
mod warnings;

use std::panic;
use std::process::ExitCode;

use secrets::{keep_environment, refuse_with_a_key};

use crate::cli::{self, Cli, Progress, Verb};
use crate::exit::Exit;
use crate::render::template::is_in_the_engine;
use crate::secrets::hide;
use crate::watch::{Mode, put, say_error};

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

/// Parses the command line, runs the command, and ends with its exit code.
pub fn main() -> ExitCode {
    let arguments = std::env::args_os;
    let is_helper =
        keeper::was_keeper(arguments()) || prober::was_prober(arguments()) || reader::was_reader(arguments());
    if is_helper {
        return ExitCode::SUCCESS;
    }
    keep_environment();
    match cli::parse() {
        Ok(cli) => run(cli).into(),
        Err(error) => match refuse_with_a_key(&error.to_string()) {
            Some(exit) => exit.into(),
            None => error.exit(),
        },
    }
}

/// Runs a command to its end, and says what went wrong.
fn run(cli: Cli) -> Exit {
    hush_caught_panics();
    again::allow();
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
        Verb::Read(args) => read::run(args),
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
