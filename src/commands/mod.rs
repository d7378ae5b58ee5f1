//! The commands, a file each. The only place that prints to standard output.

mod ask;
mod caps;
mod coding_plan;
mod completions;
mod deadline;
mod environment;
mod event_log;
mod export;
mod failure;
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
mod time;
mod usage;
mod verify;
mod warnings;

pub use secrets::{keep_environment, refuse_with_a_key};

use std::panic;

use crate::cli::{Cli, Progress, Verb};
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
