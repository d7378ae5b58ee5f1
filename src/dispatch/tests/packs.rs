//! Rows that travel together: how many more pass through a limit of requests, and what happens when a pack fails.

mod translator;

use std::collections::BTreeSet;

use super::bench::{Bench, millis, secs};
use crate::conversation::Asks;
use crate::dispatch::stop::{Cap, StopLevel, StopReason};
use crate::dispatch::{Dispatcher, Ready};
use crate::job::limits::Quota;
use crate::job::pack::{PackRows, PackSettings};
use crate::note::{Outcome, RequestEnd};
use crate::packs::PackTrouble;
use translator::{Damage, PackCall, Translator, text_of};

const AUTO: PackSettings = PackSettings { rows: PackRows::Auto, max_tokens: PackSettings::MAX_TOKENS };

/// 60 requests and 100,000 tokens a minute, as the international region has for qwen-mt.
fn bench(pack: Option<PackSettings>) -> Bench {
    let mut bench = Bench::new();
    bench.rules.quotas.requests_per_minute = Quota::per_minute(60.0);
    bench.rules.quotas.tokens_per_minute = Quota::per_minute(100_000.0);
    bench.rules.pack = pack;
    bench
}

/// Runs so many rows of about so many tokens, and asserts that each answer belongs to its row.
async fn run(bench: &Bench, rows: Vec<Ready>, script: impl Fn(&PackCall) -> Damage + 'static) -> StopReason {
    let translator = Translator::new(bench, script);
    let dice = super::bench::dice();
    let mut dispatcher = Dispatcher::new(&translator, bench.toolbox, &bench.rules, &bench.past, dice);
    let end = bench.pass_to(&mut dispatcher, rows, true).await.expect("the ledger holds");
    for ended in answered(bench) {
        let Outcome::Answered(answer) = &ended.ending else { continue };
        let expected = translator::translated(&text_of(ended.row.position, translator::WORDS.get()));
        assert_eq!(answer.response.as_deref(), Some(expected.as_str()), "row {}", ended.row.position);
    }
    end.reason
}

fn answered(bench: &Bench) -> Vec<RequestEnd> {
    bench.ended(|ending| matches!(ending, Outcome::Answered(_)))
}

/// Rows answered a minute, over all the time it took.
async fn rows_a_minute(pack: Option<PackSettings>, words: usize, rows: u64, bad: u64) -> f64 {
    let bench = bench(pack);
    let rows = translator::rows(&bench, rows, words);
    let count = rows.len();
    let script = move |call: &PackCall| match bad {
        0 => Damage::None,
        bad if call.rows.len() > 1 && (call.packs % bad) == bad / 2 => Damage::DropMark,
        _ => Damage::None,
    };
    assert_eq!(run(&bench, rows, script).await, StopReason::Finished);
    bench.assert_every_row_ended_once(count as u64);
    let most = bench.most_within(secs(60), |sending| sending.tokens as f64);
    assert!(most <= 100_000.0, "{most} tokens in a minute");
    let most = bench.most_within(secs(60), |_| 1.0);
    assert!(most <= 60.0, "{most} requests in a minute");
    count as f64 / bench.elapsed().as_secs_f64() * 60.0
}

#[tokio::test(start_paused = true)]
async fn short_rows_pass_through_a_limit_of_requests_eight_times_as_fast_as_alone() {
    let alone = rows_a_minute(None, 25, 600, 0).await;
    let packed = rows_a_minute(Some(AUTO), 25, 9_000, 0).await;
    println!("rows of 50 tokens: {alone:.0} rows a minute alone, {packed:.0} packed");
    assert!(packed >= 8.0 * alone, "{alone} alone, {packed} packed");
    let packed = rows_a_minute(Some(AUTO), 25, 9_000, 50).await;
    println!("with one pack in fifty lost: {packed:.0}");
    assert!(packed >= 6.0 * alone, "{alone} alone, {packed} packed with one bad pack in fifty");
}

#[tokio::test(start_paused = true)]
#[ignore = "prints the figures of BENCHMARKS.md"]
async fn rows_a_minute_alone_and_packed_by_length() {
    println!("| tokens of a row, in and out | alone | packed | with 2 % bad packs |");
    for words in [3, 6, 12, 25, 50, 100, 200, 400] {
        let tokens = translator::tokens(words);
        let alone = rows_a_minute(None, words, 600, 0).await;
        let packed = rows_a_minute(Some(AUTO), words, 6_000, 0).await;
        let bad = rows_a_minute(Some(AUTO), words, 6_000, 50).await;
        println!("| {tokens} | {alone:.0} | {packed:.0} | {bad:.0} |");
    }
}

#[tokio::test(start_paused = true)]
async fn where_tokens_are_what_is_limited_rows_go_alone() {
    let mut bench = bench(Some(AUTO));
    bench.rules.quotas.requests_per_minute = Quota::per_minute(6_000.0);
    let rows = translator::rows(&bench, 2_000, 25);
    assert_eq!(
        run(&bench, rows, |call| if call.rows.len() > 1 { panic!("packed") } else { Damage::None }).await,
        StopReason::Finished
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_packs_are_as_large_as_they_may_be_and_a_number_caps_them() {
    for (rows, most) in [(PackRows::Auto, 13), (PackRows::AtMost(4), 4)] {
        let mut bench = Bench::new().places(4);
        bench.rules.pack = Some(PackSettings { rows, ..AUTO });
        let ready = translator::rows(&bench, 1_000, 25);
        assert_eq!(run(&bench, ready, |_| Damage::None).await, StopReason::Finished);
        bench.assert_every_row_ended_once(1_000);
        let largest = answered(&bench).iter().filter_map(|ended| ended.sent).map(|sent| sent.pack.rows).max();
        let largest = largest.expect("some");
        assert!((most..=most + most / 4).contains(&largest), "{largest} rows");
        let requests = bench.sends().len() as u32;
        assert!(requests <= 1_000 / (most - 3) + 30, "{requests} requests");
    }
}

#[tokio::test(start_paused = true)]
async fn usage_cost_and_reservations_of_a_pack_add_up_row_by_row() {
    let mut bench = bench(Some(AUTO));
    bench.price = Some(std::sync::Arc::new(crate::job::price::Price::flat(2.0, 6.0, None)));
    bench.rules.caps.total_tokens = Some(60_000);
    let rows = translator::rows(&bench, 2_000, 25);
    assert_eq!(run(&bench, rows, |_| Damage::None).await, StopReason::Cap(Cap::TotalTokens));
    let billed: u64 = bench.sends().iter().map(|sending| sending.tokens).sum();
    assert!(billed <= 60_000 && billed > 40_000, "{billed}");
    let ended = bench.ended(|_| true);
    let counted: u64 = ended.iter().filter_map(|ended| ended.ending.usage()?.total_tokens).sum();
    assert_eq!(counted, billed);
    let cost: f64 = ended.iter().filter_map(|ended| ended.cost).sum();
    let prompts: u64 = ended.iter().filter_map(|ended| ended.ending.usage()?.prompt_tokens).sum();
    let expected = (prompts as f64 * 2.0 + (billed - prompts) as f64 * 6.0) / 1e6;
    assert!((cost - expected).abs() < 1e-9, "{cost} and {expected}");
}

#[tokio::test(start_paused = true)]
async fn rows_of_different_options_never_travel_together() {
    let bench = bench(Some(AUTO));
    let rows: Vec<Ready> = translator::rows(&bench, 900, 25)
        .into_iter()
        .map(|mut ready| {
            let language = ["French", "German", "Thai"][(ready.row.position % 3) as usize];
            let body = String::from_utf8(ready.request.body).expect("text");
            ready.request.body = body.replace("\"fr\"", &format!("\"{language}\"")).into_bytes();
            ready
        })
        .collect();
    let script = |call: &PackCall| {
        assert_eq!(call.rows.iter().map(|row| row % 3).collect::<BTreeSet<_>>().len(), 1, "{:?}", call.rows);
        Damage::None
    };
    assert_eq!(run(&bench, rows, script).await, StopReason::Finished);
    bench.assert_every_row_ended_once(900);
    let requests = bench.sends().len();
    assert!(requests < 150, "{requests}: rows between others are found");
}

#[tokio::test(start_paused = true)]
async fn a_row_whose_content_is_refused_fails_alone() {
    let bench = bench(Some(AUTO));
    let rows = translator::rows(&bench, 400, 25);
    let script = |call: &PackCall| if call.rows.contains(&200) { Damage::Refuse } else { Damage::None };
    assert_eq!(run(&bench, rows, script).await, StopReason::Finished);
    bench.assert_every_row_ended_once(400);
    let failed: Vec<u64> = bench.failed().into_iter().map(|(position, _)| position).collect();
    assert_eq!(failed, [200]);
}

#[tokio::test(start_paused = true)]
async fn a_pack_that_is_not_one_for_one_is_a_paid_step_of_each_row_which_then_goes_alone() {
    for damage in [Damage::DropMark, Damage::Swap, Damage::Double, Damage::Note, Damage::Blank, Damage::Cut] {
        let bench = bench(Some(AUTO));
        let rows = translator::rows(&bench, 200, 25);
        let script =
            move |call: &PackCall| if call.packs == 3 && call.rows.len() > 1 { damage } else { Damage::None };
        assert_eq!(run(&bench, rows, script).await, StopReason::Finished);
        bench.assert_every_row_ended_once(200);
        let steps =
            bench.ended(|ending| matches!(ending, Outcome::Continue(step) if step.asks == Asks::Alone));
        let rows = steps[0].sent.expect("sent").pack.rows;
        assert_eq!(steps.len() as u32, rows, "{damage:?}");
        let alone: BTreeSet<u64> = steps.iter().map(|ended| ended.row.position).collect();
        for ended in answered(&bench) {
            let packed = ended.sent.is_some_and(|sent| sent.pack.is_packed());
            assert!(!packed || !alone.contains(&ended.row.position), "{damage:?}: packed again");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pack_meets_trouble_of_the_moment_once_more_as_it_is_and_throttling_any_time() {
    let bench = bench(Some(AUTO));
    let rows = translator::rows(&bench, 400, 25);
    let script = |call: &PackCall| match (call.rows.contains(&100), call.rows.contains(&200), call.nth) {
        (true, _, 1) => Damage::Break,
        (_, true, 1..=2) => Damage::Throttle,
        _ => Damage::None,
    };
    assert_eq!(run(&bench, rows, script).await, StopReason::Finished);
    bench.assert_every_row_ended_once(400);
    for position in [100, 200] {
        let ended =
            answered(&bench).into_iter().find(|ended| ended.row.position == position).expect("answered");
        assert!(ended.sent.expect("sent").pack.is_packed(), "row {position}");
    }
}

#[tokio::test(start_paused = true)]
async fn packs_that_fail_too_often_become_smaller_and_end() {
    let bench = bench(Some(AUTO));
    let rows = translator::rows(&bench, 2_000, 25);
    let script = |call: &PackCall| {
        if call.rows.len() > 1 && call.packs.is_multiple_of(3) { Damage::Swap } else { Damage::None }
    };
    assert_eq!(run(&bench, rows, script).await, StopReason::Finished);
    bench.assert_every_row_ended_once(2_000);
    let states: Vec<PackTrouble> =
        bench.log.borrow().states.iter().map(|(_, state)| state.pack_trouble).collect();
    assert!(states.is_sorted() && states.contains(&PackTrouble::Halved));
    assert_eq!(states.last(), Some(&PackTrouble::Ended));
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_packs_in_flight_end_and_a_refused_job_ends_at_once() {
    let mut stopped = bench(Some(AUTO));
    stopped.stops = vec![(secs(60), StopLevel::Drain)];
    let rows = translator::rows(&stopped, 4_000, 25);
    assert_eq!(run(&stopped, rows, |_| Damage::None).await, StopReason::Interrupted);
    let expected = stopped.ended(|ending| ending.usage().is_some()).len();
    assert_eq!(answered(&stopped).len(), expected);
    let refused = bench(Some(AUTO));
    let rows = translator::rows(&refused, 4_000, 25);
    let script = |call: &PackCall| if call.packs == 5 { Damage::Arrears } else { Damage::None };
    assert!(matches!(run(&refused, rows, script).await, StopReason::Refused(_)));
    assert!(refused.elapsed() < secs(30) && refused.elapsed() > millis(100), "{:?}", refused.elapsed());
}
