//! The keeper of a run's commands: this program started again under another name.

use std::ffi::OsString;

use crate::kin::ProcessMark;
use crate::tools::keeper::{Keeper, NAME, keep};

/// Runs the keeper if the program was started as one. Returns whether it was.
pub fn was_keeper(mut arguments: impl Iterator<Item = OsString>) -> bool {
    let is_named = arguments.next().is_some_and(|name| name == NAME);
    let mark = arguments.next().and_then(|mark| ProcessMark::of_text(mark.to_str()?));
    match mark.filter(|_| is_named) {
        Some(mark) => {
            keep(&mark, std::io::stdin());
            true
        }
        None => false,
    }
}

/// The mark of a run, and the keeper of its commands, if it has any.
pub(super) fn of_run(has_tools: bool) -> (ProcessMark, Option<Keeper>) {
    let mark = ProcessMark::of_run(rand::random());
    // If none can be started (no proc, no more processes), a kill leaves commands running, as docs/answers.md says.
    let keeper = has_tools.then(|| Keeper::start(&mark).ok()).flatten();
    (mark, keeper)
}
