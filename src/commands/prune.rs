//! `fanfold prune`: deletes answers whose rows have long been gone from the input.

use std::io::{IsTerminal, Write, stderr, stdin};
use std::path::Path;
use std::time::SystemTime;

use super::failure::Failure;
use super::load::{load_to_look, screen};
use super::printout::Printout;
use crate::cli::{Progress, PruneArgs};
use crate::clock;
use crate::diagnostic::{Diagnostic, SourceText};
use crate::exit::Exit;
use crate::job::units::duration;
use crate::journal::JournalError;
use crate::journal::lock::Lock;
use crate::journal::ownership::who_else_writes;
use crate::journal::pruning::Gone;
use crate::journal::reader::Reader;
use crate::text::{bytes, counted, money};
use crate::watch::Screen;

/// Runs the command.
pub(super) fn run(args: PruneArgs) -> Result<Exit, Failure> {
    let screen = screen(&args.job, Progress::None);
    let since = since(&args.older_than)?;
    let path = load_to_look(&args.job)?.output.journal();
    who_else_writes(&path)?.into_iter().for_each(|warning| screen.insist(&warning));
    let reader = Reader::open(&path)?;
    let gone = reader.gone_since(since)?;
    let may_shrink = reader.may_shrink()?;
    drop(reader);
    let finding = finding(&gone, &args.older_than);
    if args.dry_run {
        writeln!(Printout::new(), "{finding}")?;
        return Ok(Exit::Done);
    }
    if gone.is_nothing() {
        screen.say(&finding);
        // Space left by earlier deletions that could not be returned then.
        return if may_shrink { prune(&path, since, &screen) } else { Ok(Exit::Done) };
    }
    // Checked before the user is asked.
    drop(Lock::take(&path)?);
    match args.yes {
        true => screen.say(&finding),
        false if !agrees(&screen, &finding)? => {
            screen.insist("nothing was dropped");
            return Ok(Exit::Done);
        }
        false => {}
    }
    prune(&path, since, &screen)
}

/// The time before which a row must have gone.
fn since(older_than: &str) -> Result<SystemTime, Failure> {
    let wrong = |message: String| {
        Failure::usage(Diagnostic::new(message).at_all_of(&SourceText::new("--older-than", older_than)))
    };
    let age = duration(older_than).map_err(wrong)?;
    clock::now().checked_sub(age).ok_or_else(|| wrong("that is too long ago".to_owned()))
}

/// The finding in a line.
fn finding(gone: &Gone, older_than: &str) -> String {
    let whose = format!("rows that left the input, or whose request changed, at least {older_than} ago");
    if gone.is_nothing() {
        return format!("there are no answers of {whose}");
    }
    let cost =
        gone.cost.map_or_else(String::new, |cost| format!(", which cost {} (an estimate)", money(cost)));
    format!("{} of {whose}{cost}", what(gone))
}

fn what(gone: &Gone) -> String {
    let answers = counted(gone.answers, "answer");
    match gone.others {
        0 => answers,
        others => format!("{answers} and {}", counted(others, "failure")),
    }
}

/// Asks whether to delete them. If nobody can be asked, that is an error.
fn agrees(screen: &Screen, finding: &str) -> Result<bool, Failure> {
    screen.insist(finding);
    if !stdin().is_terminal() || !stderr().is_terminal() {
        let help = "add --yes; --dry-run shows what would be dropped";
        return Err(Diagnostic::new("nothing was dropped: there is no terminal to ask on").help(help).into());
    }
    let _ = write!(stderr(), "Drop them? A row that returns is then paid for again. [y/N] ");
    let mut answer = String::new();
    let read = stdin().read_line(&mut answer);
    read.map_err(|error| Failure::new(format!("the answer cannot be read: {error}")))?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

fn prune(path: &Path, since: SystemTime, screen: &Screen) -> Result<Exit, Failure> {
    let lock = Lock::take(path)?;
    let journal = lock.open()?;
    let size = || path.metadata().map_or(0, |metadata| metadata.len());
    let before = size();
    let gone = journal.drop_gone_since(since)?;
    let name = path.display();
    match journal.shrink() {
        Ok(()) => {
            let (now, before) = (bytes(size()), bytes(before));
            screen.say(&format!("dropped {}: {name} has {now}, and had {before}", what(&gone)));
        }
        Err(JournalError::Sqlite { source, .. }) => screen.insist(&format!(
            "warning: dropped {}, but {name} could not be made smaller: {source}. What is free in it is used by the next \
             answers; the same command tries again",
            what(&gone)
        )),
        Err(error) => return Err(error.into()),
    }
    Ok(Exit::Done)
}
