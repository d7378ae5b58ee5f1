//! One row of each shape goes first, and is enough to detect what is wrong with the job; the message has the API's words
//! and the fix.

use fanfold::simulator::{Script, ServerSettings};
use serde_json::{Value, json};

use crate::support::harness::{CANARY, Finished, Scene, text};

/// A scene of fifty rows with a model that is not in the table.
fn scene(settings: ServerSettings, more: &str) -> Scene {
    let mut scene = Scene::with(settings);
    job(&mut scene, more);
    scene
}

fn job(scene: &mut Scene, more: &str) {
    scene.rows_and_job(50, more);
    let job = scene.read("job.toml").replace("qwen-plus", "sim-any");
    scene.write("job.toml", job);
}

fn script(text: &str) -> ServerSettings {
    ServerSettings { script: Script::parse(text).expect("a good script"), ..ServerSettings::default() }
}

/// The job is rejected after one request: in the API's words, with the help on a separate line, and no row fails.
fn refused(scene: &mut Scene, arguments: &[&str], words: &str, expected_help: &str) -> Finished {
    let before = scene.witness().len();
    let finished = scene.run_job(arguments).expect_code(4).says("the API refuses this job").says(words);
    let help = finished.stderr.lines().find(|line| line.starts_with("  = help: ")).unwrap_or_default();
    assert!(help.contains(expected_help), "{expected_help:?} is not in: {}", finished.stderr);
    assert_eq!(scene.witness().len(), before + 1, "one request tells it");
    let receipt = scene.receipt();
    assert_eq!((&receipt["reason"], &receipt["rows"]["failed"]), (&json!("refused"), &json!(0)));
    assert!(receipt["help"].as_str().is_some_and(|help| help.contains(expected_help)), "{receipt}");
    assert!(receipt["error"].as_str().is_some_and(|error| error.contains(words)), "{receipt}");
    finished
}

#[test]
fn a_wrong_key_is_detected_by_one_request_and_the_job_continues_with_the_right_one() {
    let mut scene =
        scene(ServerSettings { api_key: Some("sk-another".to_owned()), ..ServerSettings::default() }, "");
    refused(&mut scene, &["job.toml"], "Incorrect API key provided", "one region and one plan");
    assert_eq!(scene.receipt()["rows"]["pending"], 50);
    scene.serve(ServerSettings { api_key: Some(CANARY.to_owned()), ..ServerSettings::default() });
    job(&mut scene, "");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.witness().len(), 51);
    assert_eq!(scene.receipt()["help"], Value::Null);
}

#[test]
fn the_key_of_another_region_is_reported_as_a_possible_cause() {
    let words = "invalid access token or token expired";
    let fault = format!("[[fault]]\nstatus = 401\ncode = \"invalid_token\"\nmessage = \"{words}\"\n");
    let mut scene = scene(script(&fault), "");
    refused(&mut scene, &["job.toml"], words, "`region` (or `base_url`)");
}

#[test]
fn an_unknown_model_is_detected_by_one_request() {
    let mut scene = scene(ServerSettings::default(), "");
    refused(&mut scene, &["job.toml", "--model", "gpt-5"], "does not exist", "fanfold models");
    scene.run_job(&["job.toml", "--model", "sim-any"]).expect_code(0);
}

#[test]
fn a_model_that_only_streams_is_detected_by_one_request_when_the_job_insists_on_whole_answers() {
    let mut scene = scene(ServerSettings::default(), "model.transport = \"whole\"\n");
    let arguments = ["job.toml", "--model", "qwq-plus"];
    refused(&mut scene, &arguments, "only support stream mode", "set `transport = \"stream\"` under [model]");
    scene.run_job(&["job.toml"]).expect_code(0);
}

#[test]
fn a_key_that_worked_and_is_refused_is_read_again_once_before_the_job_stops() {
    let script = "[[fault]]\nrequests = [20, 1000]\ntimes = 1\nstatus = 401\ncode = \"invalid_api_key\"\n";
    let more = "model.api_key_command = [\"sh\", \"-c\", \"echo x >> calls; echo sk-test-number-$(wc -l < calls)\"]\n";
    let mut rotated = Scene::with_script(script);
    rotated.rows_and_job(50, more);
    rotated.run_job(&["job.toml"]).expect_code(0);
    assert_eq!((rotated.read("calls").lines().count(), rotated.witness().len()), (2, 51));
    assert!(rotated.output().iter().all(|row| row["attempts"] == 1), "no row is charged for it");
    // One that has not changed stops the job after one request.
    let mut same = Scene::with_script(&script.replace("times = 1\n", ""));
    same.write("key", "sk-test-the-one\n");
    same.rows_and_job(50, "model.api_key_file = \"key\"\n");
    same.run_job(&["job.toml"]).expect_code(4).says("invalid_api_key");
    assert_eq!(same.receipt()["rows"]["failed"], 0);
}

#[test]
fn a_401_without_a_key_says_which_variable_is_not_set() {
    let mut scene = Scene::with_script("[[fault]]\nstatus = 401\ncode = \"invalid_api_key\"\n");
    scene.rows_and_job(3, "");
    let output = scene.command(&["run", "job.toml"]).env_remove("DASHSCOPE_API_KEY").output().expect("runs");
    let said = Finished::from(output).expect_code(4);
    said.says("no key was sent: the variable DASHSCOPE_API_KEY is not set");
}

#[test]
fn thinking_without_streaming_is_detected_by_one_request_where_a_model_thinks_only_in_streams() {
    let mut scene =
        scene(ServerSettings::default(), "model.transport = \"whole\"\n[request]\nenable_thinking = true\n");
    let arguments = ["job.toml", "--model", "qwen3-32b"];
    let words = "must be set to false for non-streaming calls";
    refused(&mut scene, &arguments, words, "`enable_thinking = false` under [request]");
    scene
        .run_job(&["job.toml", "--model", "qwen3-32b", "--set", "request.enable_thinking=false"])
        .expect_code(0);
}

#[test]
fn json_with_thinking_or_without_the_word_is_detected_by_one_request() {
    let more = "request.response_format = { type = \"json_object\" }\n";
    let mut scene = scene(ServerSettings::default(), more);
    refused(&mut scene, &["job.toml"], "must contain the word 'json'", "say in the prompt");
    let prompt = ["--prompt", "As JSON: {{ text }}"];
    let thinking = ["job.toml", "--set", "request.enable_thinking=true"];
    let words = "Json mode response is not supported when enable_thinking is true";
    refused(&mut scene, &[&thinking[..], &prompt].concat(), words, "enable_thinking = false");
    scene.run_job(&[&["job.toml"][..], &prompt].concat()).expect_code(0);
    assert_eq!(scene.witness().len(), 52);
}

#[test]
fn a_number_out_of_its_range_in_the_job_file_costs_one_request_and_fails_no_row() {
    let mut scene = scene(ServerSettings::default(), "request.max_tokens = 1_000_000\n");
    refused(&mut scene, &["job.toml"], "Range of max_tokens should be [1, 131072]", "in the range");
    assert_eq!(scene.receipt()["rows"]["pending"], 50);
    scene.run_job(&["job.toml", "--set", "request.max_tokens=100"]).expect_code(0);
    assert_eq!(scene.witness().len(), 51);
}

#[test]
fn a_number_out_of_its_range_in_a_column_fails_its_rows_and_the_others_go_on() {
    let mut scene = Scene::new();
    let lines: String = (0..40)
        .map(|row| {
            let most = if row % 10 == 0 { 1_000_000 } else { 100 };
            format!("{}\n", json!({"id": row, "text": text(row), "most": most}))
        })
        .collect();
    scene.rows_and_job(40, "request.max_tokens = \"{{ most }}\"\n");
    scene.write("in.jsonl", lines);
    let finished = scene.run_job(&["job.toml", "--model", "sim-any"]).expect_code(3);
    finished.says("4 rows failed with invalid_parameter_error").says("  = help: set `max_tokens` to a value");
    let failed: Vec<usize> = (0..40).filter(|row| scene.output()[*row]["status"] == "failed").collect();
    assert_eq!(failed, [0, 10, 20, 30]);
    assert_eq!(scene.witness().len(), 40);
}

#[test]
fn an_error_of_one_shape_is_detected_by_its_first_row() {
    let mut scene = Scene::new();
    // A column decides whether a row thinks; the job forces a function.
    let tool = "{ type = \"function\", function = { name = \"f\", parameters = { type = \"object\" } } }";
    let more = format!(
        "limits.concurrency = 8\n[request]\nenable_thinking = \"{{{{ think }}}}\"\ntools = [{tool}]\n\
         tool_choice = {{ type = \"function\", function = {{ name = \"f\" }} }}\n"
    );
    scene.rows_and_job(60, &more);
    let lines: String = (0..60)
        .map(|row| format!("{}\n", json!({"id": row, "text": text(row), "think": row >= 30})))
        .collect();
    scene.write("in.jsonl", lines);
    let finished = scene.run_job(&["job.toml", "--model", "sim-any"]).expect_code(4);
    finished.says("in thinking mode").says("  = help: a function can only be forced without thinking");
    let receipt = scene.receipt();
    assert_eq!((&receipt["rows"]["ok"], &receipt["rows"]["failed"]), (&json!(30), &json!(0)));
    assert_eq!(scene.witness().len(), 31, "one row of the second shape");
}

#[test]
fn a_resumed_run_sends_one_row_first_too() {
    let mut scene = scene(ServerSettings::default(), "");
    scene.judge.texts = Some((0..10).map(text).collect());
    scene.run_job(&["job.toml", "--limit", "10"]).expect_code(0);
    scene.serve(ServerSettings { api_key: Some("sk-another".to_owned()), ..ServerSettings::default() });
    job(&mut scene, "");
    refused(&mut scene, &["job.toml"], "Incorrect API key provided", "one region");
    assert_eq!(scene.receipt()["rows"]["ok"], 10);
}

#[test]
fn rows_that_are_refused_for_themselves_are_reported_with_the_fix_once() {
    let fault = "[[fault]]\nshare = 0.3\nstatus = 400\ncode = \"data_inspection_failed\"\n\
                 message = \"Input data may contain inappropriate content.\"\n";
    let mut scene = scene(script(fault), "");
    let finished = scene.run_job(&["job.toml"]).expect_code(3).says("failed with data_inspection_failed");
    assert_eq!(finished.stderr.matches("content inspection").count(), 1, "{}", finished.stderr);
}

#[test]
fn the_key_or_the_address_of_a_coding_plan_is_warned_of_before_anything_is_sent() {
    let mut scene = scene(ServerSettings::default(), "");
    let with_key = |scene: &Scene, arguments: &[&str]| {
        let output = scene.command(arguments).env("DASHSCOPE_API_KEY", "sk-sp-0123456789abcdef").output();
        Finished::from(output.expect("the binary runs"))
    };
    let previewed = with_key(&scene, &["preview", "job.toml"]).expect_code(0);
    let rehearsed = with_key(&scene, &["run", "job.toml", "--simulate", "--limit", "2"]).expect_code(0);
    assert!(!rehearsed.stderr.contains("plan"), "{}", rehearsed.stderr);
    let ran = with_key(&scene, &["run", "job.toml", "-q"]).expect_code(0);
    scene.judge.judge(&ran);
    for finished in [previewed, ran] {
        let finished = finished
            .says("warning: this is a Coding Plan key")
            .says("they do not allow batch jobs and scripts");
        assert!(!finished.stderr.contains("0123456789") && !finished.stdout.contains("0123456789"));
    }
    let address = "https://coding-intl.dashscope.aliyuncs.com/v1";
    scene.run(&["preview", "job.toml", "--base-url", address]).says("warning: this address");
    let usual = scene.run(&["preview", "job.toml"]).expect_code(0);
    assert!(!usual.stderr.contains("warning"), "{}", usual.stderr);
}
