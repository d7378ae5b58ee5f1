//! An outage is never mistaken for the failure of rows, nor a row's failure for an outage.

use std::time::Duration;

use super::bench::{Bench, millis, secs};
use super::service::{Call, answer, broken, coin, fault, gone, hang, throttle, unreachable};
use crate::dispatch::stop::StopReason;
use crate::event::Bottleneck;
use crate::note::Outcome;
use crate::outcome::{FaultKind, Reply};

fn down(from: u64, to: u64, how: fn() -> (Duration, Reply)) -> impl Fn(Call) -> (Duration, Reply) {
    move |call| if (secs(from)..secs(to)).contains(&call.at) { how() } else { answer(millis(300)) }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_five_minutes_costs_nobody_anything() {
    for how in [broken, gone, unreachable] {
        let bench = Bench::new().qps(10.0);
        let (first, last) = bench.run_twice(1_000, down(50, 350, how)).await;
        assert_eq!(
            (first.reason, first.set_aside, last.reason),
            (StopReason::Finished, 0, StopReason::Finished)
        );
        bench.assert_every_row_ended_once(1_000);
        assert!(bench.failed().is_empty());
        let during = bench.sends_between(secs(50), secs(350));
        assert!((30..90).contains(&during), "{during} probes");
        assert!(bench.sends_between(secs(350), secs(360)) > 10, "back within ten seconds");
        assert!(bench.elapsed() < secs(350 + 10 + 60), "{:?}", bench.elapsed());
        let is_outage =
            |(_, state): &(Duration, crate::event::DispatchState)| state.held_by == Some(Bottleneck::Outage);
        assert!(bench.log.borrow().states.iter().any(is_outage));
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_under_a_high_rate_costs_nobody_anything_either() {
    let bench = Bench::new().qps(200.0);
    let (first, last) = bench.run_twice(8_000, down(20, 320, broken)).await;
    assert_eq!((first.reason, first.set_aside, last.reason), (StopReason::Finished, 0, StopReason::Finished));
    assert!(bench.failed().is_empty());
    // The second it takes to distinguish it from bad luck costs some two hundred.
    assert!(bench.sends_between(secs(20), secs(320)) < 400);
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_the_api_words_itself_while_all_rows_are_out_fails_none_of_them() {
    let mut bench = Bench::new().qps(1_000.0).places(400);
    bench.rules.retry.initial_backoff = millis(200);
    bench.rules.retry.max_backoff = secs(1);
    let script = |call: Call| match call.position {
        0..52 => answer(millis(100)),
        _ => fault(FaultKind::Transient, 500, "internal_error"),
    };
    let end = bench.run(400, script).await;
    assert!(matches!(end.reason, StopReason::Outage(_)), "{:?}", end.reason);
    assert_eq!((bench.answered(), bench.failed().len()), (52, 0));
}

#[tokio::test(start_paused = true)]
async fn an_outage_at_the_very_start_is_waited_for() {
    for rows in [1, 5, 40, 1_000] {
        let bench = Bench::new().qps(10.0);
        let (first, last) = bench.run_twice(rows, down(0, 120, gone)).await;
        assert_eq!((first.reason, last.reason), (StopReason::Finished, StopReason::Finished), "{rows} rows");
        assert!(bench.failed().is_empty());
        assert!(bench.elapsed() < secs(140 + rows / 9), "{rows} rows: {:?}", bench.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_rows_differ_much_in_size_continues_after_an_outage() {
    for large in [1..3, 0..2, 2..3] {
        for places in [1, 8] {
            let bench = Bench::new().qps(1.0).places(places);
            let mut rows = bench.rows(3);
            for row in &mut rows {
                let is_large = large.contains(&row.row.position);
                row.request.estimate.prompt_tokens = if is_large { 40_000 } else { 10 };
            }
            let end = bench.try_run(rows, down(0, 15, broken)).await.expect("the ledger holds");
            assert_eq!(end.reason, StopReason::Finished, "{large:?}");
            bench.assert_every_row_ended_once(3);
            assert!(bench.elapsed() < secs(45), "{large:?}: {:?}", bench.elapsed());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_longer_than_the_patience_leaves_the_rows_pending() {
    let bench = Bench::new().qps(10.0);
    let end = bench.run(1_000, down(50, 1_000_000, broken)).await;
    assert!(
        matches!(&end.reason, StopReason::Outage(fault) if fault.status == Some(500)),
        "{:?}",
        end.reason
    );
    assert!(bench.failed().is_empty());
    let answered = bench.answered();
    assert!((480..=510).contains(&answered), "{answered}");
    let elapsed = bench.elapsed();
    assert!((secs(1_850)..secs(1_870)).contains(&elapsed), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_probe_keeps_the_wait_that_the_service_asks_for() {
    let bench = Bench::new().qps(10.0);
    let script = |call: Call| match (secs(20)..secs(200)).contains(&call.at) {
        true => {
            let (after, reply) = broken();
            (after, reply.map_err(|fault| crate::outcome::Fault { retry_after: Some(secs(30)), ..fault }))
        }
        false => answer(millis(300)),
    };
    let (first, _) = bench.run_twice(500, script).await;
    assert_eq!((first.reason, first.set_aside), (StopReason::Finished, 0));
    let during = bench.sends_between(secs(25), secs(200));
    assert!(during <= 8, "{during} sent where one in 30 s was asked for");
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_never_reached_is_reported_at_once() {
    for rows in [1, 1_000] {
        let bench = Bench::new().qps(10.0);
        let end = bench.run(rows, |_| unreachable()).await;
        assert!(matches!(end.reason, StopReason::NeverReached(_)), "{:?}", end.reason);
        assert!(bench.failed().is_empty());
        assert!(bench.elapsed() < secs(10), "{:?}", bench.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_throttles_between_its_faults_costs_nobody_anything() {
    let bench = Bench::new().qps(10.0);
    let script = |call: Call| match (secs(50)..secs(350)).contains(&call.at) {
        true if call.count.is_multiple_of(4) => throttle(None),
        true => broken(),
        false => answer(millis(300)),
    };
    let (first, last) = bench.run_twice(1_000, script).await;
    assert_eq!((first.reason, last.reason), (StopReason::Finished, StopReason::Finished));
    // Whether a row or two had tries to lose when it began depends on the dice.
    assert!(first.set_aside <= 2, "{}", first.set_aside);
    assert!(bench.failed().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_brown_out_is_gone_through_at_the_same_rate_and_fails_no_row_of_a_job_that_outlasts_it() {
    let bench = Bench::new().qps(10.0);
    let script = |call: Call| match (secs(60)..secs(3_660)).contains(&call.at) && coin(call, 0.5) {
        true => broken(),
        false => answer(millis(300)),
    };
    let (first, last) = bench.run_twice(22_000, script).await;
    assert_eq!((first.reason, last.reason), (StopReason::Finished, StopReason::Finished));
    bench.assert_every_row_ended_once(22_000);
    assert!(bench.failed().is_empty(), "{:?}", bench.failed());
    for minute in 1..61 {
        let sent = bench.sends_between(secs(60 * minute), secs(60 * (minute + 1)));
        assert!((540..=600).contains(&sent), "{sent} in minute {minute}, of 600");
    }
}

#[tokio::test(start_paused = true)]
async fn a_brown_out_is_not_an_outage_and_fails_no_row() {
    let bench = Bench::new().qps(10.0);
    let script = |call: Call| match call.at < secs(3_600) && coin(call, 0.5) {
        true => broken(),
        false => answer(millis(300)),
    };
    let (first, last) = bench.run_twice(16_000, script).await;
    assert_eq!((first.reason, last.reason), (StopReason::Finished, StopReason::Finished));
    bench.assert_every_row_ended_once(16_000);
    assert!(bench.failed().is_empty());
    assert!((150..400).contains(&first.set_aside), "one in 64, more or less: {}", first.set_aside);
    let sent = bench.sends_between(Duration::ZERO, secs(3_000));
    assert!(sent >= 29_000, "{sent} of 30,000");
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_row_is_set_aside_and_then_fails_while_the_others_go_on() {
    let bench = Bench::new().qps(10.0);
    let (first, last) =
        bench.run_twice(1_000, |call| if call.position == 100 { broken() } else { answer(secs(1)) }).await;
    assert_eq!((first.reason, first.set_aside, last.reason), (StopReason::Finished, 1, StopReason::Finished));
    bench.assert_every_row_ended_once(1_000);
    let aside = bench.ended(|ending| matches!(ending, Outcome::SetAside(_)));
    assert_eq!((aside[0].row.position, aside[0].tries), (100, 6));
    assert_eq!(bench.failed().len(), 1);
    let tries = bench.sends().iter().filter(|one| one.position == 100).count();
    assert_eq!(tries, 8, "six tries, and two in the last pass, a minute apart");
    let elapsed = bench.elapsed();
    assert!(elapsed < secs(105 + 70 + 60), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_among_the_last_rows_that_had_failed_before_costs_them_nothing() {
    for rows in [1, 5, 20] {
        let bench = Bench::new().qps(10.0);
        let script = move |call: Call| {
            let is_last = call.position >= 100 - rows;
            // Each fails once while others are answered, then the service is gone for five minutes.
            match call.at < secs(310) && is_last {
                true => gone(),
                false => answer(secs(1)),
            }
        };
        let (first, last) = bench.run_twice(100, script).await;
        assert_eq!((first.reason, last.reason), (StopReason::Finished, StopReason::Finished), "{rows} rows");
        bench.assert_every_row_ended_once(100);
        assert!(bench.failed().is_empty(), "{rows} rows");
    }
}

#[tokio::test(start_paused = true)]
async fn poisoned_rows_left_alone_at_the_end_are_no_outage() {
    let bench = Bench::new().qps(10.0);
    let (first, last) =
        bench.run_twice(300, |call| if call.position % 15 == 3 { broken() } else { answer(secs(1)) }).await;
    assert_eq!((first.reason, last.reason), (StopReason::Finished, StopReason::Finished));
    bench.assert_every_row_ended_once(300);
    assert_eq!(bench.failed().len(), 20);
    assert!(bench.elapsed() < secs(900), "{:?}", bench.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_row_is_sent_as_often_as_max_attempts_says_however_many_others_fail() {
    for share in [0.0, 0.1, 0.3, 0.6] {
        let mut bench = Bench::new().qps(50.0);
        bench.rules.retry.max_attempts = 4;
        let script = move |call: Call| match call.position % 100 == 7 {
            true => broken(),
            false if coin(call, share) => gone(),
            false => answer(millis(300)),
        };
        let (first, last) = bench.run_twice(1_000, script).await;
        let aside = bench.ended(|ending| matches!(ending, Outcome::SetAside(_)));
        assert!(aside.iter().all(|ended| ended.tries == 4), "{share}");
        assert!(first.set_aside < 200, "{share}: {}", first.set_aside);
        let mut sent = std::collections::BTreeMap::<u64, usize>::new();
        bench.sends().iter().for_each(|one| *sent.entry(one.position).or_default() += 1);
        assert!(sent.values().all(|count| *count <= 8), "{share}: {:?}", sent.values().max());
        match last.reason {
            StopReason::Finished => assert_eq!(bench.failed().len(), 10, "{share}"),
            StopReason::BrownOut(_) => assert!(share > 0.2 && bench.failed().is_empty(), "{share}"),
            reason => panic!("{share}: {reason:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rows_left_alone_that_the_api_itself_fails_have_failed_and_a_service_that_is_gone_is_an_outage() {
    for rows in [1, 5, 30] {
        for max_attempts in [1, 4] {
            let mut bench = Bench::new();
            bench.rules.retry.max_attempts = max_attempts;
            let (first, last) = bench.run_twice(rows, |_| broken()).await;
            assert_eq!((first.reason, last.reason), (StopReason::Finished, StopReason::Finished));
            assert_eq!(bench.failed().len() as u64, rows);
            let (sends, each) = (bench.sends().len() as u64, u64::from(max_attempts + 1));
            match rows {
                // As long as there are new rows, they can show whether it is an outage.
                30 => assert!(sends <= 2 * each * rows, "{sends}, {max_attempts} tries"),
                _ => assert_eq!(sends, each * rows, "{rows} rows, {max_attempts} tries"),
            }
            assert!(bench.elapsed() > secs(60) && bench.elapsed() < secs(400), "{:?}", bench.elapsed());
        }
        for how in [gone, unreachable] {
            let mut bench = Bench::new();
            bench.past.reached = true;
            let end = bench.run(rows, move |_| how()).await;
            assert!(matches!(end.reason, StopReason::Outage(_)), "{rows} rows: {:?}", end.reason);
            assert!(bench.failed().is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_hangs_is_given_up_after_its_time() {
    let bench = Bench::new().qps(10.0);
    bench.run(20, |call| if call.position == 5 && call.nth == 1 { hang() } else { answer(secs(1)) }).await;
    bench.assert_every_row_ended_once(20);
    let waits = bench.ended(|ending| matches!(ending, Outcome::Retry(_)));
    let fault = waits[0].ending.fault().expect("a fault");
    assert_eq!((fault.kind, fault.code.as_str()), (FaultKind::Transient, "timeout"));
    assert_eq!(waits[0].sent.expect("sent").latency, secs(330));
}

#[tokio::test(start_paused = true)]
async fn an_answer_at_the_very_end_of_the_patience_takes_the_outage_back() {
    let bench = Bench::new().qps(10.0);
    // The probe in flight when the patience ends, after half an hour, is answered.
    let script = |call: Call| match call.at {
        at if at < secs(20) => answer(millis(300)),
        at if at < secs(1_700) => broken(),
        at if at < secs(1_900) => answer(secs(200)),
        _ => answer(millis(300)),
    };
    let (first, last) = bench.run_twice(1_000, script).await;
    assert_eq!((first.reason, last.reason), (StopReason::Finished, StopReason::Finished));
    assert_eq!(bench.answered(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_hangs_for_everybody_is_an_outage() {
    let bench = Bench::new().qps(10.0);
    let end = bench.run(500, |_| hang()).await;
    assert!(matches!(&end.reason, StopReason::Outage(fault) if fault.code == "timeout"), "{:?}", end.reason);
    assert!(bench.failed().is_empty());
    assert!(bench.elapsed() < secs(330 + 1_800 + 340), "{:?}", bench.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_last_try_that_comes_back_after_the_patience_has_ended_leaves_its_row_pending() {
    let mut bench = Bench::new().qps(10.0);
    bench.rules.retry.timeout = secs(500);
    let script = |call: Call| match (call.position, call.nth) {
        (0, _) => answer(secs(1)),
        // Answered after the first fault of the other, which counts from then on.
        (2, _) => answer(secs(20)),
        (_, 1) => broken(),
        _ => hang(),
    };
    let end = bench.run(3, script).await;
    assert!(matches!(end.reason, StopReason::Outage(_)), "{:?}", end.reason);
    assert_eq!((bench.answered(), bench.failed().len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn poisoned_rows_at_the_front_of_a_slow_job_do_not_keep_the_others_from_being_sent() {
    let mut bench = Bench::new().qps(0.15);
    bench.rules.retry.max_outage = secs(60);
    (bench.rules.retry.initial_backoff, bench.rules.retry.max_backoff) = (millis(1), millis(1));
    // They failed in the previous run while others were answered, and are not evidence of an outage.
    let rows = (0..30).map(|position| bench.row(position, if position < 4 { 3 } else { 0 })).collect();
    let script = |call: Call| if call.position < 4 { broken() } else { answer(secs(2)) };
    let end = bench.try_run(rows, script).await.expect("the ledger holds");
    assert_eq!(end.reason, StopReason::Finished);
    assert_eq!((bench.answered(), bench.failed().len()), (26, 4));
}
