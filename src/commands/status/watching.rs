//! `fanfold status --watch`: redrawn in place until the run ends or the user leaves.

use std::io::{IsTerminal, Write, stdout};
use std::time::{Duration, Instant};

use super::job_status::{JobStatus, ReadScope, open};
use super::screen::{ScreenLine, painted};
use crate::cli::{JobArgs, Progress};
use crate::commands::failure::Failure;
use crate::commands::interrupt;
use crate::commands::load::screen;
use crate::commands::printout::Veiled;
use crate::dispatch::stop::{Stop, StopLevel};
use crate::exit::Exit;
use crate::job::Job;
use crate::text::{clipped, width};

/// How often a terminal is redrawn, and how often a log gets a block.
const TERMINAL: Duration = Duration::from_secs(1);
const LOG: Duration = Duration::from_secs(10);

/// Reading the state may take a tenth of the time, even with a large journal.
const SHARE: u32 = 9;

/// How quickly Ctrl-C is noticed.
const HEARING: Duration = Duration::from_millis(50);

/// Shows the state of a job until its run ends. Leaving is not a failure.
pub(super) fn watch(args: &JobArgs, job: &Job, color: bool) -> Result<Exit, Failure> {
    let stop = interrupt::listen(&screen(args, Progress::None), "")?;
    let terminal = stdout().is_terminal();
    let mut drawn = Vec::new();
    loop {
        let begun = Instant::now();
        let status = JobStatus::read(&open(job)?, job, ReadScope::Present)?;
        let lines = status.lines();
        drawn = match terminal {
            true => draw(&lines, &drawn, color)?,
            false => block(&lines).map(|()| Vec::new())?,
        };
        let pause = if terminal { TERMINAL } else { LOG };
        if !status.is_running() || !rest(pause.max(begun.elapsed() * SHARE), &stop) {
            return Ok(Exit::Done);
        }
    }
}

/// Draws over the previous drawing, given the widths of its lines; lines beyond the terminal are left out.
fn draw(lines: &[ScreenLine], drawn: &[usize], color: bool) -> Result<Vec<usize>, Failure> {
    let size = rustix::termios::tcgetwinsize(stdout()).ok();
    let (columns, rows) = size.map_or((80, 24), |size| (usize::from(size.ws_col), usize::from(size.ws_row)));
    let fits = &lines[..lines.len().min(rows.saturating_sub(1).max(1))];
    let mut text = up(drawn, columns);
    let mut widths = Vec::with_capacity(fits.len());
    for (ink, line) in fits {
        let indent = line.len() - line.trim_start().len();
        let room = columns.saturating_sub(indent + 1).max(10);
        let line = format!("{}{}", " ".repeat(indent), clipped(line, room));
        text.push_str(&format!("{}\u{1b}[K\n", painted(&(*ink, line.clone()), color)));
        widths.push(width(&line));
    }
    // Removes the rest of a longer previous drawing.
    text.push_str("\u{1b}[J");
    let mut out = Veiled(stdout().lock());
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(widths)
}

/// Moves to the top of the previous drawing. If the terminal has become narrower since, it has wrapped the lines.
fn up(drawn: &[usize], columns: usize) -> String {
    let rows: usize = drawn.iter().map(|width| width.div_ceil(columns.max(1)).max(1)).sum();
    if rows == 0 { String::new() } else { format!("\u{1b}[{rows}A") }
}

/// A block for a log, followed by an empty line.
fn block(lines: &[ScreenLine]) -> Result<(), Failure> {
    let mut out = Veiled(stdout().lock());
    for line in lines {
        writeln!(out, "{}", painted(line, false))?;
    }
    writeln!(out)?;
    Ok(out.flush()?)
}

/// Waits; `false` when the user wants to leave.
fn rest(pause: Duration, stop: &Stop) -> bool {
    let until = Instant::now() + pause;
    while Instant::now() < until {
        if *stop.borrow() != StopLevel::None {
            return false;
        }
        std::thread::sleep(HEARING);
    }
    *stop.borrow() == StopLevel::None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_that_was_made_narrower_is_cleared_from_the_first_row_of_what_was_drawn() {
        assert_eq!(up(&[], 80), "");
        assert_eq!(up(&[40, 0, 78], 80), "\u{1b}[3A");
        assert_eq!(up(&[40, 0, 78], 39), "\u{1b}[5A");
    }
}
