//! Replies that arrive whole but are not answers. Those that break in transit are in `faults/network.rs`.

use crate::support::harness::Scene;

fn scene(rows: usize, script: &str, more: &str) -> Scene {
    let mut scene = Scene::with_script(script);
    scene.rows_and_job(rows, more);
    scene
}

#[test]
fn an_answer_that_comes_slowly_is_an_answer() {
    let mut scene = scene(3, "[[fault]]\naction = \"slow_body\"\nafter_bytes = 64\npause = \"5ms\"\n", "");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.witness().len(), 3);
}

#[test]
fn a_useless_answer_is_asked_for_once_more_and_then_failed_with_its_bytes_kept() {
    let kinds = [
        ("action = \"empty_content\"", "empty_answer"),
        ("action = \"empty_body\"", "unreadable_reply"),
        ("content = \"   \"", "empty_answer"),
        ("status = 200\nbody = \"{\\\"choices\\\":[]}\"", "empty_answer"),
        ("status = 200\nbody = \"not JSON\"", "unreadable_reply"),
        ("status = 200\nbody = \"[1, 2]\"", "unreadable_reply"),
    ];
    let script: String = kinds
        .iter()
        .enumerate()
        .map(|(row, (kind, _))| format!("[[fault]]\ncontains = \"of row {row}.\"\n{kind}\n"))
        .collect();
    let mut scene = scene(kinds.len() + 4, &script, "");
    scene.run_job(&["job.toml"]).expect_code(3);
    let rows = scene.output();
    for (row, (kind, code)) in rows.iter().zip(kinds) {
        assert_eq!((&row["error_code"], &row["attempts"]), (&code.into(), &2.into()), "{kind}");
    }
    let sql = "SELECT count(*), count(evidence), sum(length(evidence) > 0) FROM faults";
    let counts = scene.journal().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let counts: (u64, u64, u64) = counts.expect("faults");
    assert_eq!(counts, (12, 12, 10), "every body is kept; that of `empty_body` has no bytes");
    let paid = scene.receipt()["all_runs"]["total_tokens"].as_u64().expect("tokens");
    let answered: u64 = rows.iter().filter_map(|row| row["total_tokens"].as_u64()).sum();
    assert!(paid > answered, "tokens of answers that were no use count: {paid}, {answered}");
}

#[test]
fn an_answer_that_is_useless_once_is_asked_for_again_and_kept() {
    let mut scene = scene(12, "[[fault]]\nfirst_tries = 1\naction = \"empty_content\"\n", "");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.witness().len(), 24);
}

#[test]
fn a_job_whose_first_answers_are_all_no_use_stops_before_it_pays_for_the_rest() {
    for action in ["empty_content", "cut_by_server"] {
        let script = format!("[[fault]]\naction = \"{action}\"\n");
        let mut scene = scene(30, &script, "");
        scene.run_job(&["job.toml"]).expect_code(4);
        assert_eq!(scene.receipt()["rows"]["failed"], 0, "{action}");
        // One more try after a useless answer; one as a stream, and three pieces, after a cut one.
        let tries = if action == "empty_content" { 2 } else { 5 };
        assert!(scene.witness().len() <= 10 * tries, "ten rows, {tries} tries each at most");
    }
}

#[test]
fn first_rows_with_useless_answers_do_not_hold_up_the_others() {
    for action in ["empty_content", "cut_by_server"] {
        let script: String = (0..12)
            .filter(|row| row % 3 != 1)
            .map(|row| format!("[[fault]]\ncontains = \"of row {row}.\"\naction = \"{action}\"\n"))
            .collect();
        let mut scene = scene(30, &script, "");
        scene.run_job(&["job.toml"]).expect_code(3);
        assert_eq!(scene.receipt()["rows"]["failed"], 8);
    }
}

#[test]
fn an_answer_that_the_server_cut_off_is_not_a_success() {
    for (action, transport, tries) in
        [("cut_by_server", "whole", 1), ("null_finish", "whole", 1), ("cut_by_server", "auto", 2)]
    {
        let script = format!("[[fault]]\ncontains = \"of row 3.\"\naction = \"{action}\"\n");
        // Such a row is requested once more as a stream, which is cut off as well, and cannot be continued.
        let mut scene = scene(8, &script, &format!("model.transport = {transport:?}\nrequest.n = 2\n"));
        scene.run_job(&["job.toml"]).expect_code(3);
        let row = scene.output().remove(3);
        assert_eq!(
            (&row["error_code"], &row["status"]),
            (&"cut_by_server".into(), &"failed".into()),
            "{action}"
        );
        assert!(row["response"].is_null(), "half an answer is none: {row}");
        let sql = "SELECT count(evidence) FROM faults WHERE kind = 'cut_by_server'";
        assert_eq!(scene.journal().query_row(sql, [], |row| row.get::<_, u64>(0)).expect("faults"), tries);
    }
}
