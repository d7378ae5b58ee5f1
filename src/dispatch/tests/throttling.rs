//! A throttled job slows down as a whole, costs no row its tries, and climbs back.

use std::time::Duration;

use super::bench::{Bench, millis, secs};
use super::service::{answer, answer_of, throttle};
use crate::dispatch::stop::StopReason;
use crate::outcome::FaultKind;

#[tokio::test(start_paused = true)]
async fn a_row_that_is_throttled_while_others_are_let_in_fails_alone_and_slows_nobody() {
    for rate in [2.0, 50.0] {
        let bench = Bench::new().qps(rate);
        let end = bench
            .run(1_000, |call| if call.position == 100 { throttle(None) } else { answer(millis(300)) })
            .await;
        assert_eq!(end.reason, StopReason::Finished);
        bench.assert_every_row_ended_once(1_000);
        let failed = bench.failed();
        assert_eq!((failed.len(), failed[0].0, failed[0].1.kind), (1, 100, FaultKind::Throttled), "{rate}");
        let sends = bench.sends().iter().filter(|one| one.position == 100).count();
        assert!((6..=8).contains(&sends), "{sends} tries at {rate}/s, of six");
        assert!(bench.elapsed() < secs((1_000.0 / rate) as u64 + 180), "{:?} at {rate}/s", bench.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_are_throttled_with_many_others_fail_of_nothing() {
    // Every other request is throttled, whatever the rate: that is the rate's fault, and no row's.
    let bench = Bench::new().qps(10.0);
    let script = |call: super::service::Call| match super::service::coin(call, 0.5) {
        true => throttle(None),
        false => answer(millis(300)),
    };
    let end = bench.run(500, script).await;
    assert_eq!(end.reason, StopReason::Finished);
    assert_eq!((bench.answered(), bench.failed().len()), (500, 0));
}

#[tokio::test(start_paused = true)]
async fn a_row_out_of_tries_from_before_is_not_failed_by_throttling() {
    let bench = Bench::new().qps(10.0);
    let mut rows = bench.rows(20);
    rows.iter_mut().for_each(|ready| ready.tries = 6);
    let end = bench.try_run(rows, |call| if call.nth <= 3 { throttle(None) } else { answer(secs(1)) }).await;
    assert_eq!(end.expect("the ledger holds").reason, StopReason::Finished);
    assert_eq!(bench.answered(), 20);
}

#[tokio::test(start_paused = true)]
async fn throttling_slows_the_whole_job_which_climbs_back_within_a_minute() {
    let bench = Bench::new().qps(50.0);
    // The service throttles everybody for three seconds.
    let script = |call: super::service::Call| match (secs(60)..secs(63)).contains(&call.at) {
        true => throttle(None),
        false => answer(millis(400)),
    };
    bench.run(9_000, script).await;
    bench.assert_every_row_ended_once(9_000);
    let during = bench.sends_between(secs(61), secs(63));
    assert!(during < 70, "{during} sent in two seconds of throttling, of 100");
    let after = bench.sends_between(secs(120), secs(130));
    assert!(after >= 485, "{after} of 500 a minute later");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_lets_less_through_than_the_quota_is_used_nearly_to_the_full() {
    // It admits 20 a second where the job assumes 50.
    let bench = Bench::new().qps(50.0);
    let admitted: std::cell::RefCell<std::collections::VecDeque<Duration>> = Default::default();
    let script = move |call: super::service::Call| {
        let mut admitted = admitted.borrow_mut();
        while admitted.front().is_some_and(|at| *at + secs(1) <= call.at) {
            admitted.pop_front();
        }
        match admitted.len() < 20 {
            true => {
                admitted.push_back(call.at);
                answer(millis(300))
            }
            false => throttle(None),
        }
    };
    bench.run(12_000, script).await;
    bench.assert_every_row_ended_once(12_000);
    let took = bench.elapsed();
    assert!(took < secs(600).mul_f64(1.0 / 0.75), "12,000 at 20 a second: {took:?}");
    let wasted = bench.sends().len() - 12_000;
    assert!(wasted < 600, "{wasted} throttled");
}

#[tokio::test(start_paused = true)]
async fn everybody_throttled_for_minutes_is_sent_little_and_comes_back_by_itself() {
    let bench = Bench::new().qps(20.0);
    let script = |call: super::service::Call| match (secs(30)..secs(330)).contains(&call.at) {
        true => throttle(None),
        false => answer(millis(400)),
    };
    let end = bench.run(10_000, script).await;
    assert_eq!(end.reason, StopReason::Finished);
    assert!(bench.failed().is_empty());
    let during = bench.sends_between(secs(60), secs(330));
    assert!((5..200).contains(&during), "{during}");
    let after = bench.sends_between(secs(420), secs(430));
    assert!(after >= 190, "{after} of 200, a minute and a half after its end");
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_the_service_asks_for_is_kept_by_the_whole_job() {
    let bench = Bench::new().qps(20.0);
    let script = |call: super::service::Call| match call.position {
        200 if call.nth == 1 => throttle(Some(secs(90))),
        _ => answer(millis(300)),
    };
    bench.run(500, script).await;
    bench.assert_every_row_ended_once(500);
    let asked = bench.sends().iter().find(|one| one.position == 200).expect("sent").at + millis(20);
    assert_eq!(bench.sends_between(asked + millis(1), asked + secs(90)), 0);
    assert!(bench.sends_between(asked + secs(90), asked + secs(95)) > 20);
}

#[tokio::test(start_paused = true)]
async fn without_a_requested_wait_the_wait_is_short() {
    let bench = Bench::new().qps(10.0);
    let script = |call: super::service::Call| match call.position {
        30 if call.nth == 1 => throttle(Some(Duration::ZERO)),
        _ => answer(millis(300)),
    };
    bench.run(60, script).await;
    let of_30: Vec<Duration> =
        bench.sends().iter().filter(|one| one.position == 30).map(|one| one.at).collect();
    assert!(of_30[1] - of_30[0] < secs(1), "{of_30:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_a_day_or_longer_for_the_last_rows_ends_the_run_with_them_pending() {
    let bench = Bench::new().qps(10.0);
    let script = |call: super::service::Call| match call.position {
        50 => throttle(Some(secs(86_400))),
        60 => throttle(Some(Duration::MAX)),
        _ => answer(secs(5)),
    };
    let end = bench.run(400, script).await;
    assert!(matches!(end.reason, StopReason::Outage(_)), "{:?}", end.reason);
    assert_eq!(bench.answered(), 398, "what was left to do is done first");
    assert!(bench.failed().is_empty());
    assert!(bench.elapsed() < secs(1_900), "{:?}", bench.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_a_day_for_everybody_is_an_outage_and_is_hardly_sent_to() {
    let bench = Bench::new().qps(10.0);
    let script = |call: super::service::Call| match call.at < secs(60) {
        // Some answers arrive long after the throttling began.
        true => answer(secs(30)),
        false => throttle(Some(secs(86_400))),
    };
    let end = bench.run(4_000, script).await;
    assert!(matches!(end.reason, StopReason::Outage(_)), "{:?}", end.reason);
    assert!(bench.failed().is_empty());
    assert!(bench.elapsed() < secs(2_000), "{:?}", bench.elapsed());
    assert!(bench.sends_between(secs(61), secs(4_000)) < 60);
}

#[tokio::test(start_paused = true)]
async fn many_rows_that_wait_for_a_day_do_not_keep_the_run_for_a_day() {
    let bench = Bench::new().places(4);
    let script = |call: super::service::Call| match call.position % 2 {
        1 => throttle(Some(secs(86_400))),
        _ => answer_of(millis(10), 1, 1),
    };
    let end = bench.run(1_000, script).await;
    assert!(matches!(end.reason, StopReason::Outage(_)), "{:?}", end.reason);
    assert!(bench.elapsed() < secs(86_000), "{:?}", bench.elapsed());
}
