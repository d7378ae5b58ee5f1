//! A cap counts the worst of what is in flight before a request leaves.

use std::time::Duration;

use super::bench::{Bench, millis, secs};
use super::service::{Call, answer, answer_of, fault};
use crate::dispatch::stop::{Cap, StopReason};
use crate::event::Bottleneck;
use crate::job::limits::Quota;
use crate::job::price::Price;
use crate::note::JournalEvent;
use crate::outcome::{Answer, Fault, FaultKind};

/// The most that the requests could cost at any moment: those answered, and the worst case of those in flight.
fn worst_of(bench: &Bench, latency: Duration, answered: u64, worst: u64) -> u64 {
    let sends = bench.sends();
    let at_each = sends.iter().map(|now| {
        let before = sends.iter().filter(|one| one.at <= now.at);
        before.map(|one| if one.at + latency <= now.at { answered } else { worst }).sum()
    });
    at_each.max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn the_worst_case_of_what_is_in_flight_stays_within_the_tokens() {
    let mut bench = Bench::new().qps(50.0);
    bench.rules.caps.total_tokens = Some(20_000);
    bench.past.tokens = 5_000;
    let end = bench.run(1_000, |_| answer(secs(3))).await;
    assert_eq!(end.reason, StopReason::Cap(Cap::TotalTokens));
    let worst = worst_of(&bench, secs(3), 100, 150);
    assert!(worst <= 15_000, "{worst}");
    let spent = 100 * bench.answered() as u64;
    assert!(spent > 14_800, "{spent}: the last requests waited for what was in flight to come cheaper");
    let held = |(_, state): &(Duration, crate::event::DispatchState)| state.held_by == Some(Bottleneck::Cap);
    assert!(bench.log.borrow().states.iter().any(held));
}

#[tokio::test(start_paused = true)]
async fn the_worst_case_of_what_is_in_flight_stays_within_the_money() {
    let mut bench = Bench::new().qps(50.0);
    bench.price = Some(Price::flat(1.0, 2.0, None).into());
    bench.rules.caps.cost = Some(0.03);
    bench.past.cost = 0.01;
    let end = bench.run(1_000, |_| answer(secs(3))).await;
    assert_eq!(end.reason, StopReason::Cap(Cap::Cost));
    // A million each: 50 + 2 * 50 for an answer, 50 + 2 * 100 at its worst.
    assert!(worst_of(&bench, secs(3), 150, 250) <= 20_000);
    let costs: f64 = bench.ended(|_| true).iter().filter_map(|ended| ended.cost).sum();
    assert!(costs <= 0.02 && costs > 0.019, "{costs}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_tokens_the_service_does_not_say_counts_at_its_worst() {
    let mut bench = Bench::new().qps(50.0);
    bench.rules.caps.total_tokens = Some(20_000);
    let script = |_: Call| {
        let (after, reply) = answer(secs(1));
        (after, reply.map(|answer| crate::outcome::Answer { usage: None, ..answer }))
    };
    let end = bench.run(1_000, script).await;
    assert_eq!(end.reason, StopReason::Cap(Cap::TotalTokens));
    assert!(bench.answered() <= 20_000 / 150, "{}", bench.answered());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_cut_and_whose_tokens_are_not_said_counts_at_its_worst() {
    let mut bench = Bench::new().qps(50.0);
    bench.rules.caps.total_tokens = Some(20_000);
    let script = |call: Call| {
        let (after, reply) = answer(secs(1));
        let partial = || Some(Box::new(Answer { response: Some("half".into()), ..Answer::default() }));
        match call.stream {
            true => (after, reply),
            false => {
                let (after, cut) = fault(FaultKind::CutByServer, 200, "cut_by_server");
                (after, cut.map_err(|fault| Fault { partial: partial(), ..fault }))
            }
        }
    };
    let end = bench.run(1_000, script).await;
    assert_eq!(end.reason, StopReason::Cap(Cap::TotalTokens));
    // 150 for each that was cut, and 100 for each that was answered.
    assert!(bench.waited() * 150 + bench.answered() * 100 <= 20_000, "{}", bench.answered());
}

/// The amounts in flight written to the journal, in tokens.
fn amounts_in_flight(bench: &Bench) -> Vec<u64> {
    let log = bench.log.borrow();
    let out = log.committed.iter().filter_map(|note| match note {
        JournalEvent::Out(out) => Some(out.tokens),
        _ => None,
    });
    out.collect()
}

#[tokio::test(start_paused = true)]
async fn with_a_cap_the_journal_records_little_more_than_is_in_flight() {
    for (qps, out) in [(None, 64), (Some(10.0), 20)] {
        let script = |call: Call| answer(millis(500 + call.position * 7919 % 1_500));
        let bench = || {
            let mut bench = Bench::new();
            bench.rules.quotas.requests_per_second = qps.and_then(Quota::per_second);
            bench
        };
        let free = bench();
        free.run(2_000, script).await;
        let mut capped = bench();
        capped.rules.caps.total_tokens = Some(1_000_000);
        let end = capped.run(2_000, script).await;
        assert_eq!(end.reason, StopReason::Finished);
        let most = amounts_in_flight(&capped).into_iter().max().expect("an amount");
        assert!(most <= (out + out / 4) * 160, "{qps:?}: of {most} tokens, of {out} requests of 160");
        let (took, would) = (capped.elapsed(), free.elapsed());
        assert!(took <= would + millis(500), "{qps:?}: {took:?} where {would:?} are enough");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_cap_the_journal_hardly_ever_records_what_is_in_flight() {
    let bench = Bench::new().qps(200.0);
    let mut rows = bench.rows(4_000);
    for row in &mut rows {
        row.request.estimate.prompt_tokens = 10 + row.row.position * 7919 % 100 * (row.row.position % 7);
    }
    bench.try_run(rows, |_| answer(millis(300))).await.expect("the ledger holds");
    let times = amounts_in_flight(&bench).len();
    assert!(times <= 24, "{times} times for 4,000 requests");
    assert!(bench.elapsed() < secs(21), "{:?}", bench.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_run_within_its_caps_is_finished() {
    let mut bench = Bench::new().qps(50.0);
    bench.rules.caps.total_tokens = Some(100_200);
    let end = bench.run(1_000, |_| answer_of(secs(1), 50, 50)).await;
    assert_eq!(end.reason, StopReason::Finished);
    assert_eq!(bench.answered(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn the_longest_duration_counts_earlier_runs_and_lets_what_is_in_flight_end() {
    let mut bench = Bench::new().qps(10.0);
    bench.rules.caps.duration = Some(secs(100));
    bench.past.duration = secs(40);
    let end = bench.run(10_000, |_| answer(secs(7))).await;
    assert_eq!((end.reason, end.abandoned), (StopReason::Cap(Cap::Duration), 0));
    assert!(bench.sends().last().expect("sent").at <= secs(60));
    assert!((secs(66)..secs(68)).contains(&bench.elapsed()), "{:?}", bench.elapsed());
    assert_eq!(bench.answered(), bench.sends().len());
}
