//! Refusals of a row, of every row, and of the job; and answers that are unusable.

use super::bench::{Bench, millis, secs};
use super::service::{Call, answer, broken, fault, refuse};
use crate::dispatch::stop::StopReason;
use crate::job::Transport;
use crate::outcome::{Fault, FaultKind};

fn cut() -> (std::time::Duration, crate::outcome::Reply) {
    fault(FaultKind::CutByServer, 200, "cut_by_server")
}

#[tokio::test(start_paused = true)]
async fn the_first_ten_rows_refused_alike_end_the_run_and_fail_no_row() {
    for places in [1, 3, 50] {
        let bench = Bench::new().qps(50.0).places(places);
        let end = bench.run(1_000, |_| refuse("invalid_parameter")).await;
        assert!(
            matches!(&end.reason, StopReason::EveryRowRefused(fault) if fault.code == "invalid_parameter")
        );
        assert!(bench.sends().len() <= 10);
        assert_eq!((bench.failed().len(), bench.waited()), (0, 10));
    }
}

#[tokio::test(start_paused = true)]
async fn a_few_rows_that_are_refused_in_a_job_that_has_answers_already_have_failed() {
    let mut bench = Bench::new().qps(50.0);
    bench.past.works = true;
    let end = bench.run(19, |_| refuse("invalid_parameter")).await;
    assert_eq!(end.reason, StopReason::Finished);
    assert_eq!(bench.failed().len(), 19);
}

#[tokio::test(start_paused = true)]
async fn when_the_latest_twenty_ends_are_alike_the_run_stops_and_those_rows_stay_pending() {
    for (places, sent) in [(1, 20), (10, 30), (100, 200)] {
        let bench = Bench::new().qps(1_000.0).places(places);
        // The account runs dry: requests then in flight are refused as well.
        let script = |call: Call| match call.position {
            0..500 => answer(millis(100)),
            _ => {
                let (after, reply) = refuse("budget_gone");
                let text =
                    |fault: Fault| Fault { message: format!("no money (request {})", call.count), ..fault };
                (after, reply.map_err(text))
            }
        };
        let end = bench.run(2_000, script).await;
        assert!(matches!(&end.reason, StopReason::EveryRowRefused(fault) if fault.code == "budget_gone"));
        assert_eq!((bench.answered(), bench.failed().len()), (500, 0), "{places} places");
        assert!((20..=sent).contains(&bench.waited()), "{places} places: {}", bench.waited());
    }
}

#[tokio::test(start_paused = true)]
async fn bad_rows_in_a_row_stop_nobody() {
    for (code, about) in [("data_inspection_failed", None), ("odd", Some("messages"))] {
        let bench = Bench::new().qps(50.0);
        let script = move |call: Call| match call.position {
            100..200 => {
                let (after, reply) = refuse(code);
                (after, reply.map_err(|fault| Fault { about, ..fault }))
            }
            _ => answer(millis(100)),
        };
        let end = bench.run(300, script).await;
        assert_eq!(end.reason, StopReason::Finished, "{code}");
        assert_eq!((bench.answered(), bench.failed().len()), (200, 100), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_between_answers_or_unlike_each_other_are_the_rows_own() {
    let bench = Bench::new().qps(50.0);
    let between = |call: Call| match call.position % 10 {
        0 => answer(millis(100)),
        _ => refuse("invalid_parameter"),
    };
    let end = bench.run(500, between).await;
    assert_eq!((end.reason, bench.failed().len()), (StopReason::Finished, 450));
    let bench = Bench::new().qps(50.0);
    let unlike = |call: Call| match call.position {
        0..50 => answer(millis(100)),
        position if position % 2 == 0 => refuse("one"),
        _ => refuse("two"),
    };
    let end = bench.run(249, unlike).await;
    assert_eq!((end.reason, bench.failed().len()), (StopReason::Finished, 199));
}

#[tokio::test(start_paused = true)]
async fn two_hundred_ends_of_any_kind_without_an_answer_between_them_stop_the_run() {
    for places in [1, 50] {
        let bench = Bench::new().qps(1_000.0).places(places);
        let script = |call: Call| match (call.position, call.position % 3) {
            (0..50, _) => answer(millis(100)),
            (_, 0) => refuse("one"),
            (_, 1) => refuse("two"),
            _ => fault(FaultKind::Unusable, 200, "empty_answer"),
        };
        let end = bench.run(2_000, script).await;
        assert!(matches!(end.reason, StopReason::EveryRowRefused(_)), "{:?}", end.reason);
        assert_eq!((bench.answered(), bench.failed().len()), (50, 0), "{places} places");
        assert!(bench.sends().len() < 600, "{places} places: {}", bench.sends().len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_rejects_every_row_stops_the_run_and_the_next_one_continues_after_those_rows() {
    let bench = Bench::new().qps(50.0);
    let script = |call: Call| match call.position {
        0..50 => answer(millis(100)),
        _ => refuse("content_filter"),
    };
    let end = bench.run(2_000, script).await;
    assert!(matches!(end.reason, StopReason::EveryRowRefused(_)), "{:?}", end.reason);
    assert_eq!(bench.answered(), 50);
    assert!((200..260).contains(&bench.failed().len()), "{}", bench.failed().len());
}

#[tokio::test(start_paused = true)]
async fn rows_that_are_too_long_stop_nobody_however_many_are_neighbours() {
    let bench = Bench::new().qps(50.0);
    let script = |call: Call| match call.position {
        0..50 => answer(millis(100)),
        _ => {
            let (after, reply) = refuse("context_length_exceeded");
            (after, reply.map_err(|fault| Fault { about: Some("messages"), ..fault }))
        }
    };
    let end = bench.run(1_000, script).await;
    assert_eq!((end.reason, bench.failed().len()), (StopReason::Finished, 950));
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_takes_many_rows_beside_slow_answers_stops_nobody() {
    let bench = Bench::new().places(900);
    let script = |call: Call| match call.position % 10 {
        _ if call.position < 50 => answer(millis(100)),
        0..4 => answer(millis(20_000)),
        _ => refuse("data_inspection_failed"),
    };
    let end = bench.run(3_000, script).await;
    assert_eq!(end.reason, StopReason::Finished);
    assert_eq!(bench.answered() + bench.failed().len(), 3_000);
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_all_not_what_the_job_asks_for_are_not_bought_without_end() {
    let bench = Bench::new().qps(50.0);
    let script = |call: Call| match call.position {
        0..50 => answer(millis(100)),
        position if position % 150 == 0 => answer(millis(100)),
        _ => fault(FaultKind::InvalidAnswer, 200, "no_json"),
    };
    let end = bench.run(500, script).await;
    assert_eq!(end.reason, StopReason::Finished, "an answer now and then shows that it can be done");
    let script = |call: Call| match call.position {
        0..50 => answer(millis(100)),
        _ => fault(FaultKind::InvalidAnswer, 200, "no_json"),
    };
    let bench = Bench::new().qps(50.0);
    let end = bench.run(2_000, script).await;
    assert!(matches!(end.reason, StopReason::EveryRowRefused(_)), "{:?}", end.reason);
    assert!(bench.sends().len() < 320, "{}", bench.sends().len());
}

#[tokio::test(start_paused = true)]
async fn faults_among_the_first_rows_do_not_let_more_than_ten_out() {
    let bench = Bench::new().qps(50.0);
    let script = |call: Call| match call.nth == 1 && call.position.is_multiple_of(2) {
        true => broken(),
        false => refuse("invalid_parameter"),
    };
    let end = bench.run(1_000, script).await;
    assert!(matches!(end.reason, StopReason::EveryRowRefused(_)), "{:?}", end.reason);
    assert!(bench.sends().iter().all(|one| one.position < 10));
    assert!(bench.failed().is_empty());
}

#[tokio::test(start_paused = true)]
async fn refusals_that_differ_are_the_rows_own() {
    let bench = Bench::new().qps(50.0);
    let script = |call: Call| match call.position % 2 {
        0 => refuse("data_inspection_failed"),
        _ => refuse("context_length_exceeded"),
    };
    let end = bench.run(100, script).await;
    assert_eq!(end.reason, StopReason::Finished);
    bench.assert_every_row_ended_once(100);
    assert_eq!(bench.failed().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn one_answer_shows_that_the_refused_rows_are_to_blame() {
    let bench = Bench::new().qps(50.0);
    let script =
        |call: Call| if call.position == 9 { answer(secs(9)) } else { refuse("data_inspection_failed") };
    let end = bench.run(100, script).await;
    assert_eq!(end.reason, StopReason::Finished);
    assert_eq!((bench.answered(), bench.failed().len()), (1, 99));
}

#[tokio::test(start_paused = true)]
async fn nine_rows_that_are_all_refused_have_failed() {
    let bench = Bench::new().qps(50.0);
    let (first, last) = bench.run_twice(9, |_| refuse("invalid_parameter")).await;
    assert_eq!((first.reason, last.reason), (StopReason::Finished, StopReason::Finished));
    bench.assert_every_row_ended_once(9);
    assert_eq!(bench.failed().len(), 9);
}

#[tokio::test(start_paused = true)]
async fn first_rows_whose_answers_are_all_of_no_use_alike_end_the_run_too() {
    for (kind, sends) in
        [(FaultKind::CutByServer, 20), (FaultKind::Unusable, 20), (FaultKind::InvalidAnswer, 10)]
    {
        let bench = Bench::new().qps(50.0);
        let end = bench.run(100, move |_| fault(kind, 200, "no_json")).await;
        assert!(matches!(end.reason, StopReason::EveryRowRefused(_)), "{:?}", end.reason);
        assert_eq!((bench.sends().len(), bench.failed().len()), (sends, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn first_rows_that_end_in_different_ways_do_not_keep_the_others_waiting() {
    let bench = Bench::new().qps(50.0);
    let script = |call: Call| match call.position {
        0..5 => cut(),
        5..10 => refuse("data_inspection_failed"),
        _ => answer(secs(1)),
    };
    let end = bench.run(100, script).await;
    assert_eq!(end.reason, StopReason::Finished);
    bench.assert_every_row_ended_once(100);
    assert_eq!(bench.failed().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn first_rows_refused_or_poisoned_do_not_keep_the_others_waiting() {
    let bench = Bench::new().qps(50.0);
    let script = |call: Call| match call.position {
        position if position < 10 && position % 2 == 0 => refuse("data_inspection_failed"),
        position if position < 10 => broken(),
        _ => answer(secs(1)),
    };
    let (first, last) = bench.run_twice(100, script).await;
    assert_eq!((first.reason, last.reason), (StopReason::Finished, StopReason::Finished));
    bench.assert_every_row_ended_once(100);
    assert_eq!(bench.failed().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_refused_job_drains_and_keeps_what_comes_in() {
    let bench = Bench::new().qps(10.0);
    let script = |call: Call| match call.position {
        100 => fault(FaultKind::JobRefused, 401, "invalid_api_key"),
        _ => answer(secs(5)),
    };
    let end = bench.run(1_000, script).await;
    assert!(matches!(&end.reason, StopReason::Refused(fault) if fault.code == "invalid_api_key"));
    let sent = bench.sends().len();
    assert_eq!((end.abandoned, bench.answered(), bench.waited()), (0, sent - 1, 1));
    assert!(bench.failed().is_empty());
    let refused_at = bench.sends().iter().find(|one| one.position == 100).expect("sent").at;
    assert!(bench.sends().iter().all(|one| one.at <= refused_at + std::time::Duration::from_millis(20)));
}

#[tokio::test(start_paused = true)]
async fn a_useless_answer_is_asked_for_once_more() {
    let bench = Bench::new().qps(10.0);
    let unusable = || fault(FaultKind::Unusable, 200, "empty_answer");
    let script = move |call: Call| match (call.position, call.nth) {
        (30, _) => unusable(),
        (40, 1) => unusable(),
        _ => answer(secs(1)),
    };
    let (first, _) = bench.run_twice(60, script).await;
    assert_eq!(first.set_aside, 0);
    bench.assert_every_row_ended_once(60);
    let failed = bench.failed();
    assert_eq!((failed.len(), failed[0].0, failed[0].1.code.as_str()), (1, 30, "empty_answer"));
    let sends = |position| bench.sends().iter().filter(|one| one.position == position).count();
    assert_eq!((sends(30), sends(40)), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_server_cut_has_failed_by_that_name() {
    for (transport, sends) in [(Transport::Whole, 60), (Transport::Auto, 61)] {
        let mut bench = Bench::new().qps(10.0);
        bench.rules.conversation.transport = transport;
        bench.run(60, |call| if call.position == 30 { cut() } else { answer(secs(1)) }).await;
        let failed = bench.failed();
        assert_eq!((failed.len(), failed[0].1.code.as_str()), (1, "cut_by_server"));
        assert_eq!(bench.sends().len(), sends);
    }
}
