//! The cursors, and the questions a reader answers.

use super::*;
use crate::journal::rows::StateCounts;
use crate::outcome::Status;

#[test]
fn results_and_entries_come_in_order_across_the_borders_of_pages() {
    let desk = Desk::new();
    let at = |position: u64| row(position, (position % 251) as u8);
    // Every fifth row has no entry.
    let known = (0..5000).filter(|position| position % 5 != 4);
    desk.killed_run(known.map(|position| answered(&at(position), &position.to_string())).collect());
    let reader = desk.reader();
    let (mut entries, mut results) = (desk.reader().entries(), reader.results());
    for position in 0..5010 {
        let (entry, result) = (entries.at(position).unwrap(), results.at(position).unwrap());
        match position < 5000 && position % 5 != 4 {
            true => {
                assert_eq!(entry.unwrap().fingerprint, at(position).fingerprint);
                assert_eq!(result.unwrap().answer.unwrap().response, Some(position.to_string()));
            }
            false => assert!(entry.is_none() && result.is_none(), "{position}"),
        }
    }
    let mut results = reader.results();
    for position in [3, 2047, 2048, 2051, 4998] {
        let result = results.at(position).unwrap().unwrap();
        assert_eq!(
            result.answer.unwrap().response,
            Some(position.to_string()),
            "positions can be passed over"
        );
    }
}

#[test]
fn each_state_of_a_row_reads_as_it_was_stored() {
    let desk = Desk::new();
    let rows = rows(&[1, 2, 3, 4]);
    desk.killed_run(vec![
        answered(&rows[0], "one"),
        failed(&rows[1]),
        throttled(&rows[2]),
        set_aside(&rows[3]),
    ]);
    let reader = desk.reader();
    assert_eq!(reader.counts(None).unwrap(), StateCounts { ok: 1, failed: 1, pending: 2 });
    assert_eq!(reader.counts(Some(2)).unwrap(), StateCounts { ok: 1, failed: 1, pending: 0 });
    let (mut entries, mut results) = (desk.reader().entries(), reader.results());
    let statuses = [Status::Ok, Status::Failed, Status::Pending, Status::SetAside];
    for (row, status) in rows.iter().zip(statuses) {
        let entry = entries.at(row.position).unwrap().unwrap();
        assert_eq!((entry.fingerprint, entry.status, entry.tries), (row.fingerprint, status, 1));
        let result = results.at(row.position).unwrap().unwrap();
        assert_eq!((result.status, result.attempts), (status, Some(1)));
        assert_eq!(result.answer.is_some(), status == Status::Ok);
        assert_eq!(
            result.error_code.is_some(),
            status == Status::Failed,
            "a row that waits has no error yet"
        );
    }
}

#[test]
fn a_shared_answer_is_whole_and_costs_nothing_a_second_time() {
    let desk = Desk::new();
    desk.killed_run(vec![answered(&row(0, 1), "one")]);
    let journal = desk.open();
    let sql = "INSERT INTO entries (position, fingerprint, status, shares) SELECT 1, fingerprint, 'ok', entry FROM entries";
    journal.connection().execute(sql, []).unwrap();
    let reader = desk.reader();
    let mut entries = desk.reader().entries();
    assert_eq!(entries.at(1).unwrap().unwrap().status, Status::Ok);
    let mut results = reader.results();
    let (own, shared) = (results.at(0).unwrap().unwrap(), results.at(1).unwrap().unwrap());
    assert_eq!((own.cost, own.attempts), (Some(0.25), Some(1)));
    assert_eq!((shared.cost, shared.attempts), (Some(0.0), Some(0)));
    let expected = Answer { usage: Some(Usage::NOTHING), ..answer("one") };
    assert_eq!(shared.answer, Some(expected));
    // The row that was paid for goes; the one that shares its answer keeps it.
    assert_eq!(desk.matched(&[row(0, 9), row(1, 1)], false).kept, 1);
    assert_eq!(answers(&desk.reader(), 2), [None, Some("one".to_owned())]);
}

#[test]
fn an_answer_without_usage_has_no_tokens_rather_than_none_used() {
    let desk = Desk::new();
    let bare = Answer { response: Some("text".to_owned()), ..Answer::default() };
    desk.killed_run(vec![ended(&row(0, 1), Outcome::Answered(bare.clone()))]);
    assert_eq!(desk.reader().results().at(0).unwrap().unwrap().answer, Some(bare));
}

#[test]
fn failures_are_grouped_by_code_the_most_frequent_first() {
    let desk = Desk::new();
    let refused = |position| failed(&row(position, 1));
    let late = |position| {
        ended(
            &row(position, 1),
            Outcome::Failed(Fault::new(FaultKind::Transient, "timeout", format!("row {position}"))),
        )
    };
    desk.killed_run(vec![refused(0), late(5), late(3), late(4), answered(&row(6, 1), "text")]);
    let groups = desk.reader().failures().unwrap();
    let short: Vec<_> = groups.iter().map(|group| (group.code.as_str(), group.rows, group.example)).collect();
    assert_eq!(short, [("timeout", 3, 3), ("data_inspection_failed", 1, 0)]);
    assert_eq!(groups[0].message, "row 3", "the message is that of the example");
}

#[test]
fn a_row_is_found_by_its_id_and_cut_answers_are_counted() {
    let desk = Desk::new();
    let rows = named(&[("a", 1), ("b", 2)]);
    let cut = Answer { finish_reason: Some("length".to_owned()), ..answer("cut sh") };
    desk.killed_run(vec![answered(&rows[0], "one"), ended(&rows[1], Outcome::Answered(cut))]);
    let reader = desk.reader();
    assert_eq!(reader.position_of("b").unwrap(), Some(1));
    assert_eq!(reader.position_of("c").unwrap(), None);
    assert!(reader.finish_reasons().unwrap().contains(&("length".to_owned(), 1)));
    assert_eq!(reader.last_job().unwrap().as_deref(), Some("{}"));
    reader.check_integrity().unwrap();
}
