//! The writer: what comes back is on disk, in order, and nothing else is.

use rusqlite::types::Value::{Integer, Null, Real, Text};

use super::*;

#[test]
fn notes_come_back_committed_in_the_order_in_which_they_went_in() {
    let desk = Desk::new();
    let mut notes: Vec<JournalEvent> =
        (0..3000).map(|position| answered(&row(position, 1), "text")).collect();
    notes.insert(0, JournalEvent::HandedOut { below: 3000 });
    notes.insert(7, JournalEvent::Resent(row(2, 1)));
    desk.killed_run(notes);
    let reader = desk.reader();
    assert_eq!(number(reader.connection(), "SELECT count(*) FROM entries WHERE status = 'ok'"), 3000);
    assert_eq!(number(reader.connection(), "SELECT count(*) FROM steps"), 3000);
    assert_eq!(number(reader.connection(), "SELECT handed_out FROM runs"), 3000);
}

#[test]
fn a_group_is_on_disk_when_it_comes_back() {
    let desk = Desk::new();
    let journal = desk.open();
    let run = start_run(&journal);
    let (writer, events, mut committed) = start_writer(journal, run);
    let reader = desk.reader();
    for position in 0..20 {
        events.write(answered(&row(position, 1), "text"));
        let group = committed.blocking_recv().unwrap().unwrap();
        assert_eq!(group, [answered(&row(position, 1), "text")]);
        assert_eq!(reader.counts(None).unwrap().ok, position + 1);
    }
    drop(events);
    writer.finish().unwrap();
    assert!(committed.blocking_recv().is_none());
}

#[test]
fn a_row_that_got_another_name_before_it_was_sent_again_has_that_name() {
    let desk = Desk::new();
    let (before, now) = (&named(&[("x", 1)])[0], &named(&[("y", 1)])[0]);
    desk.killed_run(vec![throttled(before), answered(now, "text")]);
    let journal = desk.open();
    assert_eq!(dump(journal.connection(), "SELECT row_id FROM entries"), [[Text("y".to_owned())]]);
    // A job that names no rows says nothing of names.
    desk.killed_run(vec![answered(&row(0, 1), "text")]);
    assert_eq!(dump(journal.connection(), "SELECT row_id FROM entries"), [[Text("y".to_owned())]]);
}

#[test]
fn a_row_that_changed_before_it_could_share_an_answer_leaves_what_stands_in_its_place() {
    let desk = Desk::new();
    desk.killed_run(vec![answered(&row(0, 1), "text"), throttled(&row(1, 7)), throttled(&row(2, 1))]);
    let journal = desk.open();
    let mut sharer = journal.sharer().unwrap();
    sharer.share(&row(1, 1)).unwrap();
    sharer.share(&row(2, 1)).unwrap();
    assert_eq!(sharer.finish().unwrap().ok, 1);
    journal.reader().check_integrity().unwrap();
    assert_eq!(answers(journal.reader(), 3), [Some("text".to_owned()), None, Some("text".to_owned())]);
}

#[test]
fn attempts_and_cost_of_a_row_add_up_over_its_requests() {
    let desk = Desk::new();
    let row = row(0, 1);
    let free = |note: JournalEvent| match note {
        JournalEvent::Ended(ended) => JournalEvent::Ended(Box::new(RequestEnd { cost: None, ..*ended })),
        other => other,
    };
    desk.killed_run(vec![free(throttled(&row)), set_aside(&row)]);
    desk.killed_run(vec![free(throttled(&row)), answered(&row, "at last")]);
    let reader = desk.reader();
    let entry = dump(
        reader.connection(),
        "SELECT status, out, tries, attempts, cost, error_code, error FROM entries",
    );
    assert_eq!(entry, [[Text("ok".to_owned()), Integer(0), Integer(1), Integer(4), Real(0.5), Null, Null]]);
    let result = reader.results().at(0).unwrap().unwrap();
    assert_eq!((result.attempts, result.cost, result.latency_ms), (Some(4), Some(0.5), Some(1500)));
    assert_eq!(result.answer, Some(answer("at last")));
    let codes: Vec<_> = reader.faults_of(0).unwrap().into_iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["limit_requests", "timeout", "limit_requests"]);
}

#[test]
fn a_run_holds_the_totals_of_its_requests_failed_ones_included() {
    let desk = Desk::new();
    let journal = desk.open();
    let run = start_run(&journal);
    let usage = Usage::of(3, 4);
    let unusable = Fault { usage: Some(usage), ..Fault::new(FaultKind::Unusable, "empty", "no text") };
    let unusable = Fault { evidence: Some(b"{}".to_vec()), ..unusable };
    let unsent = Outcome::Failed(Fault::new(FaultKind::RowRefused, "too_long", "the request is too long"));
    let unsent = RequestEnd::unsent(row(3, 3), 0, unsent);
    let notes = vec![
        answered(&row(0, 0), "a"),
        throttled(&row(1, 1)),
        ended(&row(2, 2), Outcome::Retry(unusable)),
        JournalEvent::Ended(Box::new(unsent)),
    ];
    let (journal, _) = store(journal, run, notes);
    let totals =
        "SELECT requests, answers, throttled, faults, prompt_tokens, completion_tokens, total_tokens, cost
                  FROM runs";
    let numbers = [3, 1, 1, 1, 13, 9, 22].map(Integer);
    let expected: Vec<_> = numbers.into_iter().chain([Real(0.75)]).collect();
    assert_eq!(dump(journal.connection(), totals), [expected]);
    let faults = "SELECT kind, code, total_tokens, evidence FROM faults ORDER BY fault";
    let text = |text: &str| Text(text.to_owned());
    assert_eq!(
        dump(journal.connection(), faults),
        [
            [text("throttled"), text("limit_requests"), Null, Null],
            [text("unusable"), text("empty"), Integer(7), Value::Blob(b"{}".to_vec())],
        ]
    );
    journal.end_run(run, "finished").unwrap();
    let runs = desk.reader().runs().unwrap();
    assert_eq!((runs[0].spent.requests, runs[0].spent.usage.total_tokens, runs[0].spent.cost), (3, 22, 0.75));
}

#[test]
fn an_answer_is_never_filed_under_another_request() {
    let desk = Desk::new();
    desk.killed_run(vec![answered(&row(0, 1), "one")]);
    desk.killed_run(vec![answered(&row(0, 2), "two")]);
    assert_eq!(answers(&desk.reader(), 1), [Some("two".to_owned())]);
    assert_eq!(desk.matched(&rows(&[1, 2]), false).moved, 2, "both answers are there");
    let both = ["one", "two"].map(|text| Some(text.to_owned()));
    assert_eq!(answers(&desk.reader(), 2), both);
}

#[test]
fn the_error_that_ends_a_writer_comes_instead_of_the_notes() {
    let desk = Desk::new();
    let journal = desk.open();
    let run = start_run(&journal);
    journal.connection().execute_batch("DROP TABLE steps").unwrap();
    let (writer, events, mut committed) = start_writer(journal, run);
    events.write(answered(&row(0, 1), "lost"));
    let error = committed.blocking_recv().unwrap().unwrap_err();
    assert!(error.to_string().contains(&desk.path.display().to_string()), "{error}");
    events.write(answered(&row(1, 1), "dropped"));
    drop(events);
    let journal = writer.finish().unwrap();
    assert!(committed.blocking_recv().is_none());
    assert_eq!(
        number(journal.connection(), "SELECT count(*) FROM entries"),
        0,
        "a group is stored whole or not at all"
    );
}

#[test]
fn a_group_that_finds_the_journal_locked_is_tried_again() {
    let desk = Desk::new();
    let journal = desk.open();
    let run = start_run(&journal);
    // The first try gives up at once; the next ones come while the other program lets go.
    journal.connection().busy_timeout(Duration::from_millis(20)).unwrap();
    let other = Connection::open(&desk.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (writer, events, mut committed) = start_writer(journal, run);
    events.write(answered(&row(0, 1), "text"));
    std::thread::sleep(Duration::from_millis(60));
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(committed.blocking_recv().unwrap().unwrap().len(), 1);
    drop(events);
    writer.finish().unwrap();
}

#[test]
fn an_ordered_end_leaves_the_whole_journal_in_its_one_file() {
    let desk = Desk::new();
    let journal = desk.open();
    let run = start_run(&journal);
    let (journal, _) = store(journal, run, vec![answered(&row(0, 1), "text")]);
    journal.end_run(run, "finished").unwrap();
    let copy = desk.folder.path().join("copy.journal");
    fs::copy(&desk.path, &copy).unwrap();
    let copied = Reader::open(&copy).unwrap();
    assert_eq!(answers(&copied, 1), [Some("text".to_owned())]);
}
