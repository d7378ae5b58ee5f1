//! Forecasts with a clock that the test sets.

use super::*;
use crate::config::layers::Layers;
use crate::config::resolve::{Lookups, resolve};
use crate::diagnostic::SourceText;
use crate::job::facts::ModelCatalog;

fn job(limits: &str) -> Job {
    let text =
        format!("input.path = \"a.csv\"\noutput.path = \"b.csv\"\nmodel.name = \"m\"\n[limits]\n{limits}\n");
    let script = SourceText { name: "job.toml".into(), text: text.into() };
    let (file, layers) = Layers::read(Some(script), vec![]).expect("a job");
    let lookups = Lookups {
        region: &|_, _| Err(String::new()),
        book: &|_| ModelCatalog::default(),
        zone: &|_| Ok(jiff::tz::TimeZone::UTC),
    };
    resolve(file, &layers, &lookups).expect("a job")
}

fn at(text: &str) -> Timestamp {
    format!("2026-07-03T{text}:00Z").parse().expect("a time")
}

fn course(left: u64, measured: Option<(f64, Option<Bottleneck>)>) -> Course {
    Course { left, requests_each: 1.0, tokens_each: 100.0, measured }
}

fn short(limits: &str, course: Course, now: &str, deadline: &str) -> Option<Shortfall> {
    shortfall(&job(limits), &LiveSettings::default(), &course, at(now), at(deadline))
}

#[test]
fn the_limits_alone_show_that_a_run_will_not_finish() {
    // An hour at one a second.
    assert_eq!(short("qpm = 60", course(3_600, None), "05:00", "06:00"), None);
    let result = short("qpm = 60", course(7_200, None), "05:00", "06:00").expect("short");
    assert_eq!(result, Shortfall { left: 3_600, ends_at: Some(at("07:00")), decided_by: "qpm" });
    let result = short("qps = 10\ntpm = 6000", course(7_200, None), "05:00", "06:00").expect("short");
    assert_eq!((result.left, result.decided_by), (3_600, "tpm"));
    assert_eq!(short("concurrency = 5", course(1_000_000, None), "05:00", "05:01"), None, "nothing is known");
}

#[test]
fn the_present_rate_shows_it_and_its_cause_is_named() {
    let slow = |held_by| course(7_200, Some((1.0, Some(held_by))));
    for (held_by, name) in [
        (Bottleneck::Places, "concurrency"),
        (Bottleneck::Throttling, "throttling by the service"),
        (Bottleneck::Rate, "qps"),
    ] {
        let result = short("qps = 50", slow(held_by), "05:00", "06:00").expect("short");
        assert_eq!((result.left, result.decided_by), (3_600, name));
    }
    assert_eq!(short("qps = 50", course(3_000, Some((1.0, None))), "05:00", "06:00"), None);
}

const NIGHTS: &str = "qpm = 60\nschedule = [{ from = \"22:00\", to = \"04:00\", qpm = 600 }]";

#[test]
fn the_schedule_is_taken_into_account() {
    // From 21:00 to 22:00 3,600 rows, then ten times as many an hour.
    let by_day = |rows, measured| {
        shortfall(&job(NIGHTS), &LiveSettings::default(), &course(rows, measured), at("21:00"), at("23:00"))
    };
    let held = Some((1.0, Some(Bottleneck::Rate)));
    assert_eq!(by_day(39_000, held), None);
    assert_eq!(by_day(39_000, None), None);
    assert_eq!(by_day(40_000, held).map(|short| short.left), Some(400));
    let slow_service = by_day(39_000, Some((1.0, Some(Bottleneck::Places))));
    assert_eq!(slow_service.map(|short| short.left), Some(39_000 - 7_200));
}

#[test]
fn a_pause_that_the_schedule_ends_is_included_and_one_without_an_end_is_reported() {
    let pause = "qps = 1\nschedule = [{ from = \"08:00\", to = \"22:00\", pause = true }]";
    let paused = Some((0.0, Some(Bottleneck::Pause)));
    assert_eq!(short(pause, course(3_000, paused), "21:00", "23:00"), None);
    let result = short(pause, course(30_000, paused), "21:00", "23:00").expect("short");
    assert_eq!((result.left, result.decided_by), (26_400, "the pause"));
    let live = LiveSettings { paused: Some(true), ..LiveSettings::default() };
    let result = shortfall(&job("qps = 1"), &live, &course(10, paused), at("21:00"), at("23:00"));
    assert_eq!(result, Some(Shortfall { left: 10, ends_at: None, decided_by: "the pause" }));
}

#[test]
fn the_end_by_limits_and_hours_alone_is_known_without_a_deadline() {
    // Two hours at one a second, then ten a second.
    let end = |limits, rows, now| super::end(&job(limits), &course(rows, None), at(now));
    assert_eq!(end(NIGHTS, 7_200 + 36_000, "20:00"), Some(at("23:00")));
    assert_eq!(end("qpm = 60", 0, "20:00"), Some(at("20:00")));
    assert_eq!(end("schedule = [{ from = \"00:00\", to = \"00:00\", pause = true }]", 1, "20:00"), None);
}
