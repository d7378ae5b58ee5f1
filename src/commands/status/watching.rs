//! `fanfold status --watch`: drawn again in its place until the run ends, or until somebody has seen enough.

use std::io::{IsTerminal, Write, stdout};
use std::time::{Duration, Instant};

use super::standing::{Scope, Status};
use super::{Line, open, painted};
use crate::cli::{JobArgs, Progress};
use crate::commands::load::screen;
use crate::commands::{Failure, interrupt};
use crate::dispatch::stop::{Stop, Urgency};
use crate::exit::Exit;
use crate::job::Job;
use crate::text::short;

/// How often a terminal is drawn, and how often a log gets a block.
const TERMINAL: Duration = Duration::from_secs(1);
const LOG: Duration = Duration::from_secs(10);

/// A look may take a tenth of the time, of a large journal too.
const SHARE: u32 = 9;

/// How soon Ctrl-C is heard.
const HEARING: Duration = Duration::from_millis(50);

/// Shows how a job stands until its run ends. To leave is no failure.
pub(super) fn watch(args: &JobArgs, job: &Job, color: bool) -> Result<Exit, Failure> {
    let stop = interrupt::listen(&screen(args, Progress::None), "")?;
    let terminal = stdout().is_terminal();
    let mut drawn = 0;
    loop {
        let begun = Instant::now();
        let status = Status::read(&open(job)?, job, Scope::Present)?;
        let lines = status.lines();
        drawn = match terminal {
            true => draw(&lines, drawn, color)?,
            false => block(&lines)?,
        };
        let pause = if terminal { TERMINAL } else { LOG };
        if !status.is_running() || !rest(pause.max(begun.elapsed() * SHARE), &stop) {
            return Ok(Exit::Done);
        }
    }
}

/// Draws over what was drawn before, of so many lines; what does not fit the terminal is left out.
fn draw(lines: &[Line], drawn: usize, color: bool) -> Result<usize, Failure> {
    let size = rustix::termios::tcgetwinsize(stdout()).ok();
    let (columns, rows) = size.map_or((80, 24), |size| (usize::from(size.ws_col), usize::from(size.ws_row)));
    let fits = &lines[..lines.len().min(rows.saturating_sub(1).max(1))];
    let mut text = String::new();
    if drawn > 0 {
        text.push_str(&format!("\u{1b}[{drawn}A"));
    }
    for (ink, line) in fits {
        let indent = line.len() - line.trim_start().len();
        let line =
            format!("{}{}", " ".repeat(indent), short(line, columns.saturating_sub(indent + 2).max(10)));
        text.push_str(&format!("{}\u{1b}[K\n", painted(&(*ink, line), color)));
    }
    // What is left of a longer drawing before.
    text.push_str("\u{1b}[J");
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(fits.len())
}

/// A block for a log, with an empty line behind it.
fn block(lines: &[Line]) -> Result<usize, Failure> {
    let mut out = stdout().lock();
    for line in lines {
        writeln!(out, "{}", painted(line, false))?;
    }
    writeln!(out)?;
    out.flush()?;
    Ok(0)
}

/// Waits; `false` when somebody wants to leave.
fn rest(pause: Duration, stop: &Stop) -> bool {
    let until = Instant::now() + pause;
    while Instant::now() < until {
        if *stop.borrow() != Urgency::None {
            return false;
        }
        std::thread::sleep(HEARING);
    }
    *stop.borrow() == Urgency::None
}
