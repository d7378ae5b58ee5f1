//! What may have been sent and is not stored: said after a kill, and only then. And the requests of the last minute.

use super::*;

fn handed_out(below: u64) -> JournalEvent {
    JournalEvent::HandedOut { below }
}

fn in_doubt(desk: &Desk) -> u64 {
    desk.reader().in_doubt().unwrap()
}

#[test]
fn after_a_kill_the_rows_handed_out_and_not_known_are_in_doubt() {
    let desk = Desk::new();
    desk.killed_run(vec![
        handed_out(10),
        answered(&row(0, 0), "a"),
        failed(&row(4, 4)),
        throttled(&row(5, 5)),
    ]);
    assert_eq!(in_doubt(&desk), 7);
}

#[test]
fn a_row_that_was_sent_again_is_in_doubt_until_its_end_is_stored() {
    let desk = Desk::new();
    let mut notes = vec![
        handed_out(2),
        answered(&row(0, 0), "a"),
        throttled(&row(1, 1)),
        JournalEvent::Resent(row(1, 1)),
    ];
    desk.killed_run(notes.clone());
    assert_eq!(in_doubt(&desk), 1);
    notes.push(answered(&row(1, 1), "b"));
    let desk = Desk::new();
    desk.killed_run(notes);
    assert_eq!(in_doubt(&desk), 0);
}

#[test]
fn nothing_is_in_doubt_after_an_ordered_end_or_before_the_first_run() {
    let desk = Desk::new();
    let journal = desk.open();
    assert_eq!(in_doubt(&desk), 0);
    let run = start_run(&journal);
    let notes = vec![handed_out(10), throttled(&row(1, 1)), JournalEvent::Resent(row(1, 1))];
    let (journal, _) = store(journal, run, notes);
    journal.end_run(run, "interrupted").unwrap();
    assert_eq!(in_doubt(&desk), 0);
    let runs = desk.reader().runs().unwrap();
    assert_eq!(runs[0].reason.as_deref(), Some("interrupted"));
    assert!(runs[0].ended_at.is_some());
}

#[test]
fn a_pending_row_of_an_earlier_run_that_is_handed_out_again_is_in_doubt() {
    let desk = Desk::new();
    desk.killed_run(vec![handed_out(3), throttled(&row(0, 0)), set_aside(&row(1, 1)), failed(&row(2, 2))]);
    assert_eq!(in_doubt(&desk), 0);
    desk.killed_run(vec![handed_out(1), handed_out(3)]);
    assert_eq!(in_doubt(&desk), 2);
    desk.killed_run(vec![handed_out(1), handed_out(3), answered(&row(1, 1), "b")]);
    assert_eq!(in_doubt(&desk), 1);
}

#[test]
fn only_the_last_run_leaves_doubts() {
    let desk = Desk::new();
    desk.killed_run(vec![handed_out(10), throttled(&row(0, 0)), JournalEvent::Resent(row(0, 0))]);
    assert_eq!(in_doubt(&desk), 10);
    let journal = desk.open();
    let run = start_run(&journal);
    journal.end_run(run, "cap").unwrap();
    assert_eq!(in_doubt(&desk), 0);
    drop(journal);
    desk.killed_run(vec![handed_out(1)]);
    assert_eq!(in_doubt(&desk), 1, "the row that stayed pending");
}

fn sent(row: RowKey, at: SystemTime, latency: u64, ending: Outcome) -> JournalEvent {
    let sent = Some(SendTime {
        at,
        latency: Duration::from_secs(latency),
        worst: Reserve::NOTHING,
        pack: PackPlace::ALONE,
        line: None,
    });
    JournalEvent::Ended(Box::new(RequestEnd { sent, ..RequestEnd::unsent(row, 0, ending) }))
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn the_last_minute_holds_answers_and_faults_with_their_tokens_in_order() {
    let desk = Desk::new();
    let before = |seconds| now() - Duration::from_secs(seconds);
    let fault = |total| Fault {
        usage: Some(Usage { total_tokens: Some(total), ..Usage::default() }),
        ..Fault::new(FaultKind::Unusable, "empty", "")
    };
    desk.killed_run(vec![
        sent(row(0, 0), before(500), 1, Outcome::Answered(answer("old"))),
        sent(row(1, 1), before(61), 60, Outcome::Answered(answer("sent before it, ended in it"))),
        sent(row(2, 2), before(59), 40, Outcome::Answered(answer("a"))),
        sent(row(3, 3), before(30), 1, Outcome::Retry(fault(7))),
        sent(
            row(4, 4),
            before(20),
            1,
            Outcome::Retry(Fault::new(FaultKind::Throttled, "limit_requests", "")),
        ),
        sent(row(5, 5), before(1), 1, Outcome::Answered(Answer::default())),
    ]);
    let minute = desk.reader().sent_within(MINUTE, now()).unwrap();
    let known = [(before(59), Some(15)), (before(30), Some(7)), (before(20), Some(0)), (before(1), None)];
    assert_eq!(minute, known);
    let longer = desk.reader().sent_within(Duration::from_secs(600), now()).unwrap();
    assert_eq!(longer.len(), 6, "a slow limit looks further back");
}

#[test]
fn a_fault_that_was_held_back_does_not_hide_the_last_minute() {
    let desk = Desk::new();
    let before = |seconds| now() - Duration::from_secs(seconds);
    let fault = || Fault::new(FaultKind::Throttled, "limit_requests", "");
    desk.killed_run(vec![
        sent(row(1, 1), before(10), 1, Outcome::Retry(fault())),
        sent(row(0, 0), before(100), 1, Outcome::Failed(fault())),
    ]);
    assert_eq!(desk.reader().sent_within(MINUTE, now()).unwrap(), [(before(10), Some(0))]);
}

#[test]
fn a_request_of_several_rows_is_one_of_the_last_minute_and_of_its_run() {
    let desk = Desk::new();
    let at = now() - Duration::from_secs(10);
    let packed = |position: u64, ending: Outcome| {
        let pack = PackPlace { rows: 3, number: position as u32 };
        let latency = Duration::from_secs(1);
        let sent = Some(SendTime { at, latency, worst: Reserve::NOTHING, pack, line: None });
        JournalEvent::Ended(Box::new(RequestEnd {
            sent,
            ..RequestEnd::unsent(rows(&[0, 1, 2])[position as usize].clone(), 0, ending)
        }))
    };
    let fault = || Fault::new(FaultKind::Throttled, "limit_requests", "");
    let mut events: Vec<JournalEvent> = (0..3).map(|row| packed(row, Outcome::Retry(fault()))).collect();
    events.extend((0..3).map(|row| packed(row, Outcome::Answered(answer("a")))));
    desk.killed_run(events);
    let reader = desk.reader();
    assert_eq!(reader.sent_within(MINUTE, now()).unwrap(), [(at, Some(45)), (at, Some(0))]);
    let run = &reader.runs().unwrap()[0];
    assert_eq!((run.spent.requests, run.spent.throttled), (2, 1));
    assert_eq!(reader.days().unwrap()[0].requests, 2);
    let result = reader.results().at(1).unwrap().unwrap();
    assert_eq!((result.packed, result.attempts), (Some(3), Some(2)));
    reader.check_integrity().unwrap();
    desk.open().connection().execute_batch("UPDATE steps SET packed = 1").unwrap();
    assert!(desk.reader().check_integrity().is_err(), "it is under the seal");
}
