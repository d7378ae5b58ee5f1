//! An input that is changed, truncated or removed while the run reads it: no row gets the answer of another.

use std::fs::{self, OpenOptions};
use std::io::Write;

use fanfold::simulator::ServerSettings;
use rustix::process::Signal;

use crate::support::harness::{Scene, rows, signal, text};

const ROWS: usize = 150;

fn scene() -> Scene {
    let latency = "fixed:30ms".parse().expect("a latency");
    let mut scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
    scene.rows_and_job(ROWS, "limits.concurrency = 2\n");
    scene
}

/// Runs, and changes the input in the middle.
fn changed_meanwhile(scene: &mut Scene, numbers: &[usize]) -> crate::support::harness::Finished {
    let child = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(30);
    scene.write("new.jsonl", rows(numbers.iter().copied()));
    fs::rename(scene.path("new.jsonl"), scene.path("in.jsonl")).expect("replaced");
    scene.judge.texts = Some(numbers.iter().map(|number| text(*number)).collect());
    scene.end(child)
}

#[test]
fn an_input_that_is_replaced_in_the_middle_is_planned_again_and_gives_the_right_output() {
    let mut scene = scene();
    let numbers: Vec<usize> = [1000].into_iter().chain(1..ROWS).chain(1001..1010).collect();
    changed_meanwhile(&mut scene, &numbers).expect_code(0).says("the input changed while it was read");
    let receipt = scene.receipt();
    assert_eq!(receipt["this_run"]["requests"], scene.witness().len(), "{receipt}");
    assert!(scene.witness().len() <= ROWS + 10, "no row is sent twice");
}

#[test]
fn a_column_that_appears_in_the_middle_is_checked_against_the_answer_columns() {
    let mut scene = scene();
    // Long enough to be read a piece at a time.
    let line =
        |number| format!("{{\"original\": \"{}\", \"text\": \"{}\"}}\n", "x".repeat(4000), text(number));
    let input: String = (0..ROWS).map(line).collect();
    scene.write("in.jsonl", &input);
    let child = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(20);
    // From one write to the next, the file is complete.
    let (before, behind) = input.split_at(input.len() / 2);
    let changed = before.to_owned() + &behind.replace("original", "response");
    let mut file = OpenOptions::new().write(true).open(scene.path("in.jsonl")).expect("a file");
    file.write_all(changed.as_bytes()).expect("written");
    let words = "the input has a column `response`, as the answers do";
    scene.end(child).expect_code(1).says("the input changed while it was read").says(words);
    for _ in 0..2 {
        scene.run_job(&["job.toml"]).expect_code(1).says(words);
    }
    assert!(scene.witness().len() <= ROWS + 2, "and all answers are kept");
}

#[test]
fn rows_taken_out_in_the_middle_are_not_in_the_output() {
    let mut scene = scene();
    let numbers: Vec<usize> = (0..ROWS).filter(|number| number % 3 == 0).collect();
    changed_meanwhile(&mut scene, &numbers).expect_code(0);
    assert_eq!(scene.output().len(), ROWS / 3);
}

#[test]
fn an_input_that_is_replaced_before_an_interruption_gives_the_right_output_too() {
    let mut scene = scene();
    let child = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(30);
    let numbers: Vec<usize> = (0..ROWS).rev().collect();
    scene.write("in.jsonl", rows(numbers.iter().copied()));
    scene.judge.texts = Some(numbers.iter().map(|number| text(*number)).collect());
    signal(&child, Signal::INT);
    scene.end(child).expect_code(130);
    assert!(scene.receipt()["rows"]["ok"].as_u64() >= Some(28));
}

#[test]
fn an_input_that_is_taken_away_ends_the_run_and_loses_no_answer() {
    let mut scene = scene();
    let child = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(30);
    fs::rename(scene.path("in.jsonl"), scene.path("elsewhere.jsonl")).expect("moved");
    scene.end(child).expect_code(1).says("in.jsonl");
    let stored: usize = scene
        .journal()
        .query_row("SELECT count(*) FROM entries WHERE status = 'ok'", [], |row| row.get(0))
        .expect("a count");
    assert!(stored >= 28, "{stored}");
    fs::rename(scene.path("elsewhere.jsonl"), scene.path("in.jsonl")).expect("moved back");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert!(scene.witness().len() <= ROWS + 2);
}

#[test]
fn an_input_that_is_cut_in_the_middle_of_a_row_ends_the_run_and_loses_no_answer() {
    let mut scene = scene();
    let child = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(30);
    let whole = scene.read("in.jsonl");
    scene.write("in.jsonl", &whole[..1000]);
    scene.end(child).expect_code(1).says("in.jsonl:");
    scene.write("in.jsonl", whole);
    scene.run_job(&["job.toml"]).expect_code(0);
    assert!(scene.witness().len() <= ROWS + 2);
}

#[test]
fn an_input_with_fewer_rows_than_the_job_expects_sends_nothing_and_leaves_the_output() {
    let mut scene = Scene::new();
    scene.rows_and_job(10, "input.min_rows = 8\n");
    scene.run_job(&["job.toml"]).expect_code(0);
    let before = scene.read("out.jsonl");
    for rows in [0..0, 0..7] {
        scene.write("in.jsonl", crate::support::harness::rows(rows.clone()));
        let words = format!("the input has {} rows, and `min_rows` under [input] is 8", rows.len());
        scene.run(&["run", "job.toml"]).expect_code(1).says(&words).says("did the export");
        scene.run(&["preview", "job.toml"]).expect_code(1).says(&words);
        assert_eq!(scene.read("out.jsonl"), before, "the old output stays");
    }
    assert_eq!(scene.witness().len(), 10);
    // The journal was not updated to the invalid input.
    scene.write("in.jsonl", crate::support::harness::rows(0..10));
    scene.run_job(&["job.toml"]).expect_code(0).says("kept 10");
    scene.run(&["preview", "job.toml", "--limit", "3"]).expect_code(0);
}
