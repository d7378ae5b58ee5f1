//! Finds the processes of a command: itself, and everything it has started. A process that starts a session of its own
//! leaves the process group, but inherits an environment variable, and has a parent as long as that lives.
//!
//! They are found through proc(5), and so only on Linux; elsewhere only the process group is known.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// The environment variable that marks a command and everything it starts.
pub const VARIABLE: &str = "TOOL_OF_FANFOLD";

/// The maximum number of searches: processes that start others faster than they are ended are finally left alone.
const ROUNDS: usize = 200;

/// The number of searches that find only processes that were already killed: one that waits for a disk ends when the disk
/// is back.
const LAST_ROUNDS: usize = 10;

/// The mark of a run, or of one of its commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessMark(String);

impl ProcessMark {
    /// The mark of a run, by a unique number.
    pub fn of_run(number: u64) -> Self {
        Self(format!("{number:016x}."))
    }

    /// Parses a mark from its text; `None` if it is invalid.
    pub fn of_text(text: &str) -> Option<Self> {
        let number = text.strip_suffix('.')?;
        (number.len() == 16).then(|| u64::from_str_radix(number, 16).ok()).flatten().map(Self::of_run)
    }

    /// The mark of one command of the run.
    pub fn of_call(&self, number: u64) -> Self {
        Self(format!("{}{number:016x}", self.0))
    }

    fn variable(&self) -> Vec<u8> {
        format!("{VARIABLE}={}", self.0).into_bytes()
    }

    pub fn value(&self) -> OsString {
        self.0.clone().into()
    }

    /// The mark as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Ends all processes that carry a mark, with all that they have started, in any group or session. `first` is a process
/// known to be among them.
pub fn end_all(mark: &ProcessMark, first: Option<Pid>) {
    let wanted = mark.variable();
    let mut known: BTreeSet<i32> = first.into_iter().map(|pid| pid.as_raw_nonzero().get()).collect();
    let mut without_news = 0;
    for _ in 0..ROUNDS {
        let living = living();
        let mut found: BTreeSet<i32> = living
            .iter()
            .filter(|(pid, parent)| known.contains(pid) || known.contains(parent) || is_marked(*pid, &wanted))
            .map(|(pid, _)| *pid)
            .collect();
        // Children of children, in any order.
        loop {
            let more: Vec<i32> = living
                .iter()
                .filter(|(pid, parent)| found.contains(parent) && !found.contains(pid))
                .map(|(pid, _)| *pid)
                .collect();
            if more.is_empty() {
                break;
            }
            found.extend(more);
        }
        if found.is_empty() {
            return;
        }
        for pid in &found {
            if let Some(pid) = Pid::from_raw(*pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        without_news = if found.is_subset(&known) { without_news + 1 } else { 0 };
        if without_news > LAST_ROUNDS {
            return;
        }
        known.extend(found);
        std::thread::yield_now();
    }
}

/// The number and parent of every process that is not dead.
fn living() -> Vec<(i32, i32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    numbers.filter_map(|pid| Some((pid, parent_of(pid)?))).collect()
}

/// The parent of a living process. The name before it, in parentheses, may contain anything.
fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let is_dead = matches!(state, "Z" | "X" | "x");
    fields.next().filter(|_| !is_dead)?.parse().ok()
}

fn is_marked(pid: i32, wanted: &[u8]) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(wanted))
}

/// Whether a process is not dead.
#[cfg(test)]
pub fn is_living(pid: i32) -> bool {
    parent_of(pid).is_some()
}

/// The living processes that carry a mark.
#[cfg(test)]
pub fn bearers(mark: &ProcessMark) -> Vec<i32> {
    living().into_iter().map(|(pid, _)| pid).filter(|pid| is_marked(*pid, &mark.variable())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_handed_on_as_text_and_nothing_else_is_one() {
        let mark = ProcessMark::of_run(7);
        assert_eq!(ProcessMark::of_text(mark.as_str()), Some(mark));
        for text in ["", ".", "7.", "000000000000000z.", "0000000000000007", "000000000000000700."] {
            assert_eq!(ProcessMark::of_text(text), None, "{text}");
        }
    }
}
