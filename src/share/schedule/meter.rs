//! How much all workers sent recently, and how much of it was refused: sums that fade, over a second and over a minute.

use serde::{Deserialize, Serialize};

/// The span over which services count, in seconds.
const MINUTE: f64 = 60.0;

/// Refusals up to this share of what was sent within a minute are strays.
const STRAY: f64 = 0.001;

/// Requests and tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct SendMeter {
    /// Sent within about a second.
    second: [f64; 2],
    /// Sent within about a minute.
    minute: [f64; 2],
    /// Requests refused within about a minute.
    pub(super) refused: f64,
}

impl SendMeter {
    /// Time passes.
    pub(super) fn decay(&mut self, seconds: f64) {
        let [second, minute] = [1.0, MINUTE].map(|span| f64::exp(-seconds.clamp(0.0, 1e4) / span));
        for kind in [0, 1] {
            self.second[kind] *= second;
            self.minute[kind] *= minute;
        }
        self.refused *= minute;
    }

    pub(super) fn sent(&mut self, requests: f64, tokens: f64) {
        for (kind, amount) in [requests, tokens].into_iter().enumerate() {
            self.second[kind] += amount;
            self.minute[kind] += amount;
        }
    }

    /// Tokens were more or fewer than expected.
    pub(super) fn correct(&mut self, difference: f64) {
        self.minute[1] = f64::max(0.0, self.minute[1] + difference);
    }

    /// The amount currently sent per second. A quota that has just begun is assumed to be used up.
    pub(super) fn rate(&self, kind: usize, age: f64, limit: f64) -> f64 {
        if limit > 0.0 && age < 1.0 {
            return limit;
        }
        let whole = 1.0 - f64::exp(-age.clamp(0.1, 1e4));
        let rate = f64::max(self.second[kind] / whole, self.each(kind));
        if limit > 0.0 { rate.min(limit) } else { rate }
    }

    /// The amount per second that the service admitted during the last minute.
    pub(super) fn let_in(&self, kind: usize) -> f64 {
        f64::max(0.0, self.minute[kind] - self.refused * self.each(kind)) / MINUTE
    }

    /// The amount of one request.
    pub(super) fn each(&self, kind: usize) -> f64 {
        if kind == 0 || self.minute[0] <= 0.0 { 1.0 } else { f64::max(1.0, self.minute[1] / self.minute[0]) }
    }

    /// Whether almost nothing was refused.
    pub(super) fn is_stray(&self) -> bool {
        self.refused <= STRAY * self.minute[0]
    }
}
