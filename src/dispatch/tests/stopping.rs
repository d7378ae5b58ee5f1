//! A run that is asked to stop lets requests in flight finish; asked again, it abandons them.

use tokio::sync::{mpsc, watch};

use super::bench::{Bench, millis, secs};
use super::service::{answer, broken};
use crate::dispatch::Dispatcher;
use crate::dispatch::stop::{StopLevel, StopReason};

#[tokio::test(start_paused = true)]
async fn a_drain_stores_what_is_in_flight_and_sends_nothing_more() {
    let mut bench = Bench::new().qps(10.0);
    bench.stops = vec![(secs(30), StopLevel::Drain)];
    let end = bench.run(1_000, |_| answer(secs(8))).await;
    assert_eq!((end.reason, end.abandoned), (StopReason::Interrupted, 0));
    assert!(bench.sends().last().expect("sent").at <= secs(30));
    assert_eq!(bench.answered(), bench.sends().len());
    assert!((secs(37)..secs(39)).contains(&bench.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn a_second_request_to_stop_gives_up_what_is_in_flight() {
    let mut bench = Bench::new().qps(10.0);
    bench.commit = millis(700);
    bench.stops = vec![(secs(30), StopLevel::Drain), (secs(32), StopLevel::Now)];
    let end = bench.run(1_000, |_| answer(secs(8))).await;
    assert_eq!(end.reason, StopReason::Interrupted);
    let sent = bench.sends().len();
    assert!(end.abandoned > 40, "{}", end.abandoned);
    assert_eq!(bench.answered() + end.abandoned, sent, "what had come in is stored");
    // One commit for what had arrived, and one for what is abandoned.
    assert!(bench.elapsed() < secs(34), "{:?}", bench.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stop_during_an_outage_does_not_wait_for_its_end() {
    let mut bench = Bench::new().qps(10.0);
    bench.stops = vec![(secs(100), StopLevel::Drain)];
    let end = bench.run(1_000, |call| if call.at > secs(20) { broken() } else { answer(secs(1)) }).await;
    assert_eq!(end.reason, StopReason::Interrupted);
    assert!(bench.elapsed() < secs(101), "{:?}", bench.elapsed());
    assert!(bench.failed().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_is_to_stop_before_it_begins_sends_nothing_and_is_not_finished() {
    for stop_level in [StopLevel::Drain, StopLevel::Now] {
        let bench = Bench::new();
        let service = bench.service(|_| answer(secs(1)));
        let mut dispatcher =
            Dispatcher::new(&service, bench.toolbox, &bench.rules, &bench.past, super::bench::dice());
        let (_ask, stop) = watch::channel(stop_level);
        let (_rows, ready) = mpsc::channel(1);
        let mut ledger = bench.shelf();
        let mut watcher = bench.watcher();
        let end =
            dispatcher.pass(ready, &mut ledger, stop, &mut watcher, true).await.expect("the ledger holds");
        assert_eq!(end.reason, StopReason::Interrupted);
        assert!(bench.sends().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_nobody_can_stop_any_more_continues() {
    let bench = Bench::new().qps(10.0);
    let service = bench.service(|_| answer(secs(1)));
    let mut dispatcher =
        Dispatcher::new(&service, bench.toolbox, &bench.rules, &bench.past, super::bench::dice());
    let stop = watch::channel(StopLevel::None).1;
    let (send_row, ready) = mpsc::channel(100);
    for row in bench.rows(50) {
        send_row.try_send(vec![row]).expect("room");
    }
    drop(send_row);
    let mut ledger = bench.shelf();
    let mut watcher = bench.watcher();
    let end = dispatcher.pass(ready, &mut ledger, stop, &mut watcher, true).await.expect("the ledger holds");
    assert_eq!(end.reason, StopReason::Finished);
    bench.assert_every_row_ended_once(50);
}
