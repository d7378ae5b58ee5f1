//! What a job sent during the last minute, and what of it the service let in: in requests, or in tokens.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How far back the record goes: the longest span over which services count.
const KEPT: Duration = Duration::from_secs(60);

/// The span over which the job's own rate is measured.
const MEASURED: Duration = Duration::from_secs(5);

/// What is sent within this time is counted together, so that the record stays small at any rate.
const SLOT: Duration = Duration::from_millis(100);

/// The requests that begin a run, and tell nothing of its rate.
const FIRST: u64 = 10;

/// A refusal is a stray one while no more than this share of what was sent in the last minute was refused, or one request,
/// and no more than the other share of what the limit lets pass in a second, or one: a moment in which nothing moves on the
/// way delays several.
const STRAY: (f64, f64) = (0.001, 0.02);
const MOMENT: Duration = Duration::from_secs(1);

/// What share of a limit has to be used, and for how long at least, before it is known that the service bears it.
const BORNE: f64 = 0.9;
const BORNE_FOR: Duration = Duration::from_secs(3);

/// The record of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Record {
    slots: VecDeque<Slot>,
    /// Requests since the beginning.
    requests: u64,
}

/// What was sent within a moment.
#[derive(Debug, Clone, Copy)]
struct Slot {
    since: Instant,
    requests: u32,
    sent: f64,
    refused: f64,
}

impl Record {
    /// A request of so much is sent.
    pub(crate) fn sent(&mut self, now: Instant, amount: f64) {
        self.requests += 1;
        while self.slots.front().is_some_and(|slot| now.duration_since(slot.since) > KEPT) {
            self.slots.pop_front();
        }
        match self.slots.back_mut() {
            Some(slot) if now.duration_since(slot.since) < SLOT => {
                slot.requests += 1;
                slot.sent += amount;
            }
            _ => self.slots.push_back(Slot { since: now, requests: 1, sent: amount, refused: 0.0 }),
        }
    }

    /// A request of so much, sent at that instant, was not let in.
    pub(crate) fn refused(&mut self, at: Instant, amount: f64) {
        if let Some(slot) = self.slot(at) {
            slot.refused += amount;
        }
    }

    /// A request sent at that instant was larger by so much than it was thought to be, or smaller.
    pub(crate) fn correct(&mut self, at: Instant, difference: f64) {
        if let Some(slot) = self.slot(at) {
            slot.sent += difference;
        }
    }

    /// The amount sent per second at present.
    pub(crate) fn rate(&self, now: Instant) -> f64 {
        // A run that has hardly begun goes one by one, whatever its rate: it counts as if its first rows were out.
        match self.requests < FIRST {
            true => FIRST as f64 * self.each(),
            false => self.each_second(now, MEASURED, |slot| slot.sent),
        }
    }

    /// The amount per second that the service let in during the last minute, as far as is known: what is still out counts
    /// as let in.
    pub(crate) fn let_in(&self, now: Instant) -> f64 {
        self.each_second(now, KEPT, |slot| slot.sent - slot.refused)
    }

    /// Whether what was refused is an accident of the way there: the service bears the limit of so much per second that the job
    /// keeps to, and next to nothing of it was refused. Two requests that are a window apart when they leave can arrive a
    /// little nearer to each other.
    pub(crate) fn is_stray(&self, now: Instant, limit: f64) -> bool {
        let is_new = self.slots.front().is_none_or(|slot| now.duration_since(slot.since) < BORNE_FOR);
        if is_new || self.each_second(now, BORNE_FOR, |slot| slot.sent - slot.refused) < limit * BORNE {
            return false;
        }
        let refused = |within: Duration| -> f64 {
            let slots = self.slots.iter().filter(|slot| now.duration_since(slot.since) <= within);
            slots.map(|slot| slot.refused).sum()
        };
        let (each, sent) = (self.each(), self.slots.iter().map(|slot| slot.sent).sum::<f64>());
        refused(MOMENT) <= each.max(limit * STRAY.1) && refused(KEPT) <= each.max(sent * STRAY.0)
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

    fn each_second(&self, now: Instant, span: Duration, what: impl Fn(&Slot) -> f64) -> f64 {
        let within = || self.slots.iter().filter(|slot| now.duration_since(slot.since) <= span);
        let first = within().next().map_or(now, |slot| slot.since);
        within().map(what).sum::<f64>() / now.duration_since(first).max(Duration::from_secs(1)).as_secs_f64()
    }

    fn slot(&mut self, at: Instant) -> Option<&mut Slot> {
        let after = self.slots.partition_point(|slot| slot.since <= at);
        self.slots.get_mut(after.checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What refusals look like, so many at a time, that come after so many seconds at a hundred requests per second, to a job
    /// whose limit is so much, while every `one_of`th request before them was refused.
    fn is_stray(seconds: u64, limit: f64, one_of: u64, last: u64) -> bool {
        let (mut now, mut record) = (Instant::now(), Record::default());
        for request in 1..=seconds * 100 {
            record.sent(now, 1.0);
            if request % one_of == 0 {
                record.refused(now, 1.0);
            }
            now += Duration::from_millis(10);
        }
        for _ in 0..last {
            record.sent(now, 1.0);
            record.refused(now, 1.0);
        }
        record.is_stray(now, limit)
    }

    #[test]
    fn a_single_refusal_at_a_limit_that_the_service_bears_is_a_stray_one() {
        assert!(is_stray(4, 100.0, u64::MAX, 1));
        assert!(is_stray(60, 100.0, u64::MAX, 2), "two in a moment are still an accident");
        assert!(!is_stray(60, 100.0, u64::MAX, 3), "more are not");
        assert!(is_stray(60, 100.0, 2900, 1), "one in a thousand is still next to nothing");
        assert!(!is_stray(60, 100.0, 900, 1), "more is not");
        assert!(!is_stray(2, 100.0, u64::MAX, 1), "nobody knows yet what the service bears");
        assert!(!is_stray(60, 200.0, u64::MAX, 1), "the limit was never used");
        assert!(!is_stray(60, f64::INFINITY, u64::MAX, 1), "there is no limit to keep to");
    }
}
