//! Limits of a quota, as the schedule keeps them.

use serde::{Deserialize, Serialize};

use crate::shared_quota::SharedLimits;

/// The lowest limits of the living; 0 where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Limits {
    pub(super) qps: f64,
    pub(super) qpm: f64,
    pub(super) tpm: f64,
}

impl From<SharedLimits> for Limits {
    fn from(limits: SharedLimits) -> Self {
        Self { qps: limits.qps, qpm: limits.qpm, tpm: limits.tpm }
    }
}

impl Limits {
    /// The requests per second that both limits allow; 0 if there is none.
    pub(super) fn requests_each_second(self) -> f64 {
        lower(self.qps, self.qpm / 60.0)
    }
}

/// The lower of two limits, of which 0 is none.
pub(super) fn lower(one: f64, other: f64) -> f64 {
    if one > 0.0 && (other <= 0.0 || one < other) { one } else { other }
}
