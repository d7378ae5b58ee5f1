//! A job that was rehearsed against `fanfold simulate`, by its address: what the simulator answered is never a real job's.

use crate::text::counted;

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
