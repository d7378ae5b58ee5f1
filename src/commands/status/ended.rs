//! How each run ended: a word for programs, and a few for people.

use crate::commands::time::timestamp;
use crate::dispatch::stop::StopReason;
use crate::history::Run;
use crate::text::short;

/// How a run ended. `goes_on`: whether it is the last one, and a process holds the journal. A run without a recorded end
/// and without a process was killed, or was stopped at once.
pub(super) fn outcome(run: &Run, goes_on: bool) -> &'static str {
    match (run.ended_at, run.reason.as_deref()) {
        (None, _) if goes_on => "running",
        (None, _) => "killed",
        // An older program recorded no reason when it reached the end of the rows.
        (Some(_), None) => StopReason::Finished.as_str(),
        (Some(_), Some(reason)) => match reason {
            "max_cost" | "max_total_tokens" => "cap",
            "max_duration" | "until" => "time",
            "refused" | "every_row_refused" => "refused",
            "outage" | "never_reached" | "brown_out" => "outage",
            "input_changed" => "input_changed",
            "broken_off" => "broken_off",
            "interrupted" => "interrupted",
            "finished" => StopReason::Finished.as_str(),
            _ => "stopped",
        },
    }
}

/// The same for people, with the time.
pub(super) fn described(run: &Run, goes_on: bool) -> String {
    let reason = run.reason.as_deref().unwrap_or_default();
    let how = match outcome(run, goes_on) {
        "running" => return "running".to_owned(),
        "killed" => {
            return format!("killed, or stopped immediately, after {}", timestamp(run.last_at));
        }
        "cap" | "time" => format!("stopped by `{reason}`"),
        "refused" if reason == "every_row_refused" => "stopped: every row failed the same way".to_owned(),
        "refused" => "refused by the API".to_owned(),
        "outage" if reason == "never_reached" => "nothing answered at its address".to_owned(),
        "outage" => "stopped by an outage".to_owned(),
        "stopped" => format!("stopped ({})", short(reason, 40)),
        "input_changed" => "ended because the input changed".to_owned(),
        "broken_off" => "aborted: the input or the disk failed".to_owned(),
        word => word.to_owned(),
    };
    format!("{how} at {}", timestamp(run.ended_at.unwrap_or(run.last_at)))
}
