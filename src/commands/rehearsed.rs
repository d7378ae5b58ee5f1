//! A job that was rehearsed against `fanfold simulate`, by its address: the simulator's answers are never a real job's.

use tokio::runtime::Builder;

use super::failure::Failure;
use crate::api::simulated::is_simulator;
use crate::journal::{Journal, JournalError};
use crate::text::counted;
use crate::watch::Screen;

/// The journal's name for the built-in simulator, instead of an address.
pub(super) const SIMULATOR: &str = "simulator";

/// Whether a run is a rehearsal, as far as is known before it sends. The server is asked only when the journal has answers
/// of a simulator; if it is not one, they are deleted, with a message.
pub(super) fn is_rehearsal(base_url: &str, journal: &Journal, screen: &Screen) -> Result<bool, Failure> {
    let reader = journal.reader();
    if reader.simulated()?.rows == 0 {
        return Ok(false);
    }
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| JournalError::File { path: "the runtime".into(), source })?;
    let is_one = match runtime.block_on(is_simulator(base_url)).map_err(Failure::new)? {
        Some(is_one) => is_one,
        // Nothing will be sent, so nobody is asked.
        None => reader.has_heard_a_simulator_at(base_url)?,
    };
    if !is_one {
        let answers = journal.drop_simulated()?;
        if answers > 0 {
            let answers = counted(answers, "answer");
            screen.say(&format!(
                "{answers} in the journal came from a simulator, and {base_url} is a real service: none of them \
                 counts, and their rows are sent again"
            ));
        }
    }
    Ok(is_one)
}

/// A line about answers of a simulator, for commands that show what a run would do: their plan counts them as kept.
pub(super) fn rehearsed_line(answers: u64) -> Option<String> {
    let (them, rows) = match answers {
        0 => return None,
        1 => ("it", "that row".to_owned()),
        _ => ("them", format!("those {}", counted(answers, "row"))),
    };
    let answers = counted(answers, "answer");
    Some(format!(
        "rehearsed: {answers} in the journal came from a simulator; a run against a real service drops {them} \
         and sends {rows}; the figures below exclude {them}"
    ))
}

/// A line about answers of a simulator, if there are any.
pub(super) fn simulated_line(answers: u64) -> Option<String> {
    match answers {
        0 => None,
        1 => Some("1 answer comes from the simulator, not from a service".to_owned()),
        _ => Some(format!("{} come from the simulator, not from a service", counted(answers, "answer"))),
    }
}
