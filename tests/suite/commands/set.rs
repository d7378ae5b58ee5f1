//! An active run is changed by the real command from a second process.

use std::fs;
use std::io::Write;
use std::process::{Child, Stdio};

use fanfold::simulator::ServerSettings;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::harness::{Scene, rows, signal, text};

const ROWS: usize = 120;

/// A run slow enough to be changed.
fn slow(more: &str) -> (Scene, Child) {
    let latency = "fixed:30ms".parse().expect("a latency");
    let mut scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
    scene.rows_and_job(ROWS, &format!("limits.qps = 10\n{more}"));
    let child = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(3);
    (scene, child)
}

/// The mean time between these requests.
fn mean_gap(requests: &[Value]) -> f64 {
    let at = |request: &Value| request["since_start"].as_f64().expect("a time");
    let whole = at(&requests[requests.len() - 1]) - at(&requests[0]);
    whole / (requests.len() - 1) as f64
}

/// The run was at its own rate at first, and is several times as fast at the end.
fn has_become_faster(scene: &Scene) {
    let requests = scene.witness();
    let (slow, fast) = (mean_gap(&requests[..3]), mean_gap(&requests[requests.len() - 50..]));
    assert!(fast < slow / 3.0, "{slow} s, and {fast} s in the end");
}

/// The orders in the journal: key, value, and the run that accepted them.
fn orders(scene: &Scene) -> Vec<(String, String, Option<i64>)> {
    let journal = scene.journal();
    let sql =
        "SELECT key, value, CASE WHEN taken_at IS NULL THEN NULL ELSE run END FROM orders ORDER BY number";
    let mut statement = journal.prepare(sql).expect("orders");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.expect("orders").map(|row| row.expect("an order")).collect()
}

#[test]
fn a_new_rate_is_accepted_by_the_run_and_recorded_in_its_journal() {
    let (mut scene, child) = slow("");
    let told = scene.run(&["set", "job.toml", "qps=500", "concurrency=20"]).expect_code(0);
    told.says("qps=500, concurrency=20: applied to process").says("until that run ends");
    let finished = scene.end(child).expect_code(0);
    assert!(finished.stderr.contains("set: qps=500, concurrency=20"), "{}", finished.stderr);
    let expected = [("qps", "500"), ("concurrency", "20")];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned(), Some(1)));
    assert_eq!(orders(&scene), expected);
    has_become_faster(&scene);
}

#[test]
fn a_pause_sends_nothing_more_is_shown_and_ends_with_resume() {
    let (mut scene, child) = slow("");
    scene.run(&["set", "job.toml", "pause"]).expect_code(0);
    // Requests in flight at the time of the order have returned.
    let status = || -> Value {
        let shown = scene.run(&["status", "job.toml", "--json"]).expect_code(0).stdout;
        serde_json::from_str(&shown).expect("JSON")
    };
    scene.wait_until(|| status()["ok"] == scene.witness_count());
    let sent = scene.witness_count();
    assert_eq!((&status()["paused"], &status()["told"][0]), (&Value::Bool(true), &"pause".into()));
    assert_eq!((&status()["held_by"], &status()["seconds_left"]), (&"pause".into(), &Value::Null));
    let shown = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
    assert!(shown.contains("held by pause") && shown.contains("changed by `fanfold set`: pause"), "{shown}");
    assert_eq!(scene.witness_count(), sent, "nothing is sent in a pause");
    scene.run(&["set", "job.toml", "resume", "qps=200"]).expect_code(0);
    scene.end(child).expect_code(0);
    assert_eq!(scene.witness().len(), ROWS);
    let met = &scene.receipt()["this_run"]["limits_met"];
    assert!(met.as_array().is_some_and(|met| met.contains(&"pause".into())), "{met}");
}

#[test]
fn changed_limits_still_apply_when_the_input_changes_and_is_planned_again() {
    let (mut scene, child) = slow("");
    scene.run(&["set", "job.toml", "qps=20"]).expect_code(0);
    scene.wait_for_requests(10);
    let numbers: Vec<usize> = (1..ROWS).chain([1000]).collect();
    scene.write("new.jsonl", rows(numbers.iter().copied()));
    fs::rename(scene.path("new.jsonl"), scene.path("in.jsonl")).expect("replaced");
    scene.judge.texts = Some(numbers.into_iter().map(text).collect());
    scene.wait_for_requests(30);
    scene.run(&["set", "job.toml", "qps=500"]).expect_code(0);
    let finished = scene.end(child).expect_code(0).says("planning again");
    for told in ["set: qps=20", "set: qps=500"] {
        assert_eq!(finished.stderr.matches(told).count(), 1, "{told}: {}", finished.stderr);
    }
    let expected = [("qps", "20"), ("qps", "500")];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned(), Some(1)));
    assert_eq!(orders(&scene), expected);
    has_become_faster(&scene);
}

#[test]
fn a_run_that_still_reads_its_first_input_is_reported() {
    let mut scene = Scene::new();
    scene.job("-", "out.jsonl", "input.format = \"jsonl\"\n");
    let mut command = scene.command(&["run", "job.toml"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let mut told = String::new();
    scene.wait_until(|| {
        told = scene.run(&["set", "job.toml", "qps=5"]).expect_code(1).stderr;
        told.contains("is reading its input and has no journal yet")
    });
    assert!(told.contains("try again once it is sending"), "{told}");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(rows(0..3).as_bytes()).expect("written");
    drop(stdin);
    scene.judge.texts = Some((0..3).map(text).collect());
    scene.end(child).expect_code(0);
}

#[test]
fn stop_works_like_a_signal_and_the_same_command_continues_without_the_orders() {
    let (mut scene, child) = slow("");
    scene.run(&["set", "job.toml", "pause"]).expect_code(0);
    scene.run(&["set", "job.toml", "stop"]).expect_code(0);
    let finished = scene.end(child).expect_code(130);
    let finished = finished.says("set: stop").says("interrupted: all answers received are stored");
    assert!(finished.stderr.trim_end().ends_with("run job.toml"), "{}", finished.stderr);
    assert_eq!(scene.receipt()["reason"], "interrupted");
    scene.run_job(&["job.toml", "--qps", "500"]).expect_code(0);
    assert_eq!(scene.witness().len(), ROWS);
}

#[test]
fn a_cap_below_the_amount_spent_stops_like_any_cap() {
    let (mut scene, child) = slow("price = { input = 100.0, output = 100.0 }\n");
    scene.run(&["set", "job.toml", "max_cost=0.0001"]).expect_code(0);
    let finished = scene.end(child).expect_code(5).says("stopped at the cap `max_cost`");
    assert!(finished.stderr.contains(" left of 0.0001\n"), "{}", finished.stderr);
    let text = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
    assert!(!text.contains("max_cost: "), "what it was told ended with it: {text}");
}

#[test]
fn an_order_that_nobody_took_up_is_none_for_the_next_run() {
    let (mut scene, child) = slow("");
    signal(&child, Signal::INT);
    scene.end(child).expect_code(130);
    let connection = rusqlite::Connection::open(scene.path("out.jsonl.journal")).expect("a journal");
    let sql = "INSERT INTO orders (key, value, given_at) VALUES ('stop', '', 1.0)";
    connection.execute(sql, []).expect("an order");
    drop(connection);
    scene.run_job(&["job.toml", "--qps", "500"]).expect_code(0);
    assert_eq!(orders(&scene), [("stop".to_owned(), String::new(), None)]);
}

#[test]
fn without_an_active_run_the_job_file_is_named() {
    let mut scene = Scene::new();
    scene.rows_and_job(3, "");
    let told = |scene: &Scene| scene.run(&["set", "job.toml", "qps=5"]).expect_code(1);
    told(&scene).says("no run of this job is active").says("the job file");
    assert!(!scene.path("out.jsonl.journal").exists(), "nothing is left behind");
    scene.run_job(&["job.toml"]).expect_code(0);
    told(&scene).says("no run of this job is active");
    assert!(orders(&scene).is_empty());
}

#[test]
fn mistakes_are_reported_in_the_words_of_the_job_file() {
    let mut scene = Scene::new();
    scene.rows_and_job(3, "");
    for (words, said) in [
        (["qps=0"], "`qps` must be a number above 0"),
        (["qps=fast"], "expected a number"),
        (["concurrency=lots"], "`concurrency` must be \"auto\" or a whole number"),
        (["max_duration=soon"], "`soon` is not a duration"),
        (["max_cost=-1"], "`max_cost` must be a number, 0 or above"),
        (["qpd=5"], "did you mean `qp"),
        (["puase"], "did you mean `pause`?"),
        (["pause=1"], "`pause` takes no value"),
        (["qps"], "`qps` needs a value"),
    ] {
        let all = ["set", "job.toml"].iter().chain(&words).copied().collect::<Vec<_>>();
        let finished = scene.run(&all).expect_code(1).says(said);
        assert!(finished.stderr.contains(words[0]), "{}", finished.stderr);
    }
    scene.run(&["set", "job.toml"]).expect_code(2).says("no change given");
    scene.run(&["set", "nothing.toml", "qps=5"]).expect_code(1).says("there is no job file nothing.toml");
}
