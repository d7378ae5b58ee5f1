//! What a job sent during the last minute, and how much of it the service admitted, in requests or tokens.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The longest span over which services count.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// The shortest span: a rate over less time only shows what was sent in it.
const SECOND: Duration = Duration::from_secs(1);

/// Amounts sent within this time are counted together, so that the record stays small at any rate.
const SLOT: Duration = Duration::from_millis(100);

/// The record of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Record {
    slots: VecDeque<SendBucket>,
    pub(crate) total: f64,
    pub(crate) began: Option<Instant>,
}

/// The amount sent within a moment.
#[derive(Debug, Clone, Copy)]
struct SendBucket {
    since: Instant,
    requests: u32,
    sent: f64,
    refused: f64,
}

impl Record {
    /// A request of this amount is sent.
    pub(crate) fn sent(&mut self, now: Instant, amount: f64) {
        self.began.get_or_insert(now);
        self.total += amount;
        while self.slots.front().is_some_and(|slot| now.duration_since(slot.since) > MINUTE) {
            self.slots.pop_front();
        }
        match self.slots.back_mut() {
            Some(slot) if now.duration_since(slot.since) < SLOT => {
                slot.requests += 1;
                slot.sent += amount;
            }
            _ => self.slots.push_back(SendBucket { since: now, requests: 1, sent: amount, refused: 0.0 }),
        }
    }

    /// A request of this amount, sent at that instant, was refused.
    pub(crate) fn refused(&mut self, at: Instant, amount: f64) {
        self.total -= amount;
        if let Some(slot) = self.slot(at) {
            slot.refused += amount;
        }
    }

    /// A request sent at that instant was larger or smaller than estimated by this difference.
    pub(crate) fn correct(&mut self, at: Instant, difference: f64) {
        self.total += difference;
        if let Some(slot) = self.slot(at) {
            slot.sent += difference;
        }
    }

    /// The amount currently sent per second. A job that has just begun is assumed to run at its limit.
    pub(crate) fn rate(&self, now: Instant, limit: f64) -> f64 {
        if limit.is_finite() && self.began.is_some_and(|began| now.duration_since(began) < SECOND) {
            return limit;
        }
        let last = self.slots.iter().rev().take_while(|slot| now.duration_since(slot.since) <= SECOND);
        last.map(|slot| slot.sent).sum::<f64>().max(self.each()).min(limit)
    }

    /// The amount per second that the service admitted during the last minute, which may have begun before the job did.
    /// Requests in flight count as admitted.
    pub(crate) fn let_in(&self) -> f64 {
        self.slots.iter().map(|slot| slot.sent - slot.refused).sum::<f64>() / MINUTE.as_secs_f64()
    }

    /// The share of the last minute's amount that was refused.
    pub(crate) fn share_refused(&self) -> f64 {
        let refused: f64 = self.slots.iter().map(|slot| slot.refused).sum();
        let sent: f64 = self.slots.iter().map(|slot| slot.sent).sum();
        refused / sent.max(1.0)
    }

    /// The amount of one request.
    pub(crate) fn each(&self) -> f64 {
        let requests: u32 = self.slots.iter().map(|slot| slot.requests).sum();
        let sent: f64 = self.slots.iter().map(|slot| slot.sent).sum();
        match requests {
            0 => 1.0,
            requests => (sent / f64::from(requests)).max(1.0),
        }
    }

    fn slot(&mut self, at: Instant) -> Option<&mut SendBucket> {
        let after = self.slots.partition_point(|slot| slot.since <= at);
        self.slots.get_mut(after.checked_sub(1)?)
    }
}
