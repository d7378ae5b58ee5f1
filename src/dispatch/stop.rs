//! Why a run ends, and how it is asked to stop.

use tokio::sync::watch;

use crate::outcome::Fault;

/// Why a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum StopReason {
    /// Every row was tried to its end.
    Finished,
    /// The user asked for it.
    Interrupted,
    /// The next request could have exceeded a cap.
    Cap(Cap),
    /// The API rejects the job: key, model, balance.
    Refused(Fault),
    /// The API refused all first rows alike: the job is wrong, not the rows.
    EveryRowRefused(Fault),
    /// The service answered nobody for as long as the job waits.
    Outage(Fault),
    /// Rows used up their tries while the service failed so many calls that any row could have: they stay pending.
    BrownOut(Fault),
    /// The address was never reached.
    NeverReached(Fault),
    /// Batches are submitted, and the job does not wait for them.
    Submitted,
}

/// A cap of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cap {
    /// `max_cost`.
    Cost,
    /// `max_total_tokens`.
    TotalTokens,
    /// `max_duration`.
    Duration,
    /// `until`.
    Until,
}

impl Cap {
    /// The cap's key in the job file.
    pub fn key(self) -> &'static str {
        match self {
            Self::Cost => "max_cost",
            Self::TotalTokens => "max_total_tokens",
            Self::Duration => "max_duration",
            Self::Until => "until",
        }
    }
}

impl StopReason {
    /// The word used in the journal and the summary.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
            Self::Cap(cap) => cap.key(),
            Self::Refused(_) => "refused",
            Self::EveryRowRefused(_) => "every_row_refused",
            Self::Outage(_) => "outage",
            Self::BrownOut(_) => "brown_out",
            Self::NeverReached(_) => "never_reached",
            Self::Submitted => "submitted",
        }
    }

    /// The fault that ended the run, where one did.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Refused(fault)
            | Self::EveryRowRefused(fault)
            | Self::Outage(fault)
            | Self::BrownOut(fault)
            | Self::NeverReached(fault) => Some(fault),
            Self::Finished | Self::Interrupted | Self::Cap(_) | Self::Submitted => None,
        }
    }
}

/// How urgently a run is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum StopLevel {
    /// Not at all.
    #[default]
    None,
    /// Send nothing more, and let the requests in flight finish.
    Drain,
    /// Abandon the requests in flight.
    Now,
}

/// The channel on which a run receives requests to stop.
pub type Stop = watch::Receiver<StopLevel>;
