//! The quota is used and not exceeded; only requests in flight hold a slot.

use std::time::Duration;

use super::bench::{Bench, millis, secs};
use super::service::{answer, answer_of, broken};
use crate::dispatch::stop::StopReason;
use crate::event::Bottleneck;
use crate::job::limits::Quota;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn all_limits(qps: f64, qpm: f64, tpm: f64) -> Bench {
    let mut bench = Bench::new().qps(qps);
    bench.rules.quotas.requests_per_minute = Quota::per_minute(qpm);
    bench.rules.quotas.tokens_per_minute = Quota::per_minute(tpm);
    bench
}

fn assert_limits_kept(bench: &Bench, qps: f64, qpm: f64, tpm: f64) {
    let by_second = bench.most_within(SECOND, |_| 1.0);
    assert!(by_second <= qps, "{by_second} in a second of {qps}");
    let by_minute = bench.most_within(MINUTE, |_| 1.0);
    assert!(by_minute <= qpm, "{by_minute} in a minute of {qpm}");
    let tokens = bench.most_within(MINUTE, |one| one.tokens as f64);
    assert!(tokens <= tpm, "{tokens} tokens in a minute of {tpm}");
}

#[tokio::test(start_paused = true)]
async fn requests_per_second_are_used_and_never_exceeded() {
    for qps in [2.0, 10.0, 150.0] {
        let bench = all_limits(qps, 1e6, 1e9);
        let rows = (qps * 120.0) as u64;
        bench.run(rows, |call| answer(millis(300 + call.position % 7 * 200))).await;
        assert_limits_kept(&bench, qps, 1e6, 1e9);
        let took = bench.sends().last().expect("sent").at;
        assert!(took < secs(120).mul_f64(1.0 / 0.97), "{qps}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_per_minute_are_used_evenly() {
    let bench = all_limits(100.0, 600.0, 1e9);
    bench.run(3_000, |_| answer(millis(700))).await;
    assert_limits_kept(&bench, 100.0, 600.0, 1e9);
    let took = bench.sends().last().expect("sent").at;
    assert!(took < secs(300).mul_f64(1.0 / 0.97), "{took:?}");
    let in_a_second = bench.most_within(SECOND, |_| 1.0);
    assert!(in_a_second <= 11.0, "{in_a_second} of 10 a second");
}

#[tokio::test(start_paused = true)]
async fn tokens_per_minute_are_used_and_never_exceeded() {
    let bench = all_limits(1_000.0, 60_000.0, 60_000.0);
    bench.run(3_000, |_| answer(millis(900))).await;
    assert_limits_kept(&bench, 1_000.0, 60_000.0, 60_000.0);
    let took = bench.sends().last().expect("sent").at;
    assert!(took < secs(300).mul_f64(1.0 / 0.97), "300,000 tokens at 60,000 a minute: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn answers_of_every_length_hold_no_request_back_while_tokens_do_not_bind() {
    for each_second in [1.0, 10.0, 100.0] {
        // Exponential lengths, of 365 tokens on average, where 500 could be used.
        let length = |call: u64| {
            let roll = ((call + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1_u64 << 53) as f64;
            (-(1.0 - roll).ln() * 315.0) as u64
        };
        let mut bench = Bench::new();
        bench.rules.quotas.requests_per_minute = Quota::per_minute(each_second * 60.0);
        bench.rules.quotas.tokens_per_minute = Quota::per_minute(each_second * 60.0 * 500.0);
        bench.estimate.max_completion_tokens = 8_192;
        let rows = (each_second * 1_200.0) as u64;
        bench.run(rows, move |call| answer_of(secs(3), 50, length(call.position))).await;
        let took = bench.sends().last().expect("sent").at - bench.sends()[0].at;
        let used = (rows - 1) as f64 / (took.as_secs_f64() * each_second);
        assert!(used >= 0.99, "{each_second} a second: {:.2} % used", used * 100.0);
        let requests = bench.most_within(MINUTE, |_| 1.0);
        assert!(requests <= each_second * 60.0, "{requests} in a minute of {each_second} a second");
        let tokens = bench.most_within(MINUTE, |one| one.tokens as f64);
        assert!(tokens <= each_second * 60.0 * 500.0, "{tokens} tokens in a minute");
    }
}

#[tokio::test(start_paused = true)]
async fn retries_count_against_every_limit() {
    let bench = all_limits(10.0, 550.0, 1e9);
    bench
        .run(2_000, |call| if call.nth == 1 && call.position % 2 == 0 { broken() } else { answer(SECOND) })
        .await;
    bench.assert_every_row_ended_once(2_000);
    assert_eq!(bench.sends().len(), 3_000);
    assert_limits_kept(&bench, 10.0, 550.0, 1e9);
    let took = bench.sends().last().expect("sent").at;
    assert!(took < secs(3_000 * 60 / 550).mul_f64(1.0 / 0.97), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn there_is_no_burst_at_the_start() {
    let bench = all_limits(10.0, 600.0, 1e9);
    bench.run(100, |_| answer(millis(50))).await;
    for pair in bench.sends().windows(2) {
        let gap = pair[1].at - pair[0].at;
        assert!((millis(75)..millis(130)).contains(&gap), "{gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_minute_of_the_run_before_counts() {
    let mut bench = all_limits(10.0, 600.0, 60_000.0);
    // In the journal's order, and not in that of time.
    bench.past.recent = (0..600).map(|n| (millis(50 + 100 * n), Some(100))).collect();
    bench.run(1_200, |_| answer(millis(500))).await;
    let mut sends: Vec<f64> = bench.past.recent.iter().map(|(ago, _)| -ago.as_secs_f64()).collect();
    sends.extend(bench.sends().iter().map(|one| one.at.as_secs_f64()));
    sends.sort_by(f64::total_cmp);
    for (index, first) in sends.iter().enumerate() {
        let within = sends[index..].iter().take_while(|at| **at < first + 60.0).count();
        assert!(within <= 600, "{within} in a minute from {first}");
    }
    let took = bench.sends().last().expect("sent").at;
    assert!(took < secs(126), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_slower_than_one_a_minute_counts_what_was_sent_minutes_ago() {
    let slow = |qps: f64, qpm: f64, tpm: f64| {
        (Quota::per_second(qps), Quota::per_minute(qpm), Quota::per_minute(tpm))
    };
    for (quota, ago, first) in [
        (slow(0.005, 600.0, 1e9), 64, 136),
        (slow(100.0, 0.1, 1e9), 500, 100),
        // A request of 5,000 tokens takes five minutes of a thousand each.
        (slow(100.0, 600.0, 1_000.0), 120, 175),
    ] {
        let mut bench = Bench::new();
        let quotas = &mut bench.rules.quotas;
        (quotas.requests_per_second, quotas.requests_per_minute, quotas.tokens_per_minute) = quota;
        bench.past.recent = vec![(secs(ago), Some(5_000))];
        bench.run(1, |_| answer(millis(50))).await;
        let sent = bench.sends()[0].at;
        assert!((secs(first)..secs(first + 10)).contains(&sent), "{quota:?}: {sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_of_unknown_size_in_the_last_minute_count_at_the_usual_size() {
    let mut bench = all_limits(10.0, 600.0, 6_000.0);
    bench.past.recent = vec![(millis(10), None); 50];
    bench.past.tokens_unknown = 100;
    bench.run(20, |_| answer(millis(500))).await;
    // 5,000 of the 6,000 tokens are taken.
    assert!(bench.sends_between(Duration::ZERO, secs(59)) <= 10, "{:?}", bench.sends());
}

#[tokio::test(start_paused = true)]
async fn answers_larger_than_thought_put_the_tokens_into_debt_and_it_is_waited_off() {
    let mut bench = all_limits(1_000.0, 60_000.0, 100_000.0);
    bench.estimate.max_completion_tokens = 8_192;
    // Estimated at about 550 first, but really 5,050: 20 a minute.
    bench.run(200, |_| answer_of(secs(20), 50, 5_000)).await;
    let tokens: u64 = bench.sends().iter().map(|one| one.tokens).sum();
    let took = bench.elapsed().as_secs_f64() - 20.0;
    assert!(tokens as f64 <= 100_000.0 * (took / 60.0 + 1.0), "{tokens} in {took} s");
    let late: f64 = bench.sends().iter().filter(|one| one.at > secs(120)).map(|one| one.tokens as f64).sum();
    assert!(late > 0.0);
    let after = bench.sends().into_iter().filter(|one| one.at > secs(120)).collect::<Vec<_>>();
    for (index, first) in after.iter().enumerate() {
        let sum: u64 =
            after[index..].iter().take_while(|one| one.at < first.at + MINUTE).map(|one| one.tokens).sum();
        assert!(sum <= 100_000, "{sum} tokens in a minute");
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_are_in_flight_than_there_are_places_and_no_rate_is_spent_on_waiting_for_one() {
    let bench = Bench::new().qps(100.0).places(5);
    bench.run(500, |_| answer(SECOND)).await;
    assert_eq!(bench.sends().iter().map(|one| one.in_flight).max(), Some(5));
    // Five slots do five a second; each request is sent as soon as one is free.
    assert!(bench.elapsed() < secs(107), "{:?}", bench.elapsed());
    let held = bench.log.borrow().states.iter().any(|(_, state)| state.held_by == Some(Bottleneck::Places));
    assert!(held);
}

#[tokio::test(start_paused = true)]
async fn a_row_in_its_backoff_holds_no_place() {
    let bench = Bench::new().places(1);
    // Row 20 would wait for minutes; row 21 and the others continue meanwhile.
    bench
        .run(60, |call| match call.position {
            20 if call.nth <= 4 => broken(),
            _ => answer(millis(100)),
        })
        .await;
    bench.assert_every_row_ended_once(60);
    let sends = bench.sends();
    assert_eq!(sends.iter().map(|one| one.in_flight).max(), Some(1));
    let next = sends.iter().find(|one| one.position == 21).expect("sent").at;
    let failed = sends.iter().find(|one| one.position == 20).expect("sent").at;
    assert!(next - failed < millis(100), "{:?}", next - failed);
    assert!(sends.iter().rposition(|one| one.position == 20) > Some(40), "the others went by");
}

#[tokio::test(start_paused = true)]
async fn the_places_grow_with_the_latency() {
    let bench = Bench::new().qps(20.0);
    // Twenty a second that take forty seconds each are eight hundred in flight.
    let end = bench.run(4_000, |_| answer(secs(40))).await;
    assert_eq!(end.reason, StopReason::Finished);
    let most = bench.sends().iter().map(|one| one.in_flight).max().expect("sent");
    assert!((750..=1_024).contains(&most), "{most}");
    // The first ten are alone in flight until one has returned.
    assert!(bench.elapsed() < secs(200 + 40 + 40).mul_f64(1.03), "{:?}", bench.elapsed());
}
