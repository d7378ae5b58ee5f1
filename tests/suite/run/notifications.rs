//! Notifications when a run starts, ends and stops: counts and codes, and nothing that reveals the address or a row.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use fanfold::simulator::ServerSettings;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::harness::{CANARY, Finished, Scene, signal};

/// The secret part of the address.
const SECRET: &str = "T0-B0-hush4711hush";

/// A server that records what it receives, and answers with a status; without one it does not answer.
fn ear(status: Option<&'static str>) -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}/hook/{SECRET}", listener.local_addr().expect("an address"));
    let (heard, told) = channel();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            hear(&mut stream, &heard);
            match status {
                Some(status) => {
                    let reply =
                        format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                    let _ = stream.write_all(reply.as_bytes());
                }
                None => silent.push(stream),
            }
        }
    });
    (address, told)
}

fn hear(stream: &mut impl Read, heard: &Sender<Value>) {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.and_then(|length| length.trim().parse().ok()).expect("a length");
            if body.len() >= length {
                assert!(head.starts_with(&format!("post /hook/{}", SECRET.to_ascii_lowercase())), "{head}");
                let _ = heard.send(serde_json::from_str(body).expect("JSON"));
                return;
            }
        }
        let read = stream.read(&mut buffer).expect("a request");
        assert!(read > 0, "the request is whole");
        bytes.extend_from_slice(&buffer[..read]);
    }
}

fn next(told: &Receiver<Value>) -> Value {
    told.recv_timeout(Duration::from_secs(20)).expect("a notification")
}

/// Runs a job with the notification address in a variable.
fn run(scene: &Scene, address: &str, arguments: &[&str]) -> Finished {
    let mut command = scene.command(arguments);
    Finished::from(command.env("NIGHT_URL", address).output().expect("the binary runs"))
}

/// The address is in no file and in no output.
fn assert_hidden(scene: &Scene, finished: &Finished) {
    let said = [&finished.stdout, &finished.stderr];
    assert!(said.iter().all(|text| !text.contains(SECRET)), "{finished:?}");
    for entry in fs::read_dir(scene.path("")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let bytes = fs::read(&path).unwrap_or_default();
        let found = bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
        assert!(!found || path.ends_with("job.toml"), "{path:?}");
    }
}

#[test]
fn start_and_end_are_notified_with_counts_and_codes_and_nothing_from_the_rows() {
    let (address, told) = ear(Some("200 OK"));
    let mut scene = Scene::new();
    scene.rows_and_job(20, "notify.url_env = \"NIGHT_URL\"\n");
    let finished = run(&scene, &address, &["run", "job.toml"]).expect_code(0);
    scene.judge.judge(&finished);
    assert_hidden(&scene, &finished);
    let (start, end) = (next(&told), next(&told));
    assert_eq!((&start["event"], &end["event"]), (&"start".into(), &"end".into()));
    for one in [&start, &end] {
        assert_eq!((&one["version"], &one["job"], &one["run"]), (&1.into(), &"job.toml".into(), &1.into()));
        let text = one.to_string();
        assert!(!text.contains("text of row") && !text.contains(CANARY), "{text}");
        assert!(one["resume"].is_null(), "nothing is left: {text}");
    }
    assert_eq!(start["rows"]["pending"], 20);
    assert_eq!(
        (&end["rows"]["ok"], &end["exit_code"], &end["reason"]),
        (&20.into(), &0.into(), &"finished".into())
    );
    assert!(end["this_run"]["total_tokens"].as_u64() > Some(20));
}

#[test]
fn a_run_that_stops_notifies_why_and_how_to_continue() {
    let (address, told) = ear(Some("204 No Content"));
    let latency = "fixed:30ms".parse().expect("a latency");
    let mut scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
    let more = format!("limits.qps = 10\nnotify = {{ url = \"{address}\", on = [\"stop\"] }}\n");
    scene.rows_and_job(60, &more);
    let child = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(3);
    signal(&child, Signal::INT);
    let finished = scene.end(child).expect_code(130);
    assert_hidden(&scene, &finished);
    let stop = next(&told);
    assert_eq!(
        (&stop["event"], &stop["exit_code"], &stop["reason"]),
        (&"stop".into(), &130.into(), &"interrupted".into())
    );
    assert!(stop["resume"].as_str().is_some_and(|resume| resume.ends_with("run job.toml")), "{stop}");
    assert!(stop["rows"]["pending"].as_u64() > Some(0));
}

#[test]
fn a_run_that_cannot_begin_is_notified_too() {
    let (address, told) = ear(Some("200 OK"));
    let scene = Scene::new();
    scene.job("missing.jsonl", "out.jsonl", "notify.url_env = \"NIGHT_URL\"\n");
    let finished = run(&scene, &address, &["run", "job.toml"]).expect_code(1).says("missing.jsonl");
    assert_hidden(&scene, &finished);
    let stop = next(&told);
    assert_eq!(
        (&stop["event"], &stop["exit_code"], &stop["reason"]),
        (&"stop".into(), &1.into(), &"cannot_run".into())
    );
    assert!(!stop.to_string().contains("missing"), "{stop}");
}

#[test]
fn a_notification_that_fails_is_a_warning_and_no_more() {
    for (status, said) in [
        (Some("500 Internal Server Error"), "127.0.0.1 answered 500"),
        (None, "127.0.0.1 did not answer in time"),
    ] {
        let (address, _told) = ear(status);
        let mut scene = Scene::new();
        scene.rows_and_job(5, "notify = { url_env = \"NIGHT_URL\", on = \"start\" }\n");
        let finished = run(&scene, &address, &["run", "job.toml"]).expect_code(0);
        scene.judge.judge(&finished);
        assert_hidden(&scene, &finished);
        let warning = format!("warning: the notification of the start failed: {said}");
        assert!(finished.stderr.contains(&warning), "{}", finished.stderr);
    }
    let mut scene = Scene::new();
    scene.rows_and_job(5, "notify.url_env = \"NIGHT_URL\"\n");
    let closed = format!("http://127.0.0.1:1/{SECRET}");
    let finished = run(&scene, &closed, &["run", "job.toml"]).expect_code(0);
    assert_hidden(&scene, &finished);
    assert!(finished.stderr.contains("the notification of the end failed"), "{}", finished.stderr);
    scene
        .run(&["run", "job.toml"])
        .expect_code(0)
        .says("warning: notifications are disabled: the variable NIGHT_URL");
    let finished = run(&scene, SECRET, &["run", "job.toml"]).expect_code(0);
    assert_hidden(&scene, &finished);
    assert!(
        finished.stderr.contains("the value of the variable NIGHT_URL is not an address"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_command_gets_the_notification_on_its_standard_input_and_no_key() {
    let mut scene = Scene::new();
    let script = "cat >> told.jsonl; echo >> told.jsonl; env > environment.txt";
    scene.rows_and_job(5, &format!("notify.command = [\"sh\", \"-c\", {script:?}]\n"));
    scene.run(&["run", "job.toml", "--simulate"]).expect_code(0);
    let told = crate::support::harness::lines(&scene.path("told.jsonl"));
    let events: Vec<&str> = told.iter().filter_map(|one| one["event"].as_str()).collect();
    assert_eq!(events, ["start", "end"]);
    assert!(told.iter().all(|one| one["simulated"] == true));
    assert!(!scene.read("environment.txt").contains("DASHSCOPE"), "the key's variable is kept from it");
    scene.rows_and_job(5, "notify.command = \"./nobody.sh\"\n");
    scene
        .run(&["run", "job.toml"])
        .expect_code(0)
        .says("the notification of the start failed: ./nobody.sh: ");
}

#[test]
fn preview_shows_whom_it_would_call_by_the_host_alone() {
    let mut scene = Scene::new();
    scene.rows_and_job(5, &format!("notify.url = \"https://hooks.example.com/{SECRET}\"\n"));
    let finished = scene.run(&["preview", "job.toml", "-n", "0"]).expect_code(0);
    assert_hidden(&scene, &finished);
    assert!(finished.stdout.contains("notifications: a call to hooks.example.com\n"), "{}", finished.stdout);
}

#[test]
fn mistakes_never_show_the_address() {
    let url = format!("https://hooks.example.com/{SECRET}");
    for (more, said) in [
        (
            format!("notify = {{ url = \"{url}\", command = \"x\" }}\n"),
            "needs exactly one of `url`, `url_env` and `command`",
        ),
        (format!("notify = {{ url = \"{url}\", onn = \"end\" }}\n"), "did you mean `on`?"),
        (format!("notify = {{ url = \"{url}\", on = \"stat\" }}\n"), "did you mean `start`?"),
        (format!("[notify]\nurl = \"{url}\n"), "job.toml:"),
        (format!("[notify]\n\"url\" = '{url}' x\n"), "job.toml:"),
    ] {
        let mut scene = Scene::new();
        scene.rows_and_job(5, &more);
        let finished = scene.run(&["run", "job.toml"]).expect_code(1).says(said);
        assert_hidden(&scene, &finished);
    }
    let mut scene = Scene::new();
    scene.rows_and_job(5, "");
    for set in [format!("notify.url={url}"), format!("notify={{ url = \"{url}\" }}")] {
        let finished = scene
            .run(&["run", "job.toml", "--set", &set])
            .expect_code(1)
            .says("does not belong on the command line");
        assert_hidden(&scene, &finished);
    }
}
