//! Rows with equal requests are sent once, and each of them gets the answer.

use fanfold::simulator::ServerSettings;
use serde_json::json;

use crate::support::harness::{Scene, lines};

/// Rows of which each text comes four times.
fn repeated(texts: usize) -> String {
    let row = |n: usize| json!({ "id": n, "text": format!("text {} again.", n % texts) });
    (0..texts * 4).map(|n| format!("{}\n", row(n))).collect()
}

fn share(mut scene: Scene, texts: usize, more: &str) -> Scene {
    scene.write("in.jsonl", repeated(texts));
    scene.job("in.jsonl", "out.jsonl", &format!("input.duplicates = \"share\"\n{more}"));
    scene.judge.texts = Some((0..texts * 4).map(|n| format!("text {} again.", n % texts)).collect());
    scene
}

/// Every row has the answer to its own text.
fn all_answered(scene: &Scene) {
    for row in lines(&scene.path("out.jsonl")) {
        let begin = format!("Summary: {}", row["text"].as_str().expect("text"));
        assert!(row["response"].as_str().is_some_and(|text| text.starts_with(&begin)), "{row}");
        assert_eq!(row["status"], "ok");
    }
}

#[test]
fn equal_requests_are_sent_once_and_every_row_is_answered() {
    for more in ["", "input.id = \"id\"\n"] {
        let mut scene = share(Scene::new(), 5, more);
        scene.run_job(&["job.toml"]).expect_code(0).says("20 rows: 20 ok");
        assert_eq!(scene.witness().len(), 5);
        all_answered(&scene);
        scene.run_job(&["job.toml"]).expect_code(0).says("kept 20 ").says("nothing was sent");
        scene.run(&["verify", "job.toml"]).expect_code(0);
        // The row that was sent is gone; the others keep its answer.
        scene.judge.texts = None;
        let rows = scene.read("in.jsonl");
        scene.write("in.jsonl", rows.split_inclusive('\n').skip(5).collect::<String>());
        scene.run_job(&["job.toml"]).expect_code(0);
        assert_eq!(scene.witness().len(), 5);
        all_answered(&scene);
    }
}

#[test]
fn without_it_each_row_is_sent() {
    let mut scene = share(Scene::new(), 2, "");
    scene.run_job(&["job.toml", "--set", "input.duplicates=send"]).expect_code(0);
    assert_eq!(scene.witness().len(), 8);
}

#[test]
fn a_failure_is_shared_too_and_sent_again_once() {
    let fault =
        "[[fault]]\ncontains = \"text 1 \"\ntimes = 1\nstatus = 400\ncode = \"data_inspection_failed\"\n";
    let mut scene = share(Scene::with_script(fault), 3, "");
    scene.run_job(&["job.toml"]).expect_code(3).says("12 rows: 8 ok · 4 failed");
    assert_eq!(scene.witness().len(), 3);
    scene.run_job(&["job.toml"]).expect_code(3).says("kept 12 ");
    assert_eq!(scene.witness().len(), 3);
    scene.retry_failed().expect_code(0).says("12 rows: 12 ok");
    assert_eq!(scene.witness().len(), 4);
    all_answered(&scene);
}

#[test]
fn a_failure_that_was_shared_is_fixed_by_any_of_its_rows_that_is_sent_again() {
    let fault =
        "[[fault]]\ncontains = \"text 1 \"\ntimes = 2\nstatus = 400\ncode = \"data_inspection_failed\"\n";
    let mut scene = share(Scene::with_script(fault), 3, "");
    scene.run_job(&["job.toml"]).expect_code(3).says("4 failed");
    // A row that shared the failure now stands before the one that was sent.
    let rows = scene.read("in.jsonl");
    scene.write("in.jsonl", rows.lines().rev().map(|line| format!("{line}\n")).collect::<String>());
    scene.judge.texts = None;
    scene.retry_failed().expect_code(3).says("8 ok · 4 failed");
    assert_eq!(scene.witness().len(), 4);
    scene.retry_failed().expect_code(0).says("12 rows: 12 ok");
    assert_eq!(scene.witness().len(), 5);
    all_answered(&scene);
}

#[test]
fn a_killed_run_continues_and_still_sends_each_request_once() {
    let latency = "uniform:5ms..25ms".parse().expect("a latency");
    let scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
    let mut scene = share(scene, 40, "limits.concurrency = 2\n");
    for (point, times) in [("journal.commit.after", 4), ("dispatch.answered", 8), ("journal.share.before", 1)]
    {
        scene.die_at(point, times);
    }
    scene.run_job(&["job.toml"]).expect_code(0).says("160 rows: 160 ok");
    all_answered(&scene);
    let (sent, in_doubt) = (scene.witness().len(), scene.in_doubt());
    assert!((41..=40 + in_doubt).contains(&sent), "{sent} requests, {in_doubt} in doubt");
}

#[test]
fn a_row_that_failed_for_its_own_answer_can_share_another_s_later() {
    let script = "[[fault]]\ncontains = \"text 1 \"\ntimes = 4\ncontent = \"wrong\"\n\
                  [[fault]]\ncontains = \"text\"\ncontent = '{\"a\":\"right\"}'\n";
    let more = "request.response_format = { type = \"json_schema\" }\nanswer.schema = \"a.json\"\nanswer.repair = 0\n";
    let mut scene = share(Scene::with_script(script), 3, more);
    scene.judge.texts = None;
    let schema = json!({ "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] });
    scene.write("a.json", schema.to_string());
    scene.run_job(&["job.toml", "--set", "input.duplicates=send"]).expect_code(3).says("4 failed");
    scene.retry_failed().expect_code(0).says("12 rows: 12 ok");
    assert_eq!(scene.witness().len(), 13, "one of the four is sent again, and the others share its answer");
    for row in lines(&scene.path("out.jsonl")) {
        assert_eq!(row["response"], r#"{"a":"right"}"#, "{row}");
    }
    scene.run_job(&["job.toml"]).expect_code(0).says("kept 12 ");
    scene.run(&["verify", "job.toml"]).expect_code(0);
}
