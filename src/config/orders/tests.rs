//! The limits of a run, by job, hour and orders.

use std::time::Duration;

use super::*;
use crate::config::resolve::{Lookups, resolve};
use crate::job::Job;
use crate::job::facts::{ModelCatalog, ModelInfo};
use crate::job::limits::{Concurrency, EffectiveLimits};
use crate::job::limits::{Quota, Rates};
use crate::job::schedule::utc;

/// A job whose model is known to take 60 requests a minute.
fn job(limits: &str) -> Job {
    let text =
        format!("input.path = \"a.csv\"\noutput.path = \"b.csv\"\nmodel.name = \"m\"\n[limits]\n{limits}\n");
    let script = SourceText { name: "job.toml".into(), text: text.into() };
    let (file, layers) = Layers::read(Some(script), vec![]).expect("a job");
    let facts =
        |_: &str| ModelInfo { rates: Rates { qpm: Some(60.0), ..Rates::default() }, ..ModelInfo::default() };
    let lookups =
        Lookups { region: &|_, _| Err(String::new()), book: &|_| ModelCatalog::new(facts), zone: &utc };
    resolve(file, &layers, &lookups).expect("a job")
}

fn orders(words: &[&str]) -> LiveSettings {
    let orders: Vec<Order> = words.iter().map(|word| Order::parse(word).expect("an order")).collect();
    live_settings(&orders).expect("good")
}

fn terms(job: &Job, words: &[&str], hour: &str) -> EffectiveLimits {
    let now = format!("2026-07-03T{hour}:00Z").parse().expect("a time");
    job.terms(&orders(words), now, None)
}

const NIGHTS: &str = "concurrency = 4\nschedule = [
    { from = \"22:00\", to = \"08:00\", qps = 50, concurrency = 100 },
    { from = \"08:00\", to = \"12:00\", qpm = 6 },
    { from = \"12:00\", to = \"13:00\", pause = true },
]";

#[test]
fn the_schedule_overrides_the_job_and_leaves_other_limits_unchanged() {
    let job = job(NIGHTS);
    let night = terms(&job, &[], "23:00");
    // A limit of the user's own replaces the table's at every hour.
    assert_eq!(night.quotas.requests_per_second, Quota::per_second(50.0));
    assert_eq!(night.quotas.requests_per_minute, None);
    assert_eq!(night.concurrency, Concurrency::Fixed(100));
    let morning = terms(&job, &[], "09:00");
    assert_eq!(morning.quotas.requests_per_minute, Quota::per_minute(6.0));
    assert_eq!(morning.concurrency, Concurrency::Fixed(4));
    assert!(terms(&job, &[], "12:30").paused && !morning.paused);
    let evening = terms(&job, &[], "20:00");
    assert_eq!((evening.quotas, evening.paused), (job.quotas, false));
    assert_eq!(evening.quotas.requests_per_minute, Quota::per_minute(60.0));
}

#[test]
fn an_order_overrides_the_schedule_at_every_hour() {
    let job = job(NIGHTS);
    for hour in ["09:00", "20:00", "23:00"] {
        let quotas = terms(&job, &["qps=3"], hour).quotas;
        assert_eq!(
            (quotas.requests_per_second, quotas.requests_per_minute),
            (Quota::per_second(3.0), None),
            "{hour}"
        );
        assert!(terms(&job, &["pause"], hour).paused);
    }
    assert!(!terms(&job, &["pause", "resume"], "12:30").paused, "the last word counts");
    assert!(terms(&job, &["qps=3"], "12:30").paused, "a rate does not end a pause");
    let tokens = terms(&job, &["tpm=6000"], "09:00").quotas;
    assert_eq!(
        tokens.requests_per_minute,
        Quota::per_minute(6.0),
        "tokens leave the requests of the schedule alone"
    );
}

#[test]
fn caps_are_replaced_one_by_one() {
    let job = job("max_total_tokens = 1000\nmax_duration = \"1h\"");
    let caps =
        terms(&job, &["max-total-tokens=10", "limits.max_duration=2h", "max_total_tokens=20"], "09:00").caps;
    assert_eq!((caps.total_tokens, caps.duration), (Some(20), Some(Duration::from_secs(7_200))));
    assert!(orders(&["stop"]).stop && !orders(&["pause"]).stop);
}

#[test]
fn the_time_is_up_from_the_moment_it_names() {
    let job = job("until = \"06:00\"");
    let begun = "2026-07-02T22:00:00Z".parse().expect("a time");
    let end = job.schedule.ends_at(begun);
    let is_up = |now: &str| job.terms(&LiveSettings::default(), now.parse().expect("a time"), end).time_is_up;
    assert!(!is_up("2026-07-03T05:59:59Z") && is_up("2026-07-03T06:00:00Z") && is_up("2026-07-03T07:00:00Z"));
}

#[test]
fn the_last_order_for_each_key_is_shown() {
    let words = ["qps=5", "pause", "qps=7", "resume", "max_cost=3", "stop"];
    let orders = words.map(|word| Order::parse(word).expect("an order"));
    let shown: Vec<String> = last_words(&orders).into_iter().map(Order::shown).collect();
    assert_eq!(shown, ["qps=7", "resume", "max_cost=3", "stop"]);
}

#[test]
fn the_period_of_the_caps_begins_with_the_day_of_the_job_s_time_zone() {
    let since =
        |limits: &str, hour: &str| terms(&job(limits), &[], hour).since.map(|since| since.to_string());
    assert_eq!(since("cap_period = \"day\"", "23:59").as_deref(), Some("2026-07-03T00:00:00Z"));
    assert_eq!(since("cap_period = \"month\"", "23:59").as_deref(), Some("2026-07-01T00:00:00Z"));
    assert_eq!([since("", "23:59"), since("cap_period = \"run\"", "23:59")], [None, None]);
}
