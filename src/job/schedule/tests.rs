//! Spans that cross midnight, days, time zones and the nights on which the clocks change.

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn span(from: &str, to: &str, days: &[&str]) -> DaySpan {
    DaySpan {
        from: time_of_day(from).expect("a time"),
        to: time_of_day(to).expect("a time"),
        days: days.iter().map(|day| weekday(day).expect("a day")).collect(),
        rates: Rates::default(),
        concurrency: None,
        paused: true,
    }
}

fn schedule(zone: &str, spans: Vec<DaySpan>) -> Schedule {
    Schedule { zone: TimeZone::get(zone).expect("a zone"), spans, until: None }
}

#[test]
fn a_span_over_midnight_belongs_to_the_day_on_which_it_begins() {
    // 2026-07-03 is a Friday.
    let nights = schedule("UTC", vec![span("22:00", "08:00", &["fri"])]);
    for (time, holds) in [
        ("2026-07-03T07:00:00Z", false),
        ("2026-07-03T21:59:59Z", false),
        ("2026-07-03T22:00:00Z", true),
        ("2026-07-04T07:59:59Z", true),
        ("2026-07-04T08:00:00Z", false),
        ("2026-07-04T23:00:00Z", false),
    ] {
        assert_eq!(nights.at(at(time)).is_some(), holds, "{time}");
    }
    let always = schedule("UTC", vec![span("00:00", "24:00", &[])]);
    assert!(
        always.at(at("2026-07-03T12:00:00Z")).is_some() && always.at(at("2026-07-03T00:00:00Z")).is_some()
    );
}

#[test]
fn the_first_span_that_applies_decides() {
    let two = schedule("UTC", vec![span("08:00", "09:00", &[]), span("00:00", "00:00", &[])]);
    assert_eq!(two.at(at("2026-07-03T08:30:00Z")).map(DaySpan::hours).as_deref(), Some("08:00–09:00"));
    assert_eq!(two.at(at("2026-07-03T09:30:00Z")).map(DaySpan::hours).as_deref(), Some("00:00–00:00"));
}

#[test]
fn local_time_decides_also_when_the_clocks_change() {
    let nights = schedule("Europe/Berlin", vec![span("02:30", "06:00", &[])]);
    // On 2026-03-29 it is 03:00 right after 01:59, on 2026-10-25 it is 02:00 to 03:00 twice.
    for (time, holds) in [
        ("2026-03-29T00:59:00Z", false),
        ("2026-03-29T01:00:00Z", true),
        ("2026-03-29T04:00:00Z", false),
        ("2026-10-25T00:30:00Z", true),
        ("2026-10-25T01:15:00Z", false),
        ("2026-10-25T01:30:00Z", true),
        ("2026-10-25T05:00:00Z", false),
    ] {
        assert_eq!(nights.at(at(time)).is_some(), holds, "{time}");
    }
    let six = Schedule { until: Some(until("06:00").expect("a time")), ..nights };
    assert_eq!(six.ends_at(at("2026-03-28T21:00:00Z")), Some(at("2026-03-29T04:00:00Z")));
    assert_eq!(six.ends_at(at("2026-10-24T20:00:00Z")), Some(at("2026-10-25T05:00:00Z")));
}

#[test]
fn a_time_of_day_is_its_next_occurrence_and_a_date_is_that_instant() {
    let ends = |text: &str, zone: &str, begun: &str| {
        let until = Some(until(text).expect(text));
        Schedule { until, ..schedule(zone, vec![]) }.ends_at(at(begun))
    };
    assert_eq!(ends("6:00", "UTC", "2026-07-03T05:59:00Z"), Some(at("2026-07-03T06:00:00Z")));
    assert_eq!(ends("06:00", "UTC", "2026-07-03T06:00:00Z"), Some(at("2026-07-04T06:00:00Z")));
    let in_singapore = ends("2026-07-04 06:00", "Asia/Singapore", "2026-07-03T00:00:00Z");
    assert_eq!(in_singapore, Some(at("2026-07-03T22:00:00Z")));
    assert_eq!(
        ends("2026-07-03T06:00:00+02:00", "UTC", "2026-07-01T00:00:00Z"),
        Some(at("2026-07-03T04:00:00Z"))
    );
    for wrong in ["", "6", "25:00", "24:01", "06:00:00:00", "6 am", "2026-07-04", "-1:00"] {
        assert!(until(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_next_turn_is_the_nearest_edge() {
    let nights = schedule("UTC", vec![span("22:00", "08:00", &[]), span("12:00", "13:00", &[])]);
    for (now, turn) in [
        ("2026-07-03T00:00:00Z", "2026-07-03T08:00:00Z"),
        ("2026-07-03T08:00:00Z", "2026-07-03T12:00:00Z"),
        ("2026-07-03T22:00:00Z", "2026-07-04T08:00:00Z"),
    ] {
        assert_eq!(nights.next_turn(at(now)), Some(at(turn)), "{now}");
    }
    assert_eq!(schedule("UTC", vec![]).next_turn(at("2026-07-03T00:00:00Z")), None);
}
