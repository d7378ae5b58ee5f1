//! `fanfold set`: changes an active run, and waits until it has accepted the change.

use std::path::Path;
use std::time::{Duration, Instant};

use super::cancel::cancel;
use super::failure::Failure;
use super::load::{load_to_look, screen};
use crate::cli::{Progress, SetArgs};
use crate::config::orders::{Order, live_settings};
use crate::diagnostic::{Diagnostic, SourceText};
use crate::exit::Exit;
use crate::job::Job;
use crate::journal::Journal;
use crate::journal::lock::Lock;
use crate::journal::reader::Reader;
use crate::text::printable;

/// How long to wait for the run to accept an order. It checks four times a second.
const PATIENCE: Duration = Duration::from_secs(2);

/// The time between two checks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Runs the command.
pub(super) fn run(mut args: SetArgs) -> Result<Exit, Failure> {
    // For a job made only of flags, the first word is already an order.
    if let Some(first) = args.job.job.take_if(|first| is_order(first)) {
        args.words.insert(0, first.to_string_lossy().into_owned());
    }
    let screen = screen(&args.job, Progress::None);
    let orders = args.words.iter().map(|word| Order::parse(word)).collect::<Result<Vec<_>, _>>()?;
    if orders.is_empty() {
        let problem = Diagnostic::new("no change given");
        return Err(Failure::usage(
            problem.help("write fanfold set JOB.toml qps=5, or pause, resume, stop, cancel"),
        ));
    }
    live_settings(&orders)?;
    let job = load_to_look(&args.job)?;
    check_cost(&job, &orders)?;
    let path = job.output.journal();
    let Some(holder) = Lock::holder(&path) else {
        // Batches are at the provider whether a run waits for them or not.
        return match orders.iter().all(|order| order.key == "cancel") && path.exists() {
            true => cancel(&args.job, &screen),
            false => Err(not_running(&path)),
        };
    };
    if !path.exists() {
        return Err(Failure::new(format!(
            "the active run ({}) is reading its input and has no journal yet\n  = help: try again once it is sending",
            printable(&holder)
        )));
    }
    let reader = Reader::open(&path)?;
    let numbers = Journal::open_again(&path)?.give(&orders)?;
    let words = orders.iter().map(Order::shown).collect::<Vec<_>>().join(", ");
    let given = Instant::now();
    while !reader.are_taken(numbers)? {
        if given.elapsed() < PATIENCE {
            std::thread::sleep(BETWEEN_LOOKS);
        } else if Lock::holder(&path).is_none() {
            return Err(not_running(&path));
        } else {
            screen.insist(&format!(
                "{words}: sent, but not applied yet; a run applies changes while it sends, and this one is \
                 reading its input or writing its output"
            ));
            return Ok(Exit::Done);
        }
    }
    screen.say(&format!("{words}: applied to {}; in effect until that run ends", printable(&holder)));
    Ok(Exit::Done)
}

fn is_order(word: &Path) -> bool {
    !word.exists() && word.to_str().is_some_and(|word| Order::parse(word).is_ok())
}

/// A cap on cost works only if every request has a price. A run that began with such a cap has checked that.
fn check_cost(job: &Job, orders: &[Order]) -> Result<(), Diagnostic> {
    let Some(order) = orders.iter().find(|order| order.key == "max_cost") else { return Ok(()) };
    let all_priced = job.own_price || (job.model.name.is_some() && job.price.is_some());
    if job.caps.cost.is_some() || all_priced {
        return Ok(());
    }
    let message = match job.model.name {
        Some(_) => "a cap on cost needs a price, and this model's price is not known",
        None => "a cap on cost needs a price, and these rows bring models whose prices may be unknown",
    };
    let problem = Diagnostic::new(message).at_all_of(&SourceText::new("set", order.shown()));
    Err(problem.help("set it under [price] (`input` and `output`), and start the run again"))
}

fn not_running(path: &Path) -> Failure {
    Failure::new(format!(
        "no run of this job is active ({} is not locked)\n  = help: settings for the next run belong in the job \
         file or in flags of `fanfold run`",
        printable(&path.display().to_string())
    ))
}
