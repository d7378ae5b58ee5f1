//! The schedule of a request limit: a number in a span of time, evenly spaced, and never more in any span of that length.
//!
//! It is governor's cell rate algorithm (GCRA), whose whole state is the time at which the next request is due. Governor
//! would keep that time to itself; here it is in our own store, so that several limits can be checked as one, a past minute
//! can be entered, and a changed limit can take over the wait. The current time is an argument.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

use governor::clock::Clock;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota as Cells, RateLimiter};
use tokio::time::Instant;

use super::token_limit::MARGIN;
use crate::job::limits::Quota;

/// The maximum lateness of a timer that is caught up: this share of the window, and at most this long. It is deducted from
/// the rate, so that no window ever holds more than its limit.
const CATCH_UP: (f64, Duration) = (0.003, Duration::from_millis(20));

/// Cells per request. Governor's tolerance is in whole cells, and a late timer is late by less than a request.
const CELLS: u32 = 64;

/// One limit of requests.
#[derive(Debug)]
pub(crate) struct Spacing {
    limiter: RateLimiter<NotKeyed, Due, Clockwork>,
    due: Due,
    each: Duration,
    window: Duration,
    origin: Instant,
}

/// When the next request is due, in nanoseconds from the origin.
#[derive(Debug, Clone, Default)]
struct Due(Rc<Cell<u64>>);

impl StateStore for Due {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, due) = measure(Some(self.0.get().into()))?;
        self.0.set(due.as_u64());
        Ok(outcome)
    }
}

/// The time since the origin, as last set.
#[derive(Debug, Default)]
struct Clockwork(Cell<Nanos>);

impl Clock for Clockwork {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.get()
    }
}

impl Spacing {
    /// An unused schedule.
    pub(crate) fn new(quota: Quota, now: Instant) -> Self {
        // Less than one in a window means one in a longer window; a fraction of a request is never admitted.
        let window = quota.whole_window();
        let amount = (quota.amount().max(1.0) + 1e-9).floor();
        let catch_up = window.mul_f64(CATCH_UP.0).min(CATCH_UP.1);
        // The window plus the lateness has as many spaces as the limit, so no window holds more.
        let each = (window.mul_f64(1.0 + MARGIN) + catch_up).div_f64(amount);
        let cell = Duration::from_nanos(each.as_nanos().div_ceil(u128::from(CELLS)).max(1) as u64);
        let late = (catch_up.as_nanos() / cell.as_nanos()).min(u128::from(u32::MAX / 2)) as u32;
        let most = NonZeroU32::new(CELLS + late).unwrap_or(NonZeroU32::MIN);
        let cells = Cells::with_period(cell).unwrap_or(Cells::per_second(most)).allow_burst(most);
        let due = Due::default();
        let limiter = RateLimiter::new(cells, due.clone(), Clockwork::default());
        Self { limiter, due, each: cell * CELLS, window, origin: now }
    }

    /// A schedule that begins while requests are in flight: the first one passes after its turn.
    pub(crate) fn put_up(quota: Quota, now: Instant) -> Self {
        let schedule = Self::new(quota, now);
        schedule.due_at(now + schedule.each);
        schedule
    }

    /// The schedule of another limit from now on, in which the next request waits for the same share of its turn.
    pub(crate) fn changed(&self, quota: Quota, now: Instant) -> Self {
        let schedule = Self::new(quota, now);
        let turns = self.due().saturating_duration_since(now).as_secs_f64() / self.each.as_secs_f64();
        schedule.due_at(now + schedule.each.mul_f64(turns));
        schedule
    }

    /// When a request can pass: now, or at the returned instant.
    pub(crate) fn ready(&self, now: Instant) -> Result<(), Instant> {
        let due = self.due.0.get();
        let asked = self.ask(now);
        self.due.0.set(due);
        asked
    }

    /// Lets a request pass that was found ready.
    pub(crate) fn pass(&self, now: Instant) {
        // It was checked at the same instant, and nothing has passed since.
        let _ = self.ask(now);
    }

    /// Enters the requests that were sent before this schedule was made, in order of time.
    pub(crate) fn remember(&self, past: impl IntoIterator<Item = Instant>) {
        let turn = past.into_iter().fold(None, |turn: Option<Instant>, at| {
            // Requests that have left the window delay nobody, however many there were.
            Some((turn.map_or(at, |turn| turn.max(at)) + self.each).min(at + self.window + self.each))
        });
        self.due_at(turn.map_or(self.origin, |turn| turn.max(self.due())));
    }

    fn ask(&self, now: Instant) -> Result<(), Instant> {
        self.limiter.clock().0.set(now.saturating_duration_since(self.origin).into());
        let cells = NonZeroU32::new(CELLS).unwrap_or(NonZeroU32::MIN);
        match self.limiter.check_n(cells) {
            Ok(Err(early)) => Err(self.origin + Duration::from_nanos(early.earliest_possible().as_u64())),
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }

    fn due(&self) -> Instant {
        self.origin + Duration::from_nanos(self.due.0.get())
    }

    fn due_at(&self, due: Instant) {
        self.due.0.set(due.saturating_duration_since(self.origin).as_nanos() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::super::late;
    use super::*;

    fn passes(spacing: &Spacing, from: Instant, span: Duration) -> usize {
        late::passes(from, span, |now| spacing.ready(now).map(|()| spacing.pass(now))).len()
    }

    #[test]
    fn no_sliding_window_holds_more_than_the_limit_and_nearly_all_of_it_is_used() {
        for amount in [1.0, 10.0, 200.0, 1000.0] {
            let start = Instant::now();
            let spacing = Spacing::new(Quota::per_second(amount).expect("above 0"), start);
            let pass = |now| spacing.ready(now).map(|()| spacing.pass(now));
            late::assert_every_second_is_used_and_none_exceeded(amount, start, pass);
        }
    }

    #[test]
    fn a_late_timer_catches_up_and_no_further() {
        let start = Instant::now();
        let spacing = Spacing::new(Quota::per_second(1000.0).expect("above 0"), start);
        let passed = passes(&spacing, start, Duration::from_secs(1));
        let later = start + Duration::from_secs(30);
        let at_once =
            (0..).take_while(|_| spacing.ready(later).map(|()| spacing.pass(later)).is_ok()).count();
        assert!(passed > 985 && at_once <= 4, "{passed} in a second, {at_once} after half a minute of rest");
    }

    #[test]
    fn the_last_minute_before_a_restart_counts() {
        let start = Instant::now() + Duration::from_secs(100);
        let spacing = Spacing::new(Quota::per_minute(60.0).expect("above 0"), start);
        let ago = |second| start - Duration::from_secs(second) + Duration::from_millis(500);
        spacing.remember((1..=60).rev().map(ago));
        let when = spacing.ready(start).expect_err("the minute is full");
        assert!(when > start && when < start + Duration::from_secs(2));
        // Ten at once take ten turns, and requests that have left the window take none.
        let spacing = Spacing::new(Quota::per_second(5.0).expect("above 0"), start);
        spacing.remember([start - Duration::from_millis(700); 500]);
        let when = spacing.ready(start).expect_err("the second is full");
        assert!(when < start + Duration::from_millis(600));
    }

    #[test]
    fn less_than_one_a_second_is_one_in_several() {
        let start = Instant::now();
        let spacing = Spacing::new(Quota::per_second(0.25).expect("above 0"), start);
        assert_eq!(passes(&spacing, start, Duration::from_secs(40)), 10);
    }

    #[test]
    fn another_limit_takes_the_wait_over() {
        let start = Instant::now();
        let slow = Spacing::new(Quota::per_minute(6.0).expect("above 0"), start);
        slow.pass(start);
        let fast = slow.changed(Quota::per_minute(60.0).expect("above 0"), start);
        let when = fast.ready(start).expect_err("its turn comes");
        assert!(when > start + Duration::from_millis(900) && when < start + Duration::from_millis(1_100));
        let put_up = Spacing::put_up(Quota::per_second(10.0).expect("above 0"), start);
        assert!(put_up.ready(start).is_err());
    }
}
