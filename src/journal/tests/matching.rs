//! Matching by single examples.

use super::*;

/// Rows that can all be sent.
fn counts(kept: u64, moved: u64, changed: u64, new: u64) -> Matched {
    Matched { kept, moved, changed, new, to_send: changed + new, ..Matched::default() }
}

#[test]
fn a_line_inserted_at_the_top_of_an_input_without_ids_is_the_only_one_sent() {
    let desk = Desk::new();
    let contents: Vec<u8> = (1..=200).collect();
    desk.killed_run(rows(&contents).iter().map(|row| answered(row, "text")).collect());
    let edited: Vec<u8> = std::iter::once(0).chain(contents).collect();
    assert_eq!(desk.matched(&rows(&edited), false), counts(0, 200, 0, 1));
    assert_eq!(desk.matched(&rows(&edited), false), counts(200, 0, 0, 1), "applied, they stand in place");
    assert_eq!(answers(&desk.reader(), 1), [None]);
}

#[test]
fn an_input_without_a_change_is_kept_across_the_borders_of_pages() {
    let desk = Desk::new();
    let rows: Vec<RowKey> = (0..5000).map(|position| row(position, (position % 7) as u8)).collect();
    desk.killed_run(rows.iter().map(|row| answered(row, "text")).collect());
    assert_eq!(desk.matched(&rows, false), counts(5000, 0, 0, 0));
    assert_eq!(desk.matched(&rows[..4096], false), Matched { gone: 904, ..counts(4096, 0, 0, 0) });
    assert_eq!(desk.matched(&rows, false), counts(4096, 904, 0, 0), "removed rows find their answers again");
}

#[test]
fn a_row_whose_content_changed_is_changed_and_its_answer_comes_back_with_its_content() {
    let desk = Desk::new();
    desk.killed_run(rows(&[1, 2, 3]).iter().map(|row| answered(row, "text")).collect());
    assert_eq!(desk.matched(&rows(&[1, 9, 3]), false), counts(2, 0, 1, 0));
    assert_eq!(desk.matched(&rows(&[1, 2, 3]), false), counts(2, 1, 0, 0));
}

#[test]
fn a_row_with_an_id_is_changed_wherever_it_stands() {
    let desk = Desk::new();
    let first = named(&[("a", 1), ("b", 2), ("c", 3)]);
    desk.killed_run(first.iter().map(|row| answered(row, "text")).collect());
    let edited = named(&[("c", 3), ("a", 9), ("d", 4)]);
    assert_eq!(desk.matched(&edited, true), Matched { gone: 1, ..counts(0, 1, 1, 1) });
}

#[test]
fn what_was_paid_for_serves_whoever_asks_it_whatever_the_rows_are_called_now() {
    let desk = Desk::new();
    let first = named(&[("a", 1), ("b", 2), ("c", 3)]);
    desk.killed_run(first.iter().map(|row| answered(row, "text")).collect());
    assert_eq!(desk.matched(&named(&[("x", 1), ("y", 2), ("z", 3)]), true), counts(0, 3, 0, 0));
    assert_eq!(desk.matched(&named(&[("x", 1), ("y", 2), ("z", 3)]), true), counts(3, 0, 0, 0));
    let once = named(&[("x", 1), ("v", 1), ("y", 2)]);
    assert_eq!(
        desk.matched(&once, true),
        Matched { gone: 1, ..counts(1, 1, 0, 1) },
        "no answer serves twice"
    );
}

#[test]
fn a_name_that_stands_keeps_its_own_answer_before_another_takes_it() {
    let desk = Desk::new();
    let first = named(&[("a", 1), ("b", 1), ("c", 1)]);
    desk.killed_run(
        first.iter().zip(["of a", "of b", "of c"]).map(|(row, text)| answered(row, text)).collect(),
    );
    // `a` has another request now and may change back; `c` is gone. The new row takes the answer of the latter.
    let now = named(&[("new", 1), ("a", 2), ("b", 1)]);
    assert_eq!(desk.matched(&now, true), counts(0, 2, 1, 0));
    assert_eq!(
        answers(&desk.reader(), 3),
        [Some("of c"), None, Some("of b")].map(|text| text.map(str::to_owned))
    );
    let back = named(&[("new", 1), ("a", 1), ("b", 1)]);
    assert_eq!(desk.matched(&back, true), counts(2, 1, 0, 0));
}

#[test]
fn entries_of_earlier_contents_do_not_hide_a_row_that_is_gone() {
    let desk = Desk::new();
    let (first, second) = (named(&[("a", 1), ("b", 2)]), named(&[("a", 3), ("b", 2)]));
    desk.killed_run(first.iter().map(|row| answered(row, "text")).collect());
    desk.matched(&second, true);
    // The row `a` goes on to a third content; of its two entries one stands in place and the other nowhere.
    let third = named(&[("a", 4)]);
    assert_eq!(desk.matched(&third, true), Matched { gone: 1, ..counts(0, 0, 1, 0) });
}

#[test]
fn rows_that_wait_or_were_set_aside_are_new_and_keep_their_tries() {
    let desk = Desk::new();
    let rows = rows(&[1, 2, 3, 4]);
    let notes = vec![answered(&rows[0], "one"), failed(&rows[1]), throttled(&rows[2]), set_aside(&rows[3])];
    desk.killed_run(notes);
    assert_eq!(desk.matched(&rows, false), Matched { failed: 1, ..counts(2, 0, 0, 2) });
    let mut entries = desk.reader().entries();
    let tries: Vec<_> = (0..4).map(|position| entries.at(position).unwrap().unwrap().tries).collect();
    assert_eq!(tries, [1, 1, 1, 1]);
}

#[test]
fn a_row_that_comes_up_from_behind_a_limit_brings_its_answer() {
    for with_ids in [false, true] {
        let desk = Desk::new();
        let first = named(&[("a", 1), ("b", 2), ("c", 3), ("d", 4)]);
        desk.killed_run(first.iter().map(|row| answered(row, "text")).collect());
        let edited = named(&[("d", 4), ("b", 2), ("c", 3), ("a", 1)]);
        let journal = desk.open();
        let found = matched(journal.reader(), &edited[..2], with_ids, true, true).unwrap();
        assert_eq!(found, Matched { gone: 1, ..counts(1, 1, 0, 0) });
        drop(journal);
        assert_eq!(desk.matched(&edited, with_ids), counts(3, 1, 0, 0));
    }
}

#[test]
fn a_limit_leaves_the_answers_behind_it_where_they_stand() {
    let desk = Desk::new();
    let rows = rows(&[1, 2, 3, 4]);
    desk.killed_run(rows.iter().map(|row| answered(row, "text")).collect());
    let journal = desk.open();
    let found = matched(journal.reader(), &rows[..2], false, true, true).unwrap();
    assert_eq!(found, counts(2, 0, 0, 0));
    drop(journal);
    assert_eq!(desk.matched(&rows, false), counts(4, 0, 0, 0));
}

#[test]
fn answers_survive_when_a_job_begins_to_name_its_rows() {
    let desk = Desk::new();
    desk.killed_run(rows(&[1, 1, 2]).iter().map(|row| answered(row, "text")).collect());
    let rows = named(&[("a", 1), ("b", 1), ("c", 9)]);
    assert_eq!(desk.matched(&rows, true), counts(2, 0, 1, 0));
    let moved = named(&[("c", 9), ("b", 1), ("a", 1)]);
    assert_eq!(desk.matched(&moved, true), counts(1, 1, 0, 1), "from then on they belong to their ids");
}

#[test]
fn a_row_without_an_id_is_known_by_its_content_in_a_job_with_ids() {
    let desk = Desk::new();
    let nameless = |position, content| row(position, content);
    desk.killed_run(vec![answered(&nameless(0, 1), "one"), throttled(&nameless(1, 2))]);
    let mut rows = named(&[("a", 5), ("x", 0), ("x", 0)]);
    rows[1] = nameless(1, 1);
    rows[2] = nameless(2, 2);
    assert_eq!(desk.matched(&rows, true), counts(0, 1, 0, 2));
    assert_eq!(answers(&desk.reader(), 3), [None, Some("one".to_owned()), None]);
}

#[test]
fn an_entry_that_no_row_claims_keeps_its_faults_to_itself() {
    let desk = Desk::new();
    desk.killed_run(vec![answered(&row(0, 1), "one"), throttled(&row(1, 2))]);
    desk.matched(&rows(&[1]), false);
    desk.killed_run(vec![answered(&row(1, 3), "three")]);
    assert_eq!(desk.reader().faults_of(1).unwrap(), [], "a new entry does not inherit a number");
}

#[test]
fn a_look_changes_no_byte_and_works_on_a_journal_that_may_only_be_read() {
    let desk = Desk::new();
    desk.killed_run(rows(&[1, 2, 3]).iter().map(|row| answered(row, "text")).collect());
    let reader = desk.reader();
    let before = files(desk.folder.path());
    let rows = rows(&[7, 1, 3]);
    let found = matched(&reader, &rows, false, false, false).unwrap();
    assert_eq!(found.moved, 1);
    let after = files(desk.folder.path());
    let without_memory = |files: &[(PathBuf, Vec<u8>)]| -> Vec<_> {
        files.iter().filter(|(path, _)| !path.to_string_lossy().ends_with("-shm")).cloned().collect()
    };
    assert_eq!(without_memory(&before), without_memory(&after));
}

#[test]
fn a_run_writes_while_a_look_goes_on() {
    let desk = Desk::new();
    desk.killed_run(vec![answered(&row(0, 1), "one")]);
    let (reader, writing) = (desk.reader(), desk.open());
    let mut matcher = reader.matcher(MatchRules::default()).unwrap();
    let mut entries = desk.reader().entries();
    for row in [row(0, 1), row(1, 2)] {
        matcher.row(&row, true, entries.at(row.position).unwrap().as_ref()).unwrap();
    }
    let run = start_run(&writing);
    let (writing, _) = store(writing, run, vec![answered(&row(1, 2), "two")]);
    // Nothing of the log is held by the one who looks: all of it can go into the journal.
    let busy = number(writing.connection(), "PRAGMA wal_checkpoint(TRUNCATE)");
    assert_eq!(busy, 0);
    assert_eq!(matcher.finish(false, false).unwrap().kept, 1);
}

#[test]
fn a_matching_that_is_given_up_leaves_nothing_behind() {
    let desk = Desk::new();
    desk.killed_run(vec![answered(&row(0, 1), "one")]);
    let journal = desk.open();
    let mut matcher = journal.reader().matcher(MatchRules::default()).unwrap();
    let entry = desk.reader().entries().at(0).unwrap();
    matcher.row(&row(0, 2), true, entry.as_ref()).unwrap();
    drop(matcher);
    assert!(journal.connection().is_autocommit());
    assert_eq!(number(journal.connection(), "SELECT count(*) FROM temp.sqlite_master"), 0);
    assert_eq!(matched(journal.reader(), &rows(&[1]), false, false, true).unwrap().kept, 1);
}
