//! Preview, status, watching a run, and the output of a run.

use std::fs;
use std::process::Child;

use fanfold::simulator::{ServerLimits, ServerSettings};
use rustix::process::{Pid, Signal};
use serde_json::Value;

use crate::support::harness::{Finished, Scene, rows};
use crate::support::tables::Table;

fn scene(rows_count: usize) -> Scene {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..rows_count));
    scene.job("in.jsonl", "out.jsonl", "price = { input = 1.0, output = 2.0 }\n");
    scene
}

/// A slow run, after its first answer.
fn slow_run() -> (Scene, Child) {
    let latency = "fixed:100ms".parse().expect("a latency");
    let scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
    scene.write("in.jsonl", rows(0..200));
    scene.job("in.jsonl", "out.jsonl", "limits.concurrency = 2\n");
    let child = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(5);
    (scene, child)
}

#[test]
fn preview_counts_and_estimates_and_leaves_nothing_behind() {
    let mut scene = scene(7);
    let shown = scene.run(&["preview", "job.toml", "-n", "2"]).expect_code(0).stdout;
    assert!(
        shown.contains("in.jsonl:1: ") && shown.contains("in.jsonl:2: ") && !shown.contains("in.jsonl:3")
    );
    assert!(shown.contains("\"content\": \"text of row 1.\""), "{shown}");
    assert!(shown.contains("7 rows: new 7"), "{shown}");
    assert!(shown.contains("to send: 7 requests") && shown.contains("\nat most: "), "{shown}");
    assert!(scene.witness().is_empty());
    let mut names: Vec<_> = fs::read_dir(scene.path(""))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["in.jsonl", "job.toml", "witness.jsonl"]);
    scene.run_job(&["job.toml"]).expect_code(0);
    scene.write("in.jsonl", rows([9, 0, 1, 2, 3, 4, 5]));
    let journal = fs::read(scene.path("out.jsonl.journal")).expect("a journal");
    let shown = scene.run(&["preview", "job.toml", "-n", "0"]).expect_code(0).stdout;
    assert!(
        shown.contains("to send: 1 request,") && shown.contains("an answer usually has about "),
        "{shown}"
    );
    assert_eq!(fs::read(scene.path("out.jsonl.journal")).expect("a journal"), journal);
}

#[test]
fn status_shows_the_state_of_a_job_as_text_and_as_json() {
    let mut scene = scene(5);
    scene.run(&["status", "job.toml"]).expect_code(1).says("has not run yet");
    scene.run_job(&["job.toml"]).expect_code(0);
    let text = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
    assert!(text.starts_with("5 rows: 5 ok · 0 failed · 0 left\n"), "{text}");
    assert!(text.contains("not running: finished at "), "{text}");
    let json = scene.run(&["status", "job.toml", "--json"]).expect_code(0).stdout;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["version"], &json["ok"], &json["left"]), (&1.into(), &5.into(), &0.into()));
    assert_eq!(json["running"], false);
    assert!(json["cost"].as_f64().is_some_and(|cost| cost > 0.0), "{json}");
    assert_eq!(json["runs"].as_array().map(Vec::len), Some(1));
}

#[test]
fn status_tells_the_history_of_one_row() {
    let fault = "[[fault]]\ncontains = \"row 1.\"\nfirst_tries = 1\nstatus = 500\n";
    for (id, name) in [("", "2"), ("input.id = \"id\"\n", "r1")] {
        let mut scene = Scene::with_script(fault);
        scene.write("in.jsonl", rows(0..3));
        scene.job("in.jsonl", "out.jsonl", id);
        scene.run_job(&["job.toml"]).expect_code(0);
        let text = scene.run(&["status", "job.toml", "--row", name]).expect_code(0).stdout;
        assert!(text.contains(": ok after 2 requests") && text.contains("500"), "{text}");
        assert!(text.contains("answer: Summary: text of row 1."), "{text}");
        let json = scene.run(&["status", "job.toml", "--row", name, "--json"]).expect_code(0).stdout;
        let json: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!((&json["status"], &json["faults"][0]["status"]), (&"ok".into(), &500.into()));
        scene.run(&["status", "job.toml", "--row", "99"]).expect_code(1).says("no row `99`");
    }
}

#[test]
fn status_and_export_look_on_while_the_job_runs_and_a_second_run_is_refused() {
    let (mut scene, mut child) = slow_run();
    let status = || -> Value {
        let said = scene.run(&["status", "job.toml", "--json"]).expect_code(0).stdout;
        serde_json::from_str(&said).expect("JSON")
    };
    // Requests in flight are not stored yet.
    scene.wait_until(|| status()["ok"].as_u64() > Some(0));
    let status = status();
    assert_eq!((&status["running"], &status["rows"]), (&true.into(), &200.into()));
    let text = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
    assert!(text.contains(&format!("running: process {}", child.id())), "{text}");
    for output in ["half.jsonl", "half.csv", "half.parquet"] {
        scene.run(&["export", "job.toml", "--output", output]).expect_code(0);
        let half = Table::read(&scene.path(output));
        assert_eq!(half.rows.len(), 200);
        assert!(half.texts("status").contains(&"ok".to_owned()), "something is answered");
    }
    scene.run(&["verify", "job.toml"]).expect_code(1);
    scene.run(&["preview", "job.toml"]).expect_code(0);
    assert!(child.try_wait().expect("a child").is_none(), "the run was still going on");
    let holder = format!("process {}", child.id());
    scene.run(&["run", "job.toml"]).expect_code(6).says("another run of this job is active").says(&holder);
    rustix::process::kill_process(Pid::from_child(&child), Signal::TERM).expect("told to stop");
    let finished = Finished::from(child.wait_with_output().expect("the run")).expect_code(130);
    scene.judge.judge(&finished);
}

#[test]
fn a_run_shows_its_progress_as_it_is_asked_to() {
    let mut scene = scene(20);
    let said = scene.run_job(&["job.toml", "--progress", "json"]).expect_code(0);
    let said: Vec<Value> =
        said.stderr.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
    assert!(said.iter().all(|line| line["version"] == 1 && line["type"].is_string()));
    let last = said.iter().rfind(|line| line["type"] == "progress").expect("progress");
    assert_eq!((&last["ok"], &last["left"], &last["rows"]), (&20.into(), &0.into(), &20.into()));
    assert_eq!(scene.run(&["run", "job.toml", "-q"]).expect_code(0).stderr, "");
    let said = scene.run(&["run", "job.toml", "--progress", "none"]).expect_code(0);
    assert!(said.stderr.contains("20 ok") && said.stdout.is_empty(), "{}", said.stderr);
    let quiet = Scene::new();
    quiet.write("in.jsonl", "{\"text\":1\n");
    quiet.job("in.jsonl", "out.jsonl", "");
    quiet.run(&["run", "job.toml", "-q"]).expect_code(1).says("in.jsonl:1: ");
    let said = quiet.run(&["run", "job.toml", "--progress", "json"]).expect_code(1);
    let line: Value = serde_json::from_str(said.stderr.lines().last().expect("a line")).expect("a JSON line");
    assert!(line["text"].as_str().expect("text").contains("in.jsonl:1: "));
}

#[test]
fn every_flag_of_the_interface_is_in_the_help_of_run() {
    let help = Scene::new().run(&["run", "--help"]).expect_code(0).stdout;
    for flag in "input output model base-url region system prompt limit qps qpm tpm concurrency max-attempts timeout \
                 max-cost max-total-tokens max-duration until metrics-file retry-failed fresh real-time simulate set progress journal color env-file \
                 quiet verbose"
        .split_whitespace()
    {
        assert!(help.contains(&format!("--{flag}")), "--{flag} is not in: {help}");
    }
    assert!(help.contains("-q, ") && help.contains("-v, "));
    let ask = Scene::new().run(&["ask", "--help"]).expect_code(0).stdout;
    for flag in
        "no-stream model system request enable-thinking no-thinking show-reasoning json base-url".split(' ')
    {
        assert!(ask.contains(&format!("--{flag}")), "--{flag} is not in: {ask}");
    }
    let scene = Scene::new();
    for command in
        ["run", "preview", "set", "status", "export", "report", "verify", "ask", "models", "simulate"]
    {
        assert!(scene.run(&["--help"]).stdout.contains(&format!("  {command} ")));
        scene.run(&[command, "--help"]).expect_code(0);
    }
}

#[test]
fn throttling_is_reported_and_every_row_is_answered() {
    let limits = ServerLimits { requests_per_second: Some(20), ..ServerLimits::default() };
    let mut scene = Scene::with_limits(limits);
    scene.write("in.jsonl", rows(0..25));
    scene.job("in.jsonl", "out.jsonl", "limits.qps = 200\n");
    scene.run_job(&["job.toml"]).expect_code(0).says("the service throttles").says("25 ok");
}

#[test]
fn an_address_where_nobody_answers_is_reported_at_once_and_the_rows_wait() {
    let mut scene = scene(3);
    scene.stop_server();
    scene
        .run_job(&["job.toml"])
        .expect_code(4)
        .says("nothing answers at http://127.0.0.1:")
        .says("3 pending");
    let status = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
    assert!(status.contains("not running: stopped at ") && status.contains("(never_reached)"), "{status}");
}
