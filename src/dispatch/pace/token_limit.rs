//! The token limit: a number in a span of time, evenly spaced, and never more in any span of that length.
//!
//! Two rules work together. A schedule spaces the requests, so that there is no burst. A ledger of what has passed keeps
//! every sliding window within the limit, however late the timer is and whatever was corrected: the usage of a request is
//! known only with its answer, and tokens returned then belong to an earlier window and must not be used in this one.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::job::limits::Quota;

/// How many buckets a window has, which is the precision of what has passed.
const BUCKETS: u32 = 512;

/// How much longer than the service's a window is, because requests travel at uneven speeds.
pub(crate) const MARGIN: f64 = 0.006;

/// The maximum lateness of a timer that is caught up.
const CATCH_UP: Duration = Duration::from_millis(20);

/// The part of a window that may be caught up where requests have a schedule of their own: long requests are sent at their
/// turn if short ones came before them.
const CREDIT: u32 = 6;

/// The limit of tokens.
#[derive(Debug)]
pub(crate) struct Gate {
    amount: f64,
    bucket: Duration,
    held: Duration,
    each: Duration,
    catch_up: Duration,
    next: Instant,
    origin: Instant,
    ledger: VecDeque<(u64, f64)>,
    sum: f64,
}

impl Gate {
    /// An unused gate.
    pub(crate) fn new(quota: Quota, now: Instant) -> Self {
        // Less than one in a window means one in a longer window.
        let window = quota.whole_window();
        let amount = quota.amount().max(1.0);
        let held = window.mul_f64(1.0 + MARGIN);
        Self {
            amount,
            bucket: window / BUCKETS,
            held,
            each: held.div_f64(amount),
            catch_up: CATCH_UP,
            next: now,
            origin: now,
            ledger: VecDeque::new(),
            sum: 0.0,
        }
    }

    /// The gate with credit for unused capacity, up to a part of its window: for requests that have a schedule of their
    /// own, so that there is no burst.
    pub(crate) fn with_credit(self, spaced: bool) -> Self {
        let catch_up = if spaced { self.held / CREDIT } else { CATCH_UP };
        Self { catch_up, ..self }
    }

    /// A gate that begins while requests are in flight: the first one passes after its turn.
    pub(crate) fn put_up(quota: Quota, now: Instant) -> Self {
        let gate = Self::new(quota, now);
        Self { next: now + gate.each, ..gate }
    }

    /// The gate with another quota from now on. What has passed counts in later windows; if the quota is lower, it counts
    /// proportionally less, or a lowered limit would stop everything for a whole window.
    pub(crate) fn changed(&self, quota: Quota, now: Instant) -> Self {
        let mut gate = Self::new(quota, now);
        let share = (self.each.as_secs_f64() / gate.each.as_secs_f64()).min(1.0);
        let passed = self.ledger.iter().map(|(bucket, amount)| (*bucket, amount * share));
        match gate.bucket == self.bucket {
            // The same buckets, so that later corrections find their place.
            true => {
                gate.origin = self.origin;
                gate.ledger = passed.collect();
                gate.sum = self.sum * share;
            }
            false => passed.for_each(|(bucket, amount)| gate.remember(self.begins(bucket), amount)),
        }
        let turn = self.next.saturating_duration_since(now).as_secs_f64() / self.each.as_secs_f64();
        gate.next = now + gate.each.mul_f64(turn);
        gate
    }

    /// When this amount can pass if nothing else does: now, or at the returned instant.
    pub(crate) fn ready(&mut self, now: Instant, amount: f64) -> Result<(), Instant> {
        self.forget(now);
        let amount = amount.min(self.amount);
        let mut when = self.next;
        if self.sum + amount > self.amount + 1e-6 {
            let mut sum = self.sum;
            for (bucket, passed) in &self.ledger {
                sum -= passed;
                if sum + amount <= self.amount + 1e-6 {
                    when = when.max(self.leaves(*bucket));
                    break;
                }
            }
        }
        if when <= now { Ok(()) } else { Err(when) }
    }

    /// Lets this amount pass.
    pub(crate) fn pass(&mut self, now: Instant, amount: f64) {
        let from = self.next.max(now.checked_sub(self.catch_up).unwrap_or(now));
        self.next = from + self.each.mul_f64(amount);
        self.enter(now, amount);
    }

    /// Enters what passed before this gate was made. The schedule restarts.
    pub(crate) fn remember(&mut self, at: Instant, amount: f64) {
        if at < self.origin {
            // Buckets are counted from the origin: it moves back, with everything recorded.
            let back = self.origin - at;
            let buckets = (back.as_secs_f64() / self.bucket.as_secs_f64()).ceil() as u64;
            self.origin = at;
            self.ledger.iter_mut().for_each(|(bucket, _)| *bucket += buckets);
        }
        self.enter(at, amount);
        self.next = self.next.max(at + self.each.mul_f64(amount));
    }

    /// Corrects what passed at an instant: an excess becomes debt, a surplus is returned.
    pub(crate) fn correct(&mut self, at: Instant, now: Instant, difference: f64) {
        let bucket = self.bucket_of(at);
        match self.ledger.iter_mut().find(|(known, _)| *known == bucket) {
            Some((_, passed)) => {
                let before = std::mem::replace(passed, (*passed + difference).max(0.0));
                self.sum += *passed - before;
            }
            // It has already left the window; an excess is charged now.
            None if difference > 0.0 => self.enter(now, difference),
            None => {}
        }
        let shift = self.each.mul_f64(difference.abs());
        let earliest = now.checked_sub(self.catch_up).unwrap_or(now);
        self.next = match difference > 0.0 {
            true => self.next.max(earliest) + shift,
            false => self.next.checked_sub(shift).unwrap_or(now).max(earliest),
        };
    }

    fn enter(&mut self, at: Instant, amount: f64) {
        let bucket = self.bucket_of(at);
        match self.ledger.iter_mut().rev().find(|(known, _)| *known <= bucket) {
            Some((known, passed)) if *known == bucket => *passed += amount,
            _ => {
                let place = self.ledger.partition_point(|(known, _)| *known <= bucket);
                self.ledger.insert(place, (bucket, amount));
            }
        }
        self.sum += amount;
    }

    fn forget(&mut self, now: Instant) {
        while let Some((bucket, passed)) = self.ledger.front().copied() {
            if self.leaves(bucket) > now {
                return;
            }
            self.ledger.pop_front();
            self.sum -= passed;
        }
        self.sum = 0.0;
    }

    fn bucket_of(&self, at: Instant) -> u64 {
        (at.saturating_duration_since(self.origin).as_nanos() / self.bucket.as_nanos().max(1)) as u64
    }

    fn begins(&self, bucket: u64) -> Instant {
        self.origin + self.bucket.mul_f64(bucket as f64)
    }

    /// When a bucket has left every window that counts it.
    fn leaves(&self, bucket: u64) -> Instant {
        self.begins(bucket) + self.bucket + self.held
    }
}

#[cfg(test)]
mod tests {
    use super::super::late;
    use super::*;

    #[test]
    fn no_sliding_window_holds_more_than_the_quota_and_nearly_all_of_it_is_used() {
        for amount in [1.0, 10.0, 200.0, 1000.0] {
            let start = Instant::now();
            let mut gate = Gate::new(Quota::per_second(amount).expect("above 0"), start);
            let pass = |now| gate.ready(now, 1.0).map(|()| gate.pass(now, 1.0));
            late::assert_every_second_is_used_and_none_exceeded(amount, start, pass);
        }
    }

    #[test]
    fn there_is_no_burst_at_the_start() {
        let start = Instant::now();
        let mut gate = Gate::new(Quota::per_minute(600.0).expect("above 0"), start);
        let pass = |now| gate.ready(now, 1.0).map(|()| gate.pass(now, 1.0));
        let passed = late::passes(start, Duration::from_secs(1), pass).len();
        assert!((9..=11).contains(&passed), "{passed}");
    }

    #[test]
    fn a_debt_is_waited_off_and_what_was_not_used_is_given_back() {
        let start = Instant::now();
        let mut gate = Gate::new(Quota::per_minute(6000.0).expect("above 0"), start);
        gate.pass(start, 100.0);
        gate.correct(start, start, 2900.0);
        let when = gate.ready(start, 100.0).expect_err("in debt");
        assert!(when >= start + Duration::from_secs(30), "3000 tokens take half a minute");
        gate.correct(start, start, -2900.0);
        let when = gate.ready(start, 100.0).expect_err("still spaced");
        assert!(when <= start + Duration::from_secs(2));
    }

    #[test]
    fn unused_capacity_is_credit_where_requests_are_spaced_and_no_window_holds_more() {
        let start = Instant::now();
        let quota = Quota::per_minute(6000.0).expect("above 0");
        for (spaced, passed) in [(false, 2), (true, 10)] {
            let mut gate = Gate::new(quota, start).with_credit(spaced);
            assert!(gate.ready(start, 100.0).is_ok());
            gate.pass(start, 100.0);
            assert!(gate.ready(start, 100.0).is_err(), "there is no credit at the start");
            let later = start + Duration::from_secs(600);
            let pass = |_: &i32| gate.ready(later, 100.0).map(|()| gate.pass(later, 100.0)).is_ok();
            let at_once = (0..100).take_while(pass).count();
            assert!((passed - 1..=passed + 1).contains(&at_once), "{at_once}");
        }
    }
}
