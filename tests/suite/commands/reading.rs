//! `fanfold read`: documents as they are read, before anything is paid.

use serde_json::Value;

use crate::support::harness::{Scene, lines};

fn scene() -> Scene {
    let scene = Scene::new();
    scene.write("in/a.txt", "eins");
    scene.write("in/b.md", "# Zwei");
    scene.write("in/t.csv", "x\n");
    scene.job("in", "out.jsonl", "");
    scene
}

fn rows(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn each_document_is_a_line_in_order_and_nothing_is_kept_or_sent() {
    let scene = scene();
    for arguments in [&["read", "in"][..], &["read", "job.toml"]] {
        let finished = scene.run(arguments).expect_code(0).says("2 documents");
        let rows = rows(&finished.stdout);
        assert_eq!((&rows[0]["path"], &rows[0]["text"]), (&"a.txt".into(), &"eins".into()));
        assert_eq!((&rows[1]["path"], &rows[1]["format"]), (&"b.md".into(), &"markdown".into()));
        assert!(rows.iter().all(|row| row.get("kept").is_none()));
    }
    assert!(!scene.path("out.jsonl.documents").exists() && scene.witness().is_empty());
}

#[test]
fn a_document_that_cannot_be_read_is_a_line_with_its_code_and_exit_code_3() {
    let scene = scene();
    scene.write("in/c.txt", "");
    let finished =
        scene.run(&["read", "in/a.txt", "in/c.txt"]).expect_code(3).says("1 of them cannot be read");
    let rows = rows(&finished.stdout);
    assert_eq!((&rows[1]["path"], &rows[1]["error_code"]), (&"in/c.txt".into(), &"empty".into()));
}

#[test]
fn another_encoding_is_tried_with_set_and_lines_go_to_a_file() {
    let scene = scene();
    scene.write("g.txt", b"\xc4\xe3\xba\xc3");
    let arguments = ["read", "g.txt", "--set", "input.encoding=gbk", "--output", "o.jsonl"];
    let finished = scene.run(&arguments).expect_code(0);
    assert!(finished.stdout.is_empty());
    assert_eq!(lines(&scene.path("o.jsonl"))[0]["text"], "你好");
    scene.run(&["read", "g.txt", "--output", "o.txt"]).expect_code(2).says("ends in .jsonl");
}

#[test]
fn tables_and_missing_files_are_refused() {
    let scene = scene();
    scene.run(&["read", "in/t.csv"]).expect_code(1).says("these are tables");
    scene.run(&["read", "nothing.pdf"]).expect_code(1).says("no such file");
}
