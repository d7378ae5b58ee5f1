//! The workers that share a quota: who lives, and the lowest of their limits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::limits::{Limits, lower};

/// A worker that was not heard of for this long, in seconds, is dead.
const LIFE: f64 = 15.0;

/// How often the living are counted, in seconds.
const COUNT: f64 = 1.0;

/// The workers, as last counted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Workers {
    counted: f64,
    pub(super) count: u32,
    pub(super) lowest: Limits,
    seen: BTreeMap<String, SeenWorker>,
}

/// One of the workers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct SeenWorker {
    until: f64,
    limits: Limits,
}

/// The lowest limits before a count, and after it.
pub(super) struct Change {
    pub(super) before: Limits,
    pub(super) after: Limits,
}

impl Workers {
    /// This worker lives. Counts the living from time to time, and whenever one has come or has other limits.
    pub(super) fn see(&mut self, now: f64, name: &str, limits: Limits) -> Option<Change> {
        let known = self.seen.insert(name.to_owned(), SeenWorker { until: now + LIFE, limits });
        if known.is_some_and(|known| known.limits == limits) && now < self.counted + COUNT {
            return None;
        }
        self.counted = now;
        self.seen.retain(|_, worker| worker.until > now);
        self.count = self.seen.len() as u32;
        let lowest = self.seen.values().fold(Limits::default(), |lowest, worker| Limits {
            qps: lower(lowest.qps, worker.limits.qps),
            qpm: lower(lowest.qpm, worker.limits.qpm),
            tpm: lower(lowest.tpm, worker.limits.tpm),
        });
        let before = std::mem::replace(&mut self.lowest, lowest);
        Some(Change { before, after: lowest })
    }

    /// A worker ends; the others are counted again.
    pub(super) fn leave(&mut self, name: &str) {
        self.seen.remove(name);
        self.counted = 0.0;
    }
}
