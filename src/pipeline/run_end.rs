//! How a run ended, by what is to be done next.

use crate::dispatch::stop::{Cap, StopReason};

/// How a run ended, by what is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// Every row has its answer or its failure.
    Finished,
    /// The input changed until the end, and rows are left.
    InputChanged,
    /// Somebody interrupted it.
    Interrupted,
    /// Its time was up.
    TimeIsUp,
    /// A cap on money or tokens was reached.
    Cap,
    /// The service refused the job, or did not answer.
    Service,
    /// Batches are submitted, and the job does not wait for them.
    Submitted,
}

impl RunEnd {
    /// How it ended, and in a word, as far as reason and rows tell. `pending`: what has no answer; `None` if no output was written.
    pub(super) fn of(pending: Option<u64>, reason: &StopReason) -> (Self, &'static str) {
        let Some(pending) = pending else {
            return (Self::Interrupted, StopReason::Interrupted.as_str());
        };
        match reason {
            // Whatever stopped it, nothing was left to do.
            _ if pending == 0 => (Self::Finished, StopReason::Finished.as_str()),
            StopReason::Finished => (Self::InputChanged, "input_changed"),
            StopReason::Interrupted => (Self::Interrupted, reason.as_str()),
            StopReason::Submitted => (Self::Submitted, reason.as_str()),
            StopReason::Cap(Cap::Duration | Cap::Until) => (Self::TimeIsUp, reason.as_str()),
            StopReason::Cap(Cap::Cost | Cap::TotalTokens) => (Self::Cap, reason.as_str()),
            StopReason::Refused(_)
            | StopReason::EveryRowRefused(_)
            | StopReason::Outage(_)
            | StopReason::BrownOut(_)
            | StopReason::NeverReached(_) => (Self::Service, reason.as_str()),
        }
    }
}
