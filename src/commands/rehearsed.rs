//! A job that was rehearsed against `fanfold simulate`, by its address: what the simulator answered is never a real job's.

use tokio::runtime::Builder;

use super::failure::Failure;
use crate::api::simulated::is_simulator;
use crate::journal::{Journal, JournalError};
use crate::text::counted;
use crate::watch::Screen;

/// What the journal calls the built-in simulator, in the place of an address.
pub(super) const SIMULATOR: &str = "simulator";

/// Whether a run is a rehearsal, as far as that is known before it sends. An address is asked only when the journal holds
/// answers of a simulator; where it is none, they are dropped, and this is said.
pub(super) fn is_rehearsal(base_url: &str, journal: &Journal, screen: &Screen) -> Result<bool, Failure> {
    let reader = journal.reader();
    if reader.simulated()?.rows == 0 {
        return Ok(false);
    }
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| JournalError::File { path: "the runtime".into(), source })?;
    let is_one = match runtime.block_on(is_simulator(base_url)).map_err(Failure::new)? {
        Some(is_one) => is_one,
        // Nobody is there to be sent anything.
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

/// What becomes of answers that a simulator gave, for who asks what a run would do: its plan counts them as kept.
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

/// What is said of answers that a simulator gave, where there are any.
pub(super) fn simulated_line(answers: u64) -> Option<String> {
    match answers {
        0 => None,
        1 => Some("1 answer comes from the simulator, not from a service".to_owned()),
        _ => Some(format!("{} come from the simulator, not from a service", counted(answers, "answer"))),
    }
}
