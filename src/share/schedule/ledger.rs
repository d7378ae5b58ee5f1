//! The tokens of the last minute, in buckets, so that no sliding window holds more than the limit, whatever was corrected.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::spacing::MARGIN;

/// The length of a bucket, in seconds.
const BUCKET: f64 = 0.25;

/// How long tokens count, in seconds.
const WINDOW: f64 = 60.0 * (1.0 + MARGIN);

/// The share of the limit that is given away: some requests in flight use more than they were charged.
const GIVEN: f64 = 0.995;

/// The tokens that still count.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct TokenLedger {
    buckets: BTreeMap<i64, f64>,
    sum: f64,
}

impl TokenLedger {
    /// When this amount may pass if nothing else does.
    pub(super) fn ready(&self, now: f64, amount: f64, limit: f64) -> f64 {
        let limit = limit * GIVEN;
        let amount = amount.min(limit);
        let mut left = self.sum;
        for (bucket, passed) in &self.buckets {
            if left + amount <= limit + 1e-6 {
                break;
            }
            left -= passed;
            if left + amount <= limit + 1e-6 {
                return leaves(*bucket);
            }
        }
        now
    }

    pub(super) fn enter(&mut self, at: f64, amount: f64) {
        *self.buckets.entry(bucket_of(at)).or_default() += amount;
        self.sum += amount;
    }

    /// Corrects what passed at a moment. The worker knows it a little less exactly than the store.
    pub(super) fn correct(&mut self, now: f64, at: f64, difference: f64) {
        let bucket = bucket_of(at);
        let known = [bucket, bucket - 1, bucket + 1].into_iter().find(|near| self.buckets.contains_key(near));
        match known.and_then(|bucket| self.buckets.get_mut(&bucket)) {
            Some(passed) => {
                let corrected = (*passed + difference).max(0.0);
                self.sum += corrected - *passed;
                *passed = corrected;
            }
            // It has left the window; an excess is charged now.
            None if difference > 0.0 => self.enter(now, difference),
            None => {}
        }
    }

    /// A lower limit holds: what has passed counts proportionally less, or everything would stop for a minute.
    pub(super) fn scale(&mut self, share: f64) {
        self.buckets.values_mut().for_each(|passed| *passed *= share);
        self.sum *= share;
    }

    /// What has left every window no longer counts.
    pub(super) fn forget(&mut self, now: f64) {
        while let Some(bucket) = self.buckets.first_entry() {
            if leaves(*bucket.key()) > now {
                return;
            }
            self.sum -= bucket.remove();
        }
        self.sum = 0.0;
    }
}

fn bucket_of(at: f64) -> i64 {
    (at / BUCKET).floor() as i64
}

/// When a bucket has left every window that counts it.
fn leaves(bucket: i64) -> f64 {
    (bucket + 1) as f64 * BUCKET + WINDOW
}
