//! A service that admits half of what the job assumes, counted in any way: the job finds the real rate, uses it, and
//! exceeds it only occasionally.

use std::rc::Rc;
use std::time::Duration;

use super::bench::{Bench, millis, secs};
use super::counting::Way;
use super::meter::{Meter, WAYS};
use crate::dispatch::stop::StopLevel;
use crate::job::limits::{Concurrency, Quota};
use crate::request::Estimate;

/// Tokens of a request, more or less.
const TOKENS: u64 = 400;

/// A run against a service with half the quota, and its results.
struct Half {
    way: Way,
    each_second: f64,
    latency: Duration,
    concurrency: Concurrency,
    lasts: Duration,
}

impl Half {
    /// The share of requests refused after the first minute, and the used share of what the service would have admitted
    /// after the third.
    async fn shares(&self) -> (f64, f64) {
        let mut bench = Bench::new();
        bench.rules.concurrency = self.concurrency;
        bench.stops = vec![(self.lasts, StopLevel::Now)];
        // The length of an answer is unknown before the first.
        bench.estimate =
            Estimate { prompt_tokens: TOKENS / 2, max_completion_tokens: 8_192, unbounded: false };
        let believed = 2.0 * self.each_second;
        let amount = if self.way.counts_tokens() { TOKENS as f64 } else { 1.0 };
        match self.way {
            Way::FixedSecond | Way::SlidingSecond => {
                bench.rules.quotas.requests_per_second = Quota::per_second(believed)
            }
            way if way.counts_tokens() => {
                bench.rules.quotas.requests_per_second = Quota::per_second(believed * 5.0);
                bench.rules.quotas.tokens_per_minute = Quota::per_minute(believed * amount * 60.0);
            }
            _ => bench.rules.quotas.requests_per_minute = Quota::per_minute(believed * 60.0),
        }
        let meter = Rc::new(Meter::new(self.way, self.each_second * amount));
        let latency = self.latency;
        let script = {
            let meter = Rc::clone(&meter);
            move |call: super::service::Call| {
                let spread = (call.position * 37 % 101) as f64 / 100.0;
                let tokens = TOKENS / 2 + (TOKENS as f64 * spread) as u64;
                meter.reply(call, latency.mul_f64(0.5 + spread), tokens)
            }
        };
        let rows = (self.each_second * self.lasts.as_secs_f64() * 1.3) as u64;
        bench.run(rows, script).await;
        assert!(bench.failed().is_empty());
        let sent = bench.sends_between(secs(60), self.lasts);
        let refused = meter.refused(secs(60), self.lasts);
        (refused as f64 / sent as f64, meter.used(secs(180), self.lasts))
    }
}

/// Asserts the figures: after the first minute, less than one request in a hundred is refused, and after the first three,
/// in which the rate is found, at least 95 % of what the service admits is used.
async fn hold(way: Way, each_second: f64, lasts: Duration, latency: Duration, concurrency: Concurrency) {
    let (refused, used) = Half { way, each_second, latency, concurrency, lasts }.shares().await;
    let run = format!("{way:?}, {each_second} a second, answers after {latency:?}, {concurrency:?}");
    println!("{run}: {:.2} % refused, {:.1} % used", refused * 100.0, used * 100.0);
    assert!(refused < 0.01, "{run}: {:.2} % refused", refused * 100.0);
    assert!(used >= 0.95, "{run}: {:.1} % used", used * 100.0);
    assert!(used < 1.02, "{run}: the meter lets in what it should: {:.1} % used", used * 100.0);
}

/// Whether the long list of runs was requested.
fn full() -> bool {
    matches!(std::env::var("FANFOLD_SUITE").as_deref(), Ok("full" | "soak"))
}

#[tokio::test(start_paused = true)]
async fn half_of_a_small_quota_is_found_and_used_however_it_is_counted() {
    for way in WAYS {
        hold(way, 1.0, secs(3_600), millis(300), Concurrency::Auto).await;
        if full() {
            hold(way, 1.0, secs(3_600), secs(4), Concurrency::Auto).await;
            hold(way, 1.0, secs(3_600), secs(2), Concurrency::Fixed(100)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn half_of_a_quota_is_found_and_used_however_it_is_counted() {
    for way in WAYS {
        hold(way, 5.0, secs(900), secs(2), Concurrency::Fixed(100)).await;
        if full() {
            hold(way, 5.0, secs(1_800), millis(300), Concurrency::Auto).await;
            hold(way, 5.0, secs(1_800), secs(4), Concurrency::Auto).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn half_of_a_large_quota_is_found_and_used_however_it_is_counted() {
    for way in WAYS {
        if full() || matches!(way, Way::SlidingSecond | Way::FixedMinute) {
            hold(way, 40.0, secs(420), millis(300), Concurrency::Auto).await;
        }
        if full() {
            hold(way, 40.0, secs(600), secs(2), Concurrency::Fixed(200)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_take_twenty_seconds_do_not_change_how_requests_are_counted() {
    for way in WAYS.into_iter().filter(|way| !way.counts_tokens()) {
        hold(way, 5.0, secs(900), secs(20), Concurrency::Auto).await;
    }
}
