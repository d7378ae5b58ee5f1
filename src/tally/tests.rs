//! Counts and rates over made-up events.

use super::*;
use crate::note::{EntryPart, PackPlace, RequestEnd, RowKey, SendTime};
use crate::outcome::Answer;
use crate::outcome::Usage;
use crate::request::Fingerprint;
use std::time::SystemTime;

fn answered(position: u64) -> JournalEvent {
    let usage = Usage::of(6, 4);
    JournalEvent::Ended(Box::new(RequestEnd {
        row: RowKey {
            row: position,
            position,
            part: EntryPart::WHOLE,
            over: None,
            id: None,
            fingerprint: Fingerprint([0; 16]),
            record: None,
        },
        sent: Some(SendTime {
            at: SystemTime::UNIX_EPOCH,
            latency: Duration::ZERO,
            worst: Reserve::NOTHING,
            pack: PackPlace::ALONE,
            line: None,
        }),
        tries: 0,
        cost: Some(0.5),
        reserved: Reserve::NOTHING,
        ending: Outcome::Answered(Answer { usage: Some(usage), ..Answer::default() }),
    }))
}

#[test]
fn rates_and_the_time_left_follow_the_events() {
    let mut tally = Tally::new(1000, 100, 0, true);
    for row in 0..100 {
        tally.on(&Event::Committed(&answered(row)), Duration::from_millis(100 * row));
    }
    assert_eq!((tally.now.ok, tally.now.left(), tally.now.usage.total_tokens), (200, 800, 1000));
    assert_eq!(tally.now.cost, Some(50.0));
    assert!((tally.now.rows_per_second - 10.0).abs() < 0.5, "{}", tally.now.rows_per_second);
    assert!(tally.now.time_left().is_some_and(|left| (75..90).contains(&left.as_secs())));
    let outage = DispatchState { held_by: Some(Bottleneck::Outage), ..DispatchState::default() };
    tally.on(&Event::State(outage), Duration::from_secs(10));
    assert_eq!(tally.now.time_left(), None);
}
#[test]
fn a_pause_is_met_and_is_not_part_of_the_rate_after_it() {
    let mut tally = Tally::new(1000, 0, 0, true);
    for row in 0..100 {
        tally.on(&Event::Committed(&answered(row)), Duration::from_millis(100 * row));
    }
    let state = |held_by| Event::State(DispatchState { held_by, ..DispatchState::default() });
    tally.on(&state(Some(Bottleneck::Pause)), Duration::from_secs(10));
    tally.on(&state(Some(Bottleneck::Pause)), Duration::from_secs(610));
    assert_eq!((tally.now.rows_per_second, tally.now.time_left()), (0.0, None));
    tally.on(&state(None), Duration::from_secs(611));
    for row in 0..100 {
        tally.on(&Event::Committed(&answered(row)), Duration::from_millis(611_000 + 100 * row));
    }
    assert!((tally.now.rows_per_second - 10.0).abs() < 0.5, "{}", tally.now.rows_per_second);
    assert_eq!(tally.now.measured_for.as_secs(), 9);
    assert_eq!(tally.now.met.words(), ["pause"]);
}

#[test]
fn rows_that_travel_together_are_one_request_of_the_rate() {
    let mut tally = Tally::new(1000, 0, 0, true);
    for row in 0..100 {
        let JournalEvent::Ended(mut ended) = answered(row) else { panic!("an end") };
        let pack = PackPlace { rows: 10, number: (row % 10) as u32 };
        ended.sent = ended.sent.map(|sent| SendTime { pack, ..sent });
        tally.on(&Event::Committed(&JournalEvent::Ended(ended)), Duration::from_millis(100 * row));
    }
    let Snapshot { rows_per_second, requests_per_second, packs, .. } = tally.now;
    assert_eq!((packs.sent, packs.rows), (10, 100));
    assert!(
        (rows_per_second - 10.0).abs() < 0.5 && (requests_per_second - 1.0).abs() < 0.2,
        "{:?}",
        tally.now
    );
}
