//! `transport = "batch"`: whole jobs through the simulator's Batch API, with answers that are lost, late, doubled and partial.

use std::collections::BTreeMap;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::harness::{Finished, Scene, rows, signal, text};

const ROWS: usize = 12;

/// A job in batches of five, asked for often, over a simulator whose batches are quick.
fn scene(script: &str, more: &str) -> Scene {
    let has_manners = script.contains("[batch]");
    let manners = if has_manners { "" } else { "\n[batch]\ntime = \"50ms\"\n" };
    let scene = Scene::with_script(&format!("{script}{manners}"));
    scene.write("in.jsonl", rows(0..ROWS));
    scene.job("in.jsonl", "out.jsonl", &format!("{BATCHES}{more}"));
    scene
}

const BATCHES: &str =
    "input.id = \"id\"\nmodel.transport = \"batch\"\nbatch.poll = \"100ms\"\nbatch.max_lines = 5\n";

/// How often each text was answered, live and in batches: a line that is answered is paid.
fn asked(scene: &Scene) -> BTreeMap<String, usize> {
    let mut asked = BTreeMap::new();
    for request in chats(scene).iter().filter(|request| request["status"] == 200) {
        let text = request["body"]["messages"]
            .as_array()
            .and_then(|turns| turns.last())
            .map(|turn| &turn["content"]);
        let text = text.and_then(Value::as_str).unwrap_or_else(|| panic!("no text in {request}"));
        *asked.entry(text.to_owned()).or_default() += 1;
    }
    asked
}

/// The requests to the model, live and in batches.
fn chats(scene: &Scene) -> Vec<Value> {
    let witness = scene.witness().into_iter();
    witness.filter(|request| request["body"]["messages"].is_array()).collect()
}

/// The same, those of batches apart.
fn live_and_lines(scene: &Scene) -> (Vec<Value>, Vec<Value>) {
    chats(scene).into_iter().partition(|request| request["batch"].is_null())
}

fn once(rows: usize) -> BTreeMap<String, usize> {
    (0..rows).map(|row| (text(row), 1)).collect()
}

fn all_ok(scene: &Scene) {
    let output = scene.output();
    assert_eq!(output.len(), ROWS);
    for (number, row) in output.iter().enumerate() {
        assert_eq!((&row["text"], &row["status"]), (&json!(text(number)), &json!("ok")), "{row}");
    }
}

fn run(scene: &Scene) -> Finished {
    scene.run(&["run", "job.toml"])
}

fn status(scene: &Scene) -> Value {
    serde_json::from_str(&scene.run(&["status", "job.toml", "--json"]).expect_code(0).stdout).expect("JSON")
}

#[test]
fn a_job_is_done_in_batches_at_half_the_price() {
    let scene = scene("", "price.input = 2.0\nprice.output = 4.0\n");
    run(&scene).expect_code(0).says("batch 1: 5 requests submitted").says("batch 3: completed");
    all_ok(&scene);
    assert_eq!(asked(&scene), once(ROWS));
    let (live, lines) = live_and_lines(&scene);
    assert_eq!((live.len(), lines.len()), (1, ROWS - 1), "one row has gone first");
    let batches = scene.receipt()["batches"].clone();
    assert_eq!(batches.as_array().map(Vec::len), Some(3));
    assert_eq!((&batches[0]["phase"], &batches[0]["replies"]), (&json!("closed"), &json!(5)));
    let shown = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
    assert!(shown.contains("batch 3: 1 of 1 request answered, ended as completed"), "{shown}");
    // Nothing is left beside the output.
    let left = std::fs::read_dir(scene.path("")).expect("a folder").flatten();
    let left: Vec<_> = left.filter(|file| file.file_name().to_string_lossy().contains(".ff-")).collect();
    assert!(left.is_empty(), "{left:?}");
    run(&scene).expect_code(0).says("nothing was sent");
}

#[test]
fn the_table_s_price_is_halved_and_one_s_own_is_not() {
    let scene = scene("", "");
    let most = |settings: &[&str]| {
        let set = settings.iter().flat_map(|setting| ["--set", *setting]);
        let arguments: Vec<&str> = ["preview", "job.toml", "--json"].into_iter().chain(set).collect();
        let report: Value = serde_json::from_str(&scene.run(&arguments).expect_code(0).stdout).expect("JSON");
        report["most"].as_f64().expect("a known price")
    };
    let (table, live) = ("price.region=singapore", "model.transport=auto");
    let (whole, half) = (most(&[table, live]), most(&[table]));
    assert!((half * 2.0 - whole).abs() < 1e-9, "{half} of {whole}");
    let own = ["price.input=2", "price.output=4"];
    assert_eq!(most(&own), most(&[own[0], own[1], live]));
}

#[test]
fn a_run_that_does_not_wait_ends_with_8_and_the_same_command_collects() {
    let scene = scene("[batch]\ntime = \"1500ms\"", "");
    let submitted = scene.run(&["run", "job.toml", "--no-wait"]).expect_code(8);
    submitted.says("submitted");
    assert_eq!((&scene.receipt()["reason"], &scene.receipt()["exit_code"]), (&json!("submitted"), &json!(8)));
    let batches = status(&scene)["batches"].clone();
    assert_eq!((&batches[0]["phase"], &batches[0]["requests"]), (&json!("created"), &json!(5)));
    run(&scene).expect_code(0);
    all_ok(&scene);
    assert_eq!(asked(&scene), once(ROWS));
}

#[test]
fn a_creation_whose_answer_is_lost_is_looked_for_and_not_made_again() {
    let scene = scene("[[fault]]\ncall = \"create\"\nrequests = [1, 1]\naction = \"drop\"\ndone = true", "");
    run(&scene).expect_code(0).says("batch 1: 5 requests found at the provider");
    all_ok(&scene);
    assert_eq!(asked(&scene), once(ROWS));
}

#[test]
fn a_creation_that_never_happened_is_made_after_three_looks() {
    let scene = scene("[[fault]]\ncall = \"create\"\nrequests = [1, 1]\naction = \"drop\"", "");
    run(&scene).expect_code(0);
    all_ok(&scene);
    assert_eq!(asked(&scene), once(ROWS));
}

#[test]
fn what_an_expired_batch_has_done_is_kept_and_the_rest_goes_into_the_next() {
    let scene = scene(
        "[[fault]]\ncall = \"create\"\naction = \"expire_batch\"\nrequests = [1, 1]\nafter_lines = 2",
        "",
    );
    run(&scene).expect_code(0).says("batch 1: expired").says("3 not answered, stay pending");
    all_ok(&scene);
    assert_eq!(asked(&scene), once(ROWS));
}

#[test]
fn doubled_lines_count_once_and_lost_ones_are_asked_again() {
    let script = "[[fault]]\naction = \"double_line\"\ncontains = \"row 3.\"\n\
                  [[fault]]\naction = \"lose_line\"\ncontains = \"row 4.\"\nfirst_tries = 1\n\
                  [[fault]]\nstatus = 500\ncontains = \"row 5.\"\nfirst_tries = 1\n\
                  [[fault]]\nstatus = 400\ncontains = \"row 6.\"\n\
                  [batch]\ntime = \"50ms\"\norder = \"reversed\"\ntext_bodies = true\n";
    let scene = scene(script, "");
    run(&scene).expect_code(3).says("1 came twice, counted once");
    let output = scene.output();
    for (number, row) in output.iter().enumerate() {
        let expected = if number == 6 { "failed" } else { "ok" };
        assert_eq!((&row["text"], &row["status"]), (&json!(text(number)), &json!(expected)), "{row}");
    }
    assert_eq!(output[3]["attempts"], 1);
    let asked = asked(&scene);
    assert_eq!((asked[&text(3)], asked[&text(4)], asked[&text(5)]), (1, 2, 1));
}

#[test]
fn a_full_queue_is_waited_for() {
    let scene = scene("[[fault]]\ncall = \"create\"\naction = \"fail_batch\"\nrequests = [1, 2]", "");
    run(&scene).expect_code(0).says("the provider's queue is full");
    all_ok(&scene);
    assert_eq!(asked(&scene), once(ROWS));
}

#[test]
fn a_batch_that_is_refused_ends_the_run_with_the_provider_s_words() {
    let scene = scene(
        "[[fault]]\ncall = \"create\"\naction = \"fail_batch\"\ncode = \"mismatched_model\"\nmessage = \"one model, please\"",
        "",
    );
    run(&scene).expect_code(4).says("one model, please");
    assert_eq!(scene.receipt()["rows"]["pending"], ROWS - 1);
}

#[test]
fn an_interrupted_wait_loses_nothing() {
    let scene = scene("[batch]\ntime = \"2s\"", "");
    let child = scene.start(&["run", "job.toml"]);
    scene.wait_until(|| {
        scene.path("out.jsonl.journal").exists()
            && status(&scene)["batches"].as_array().is_some_and(|batches| batches.len() == 3)
            && status(&scene)["batches"][2]["phase"] == "created"
    });
    signal(&child, Signal::INT);
    let ended = Finished::from(child.wait_with_output().expect("an end"));
    ended.expect_code(130);
    assert_eq!(scene.output().len(), ROWS);
    run(&scene).expect_code(0);
    all_ok(&scene);
    assert_eq!(asked(&scene), once(ROWS));
}

#[test]
fn batches_are_cancelled_at_the_provider_and_what_they_did_is_kept() {
    let scene = scene("[batch]\ntime = \"4s\"", "");
    scene.run(&["run", "job.toml", "--no-wait"]).expect_code(8);
    scene.run(&["set", "job.toml", "cancel"]).expect_code(0).says("3 batches are being cancelled");
    run(&scene).expect_code(0).says("batch 1: cancelled");
    all_ok(&scene);
    assert_eq!(asked(&scene), once(ROWS));
    assert!(status(&scene)["batches"].as_array().is_some_and(|batches| batches.len() > 3));
}

#[test]
fn tools_go_on_live_after_a_batch() {
    let scene = scene("", "");
    scene.write(
        "in.jsonl",
        (0..4)
            .map(|n| format!("{}\n", json!({ "id": n, "text": format!("What is the weather in city {n}?") })))
            .collect::<String>(),
    );
    let script = scene.write("weather.sh", "#!/bin/sh\necho fine\n");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("executable");
    let tool = "[[request.tools]]\ntype = \"function\"\n\
                function = { name = \"get_weather\", parameters = { type = \"object\" } }\n\
                [tools.get_weather]\ncommand = [\"./weather.sh\"]\n";
    scene.job("in.jsonl", "out.jsonl", &format!("{BATCHES}{tool}"));
    run(&scene).expect_code(0);
    let (live, lines) = live_and_lines(&scene);
    assert_eq!(
        (live.len(), lines.len()),
        (5, 3),
        "one row goes first, and each is asked once more after its tool"
    );
    assert!(scene.output().iter().all(|row| row["status"] == "ok"));
}

#[test]
fn a_job_that_cannot_go_in_batches_is_refused_before_anything_is_sent() {
    let scene = scene("", "");
    for (set, words) in [
        ("batch.window=90m", "whole hours"),
        ("batch.poll=50ms", "at least 100ms"),
        ("batch.max_lines=60000", "from 1 to 50"),
        ("model.tier=batch-chat", "batch-chat"),
    ] {
        scene.run(&["run", "job.toml", "--set", set]).expect_code(1).says(words);
    }
    scene
        .run(&["run", "job.toml", "--set", "batch.max_bytes=100"])
        .expect_code(1)
        .says("as a line of a batch");
    let elsewhere = "input.path = \"in.jsonl\"\noutput.path = \"out.jsonl\"\nmodel.name = \"qwen-mt-plus\"\n\
                     model.transport = \"batch\"\nprompt.user = \"{{ text }}\"\n\
                     request.translation_options = { source_lang = \"auto\", target_lang = \"French\" }\n";
    scene.write("mt.toml", elsewhere);
    scene.run(&["run", "mt.toml"]).expect_code(1).says("the Batch API does not have qwen-mt-plus");
    assert_eq!(scene.witness_count(), 0);
}

#[test]
fn a_job_that_changes_to_batches_and_back_pays_for_nothing_twice() {
    let scene = scene("[batch]\ntime = \"1s\"", "");
    scene.run(&["run", "job.toml", "--limit", "4", "--set", "model.transport=auto"]).expect_code(0);
    scene.run(&["run", "job.toml", "--limit", "9", "--no-wait"]).expect_code(8);
    scene.run(&["run", "job.toml", "--set", "model.transport=auto"]).expect_code(0);
    all_ok(&scene);
    assert_eq!(asked(&scene), once(ROWS));
    assert_eq!(live_and_lines(&scene).1.len(), 5);
}

#[test]
fn a_run_that_waits_is_told_to_cancel_and_keeps_what_was_done() {
    let scene = scene("[batch]\ntime = \"20s\"", "");
    let child = scene.start(&["run", "job.toml"]);
    scene.wait_until(|| {
        scene.path("out.jsonl.journal").exists()
            && status(&scene)["batches"].as_array().is_some_and(|batches| batches.len() == 3)
    });
    scene.run(&["set", "job.toml", "cancel"]).expect_code(0);
    let ended = Finished::from(child.wait_with_output().expect("an end"));
    ended.expect_code(130).says("batch 1: cancelled");
    assert_eq!(status(&scene)["batches"][2]["phase"], "closed");
    assert!(asked(&scene).values().all(|times| *times == 1));
}
