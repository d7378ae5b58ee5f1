//! Two rows with one identifier are an error that names both, however they stand to the journal.

use super::*;
use crate::journal::matching::DuplicateId;

/// The journal knows these; the input is that; the duplicate is `x`, and stands there.
fn refused(known: &[(&str, u8)], input: &[(&str, u8)], first: u64, second: u64) {
    let desk = Desk::new();
    desk.killed_run(named(known).iter().map(|row| answered(row, "text")).collect());
    let journal = desk.open();
    let everything = "SELECT * FROM entries ORDER BY entry";
    let before = dump(journal.connection(), everything);
    let found = matched(journal.reader(), &named(input), true, false, true);
    let Err(MatchError::Duplicate(duplicate)) = found else { panic!("{found:?} for {input:?}") };
    assert_eq!(duplicate, DuplicateId { id: "x".to_owned(), first, second });
    assert_eq!(dump(journal.connection(), everything), before);
    assert!(journal.connection().is_autocommit());
}

#[test]
fn two_new_rows_with_one_id_are_refused_with_both_positions() {
    refused(&[], &[("a", 1), ("x", 2), ("x", 2)], 1, 2);
    refused(&[("a", 1)], &[("a", 1), ("x", 2), ("b", 3), ("x", 4)], 1, 3);
}

#[test]
fn a_kept_row_and_a_loose_one_with_one_id_are_refused_with_both_positions() {
    refused(&[("x", 1), ("b", 2)], &[("x", 1), ("b", 2), ("x", 1)], 0, 2);
    refused(&[("a", 1), ("b", 2), ("x", 3)], &[("a", 1), ("x", 9), ("x", 3)], 1, 2);
}

#[test]
fn two_rows_with_one_id_that_both_stood_there_before_are_refused_with_both_positions() {
    refused(&[("x", 1), ("b", 2), ("x", 3)], &[("x", 1), ("b", 2), ("x", 3)], 0, 2);
}

#[test]
fn equal_ids_do_not_matter_in_a_job_that_does_not_name_its_rows_by_them() {
    let desk = Desk::new();
    let found = matched(desk.open().reader(), &named(&[("x", 1), ("x", 1)]), false, false, true);
    assert_eq!(found.unwrap().new, 2);
}
