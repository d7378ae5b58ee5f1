//! Batches through everything that can go wrong between two of their steps: at the end each row has its own answer, in order, and
//! no line was paid for twice.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::scenario;
use crate::support::harness::{Finished, Scene};
use crate::support::side_by_side::{all, words};

/// Rows of a job: the first is sent at once, and the others are several batches.
pub(super) const ROWS: usize = 14;

/// What turns a job into one of batches, quick enough for a test.
pub(super) const IN_BATCHES: &str =
    "model.transport = \"batch\"\nbatch.poll = \"100ms\"\nbatch.max_lines = 5\n";

/// A job in batches, with a simulator that follows a script.
pub(super) fn scene(script: &str, more: &str) -> Scene {
    let manners = if script.contains("[batch]") { "" } else { "[batch]\ntime = \"200ms\"\n" };
    let mut scene = Scene::with_script(&format!("{manners}{script}"));
    scene.rows_and_job(ROWS, &format!("{IN_BATCHES}{more}"));
    scene
}

/// The requests to the model that were answered, live or in a batch.
pub(super) fn answered(scene: &Scene) -> Vec<Value> {
    let is_paid = |line: &Value| {
        line["status"] == 200 && line["path"].as_str().is_some_and(|path| path.ends_with("/chat/completions"))
    };
    scene.witness().into_iter().filter(is_paid).collect()
}

/// Fails if a request was answered, and so paid for, more often than once.
pub(super) fn nothing_is_paid_twice(scene: &Scene, but: &str) {
    let mut bodies: Vec<String> = answered(scene).iter().map(|line| line["body"].to_string()).collect();
    bodies.retain(|body| but.is_empty() || !body.contains(but));
    bodies.sort();
    let doubled: Vec<&[String]> = bodies.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(doubled.is_empty(), "invariant 2: paid twice: {doubled:?}");
}

/// Fails if a file of a batch is left, here or at the provider.
pub(super) fn nothing_is_left(scene: &Scene) {
    let names = std::fs::read_dir(scene.path("")).expect("a folder").map(|entry| entry.expect("an entry"));
    let left: Vec<String> = names
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains(".ff-"))
        .collect();
    assert!(left.is_empty(), "{left:?} stay beside the journal");
    let files = get(scene.base_url(), "/files?limit=100");
    assert_eq!(files["data"], serde_json::json!([]), "files stay at the provider");
}

/// What the simulator answers to a GET.
pub(super) fn get(base_url: &str, path: &str) -> Value {
    let rest = base_url.strip_prefix("http://").expect("an address");
    let (host, base) = rest.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).expect("a connection");
    let head = format!(
        "GET /{base}{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("a reply");
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Runs a job to its end against a script, and checks that each row has its answer, paid for once.
fn plays(name: &str, script: &str, but: &str, code: i32) -> Result<usize, String> {
    let end = std::panic::catch_unwind(|| {
        let mut scene = scene(script, "");
        let finished = scene.run_job(&["job.toml"]).expect_code(code);
        nothing_is_paid_twice(&scene, but);
        nothing_is_left(&scene);
        scene.run(&["verify", "job.toml"]).expect_code(code);
        finished.stderr
    });
    end.map(|_| 1).map_err(|panic| format!("{name}: {}", words(&*panic)))
}

/// The calls of a batch, and how often one of them may be disturbed.
const CALLS: [&str; 7] = ["upload", "create", "list_batches", "look", "download", "delete", "list_files"];

/// What happens to a call before it has done anything, and after.
const BEFORE: [&str; 5] = [
    "status = 503",
    "status = 429\nheaders = { Retry-After = \"1\" }",
    "action = \"reset\"",
    "action = \"html\"\nstatus = 502",
    "action = \"empty_body\"",
];
const AFTER: [&str; 5] = [
    "action = \"drop\"\ndone = true",
    "status = 500\ndone = true",
    "action = \"html\"\nstatus = 504\ndone = true",
    "action = \"empty_body\"\ndone = true",
    "action = \"cut_body\"",
];

/// A script that disturbs a call twice. A list is only asked for when the answer to an upload or a creation is lost.
fn disturbing(call: &str, effect: &str) -> String {
    let lost = "[[fault]]\ncall = \"create\"\nrequests = [1, 1]\naction = \"drop\"\ndone = true\n";
    let before = match call {
        "list_batches" => lost.to_owned(),
        "list_files" => lost.replace("create", "upload"),
        _ => String::new(),
    };
    format!("{before}[[fault]]\ncall = \"{call}\"\ntimes = 2\n{effect}\n")
}

#[test]
fn a_call_that_is_lost_before_or_after_it_was_carried_out_costs_nothing_twice() {
    scenario(|| {
        let effects = || BEFORE.iter().chain(&AFTER);
        let tasks: Vec<(&str, &str)> =
            CALLS.iter().flat_map(|call| effects().map(move |effect| (*call, *effect))).collect();
        let count = tasks.len();
        let played = all(tasks, |(call, effect)| {
            plays(&format!("{call}, {effect}"), &disturbing(call, effect), "", 0)
        });
        assert_eq!(played, count);
    });
}

#[test]
fn the_answer_to_a_creation_is_lost_and_the_batch_is_found() {
    scenario(|| {
        for effect in ["action = \"drop\"", "status = 500"] {
            let lost = format!("[[fault]]\ncall = \"create\"\nrequests = [1, 1]\n{effect}\ndone = true\n");
            plays(effect, &lost, "", 0).expect("it is found");
        }
    });
}

#[test]
fn batches_that_end_early_keep_what_they_have_done() {
    scenario(|| {
        let cases = [
            ("expired", "[[fault]]\naction = \"expire_batch\"\nafter_lines = 2\ntimes = 2"),
            ("expired at once", "[[fault]]\naction = \"expire_batch\"\nafter_lines = 0\ntimes = 1"),
            (
                "expired, the rest without a line",
                "[batch]\ntime = \"200ms\"\nrest_is_missing = true\n[[fault]]\naction = \"expire_batch\"\ntimes = 1",
            ),
            ("cancelled", "[[fault]]\naction = \"cancel_batch\"\nafter_lines = 3\ntimes = 2"),
        ];
        all(cases.to_vec(), |(name, script)| plays(name, script, "", 0));
    });
}

#[test]
fn a_queue_that_is_full_is_waited_for() {
    scenario(|| {
        plays("refused after it was created", "[[fault]]\naction = \"fail_batch\"\ntimes = 1", "", 0)
            .expect("waits");
        let refused =
            "[[fault]]\ncall = \"create\"\ntimes = 2\nstatus = 429\ncode = \"token_limit_exceeded\"";
        plays("refused at once", refused, "", 0).expect("waits");
    });
}

#[test]
fn lines_may_come_in_any_order_and_form_twice_or_not_at_all() {
    scenario(|| {
        let double = "[[fault]]\naction = \"double_line\"\nshare = 0.5";
        let cases = [
            ("reversed", "[batch]\ntime = \"200ms\"\norder = \"reversed\"".to_owned(), "", 0),
            ("shuffled, as texts", "[batch]\ntime = \"200ms\"\norder = \"shuffled\"\ntext_bodies = true".to_owned(), "", 0),
            ("twice", double.to_owned(), "", 0),
            ("missing", "[[fault]]\naction = \"lose_line\"\ncontains = \"row 7.\"\ntimes = 1".to_owned(), "row 7.", 0),
            ("a wrong line", "[[fault]]\ncall = \"line\"\ncontains = \"row 7.\"\nstatus = 400".to_owned(), "", 3),
            (
                "a wrong line among the answers",
                "[batch]\ntime = \"200ms\"\nerrors_in_output = true\n[[fault]]\ncall = \"line\"\ncontains = \"row 7.\"\nstatus = 400".to_owned(),
                "",
                3,
            ),
            ("throttled lines", "[[fault]]\ncall = \"line\"\nstatus = 429\nshare = 0.5\nfirst_tries = 1".to_owned(), "", 0),
        ];
        all(cases.to_vec(), |(name, script, but, code)| plays(name, &script, but, code));
    });
}

#[test]
fn a_download_without_parts_that_breaks_off_is_fetched_whole() {
    scenario(|| {
        let cut = "[batch]\ntime = \"200ms\"\nranges = false\n[[fault]]\ncall = \"download\"\ntimes = 3\naction = \"cut_body\"";
        plays("cut", cut, "", 0).expect("it is fetched");
    });
}

#[test]
fn a_list_that_is_behind_is_looked_at_again_before_anything_is_created_twice() {
    scenario(|| {
        let late = "[batch]\ntime = \"200ms\"\nlist_lag = \"4s\"\n[[fault]]\ncall = \"create\"\nrequests = [1, 1]\naction = \"drop\"\ndone = true";
        plays("late", late, "", 0).expect("it is found in time");
    });
}

#[test]
fn a_batch_that_stands_still_is_cancelled_and_its_rest_sent_at_once() {
    scenario(|| {
        let mut scene = scene("[[fault]]\naction = \"stall_batch\"\nafter_lines = 2\ntimes = 1", "");
        scene.run_job(&["job.toml", "--no-wait"]).expect_code(8);
        let cancelled = scene.run(&["set", "job.toml", "cancel"]);
        assert!(cancelled.stderr.contains("being cancelled"), "{cancelled:?}");
        scene.run_job(&["job.toml", "--set", "model.transport=auto"]).expect_code(0);
        nothing_is_paid_twice(&scene, "");
        nothing_is_left(&scene);
    });
}

#[test]
fn a_service_without_batches_is_found_out_before_anything_is_paid_in_one() {
    scenario(|| {
        for effect in [
            "status = 404\nbody = \"\"",
            "status = 404\nbody = '{\"detail\":\"Not Found\"}'",
            "status = 405\nbody = \"\"",
        ] {
            let mut scene = scene(&format!("[[fault]]\ncall = \"upload\"\n{effect}"), "");
            let finished: Finished = scene.run_job(&["job.toml"]).expect_code(4);
            assert!(finished.stderr.contains("no Batch API"), "{finished:?}");
            assert!(answered(&scene).iter().all(|line| line["batch"].is_null()));
        }
    });
}
