//! The state of a job, watched from another terminal.

use std::io::Read;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::harness::{Finished, Scene, signal};

/// A run that has answered some rows, and waits for the next ones until it is told to stop.
fn half_done(scene: &mut Scene, more: &str) -> std::process::Child {
    scene.rows_and_job(20, &format!("limits.concurrency = 2\n{more}"));
    let run = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(12);
    scene.wait_until(|| answered(scene) >= 10);
    run
}

fn answered(scene: &Scene) -> i64 {
    let sql = "SELECT count(*) FROM entries WHERE status = 'ok'";
    scene.journal().query_row(sql, [], |row| row.get(0)).unwrap_or(0)
}

#[test]
fn status_of_a_run_shows_its_present_rates_and_its_bottleneck() {
    let mut scene = Scene::with_script(
        "[[fault]]\nrequests = [2, 2]\nstatus = 500\nmessage = \"worker 17 is gone\"\n\
         [[fault]]\nrequests = [11, 1000]\ndelay = \"4s\"\n",
    );
    let run = half_done(&mut scene, "");
    let json = scene.run(&["status", "job.toml", "--json"]).expect_code(0).stdout;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["version"], &json["running"]), (&1.into(), &true.into()));
    assert!(json["rows_per_second"].as_f64().is_some_and(|rate| rate > 0.0), "{json}");
    assert!(json["tokens_per_second"].as_f64().is_some_and(|rate| rate > 0.0), "{json}");
    assert_eq!(json["last_errors"][0]["example"], "worker 17 is gone");
    let text = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
    for part in ["━", " rows/s · ", " left at that rate", "recent failures", "1 × 500 "] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(text.lines().nth(2).is_some_and(|line| line.starts_with("running: ")), "{text}");
    signal(&run, Signal::INT);
    scene.end(run).expect_code(130);
    let text = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
    assert!(!text.contains(" rows/s") && text.contains("(interrupted)"), "{text}");
}

#[test]
fn a_watch_shows_the_end_of_the_run_and_ends_with_it() {
    let mut scene = Scene::with_script("[[fault]]\nrequests = [11, 1000]\ndelay = \"1s\"\n");
    let run = half_done(&mut scene, "");
    let watch = scene.start(&["status", "job.toml", "--watch"]);
    scene.end(run).expect_code(0);
    let seen = Finished::from(watch.wait_with_output().expect("an end")).expect_code(0).stdout;
    let blocks: Vec<&str> = seen.split("\n\n").filter(|block| !block.is_empty()).collect();
    assert!(blocks.len() >= 2 && blocks.iter().all(|block| block.starts_with("20 rows: ")), "{seen}");
    assert!(blocks[0].contains("running: ") && blocks[blocks.len() - 1].contains("20 ok"), "{seen}");
    assert!(!seen.contains('\u{1b}'), "nothing drives a terminal where there is none");
}

#[test]
fn leaving_a_watch_is_not_a_failure_and_does_not_disturb_the_run() {
    let mut scene = Scene::with_script("[[fault]]\nrequests = [11, 1000]\ndelay = \"2s\"\n");
    let run = half_done(&mut scene, "");
    let mut watch = scene.start(&["status", "job.toml", "--watch"]);
    // Signals are handled by the time it has shown something.
    let mut first = [0; 1];
    watch.stdout.as_mut().expect("its output").read_exact(&mut first).expect("something is shown");
    signal(&watch, Signal::INT);
    Finished::from(watch.wait_with_output().expect("an end")).expect_code(0);
    scene.end(run).expect_code(0);
    scene.run(&["status", "job.toml", "--watch", "--json"]).expect_code(2);
}

#[test]
fn the_history_of_a_row_has_its_request_its_attempts_in_order_and_their_usage() {
    let mut scene = Scene::with_script("[[fault]]\ncontains = \"row 1.\"\nfirst_tries = 1\nstatus = 500\n");
    scene.rows_and_job(3, "price = { input = 1.0, output = 2.0 }\n");
    scene.run_job(&["job.toml"]).expect_code(0);
    let text = scene.run(&["status", "job.toml", "--row", "2"]).expect_code(0).stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("row 2: ok after 2 requests · ") && lines[0].contains("cost"), "{text}");
    assert!(lines[1].contains("\"content\":\"text of row 1.\""), "{text}");
    assert!(lines[2].contains("500 ") && lines[3].contains("answered · stop · "), "{text}");
    let json = scene.run(&["status", "job.toml", "--row", "2", "--json"]).expect_code(0).stdout;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["request"]["messages"][0]["content"], "text of row 1.");
    assert_eq!(json["answers"].as_array().map(Vec::len), Some(1));
    assert_eq!(json["fingerprint"].as_str().map(str::len), Some(32));
    assert!(json["prompt_tokens"].as_u64() > Some(0), "{json}");

    // Another input: the history remains, and says that its request is not the present one.
    scene.write("in.jsonl", "{\"id\": \"r0\", \"text\": \"a\"}\n{\"id\": \"r1\", \"text\": \"b\"}\n");
    let text = scene.run(&["status", "job.toml", "--row", "2"]).expect_code(0).stdout;
    assert!(text.contains("has changed since") && text.contains("answer: "), "{text}");
    std::fs::remove_file(scene.path("in.jsonl")).expect("removed");
    let text = scene.run(&["status", "job.toml", "--row", "2"]).expect_code(0).stdout;
    assert!(text.contains("can no longer be built from the input"), "{text}");
}

/// The outcome of each run, for programs and for people.
fn outcomes(scene: &Scene) -> (Vec<String>, String) {
    let json = scene.run(&["status", "job.toml", "--json"]).expect_code(0).stdout;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let runs = json["runs"].as_array().expect("runs").iter();
    let outcomes = runs.map(|run| run["outcome"].as_str().expect("a word").to_owned()).collect();
    (outcomes, scene.run(&["status", "job.toml"]).expect_code(0).stdout)
}

#[test]
fn status_says_of_each_run_when_and_how_it_ended() {
    let mut scene = Scene::with_script("[[fault]]\nrequests = [3, 1000]\ndelay = \"60s\"\n");
    scene.rows_and_job(40, "request.max_tokens = 30\nlimits.concurrency = 2\n");
    let mut killed = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(3);
    scene.wait_until(|| answered(&scene) >= 2);
    let (now, text) = outcomes(&scene);
    assert_eq!(now, ["running"]);
    assert!(text.contains(": running · "), "{text}");
    killed.kill().expect("killed");
    killed.wait().expect("an end");
    scene.judge_after_a_kill();
    assert_eq!(outcomes(&scene).0, ["killed"]);
    scene.serve(fanfold::simulator::ServerSettings::default());
    scene.rows_and_job(40, "request.max_tokens = 30\n");
    scene.run_job(&["job.toml", "--max-total-tokens", "10"]).expect_code(5);
    scene.run_job(&["job.toml", "--until", "2026-01-02 06:00"]).expect_code(7);
    let texts = scene.judge.texts.take();
    std::fs::remove_file(scene.path("out.jsonl")).expect("removed");
    scene.run_job(&["job.toml", "--limit", "20"]).expect_code(0);
    scene.judge.texts = texts;
    let refusing =
        "[[fault]]\nstatus = 401\ncode = \"invalid_api_key\"\nmessage = \"Incorrect API key provided.\"\n";
    let script = fanfold::simulator::Script::parse(refusing).expect("a good script");
    scene.serve(fanfold::simulator::ServerSettings { script, ..Default::default() });
    scene.rows_and_job(40, "request.max_tokens = 30\n");
    scene.run_job(&["job.toml"]).expect_code(4);
    scene.serve(fanfold::simulator::ServerSettings::default());
    scene.rows_and_job(40, "request.max_tokens = 30\n");
    scene.run_job(&["job.toml"]).expect_code(0);
    let (outcomes, text) = outcomes(&scene);
    assert_eq!(outcomes, ["killed", "cap", "time", "finished", "refused", "finished"]);
    for (run, how) in [
        (1, "killed, or stopped immediately, after 20"),
        (2, "stopped by `max_total_tokens` at 20"),
        (3, "stopped by `until` at 20"),
        (4, "finished at 20"),
        (5, "refused by the API at 20"),
        (6, "finished at 20"),
    ] {
        let line = text.lines().find(|line| line.starts_with(&format!("  run {run}"))).expect("a line");
        assert!(line.contains(&format!("Z: {how}")) && line.contains("Z · "), "{line}");
    }
}

#[test]
fn a_log_tells_which_run_it_is_of_and_when_each_line_was_written() {
    let mut scene = Scene::new();
    scene.rows_and_job(20, "limits.qps = 3\n");
    let texts = scene.judge.texts.take();
    scene.run_job(&["job.toml", "--limit", "1"]).expect_code(0);
    scene.judge.texts = texts;
    let mut command = scene.command(&["run", "job.toml"]);
    let child =
        command.env("TZ", "EAST-2").stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = child.spawn().expect("the binary runs");
    let said = scene.end(child).expect_code(0).stderr;
    let timed: Vec<&str> = said
        .lines()
        .filter_map(|line| {
            let (time, rest) = line.split_once("+02:00 ")?;
            time.parse::<jiff::civil::DateTime>().expect("a time");
            Some(rest)
        })
        .collect();
    assert_eq!(timed[0], "run 2 of job.toml: 19 rows to send, output out.jsonl", "{said}");
    assert!(timed.len() >= 2 && timed[1].contains(" of 20 rows (") && timed[1].contains(" rows/s"), "{said}");
    // Nothing is left, and a terminal's line needs no time.
    let said = scene.run(&["run", "job.toml", "--progress", "none"]).expect_code(0).stderr;
    assert!(said.contains(" run 3 of job.toml: nothing to send, output out.jsonl\n"), "{said}");
    let said = scene.run(&["run", "job.toml", "--progress", "bar"]).expect_code(0).stderr;
    assert!(said.contains("\nrun 4 of job.toml: "), "{said}");
}
