//! What is written besides a run's own output: exports, and the result of `verify`.

use std::fs;
use std::process::Stdio;

use crate::support::harness::{Finished, Scene, comparable, lines, row, rows};
use crate::support::tables::{ANSWER_COLUMNS, Table};

/// A job of so many rows.
fn scene(rows_count: usize) -> Scene {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..rows_count));
    scene.job("in.jsonl", "out.jsonl", "");
    scene
}

#[test]
fn export_writes_every_format_and_standard_output() {
    let mut scene = scene(4);
    scene.run_job(&["job.toml"]).expect_code(0);
    let journal = fs::read(scene.path("out.jsonl.journal")).expect("a journal");
    for output in ["copy.jsonl", "copy.csv", "copy.tsv", "copy.parquet", "deep/copy.csv.gz"] {
        scene.run(&["export", "job.toml", "--output", output]).expect_code(0).says("4 rows written to");
        let copy = Table::read(&scene.path(output));
        assert_eq!(copy.texts("id"), ["r0", "r1", "r2", "r3"]);
        assert_eq!(copy.columns[2..], ANSWER_COLUMNS);
    }
    let printed = scene.run(&["export", "job.toml", "--output", "-"]).expect_code(0);
    assert_eq!(printed.stdout, scene.read("out.jsonl"));
    assert_eq!(printed.stderr, "4 answers come from the simulator, not from a service\n");
    fs::remove_file(scene.path("out.jsonl")).expect("an output");
    scene.run(&["export", "job.toml"]).expect_code(0);
    assert_eq!(printed.stdout, scene.read("out.jsonl"));
    scene.run(&["export", "job.toml", "--output", "copy.ods"]).expect_code(2).says("copy.ods");
    assert_eq!(fs::read(scene.path("out.jsonl.journal")).expect("a journal"), journal);
}

#[test]
fn export_after_an_edit_gives_no_row_the_answer_of_another() {
    for id in ["", "input.id = \"id\"\n"] {
        let mut scene = Scene::new();
        scene.write("in.jsonl", rows(0..5));
        scene.job("in.jsonl", "out.jsonl", id);
        scene.run_job(&["job.toml"]).expect_code(0);
        // 3 is gone, 1 changed, 7 is new, the others moved.
        let changed = "{\"id\":\"r1\",\"text\":\"another text.\"}\n";
        scene.write("in.jsonl", [row(4).to_string(), "\n".into(), changed.into(), rows([7, 0, 2])].concat());
        scene.run(&["export", "job.toml", "--output", "copy.jsonl"]).expect_code(0);
        let copy = Table::read(&scene.path("copy.jsonl"));
        assert_eq!(copy.texts("id"), ["r4", "r1", "r7", "r0", "r2"]);
        assert_eq!(copy.texts("status"), ["ok", "pending", "pending", "ok", "ok"]);
        for row in copy.rows.iter().filter(|row| row["status"] == "ok") {
            let begin = format!("Summary: {}", row["text"].as_str().expect("text"));
            assert!(row["response"].as_str().expect("an answer").starts_with(&begin));
        }
        assert!(copy.rows[1]["response"].is_null() && copy.rows[1]["total_tokens"].is_null());
        scene.run_job(&["job.toml"]).expect_code(0).says("moved 3 · changed 1 · new 1");
        assert_eq!(scene.witness().len(), 7);
    }
}

#[test]
fn verify_finds_rows_that_are_missing_tampered_with_or_pending() {
    for output in ["out.jsonl", "out.csv", "out.parquet"] {
        let mut scene = scene(4);
        scene.job("in.jsonl", output, "input.id = \"id\"\n");
        scene.judge.output = output.to_owned();
        scene.run(&["verify", "job.toml"]).expect_code(1).says("has not run yet");
        scene.run_job(&["job.toml"]).expect_code(0);
        let said = scene.run(&["verify", "job.toml"]).expect_code(0).stdout;
        assert!(said.ends_with("verified: every row is answered, and in the output\n"), "{said}");
        let whole = fs::read(scene.path(output)).expect("an output");
        fs::remove_file(scene.path(output)).expect("an output");
        let said = scene.run(&["verify", "job.toml"]).expect_code(1).stdout;
        assert!(said.contains(&format!("{output} does not exist")), "{said}");
        if output != "out.parquet" {
            let text = String::from_utf8(whole.clone()).expect("text");
            scene.write(output, text.replacen("Summary: text of row 2", "Summary: text of row 9", 1));
            let said = scene.run(&["verify", "job.toml"]).expect_code(1).stdout;
            assert!(said.contains("1 row of") && said.contains("differs from the journal"), "{said}");
            scene.write(output, text.replacen("r1", "r8", 1));
            scene.run(&["verify", "job.toml"]).expect_code(1);
        }
        scene.write(output, &whole[..whole.len() / 2]);
        assert_ne!(scene.run(&["verify", "job.toml"]).code, Some(0));
        scene.write(output, whole);
        scene.run(&["verify", "job.toml"]).expect_code(0);
        scene.write("in.jsonl", rows(0..5));
        assert_ne!(scene.run(&["verify", "job.toml"]).code, Some(0));
    }
}

#[test]
fn verify_says_that_a_run_is_still_adding_to_the_journal() {
    let mut scene = Scene::with_script("[[fault]]\nrequests = [4, 1000]\ndelay = \"2s\"\n");
    scene.rows_and_job(8, "limits.concurrency = 3\n");
    let child = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(4);
    let said = scene.run(&["verify", "job.toml"]).expect_code(1).stdout;
    assert!(said.contains("running: process ") && said.contains("verify again when it has ended"), "{said}");
    scene.end(child).expect_code(0);
    scene.run(&["verify", "job.toml"]).expect_code(0);
}

#[test]
fn a_reader_that_closes_an_export_early_is_not_an_error() {
    let mut scene = scene(2000);
    scene.run_job(&["job.toml"]).expect_code(0);
    for arguments in [&["export", "job.toml", "--output", "-"][..], &["preview", "job.toml", "-n", "2000"]] {
        let mut command = scene.command(arguments);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        drop(child.stdout.take());
        let finished = Finished::from(child.wait_with_output().expect("ended")).expect_code(0);
        assert_eq!(finished.stderr, "");
    }
}

#[test]
fn an_export_of_a_whole_job_is_its_output() {
    let mut scene = scene(3);
    scene.run_job(&["job.toml"]).expect_code(0);
    scene.run(&["export", "job.toml", "--output", "copy.jsonl"]).expect_code(0);
    assert_eq!(comparable(&scene.path("copy.jsonl")), comparable(&scene.path("out.jsonl")));
    assert_eq!(lines(&scene.path("out.jsonl"))[0]["attempts"], 1);
}

#[test]
fn an_input_that_has_gained_or_lost_a_row_is_distinguished_from_a_wrong_output() {
    let mut scene = scene(4);
    scene.run_job(&["job.toml"]).expect_code(0);
    for count in [5, 3] {
        scene.write("in.jsonl", rows(0..count));
        let told = scene.run(&["verify", "job.toml"]).expect_code(1);
        assert!(
            told.stdout.contains("the input has changed since the output was written"),
            "{}",
            told.stdout
        );
    }
    scene.write("in.jsonl", rows(0..4));
    let output = scene.read("out.jsonl");
    scene.write("out.jsonl", output.lines().take(3).map(|line| format!("{line}\n")).collect::<String>());
    let told = scene.run(&["verify", "job.toml"]).expect_code(1);
    assert!(told.stdout.contains("the output differs from the journal"), "{}", told.stdout);
}

#[test]
fn a_failed_row_is_named_as_its_story_is_asked_for() {
    for (more, name) in [("", "3"), ("input.id = \"id\"\n", "r2")] {
        let script = "[[fault]]\ncontains = \"of row 2.\"\nstatus = 400\nmessage = \"no\"\n";
        let scene = Scene::with_script(script);
        scene.write("in.jsonl", rows(0..4));
        scene.job("in.jsonl", "out.jsonl", more);
        scene.run(&["run", "job.toml"]).expect_code(3);
        let told = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
        assert!(told.contains(&format!("such as row {name}: ")), "{told}");
        scene.run(&["status", "job.toml", "--row", name]).expect_code(0);
    }
}
