//! One row of each shape goes first, and is enough to detect what is wrong with the job.

use std::time::Duration;

use super::bench::{Bench, millis, secs};
use super::service::{Call, answer, broken, fault, hang, refuse, throttle};
use crate::dispatch::Ready;
use crate::dispatch::stop::StopReason;
use crate::event::Bottleneck;
use crate::job::answer::OnLength;
use crate::job::field_owner::FieldOwners;
use crate::note::Outcome;
use crate::outcome::{Answer, Fault, FaultKind, Reply};
use crate::request::Shape;

/// A refusal that names a field.
fn refuse_about(kind: FaultKind, field: &'static str) -> (Duration, Reply) {
    let (after, reply) = fault(kind, 400, "invalid_parameter_error");
    (after, reply.map_err(|fault| Fault { about: Some(field), ..fault }))
}

/// So many rows, with a shape for each position.
fn rows(bench: &Bench, count: u64, shape: impl Fn(u64) -> u64) -> Vec<Ready> {
    let mut rows = bench.rows(count);
    for ready in &mut rows {
        ready.request.shape = Shape(shape(ready.row.position));
    }
    rows
}

/// The positions that were sent before an instant.
fn sent_by(bench: &Bench, by: Duration) -> Vec<u64> {
    bench.sends().iter().filter(|one| one.at < by).map(|one| one.position).collect()
}

fn finished(end: Result<crate::dispatch::PassEnd, &'static str>) {
    assert_eq!(end.expect("the ledger holds").reason, StopReason::Finished);
}

#[tokio::test(start_paused = true)]
async fn one_row_goes_alone_until_it_is_answered_and_then_all_of_them() {
    let bench = Bench::new().qps(100.0);
    assert_eq!(bench.run(2_000, |_| answer(secs(3))).await.reason, StopReason::Finished);
    assert_eq!(sent_by(&bench, secs(3)), [0]);
    assert!(bench.elapsed() < secs(3 + 20 + 3).mul_f64(1.05), "{:?}", bench.elapsed());
    let held = bench
        .log
        .borrow()
        .states
        .iter()
        .any(|(at, state)| *at < secs(3) && state.held_by == Some(Bottleneck::FirstRows));
    assert!(held);
}

#[tokio::test(start_paused = true)]
async fn the_first_row_of_each_shape_goes_and_ten_in_all() {
    let bench = Bench::new().qps(100.0);
    let rows = rows(&bench, 40, |position| position.min(20));
    finished(bench.try_run(rows, |_| answer(secs(5))).await);
    assert_eq!(sent_by(&bench, secs(5)), (0..10).collect::<Vec<_>>());
    bench.assert_every_row_ended_once(40);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_out_for_long_was_not_refused_and_keeps_nine_others_waiting_no_more() {
    let bench = Bench::new().qps(100.0);
    bench.run(100, |_| answer(secs(60))).await;
    assert_eq!(sent_by(&bench, secs(10)), [0]);
    assert_eq!(sent_by(&bench, secs(60)), (0..10).collect::<Vec<_>>());
    bench.assert_every_row_ended_once(100);
}

#[tokio::test(start_paused = true)]
async fn a_fault_in_what_the_job_sets_is_found_by_one_request() {
    let bench = Bench::new().qps(100.0);
    let end = bench.run(1_000, |_| refuse_about(FaultKind::RowRefused, "max_tokens")).await;
    assert!(matches!(&end.reason, StopReason::Refused(fault) if fault.about == Some("max_tokens")));
    assert_eq!((bench.sends().len(), bench.failed().len(), bench.waited()), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn such_a_fault_stops_the_job_also_when_others_went_because_the_first_was_slow() {
    let bench = Bench::new().qps(100.0);
    let script = |call: Call| match call.position {
        0 => answer(secs(300)),
        _ => refuse_about(FaultKind::RowRefused, "seed"),
    };
    let end = bench.run(1_000, script).await;
    assert!(matches!(end.reason, StopReason::Refused(_)), "{:?}", end.reason);
    assert!(bench.sends().len() <= 10 && bench.failed().is_empty());
}

#[tokio::test(start_paused = true)]
async fn refusals_that_were_kept_are_pending_when_the_job_turns_out_to_be_wrong() {
    let bench = Bench::new().qps(100.0);
    let rows = rows(&bench, 100, |position| u64::from(position > 3));
    let script = |call: Call| match call.position {
        0..=3 => refuse("data_inspection_failed"),
        _ => refuse_about(FaultKind::RowRefused, "response_format"),
    };
    let end = bench.try_run(rows, script).await.expect("the ledger holds");
    assert!(matches!(end.reason, StopReason::Refused(_)), "{:?}", end.reason);
    assert_eq!((bench.failed().len(), bench.waited()), (0, bench.sends().len()));
}

#[tokio::test(start_paused = true)]
async fn a_fault_in_what_each_row_sets_is_the_row_s() {
    for kind in [FaultKind::RowRefused, FaultKind::JobRefused] {
        let mut bench = Bench::new().qps(100.0);
        bench.rules.field_owners = FieldOwners::new([], ["max_tokens".to_owned()]);
        let script = move |call: Call| match call.position % 10 {
            0 => refuse_about(kind, "max_tokens"),
            _ => answer(millis(300)),
        };
        let (first, _) = bench.run_twice(100, script).await;
        assert_eq!(first.reason, StopReason::Finished);
        bench.assert_every_row_ended_once(100);
        assert_eq!(bench.failed().len(), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_brings_its_whole_body_is_to_blame_for_every_field_of_it() {
    let mut bench = Bench::new().qps(100.0);
    bench.rules.field_owners = FieldOwners::new(["model".to_owned()], []);
    for (kind, field) in [(FaultKind::JobRefused, "model"), (FaultKind::JobRefused, "enable_thinking")] {
        let mut rows = bench.rows(20);
        rows.iter_mut().for_each(|ready| ready.request.brought = true);
        let script = move |call: Call| match call.position {
            3 => refuse_about(kind, field),
            _ => answer(millis(300)),
        };
        bench.log.replace(Default::default());
        finished(bench.try_run(rows, script).await);
        assert_eq!((bench.answered(), bench.failed().len()), (19, 1), "{field}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_what_a_row_came_to_by_its_own_answer_is_the_row_s() {
    let mut bench = Bench::new().qps(100.0);
    bench.rules.conversation.on_length = OnLength::Grow;
    let body = |position: u64| {
        format!(r#"{{"max_tokens":5,"messages":[{{"role":"user","content":"{position}"}}]}}"#).into_bytes()
    };
    let mut rows = bench.rows(20);
    rows.iter_mut().for_each(|ready| ready.request.body = body(ready.row.position));
    let script = |call: Call| match (call.position, call.nth) {
        (0, 1) => {
            let (after, reply) = answer(millis(300));
            (after, reply.map(|answer| Answer { finish_reason: Some("length".into()), ..answer }))
        }
        // The larger `max_tokens` exceeds the model's maximum, which is not known in advance.
        (0, _) => refuse_about(FaultKind::RowRefused, "max_tokens"),
        _ => answer(secs(3)),
    };
    finished(bench.try_run(rows, script).await);
    assert_eq!((bench.answered(), bench.failed().len()), (19, 1));
}

#[tokio::test(start_paused = true)]
async fn a_row_refused_where_others_of_its_shape_were_answered_is_to_blame_itself() {
    let bench = Bench::new().qps(100.0);
    let script = |call: Call| match call.position {
        50 => refuse_about(FaultKind::RowRefused, "response_format"),
        _ => answer(millis(300)),
    };
    assert_eq!(bench.run(100, script).await.reason, StopReason::Finished);
    assert_eq!((bench.answered(), bench.failed().len()), (99, 1));
}

#[tokio::test(start_paused = true)]
async fn a_shape_that_comes_late_is_tried_by_one_row_too() {
    let bench = Bench::new().qps(100.0);
    let rows = rows(&bench, 1_000, |position| u64::from(position >= 500));
    let script = |call: Call| match call.position {
        500.. => refuse_about(FaultKind::RowRefused, "tool_choice"),
        _ => answer(secs(1)),
    };
    let end = bench.try_run(rows, script).await.expect("the ledger holds");
    assert!(matches!(end.reason, StopReason::Refused(_)), "{:?}", end.reason);
    assert_eq!((bench.sends().len(), bench.answered(), bench.failed().len()), (501, 500, 0));
}

#[tokio::test(start_paused = true)]
async fn rows_of_a_shape_that_are_refused_for_their_own_sake_go_one_by_one_up_to_ten() {
    let bench = Bench::new().qps(100.0);
    let rows = rows(&bench, 300, |position| u64::from(position > 0));
    let script = |call: Call| match call.position {
        0 => answer(millis(300)),
        1..100 => {
            let (_, reply) = refuse("data_inspection_failed");
            (secs(1), reply)
        }
        _ => answer(secs(1)),
    };
    finished(bench.try_run(rows, script).await);
    bench.assert_every_row_ended_once(300);
    assert_eq!(bench.failed().len(), 99);
    assert_eq!(sent_by(&bench, secs(9)).len(), 10, "the first, and one a second of the other shape");
    assert!(bench.elapsed() < secs(10 + 6), "{:?}", bench.elapsed());
}

#[tokio::test(start_paused = true)]
async fn faults_that_pass_say_nothing_of_a_shape_and_let_the_next_row_go() {
    for trouble in [broken, || throttle(None)] {
        let bench = Bench::new().qps(100.0);
        let script = move |call: Call| match call.position {
            0..3 if call.nth == 1 => trouble(),
            _ => answer(secs(4)),
        };
        assert_eq!(bench.run(50, script).await.reason, StopReason::Finished);
        bench.assert_every_row_ended_once(50);
        let first = bench.sends().iter().find(|one| one.position == 3).expect("sent").at;
        assert!(first < secs(4), "{first:?}");
        assert!(sent_by(&bench, first + secs(4)).iter().all(|position| *position <= 3));
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_row_that_never_comes_back_keeps_nobody_for_long() {
    let bench = Bench::new().qps(100.0);
    bench.run(50, |call| if call.position == 0 && call.nth == 1 { hang() } else { answer(secs(1)) }).await;
    bench.assert_every_row_ended_once(50);
    let waits = bench.ended(|ending| matches!(ending, Outcome::Retry(_)));
    assert_eq!(waits.len(), 1);
    let others = bench.ended(|ending| matches!(ending, Outcome::Answered(_))).len();
    assert_eq!(others, 50);
    assert_eq!(sent_by(&bench, secs(20)).len(), 50);
}

#[tokio::test(start_paused = true)]
async fn where_every_row_has_a_shape_of_its_own_the_rate_is_kept_all_the_same() {
    let bench = Bench::new().qps(100.0);
    let rows = rows(&bench, 3_000, |position| position / 2);
    finished(bench.try_run(rows, |_| answer(millis(100))).await);
    bench.assert_every_row_ended_once(3_000);
    assert!(bench.elapsed() < secs(30 + 8), "{:?}", bench.elapsed());
}
