//! The normal case: rows in, answers out.

use crate::support::harness::{Scene, lines, row, rows};

#[test]
fn every_row_is_answered_in_the_order_of_the_input() {
    let mut scene = Scene::new();
    scene.write("in.jsonl", rows(0..200));
    scene.job("in.jsonl", "out.jsonl", "");
    scene.judge.texts = Some((0..200).map(|n| row(n)["text"].as_str().expect("text").to_owned()).collect());
    scene.run_job(&["job.toml"]).expect_code(0).says("200 rows: new 200");
    let out = lines(&scene.path("out.jsonl"));
    assert_eq!(out[7]["id"], "r7");
    assert!(out[7]["response"].as_str().expect("an answer").starts_with("Summary: text of row 7."));
    assert!(out[7]["total_tokens"].as_u64().expect("tokens") > 0);
    scene.run_job(&["job.toml"]).expect_code(0).says("kept 200 · moved 0 · changed 0 · new 0");
    assert_eq!(scene.witness().len(), 200);
}

#[test]
fn the_same_works_without_a_job_file() {
    let mut scene = Scene::new();
    scene.write("in.csv", "id,text\n1,one\n2,\"two, and\nmore\"\n");
    let url = scene.base_url().to_owned();
    let arguments = [
        "--input",
        "in.csv",
        "--output",
        "out.jsonl",
        "--model",
        "qwen-plus",
        "--base-url",
        &url,
        "--prompt",
    ];
    let mut arguments = arguments.to_vec();
    arguments.push("Summarise: {{ text }}");
    scene.run_job(&arguments).expect_code(0);
    let out = lines(&scene.path("out.jsonl"));
    assert_eq!(out[1]["text"], "two, and\nmore");
    assert!(out[1]["response"].as_str().expect("an answer").contains("Summarise: two, and"));
}

#[test]
fn an_input_without_rows_is_a_run_without_rows() {
    let mut scene = Scene::new();
    scene.write("in.jsonl", "");
    scene.job("in.jsonl", "out.jsonl", "");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.read("out.jsonl"), "");
    assert!(scene.witness().is_empty());
}
