//! One job with everything in it, killed and finished.

use std::collections::HashSet;

use super::catalogue::{DESK, Desk, sent, stored, sum};

#[test]
fn a_catalogue_that_was_killed_in_the_middle_of_packs_is_finished_without_paying_twice() {
    let mut desk = Desk::new(120, "", &format!("{DESK}limits.concurrency = 4\n"));
    desk.write();
    for (point, times) in [("dispatch.answered", 9), ("journal.commit.inside", 4)] {
        let before = desk.scene.witness_count();
        let had = if before == 0 { HashSet::new() } else { stored(&desk) };
        desk.scene.die_at(point, times);
        assert!(
            sent(&desk.scene, before).keys().all(|text| !had.contains(text)),
            "{point}: stored and sent again"
        );
    }
    let (before, had) = (desk.scene.witness_count(), stored(&desk));
    assert!(had.len() > 20, "the kills came in the middle: {}", had.len());
    desk.run().expect_code(0).says("120 rows: 115 ok · 0 failed · 0 pending · 5 skipped");
    let again = sent(&desk.scene, before);
    assert!(again.iter().all(|(text, times)| !had.contains(text) && *times == 1), "sent again");
    assert_eq!(again.len() + had.len(), desk.asks().len(), "equal texts are sent once");

    let rows = desk.assert_translated(|_, _, _| false);
    for (row, item) in rows.iter().zip(&desk.items) {
        assert_eq!(row["status"], if item.is_blank() { "skipped" } else { "ok" }, "{row:?}");
        assert_eq!(row["Price"], 4.5, "numbers stay numbers");
        assert_eq!(
            row["cost"].is_null(),
            item.is_blank(),
            "a blank cell does not hide what the others cost: {row:?}"
        );
    }
    for row in rows.iter().filter(|row| !row["cost"].is_null()) {
        let of = |column: &str| row[column].as_f64().expect("a number");
        let cost = (of("prompt_tokens") * 2.0 + of("completion_tokens") * 6.0) / 1e6;
        assert!((of("cost") - cost).abs() < 1e-9, "the cost of a row is that of its tokens: {row:?}");
    }
    assert_sums(&desk, before);
    let before = desk.scene.witness_count();
    desk.run().expect_code(0).says("nothing was sent");
    assert_eq!(desk.scene.witness_count(), before);
    desk.assert_translated(|_, _, _| false);
}

/// The receipt, the output's columns and the service's bills say the same of every request that the journal knows.
fn assert_sums(desk: &Desk, before_the_last_run: usize) {
    let (receipt, rows) = (desk.receipt(), desk.table().rows);
    let witness = desk.scene.witness();
    assert_eq!(receipt["this_run"]["requests"], witness.len() - before_the_last_run, "{receipt:#}");
    let path = desk.scene.path("out.xlsx.journal");
    let journal = rusqlite::Connection::open(path).expect("a journal");
    let mut statement = journal.prepare("SELECT DISTINCT request_id FROM steps").expect("tables");
    let known = statement.query_map([], |row| row.get(0)).and_then(Iterator::collect);
    let known: HashSet<String> = known.expect("request ids");
    let known: Vec<_> = witness
        .iter()
        .filter(|line| known.contains(line["request_id"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(receipt["all_runs"]["requests"], known.len());
    let mut cost = 0.0;
    for (column, price) in [("prompt_tokens", 2.0), ("completion_tokens", 6.0), ("total_tokens", 0.0)] {
        let billed: u64 = known.iter().filter_map(|line| line[column].as_u64()).sum();
        assert_eq!(receipt["all_runs"][column], billed, "{column}");
        assert_eq!(sum(&rows, column), billed as f64, "{column}");
        cost += billed as f64 * price / 1e6;
    }
    let told = receipt["all_runs"]["cost"].as_f64().expect("a cost");
    assert!((told - cost).abs() < 1e-9, "{told} told, {cost} billed");
    assert!((sum(&rows, "cost") - cost).abs() < 1e-9, "{} in the output, {cost} billed", sum(&rows, "cost"));
    assert!(receipt["in_doubt"].as_u64() > Some(0) && known.len() < witness.len(), "kills lost some answers");
}
