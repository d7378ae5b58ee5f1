//! The page about a job, as a user gets it.

use std::fs;
use std::process::Stdio;

use fanfold::simulator::{Script, ServerSettings};
use rusqlite::Connection;

use crate::support::harness::{Scene, rows};

#[test]
fn a_report_is_next_to_the_output_and_shows_the_result_of_the_job() {
    // Latencies that differ, whatever the machine: if all are equal, the page says so and has no percentiles.
    let latency = "uniform:5ms..60ms".parse().expect("a latency");
    let script = "[[fault]]\ncontains = \"row 7.\"\nstatus = 400\ncode = \"data_inspection_failed\"\nmessage = \"no\"\n";
    let script = Script::parse(script).expect("a script");
    let mut scene = Scene::with(ServerSettings { latency, script, ..ServerSettings::default() });
    scene.rows_and_job(12, "price = { input = 1.0, output = 2.0 }\ninput.id = \"id\"\nlimits.qpm = 6000\n");
    scene.run_job(&["job.toml"]).expect_code(3);
    let before = fs::read(scene.path("out.jsonl")).expect("an output");
    Connection::open(scene.path("out.jsonl.journal"))
        .and_then(|journal| {
            let sql = "INSERT INTO orders (key, value, given_at, run) VALUES ('qps', '7', 1800000000, 1)";
            journal.execute(sql, [])
        })
        .expect("an order");
    scene.run(&["report", "job.toml"]).expect_code(0).says("report: out.jsonl.report.html");
    let page = scene.read("out.jsonl.report.html");
    for part in [
        "Content-Security-Policy\" content=\"default-src 'none'",
        "data_inspection_failed",
        "r7 (row 8)",
        "qwen-plus",
        "requests a minute</th><td>6000",
        "Rows answered each second",
        "p50",
        "<code>qps = 7</code>",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("href="));
    assert_eq!(fs::read(scene.path("out.jsonl")).expect("an output"), before);

    let printed = scene.run(&["report", "job.toml", "--output", "-"]).expect_code(0);
    assert!(printed.stdout.starts_with("<!DOCTYPE html>") && printed.stderr.is_empty());
    scene.run(&["report", "job.toml", "--output", "new/page.html"]).expect_code(0);
    assert!(scene.read("new/page.html").ends_with("</html>\n"));
}

#[test]
fn a_report_is_written_over_nothing_that_belongs_to_the_job() {
    let mut scene = Scene::new();
    scene.rows_and_job(2, "");
    scene.run_job(&["job.toml"]).expect_code(0);
    for name in ["in.jsonl", "job.toml", "out.jsonl", "out.jsonl.journal", "./out.jsonl.summary.json"] {
        let before = fs::read(scene.path(name)).expect("a file");
        scene.run(&["report", "job.toml", "--output", name]).expect_code(1).says("belongs to the job");
        assert_eq!(fs::read(scene.path(name)).expect("a file"), before, "{name}");
    }
}

#[test]
fn a_job_that_was_never_run_has_no_report_and_one_of_no_rows_has() {
    let scene = Scene::new();
    scene.write("in.jsonl", "");
    scene.job("in.jsonl", "out.jsonl", "");
    scene.run(&["report", "job.toml"]).expect_code(1).says("this job has not run yet");
    scene.run(&["run", "job.toml"]).expect_code(0);
    scene.run(&["report", "job.toml"]).expect_code(0);
    assert!(scene.read("out.jsonl.report.html").contains("Nothing has been answered yet."));
}

#[test]
fn text_from_rows_and_servers_stays_text() {
    let mut scene = Scene::with_script(
        "[[fault]]\ncontains = \"text of row 1.\"\nstatus = 400\ncode = \"<b>bad\"\n\
         message = \"<script>alert(1)</script>\\\" onload='x' \\u202e\"\n",
    );
    let mut input = rows(0..4);
    input.push_str("{\"id\": \"</title><script>alert(2)</script>\", \"text\": \"text of row 1.\"}\n");
    scene.write("in.jsonl", &input);
    scene.judge.texts = None;
    scene.job("in.jsonl", "out.jsonl", "input.id = \"id\"\n");
    scene.run(&["run", "job.toml"]).expect_code(3);
    let page = scene.run(&["report", "job.toml", "--output", "-"]).expect_code(0).stdout;
    assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("&lt;b&gt;bad"));
    for wrong in ["<script", "\u{202e}", "<b>"] {
        assert!(!page.contains(wrong), "{wrong} in {page}");
    }
}

#[test]
fn a_report_of_an_active_run_says_so_and_does_not_disturb_it() {
    let mut scene = Scene::with_script("[[fault]]\nrequests = [6, 1000]\ndelay = \"2s\"\n");
    scene.rows_and_job(10, "limits.concurrency = 2\n");
    let child = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(6);
    scene.wait_until(|| fs::metadata(scene.path("out.jsonl.journal")).is_ok());
    let page = scene.run(&["report", "job.toml", "--output", "-"]).expect_code(0).stdout;
    assert!(page.contains(", still running") && page.contains("<td>running</td>"), "{page}");
    scene.end(child).expect_code(0);
}

#[test]
fn the_journal_of_each_version_has_a_report_and_stays_as_it_is() {
    let scene = Scene::new();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/journal-v1.sqlite");
    fs::copy(shipped, scene.path("out.jsonl.journal")).expect("a copy");
    scene.job("in.jsonl", "out.jsonl", "");
    scene.run(&["report", "job.toml"]).expect_code(0);
    assert!(scene.read("out.jsonl.report.html").contains("data_inspection_failed"));
    let kept = fs::read(scene.path("out.jsonl.journal")).expect("bytes");
    assert_eq!(kept, fs::read(shipped).expect("bytes"));
}

#[test]
fn a_reader_that_closes_a_printed_report_early_causes_no_error() {
    let mut scene = Scene::new();
    scene.rows_and_job(2, "");
    scene.run_job(&["job.toml"]).expect_code(0);
    let mut command = scene.command(&["report", "job.toml", "--output", "-"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("an end");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
