//! `fanfold status`: how a job stands, from its journal alone; once, or over and over while somebody watches.

mod ended;
mod row;
mod standing;
mod watching;

use std::io::{IsTerminal, Write, stdout};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::failure::Failure;
use super::load::{colored, load_to_look};
use super::printout::Veiled;
use crate::cli::StatusArgs;
use crate::exit::Exit;
use crate::job::Job;
use crate::journal;
use crate::journal::reader::Reader;
use crate::watch::columns;
use crate::watch::text::wrapped;
use standing::{JobStatus, ReadScope};

/// The version of the JSON. It only ever gains fields.
const VERSION: u32 = 1;

/// How a line of the screen is coloured, where there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ink {
    Plain,
    /// The bar.
    Bar,
    /// What holds the run back, and errors.
    Notable,
    /// What matters less.
    Dim,
}

/// A line of the screen.
type ScreenLine = (Ink, String);

/// Runs the command.
pub(super) fn run(args: StatusArgs) -> Result<Exit, Failure> {
    let job = load_to_look(&args.job)?;
    let color = colored(args.job.color, stdout().is_terminal());
    if args.watch {
        return watching::watch(&args.job, &job, color);
    }
    let mut out = Veiled(stdout().lock());
    let reader = open(&job)?;
    if let Some(row) = &args.row {
        return row::tell(&reader, job, row, args.json, &mut out);
    }
    let status = JobStatus::read(&reader, &job, ReadScope::Whole)?;
    if args.json {
        writeln!(out, "{}", status.json())?;
    } else {
        let columns = columns(stdout()).unwrap_or(usize::MAX);
        for (ink, line) in status.lines() {
            for part in wrapped(&line, columns).split('\n') {
                writeln!(out, "{}", painted(&(ink, part.to_owned()), color))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn open(job: &Job) -> Result<Reader, Failure> {
    let path = job.output.journal();
    Ok(Reader::new(journal::open_to_read(&path)?, &path))
}

/// A line as it is printed: nothing foreign in it drives the terminal, only its ink does.
fn painted((ink, text): &ScreenLine, color: bool) -> String {
    let text = crate::text::printable(text);
    let code = match ink {
        Ink::Plain => return text,
        _ if !color => return text,
        Ink::Bar => "36",
        Ink::Notable => "33",
        Ink::Dim => "2",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// A time that the journal keeps in seconds since 1970.
fn moment(seconds: f64) -> SystemTime {
    let since = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}
