//! Paid answers, and rows that are shared, fail, disappear, return and are renamed.

use serde_json::json;

use super::scenario;
use crate::support::harness::{Scene, lines};

/// Rows that each have a name and a text.
fn write(scene: &mut Scene, rows: &[(&str, &str)]) {
    let line =
        |(name, text): &(&str, &str)| format!("{}\n", json!({ "id": name, "text": text, "n": name.len() }));
    scene.write("in.jsonl", rows.iter().map(line).collect::<String>());
    scene.judge.texts = Some(rows.iter().map(|(_, text)| (*text).to_owned()).collect());
}

/// How each row of the output ended.
fn ends(scene: &Scene) -> Vec<String> {
    lines(&scene.path("out.jsonl"))
        .iter()
        .map(|row| row["status"].as_str().expect("a status").to_owned())
        .collect()
}

#[test]
fn a_later_answer_beats_the_failure_that_a_row_which_was_away_has_shared() {
    scenario(|| {
        for id in ["", "input.id = \"id\"\n"] {
            let fault = "[[fault]]\ntimes = 1\nstatus = 400\ncode = \"data_inspection_failed\"\n";
            let mut scene = Scene::with_script(fault);
            scene.job("in.jsonl", "out.jsonl", &format!("input.duplicates = \"share\"\n{id}"));
            write(&mut scene, &[("a", "same"), ("b", "same")]);
            scene.run_job(&["job.toml"]).expect_code(3).says("2 failed");
            write(&mut scene, &[("b", "same")]);
            scene.retry_failed().expect_code(0).says("1 row: 1 ok");
            for rows in
                [&[("a", "same"), ("b", "same")][..], &[("b", "same"), ("a", "same")], &[("a", "same")]]
            {
                write(&mut scene, rows);
                scene.run_job(&["job.toml"]).expect_code(0).says(" 0 failed");
                scene.run(&["export", "job.toml", "--output", "again.jsonl"]).expect_code(0);
                assert_eq!(scene.read("again.jsonl"), scene.read("out.jsonl"));
                scene.run(&["verify", "job.toml"]).expect_code(0);
            }
            assert_eq!(scene.witness().len(), 2);
        }
    });
}

#[test]
fn a_failure_that_a_job_had_before_it_shared_is_healed_by_the_answer_that_is_there() {
    scenario(|| {
        let fault = "[[fault]]\ntimes = 1\nstatus = 400\ncode = \"data_inspection_failed\"\n";
        let mut scene = Scene::with_script(fault);
        scene.job("in.jsonl", "out.jsonl", "limits.concurrency = 1\n");
        write(&mut scene, &[("a", "same"), ("b", "same"), ("c", "same")]);
        scene.run_job(&["job.toml"]).expect_code(3).says("2 ok · 1 failed");
        scene.run_job(&["job.toml", "--set", "input.duplicates=share"]).expect_code(0).says("3 ok");
        assert_eq!(scene.witness().len(), 3);
        // And from then on, however the job is set.
        scene.run_job(&["job.toml"]).expect_code(0).says("kept 3 ");
        assert_eq!(ends(&scene), ["ok"; 3]);
    });
}

#[test]
fn rows_that_are_named_otherwise_or_by_another_column_keep_their_answers() {
    scenario(|| {
        let mut scene = Scene::new();
        let by = |column: &str| format!("input.id = \"{column}\"\n");
        scene.job("in.jsonl", "out.jsonl", &by("id"));
        write(&mut scene, &[("a", "one"), ("bb", "two"), ("ccc", "three"), ("dddd", "three")]);
        scene.run_job(&["job.toml"]).expect_code(0);
        for (rows, column, says) in [
            // Other names, then another column, and names that are others' from before.
            (
                &[("e", "one"), ("ff", "two"), ("ggg", "three"), ("hhhh", "three")][..],
                "id",
                "kept 0 · moved 4",
            ),
            (&[("hhhh", "three"), ("e", "one"), ("ff", "two"), ("ggg", "three")], "n", "kept 0 · moved 4"),
            (&[("bb", "one"), ("a", "two"), ("dddd", "three"), ("ccc", "three")], "id", "kept 0 · moved 4"),
            (&[("bb", "one"), ("a", "two"), ("dddd", "three"), ("ccc", "three")], "id", "kept 4 · moved 0"),
        ] {
            write(&mut scene, rows);
            scene.job("in.jsonl", "out.jsonl", &by(column));
            let preview = scene.run(&["preview", "job.toml"]).expect_code(0).stdout;
            assert!(preview.contains("to send: 0 requests"), "{preview}");
            scene.run(&["export", "job.toml", "--output", "before.jsonl"]).expect_code(0);
            scene.run_job(&["job.toml"]).expect_code(0).says(says);
            assert_eq!(scene.read("before.jsonl"), scene.read("out.jsonl"));
            scene.run(&["verify", "job.toml"]).expect_code(0);
        }
        // One answer serves one row.
        write(&mut scene, &[("x", "one"), ("y", "one"), ("ccc", "three")]);
        scene.run_job(&["job.toml"]).expect_code(0).says("kept 0 · moved 2 · changed 0 · new 1");
        assert_eq!(scene.witness().len(), 5);
    });
}
