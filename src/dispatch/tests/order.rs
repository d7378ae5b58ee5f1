//! The order of events: handed out, sent, committed, shown; and one end for each row.

use super::bench::{Bench, millis, secs};
use super::service::{answer, broken, coin, refuse, throttle};
use crate::dispatch::stop::StopReason;
use crate::note::{JournalEvent, Outcome};

#[tokio::test(start_paused = true)]
async fn every_row_comes_to_one_end_whatever_happens_on_the_way() {
    let mut bench = Bench::new().qps(50.0);
    bench.commit = millis(30);
    let (first, last) = bench
        .run_twice(500, |call| match () {
            () if call.position % 50 == 7 => broken(),
            () if call.position % 50 == 8 => refuse("data_inspection_failed"),
            () if coin(call, 0.2) => broken(),
            () if coin(call, 0.3) => throttle(None),
            () => answer(millis(200)),
        })
        .await;
    assert_eq!((first.reason, last.reason), (StopReason::Finished, StopReason::Finished));
    bench.assert_every_row_ended_once(500);
    let failed: Vec<u64> = bench.failed().iter().map(|(position, _)| *position).collect();
    assert_eq!(failed.len(), 20, "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_of_no_rows_is_finished() {
    let bench = Bench::new();
    assert_eq!(bench.run(0, |_| answer(secs(1))).await.reason, StopReason::Finished);
    assert!(bench.sends().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_slow_disk_holds_each_row_back_and_not_the_rate() {
    let mut bench = Bench::new().qps(20.0);
    bench.commit = millis(400);
    bench.run(1_000, |_| answer(secs(1))).await;
    bench.assert_every_row_ended_once(1_000);
    assert!(bench.elapsed() < secs(54), "1,000 rows at 20 a second: {:?}", bench.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_slow_disk_does_not_hold_back_a_service_that_answers_faster_than_a_commit() {
    let mut bench = Bench::new().places(8);
    bench.commit = millis(50);
    bench.run(10_000, |_| answer(millis(2))).await;
    bench.assert_every_row_ended_once(10_000);
    // 8 places at 2 ms are 4,000 a second; 8 rows for each commit would be 160.
    assert!(bench.elapsed() < secs(4), "{:?}", bench.elapsed());
    let mut answered = 0;
    for note in &bench.log.borrow().committed {
        match note {
            JournalEvent::HandedOut { below } => {
                assert!(
                    *below <= answered + 1024,
                    "what a kill leaves in doubt is bounded: {below}, {answered}"
                );
            }
            JournalEvent::Ended(_) => answered += 1,
            JournalEvent::Out(_) | JournalEvent::Resent(_) | JournalEvent::Results { .. } => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_fails_ends_the_pass_and_nothing_more_is_sent() {
    let mut bench = Bench::new().qps(100.0);
    bench.disk_full_after = Some(120);
    let end = bench.try_run(bench.rows(1_000), |_| answer(millis(50))).await;
    assert_eq!(end, Err("disk full"));
    let sent = bench.sends().len();
    assert!(sent < 140, "{sent}");
    tokio::time::sleep(secs(600)).await;
    assert_eq!(bench.sends().len(), sent);
}

#[tokio::test(start_paused = true)]
async fn a_row_says_how_long_it_was_out() {
    let bench = Bench::new().places(2);
    bench.run(20, |call| if call.nth == 1 && call.position == 15 { broken() } else { answer(secs(3)) }).await;
    let answered = bench.ended(|ending| matches!(ending, Outcome::Answered(_)));
    for ended in answered {
        assert_eq!(ended.sent.expect("sent").latency, secs(3));
    }
    let resent =
        bench.log.borrow().committed.iter().filter(|note| matches!(note, JournalEvent::Resent(_))).count();
    assert_eq!(resent, 1);
}
