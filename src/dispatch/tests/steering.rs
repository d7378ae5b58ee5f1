//! Changes to an active run apply from then on: no burst, no request during a pause, nothing abandoned.

use std::time::Duration;

use jiff::Timestamp;

use super::bench::{Bench, millis, secs};
use super::service::{answer, broken, throttle};
use crate::dispatch::stop::{Cap, StopReason};
use crate::event::Bottleneck;
use crate::job::limits::{Concurrency, EffectiveLimits, Quota};

fn at_qps(terms: EffectiveLimits, qps: f64) -> EffectiveLimits {
    let mut terms = terms;
    terms.quotas.requests_per_second = Quota::per_second(qps);
    terms
}

#[tokio::test(start_paused = true)]
async fn a_new_rate_applies_from_then_on_without_a_burst() {
    for (before, after) in [(10.0, 50.0), (50.0, 2.0), (3.0, 4.0)] {
        let mut bench = Bench::new().qps(before);
        bench.turns = vec![(secs(20), at_qps(bench.terms(), after))];
        bench.run((before * 20.0 + after * 20.0) as u64, |_| answer(millis(100))).await;
        let late: Vec<Duration> =
            bench.sends().iter().map(|one| one.at).filter(|at| *at >= secs(20)).collect();
        for pair in late.windows(2) {
            let gap = (pair[1] - pair[0]).as_secs_f64();
            assert!(gap > 0.75 / after, "{gap} at {after} a second");
        }
        let waited = late[0] - secs(20);
        assert!(waited.as_secs_f64() <= 1.1 / after, "{waited:?} at {after} a second");
        let in_five = bench.sends_between(secs(21), secs(31)) as f64;
        assert!((0.9..=1.02).contains(&(in_five / (after * 10.0))), "{in_five} in 10 s at {after} a second");
    }
}

#[tokio::test(start_paused = true)]
async fn a_minute_s_limit_that_is_lowered_slows_the_run_and_does_not_stop_it() {
    let mut bench = Bench::new();
    bench.rules.quotas.requests_per_minute = Quota::per_minute(6_000.0);
    let mut lower = bench.terms();
    lower.quotas.requests_per_minute = Quota::per_minute(60.0);
    bench.turns = vec![(secs(70), lower)];
    bench.run(7_200, |_| answer(millis(100))).await;
    for minute in [70, 100, 130] {
        let sent = bench.sends_between(secs(minute), secs(minute + 30));
        assert!((27..=31).contains(&sent), "{sent} in half a minute of 60");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_comes_or_goes_holds_at_once() {
    let mut bench = Bench::new().places(8);
    let free = bench.terms();
    bench.turns = vec![(secs(10), at_qps(free, 5.0)), (secs(20), free)];
    bench.run(4_000, |_| answer(millis(50))).await;
    let held = bench.sends_between(secs(10), secs(20));
    assert!((48..=51).contains(&held), "{held} in ten seconds of 5 a second");
    assert!(bench.sends_between(secs(20), secs(21)) > 100, "without a limit again");
}

#[tokio::test(start_paused = true)]
async fn a_raised_rate_is_not_held_down_by_what_the_service_let_in_before() {
    let mut bench = Bench::new().qps(5.0);
    bench.turns = vec![(secs(20), at_qps(bench.terms(), 50.0))];
    // One request is throttled at the old rate, shortly before.
    bench
        .run(3_000, |call| match (call.position, call.nth) {
            (80, 1) => throttle(None),
            _ => answer(millis(100)),
        })
        .await;
    let sent = bench.sends_between(secs(21), secs(31));
    assert!((450..=510).contains(&sent), "{sent} in ten seconds of 50 a second");
}

#[tokio::test(start_paused = true)]
async fn a_pause_sends_nothing_while_requests_in_flight_finish_and_the_run_continues_after_it() {
    let mut bench = Bench::new().qps(10.0);
    let running = bench.terms();
    bench.turns = vec![(secs(10), EffectiveLimits { paused: true, ..running }), (secs(7_210), running)];
    let end = bench
        .run(300, |call| match call.nth {
            1 if call.position % 7 == 0 => broken(),
            _ => answer(secs(4)),
        })
        .await;
    assert_eq!(end.reason, StopReason::Finished);
    bench.assert_every_row_ended_once(300);
    assert_eq!(bench.sends_between(secs(10), secs(7_210)), 0);
    assert!(bench.sends_between(secs(7_210), secs(7_215)) > 40);
    let burst = bench.most_within(secs(1), |_| 1.0);
    assert!(burst <= 10.0, "{burst}");
    let held = bench.log.borrow().states.iter().any(|(at, state)| {
        state.held_by == Some(Bottleneck::Pause) && state.in_flight == 0 && *at < secs(20)
    });
    assert!(held, "what was in flight has ended, and the pause says so");
}

#[tokio::test(start_paused = true)]
async fn a_pause_in_an_outage_uses_up_none_of_its_patience() {
    let mut bench = Bench::new().qps(10.0);
    let running = bench.terms();
    bench.turns = vec![(secs(60), EffectiveLimits { paused: true, ..running }), (secs(36_000), running)];
    let start = bench.start;
    let end = bench
        .run(300, move |call| match start.elapsed() {
            now if call.position > 100 && now < secs(36_010) => broken(),
            _ => answer(secs(1)),
        })
        .await;
    assert_eq!(end.reason, StopReason::Finished);
    bench.assert_every_row_ended_once(300);
}

#[tokio::test(start_paused = true)]
async fn fewer_places_are_drained_down_to_and_nothing_is_given_up() {
    let mut bench = Bench::new().places(20);
    let fewer = EffectiveLimits { concurrency: Concurrency::Fixed(3), ..bench.terms() };
    bench.turns = vec![(secs(30), fewer)];
    bench.run(600, |_| answer(secs(2))).await;
    bench.assert_every_row_ended_once(600);
    let most = |from: u64, to: u64| {
        let sends = bench.sends();
        let within = sends.iter().filter(|one| (secs(from)..secs(to)).contains(&one.at));
        within.map(|one| one.in_flight).max().unwrap_or(0)
    };
    assert_eq!((most(10, 30), most(31, 300)), (20, 3));
}

#[tokio::test(start_paused = true)]
async fn a_cap_lowered_below_what_is_spent_stops_the_run_as_a_cap_does() {
    let mut bench = Bench::new().qps(10.0);
    let mut capped = bench.terms();
    capped.caps.total_tokens = Some(100);
    bench.turns = vec![(secs(10), capped)];
    let end = bench.run(600, |_| answer(secs(2))).await;
    assert_eq!(end.reason, StopReason::Cap(Cap::TotalTokens));
    assert_eq!(end.abandoned, 0);
    assert!(bench.sends().iter().all(|one| one.at <= secs(10)));
}

#[tokio::test(start_paused = true)]
async fn the_time_that_is_up_lets_what_is_in_flight_end() {
    let mut bench = Bench::new().qps(10.0);
    bench.turns = vec![(secs(10), EffectiveLimits { time_is_up: true, ..bench.terms() })];
    let end = bench.run(600, |_| answer(secs(2))).await;
    assert_eq!((end.reason, end.abandoned), (StopReason::Cap(Cap::Until), 0));
    assert!(bench.sends().iter().all(|one| one.at <= secs(10)));
    assert_eq!(bench.answered(), bench.sends().len());
}

#[tokio::test(start_paused = true)]
async fn the_cap_on_time_can_be_moved_while_it_runs() {
    for (cap, until) in [(secs(20), secs(20)), (secs(3), secs(10))] {
        let mut bench = Bench::new().qps(10.0);
        bench.rules.caps.duration = Some(secs(60));
        let mut moved = bench.terms();
        moved.caps.duration = Some(cap);
        bench.turns = vec![(secs(10), moved)];
        let end = bench.run(6_000, |_| answer(millis(50))).await;
        assert_eq!(end.reason, StopReason::Cap(Cap::Duration));
        assert!(bench.sends().iter().all(|one| one.at <= until), "{cap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn caps_restart_when_a_period_begins_and_no_period_is_spent_twice() {
    let day = |hour: i64| Timestamp::from_second(hour * 3600).ok();
    let mut bench = Bench::new().qps(10.0);
    bench.rules.caps.total_tokens = Some(20_000);
    bench.past.since = day(0);
    bench.past.tokens = 5_000;
    let today = bench.terms();
    let tomorrow = EffectiveLimits { since: day(24), ..today };
    // The clock is set back once, and reaches midnight again.
    bench.turns = vec![(secs(10), tomorrow), (secs(12), today), (secs(14), tomorrow)];
    let end = bench.run(1_000, |_| answer(secs(3))).await;
    assert_eq!(end.reason, StopReason::Cap(Cap::TotalTokens));
    // Requests in flight at midnight count in both.
    let answered = bench.sends_between(secs(7), secs(1_000)) as u64 * 100;
    assert!((19_700..=20_000).contains(&answered), "{answered}");
    let in_all = 5_000 + bench.sends().len() as u64 * 100;
    assert!(in_all > 25_000, "{in_all}: two days of it");
}

#[tokio::test(start_paused = true)]
async fn a_day_whose_cap_is_reached_ends_the_run_and_does_not_wait_for_the_next() {
    let day = |hour: i64| Timestamp::from_second(hour * 3600).ok();
    let mut bench = Bench::new().qps(10.0);
    bench.rules.caps.total_tokens = Some(2_000);
    bench.past.since = day(0);
    bench.turns = vec![(secs(3_600), EffectiveLimits { since: day(24), ..bench.terms() })];
    let end = bench.run(1_000, |_| answer(secs(3))).await;
    assert_eq!(end.reason, StopReason::Cap(Cap::TotalTokens));
    assert!(bench.elapsed() < secs(60));
}
