//! Any OpenAI-compatible server works: whole jobs against servers that leave out fields of DashScope's, or write them
//! differently.

use std::collections::BTreeSet;

use fanfold::simulator::{Profile, Script, ServerSettings};
use serde_json::{Value, json};

use crate::support::harness::{Finished, Scene, text};
use crate::support::side_by_side::each;

/// A scene against a server that is not DashScope, with a model of its own and a price.
fn scene(rows: usize, script: &str, more: &str) -> Scene {
    let script = Script::parse(script).expect("a good script");
    let mut scene =
        Scene::with(ServerSettings { profile: Profile::Plain, script, ..ServerSettings::default() });
    let more = format!("price = {{ input = 1.0, output = 2.0 }}\n{more}");
    scene.rows_and_job(rows, &more);
    let job = scene.read("job.toml").replace("qwen-plus", "meta-llama/Llama-3.3-70B");
    scene.write("job.toml", job);
    // Nobody can account for tokens that a server does not count.
    scene.judge.usage_goes_unsaid = true;
    scene
}

/// Runs the job without any key.
fn run(scene: &mut Scene, arguments: &[&str]) -> Finished {
    let output = scene.command(arguments).env_remove("DASHSCOPE_API_KEY").output().expect("the binary runs");
    let finished = Finished::from(output);
    scene.judge.judge(&finished);
    finished
}

fn count(rows: &[Value], is_so: impl Fn(&Value) -> bool) -> usize {
    rows.iter().filter(|row| is_so(row)).count()
}

#[test]
fn a_whole_job_runs_against_a_server_that_has_every_manner() {
    let mut scene = scene(150, "", "request.enable_thinking = true\n");
    run(&mut scene, &["run", "job.toml"]).expect_code(0);
    let rows = scene.output();
    assert_eq!(count(&rows, |row| row["status"] == "ok"), 150);
    assert!(scene.witness().iter().all(|seen| seen["authorization_present"] == false));
    for (number, row) in rows.iter().enumerate() {
        let response = row["response"].as_str().expect("a text");
        assert!(response.contains(&text(number)), "{row}");
        let thoughts = row["reasoning"].as_str().unwrap_or_default();
        assert!(!thoughts.is_empty(), "by whatever name: {row}");
        // Counts as integers, floats and text are counts; without them a cost is not known, and never 0.
        match row["total_tokens"].as_u64() {
            Some(tokens) => {
                let (prompt, completion) = (&row["prompt_tokens"], &row["completion_tokens"]);
                let sum = prompt.as_u64().zip(completion.as_u64()).map(|(one, other)| one + other);
                assert_eq!(sum, Some(tokens), "{row}");
                assert!(row["cost"].as_f64().is_some_and(|cost| cost > 0.0), "{row}");
            }
            None => assert!(row["prompt_tokens"].is_null() && row["cost"].is_null(), "{row}"),
        }
        assert!(row["cached_tokens"].is_null() && row["reasoning_tokens"].is_null(), "{row}");
    }
    // About a tenth of the rows for each manner.
    for (manner, met) in [
        ("no usage", count(&rows, |row| row["total_tokens"].is_null())),
        ("a number for an id", count(&rows, |row| is_number(&row["request_id"]))),
        ("no id", count(&rows, |row| row["request_id"].is_null())),
        ("no model", count(&rows, |row| row["model"].is_null())),
        ("no finish_reason", count(&rows, |row| row["finish_reason"].is_null())),
    ] {
        assert!((3..40).contains(&met), "{manner}: {met} rows");
    }
    run(&mut scene, &["run", "job.toml"]).expect_code(0);
    assert_eq!(scene.witness().len(), 150);
}

fn is_number(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<u64>().is_ok())
}

#[test]
fn a_delta_in_a_whole_reply_is_not_looked_at() {
    for delta in ["7", "\"x\"", "{\"tool_calls\":7}", "{\"error\":{\"message\":\"no\"}}", "null"] {
        let body = format!(
            "{{\"choices\":[{{\"delta\":{delta},\"finish_reason\":\"stop\",\"message\":{{\"content\":\"yes\"}}}}]}}"
        );
        let mut scene = scene(1, &format!("[[fault]]\nstatus = 200\nbody = '{body}'\n"), "");
        scene.judge.bodies_are_literal = true;
        let ended = run(&mut scene, &["run", "job.toml"]).expect_code(0);
        assert_eq!(scene.output()[0]["response"], "yes", "{delta}");
        assert_eq!(scene.witness().len(), 1, "{delta} {} {:?}", ended.stderr, scene.witness());
    }
}

#[test]
fn calls_without_an_id_or_a_type_are_calls() {
    let tools = "request.tools = [{ type = \"function\", function = { name = \"get_weather\", parameters = { type = \
                 \"object\", properties = { location = { type = \"string\" } } } } }]\n";
    let mut scene = scene(60, "", &format!("{tools}request.tool_choice = \"auto\"\n"));
    let prompt = "What is the weather in {{ text }}?";
    run(&mut scene, &["run", "job.toml", "--prompt", prompt]).expect_code(0);
    let rows = scene.output();
    let calls: Vec<&Value> = rows.iter().map(|row| &row["tool_calls"][0]).collect();
    assert!(calls.iter().all(|call| call["function"]["name"] == "get_weather"), "{calls:?}");
    let kinds: BTreeSet<bool> = calls.iter().map(|call| call.get("id").is_some()).collect();
    assert_eq!(kinds.len(), 2, "some with an id, some without: {calls:?}");
}

#[test]
fn errors_in_other_shapes_end_alike_and_are_reported_in_the_servers_words() {
    let faults = [
        (
            0,
            "status = 400\nmessage = \"This model's maximum context length is 4096 tokens\"",
            "invalid_request_error",
        ),
        (1, "status = 422\nmessage = \"Input should be a valid string\"", "http_422"),
        (2, "status = 413\nmessage = \"too much\"", "http_413"),
        (3, "status = 400\nbody = '{\"error\":\"plain words\"}'", "http_400"),
        (4, "status = 400\nbody = '{\"detail\":\"in detail\"}'", "http_400"),
        (5, "status = 400\nbody = '{\"object\":\"error\",\"message\":\"flat\",\"code\":400}'", "http_400"),
    ];
    let passing = [
        (6, "status = 429"),
        (7, "status = 500"),
        (8, "status = 503"),
        (9, "status = 200\nbody = '{\"error\":{\"message\":\"Provider returned error\",\"code\":502}}'"),
        (10, "status = 408\nbody = '{\"detail\":\"slow\"}'"),
    ];
    let refused = faults.iter().map(|(row, fault, _)| (*row, (*fault).to_owned()));
    let passing = passing.iter().map(|(row, fault)| (*row, format!("{fault}\nfirst_tries = 1")));
    let script: String = refused
        .chain(passing)
        .map(|(row, fault)| format!("[[fault]]\ncontains = \"of row {row}.\"\n{fault}\n"))
        .collect();
    let mut scene = scene(30, &script, "");
    let finished = run(&mut scene, &["run", "job.toml"]).expect_code(3);
    finished.says("maximum context length").says("  = help: the request is longer than the model accepts");
    let rows = scene.output();
    for (row, fault, code) in faults {
        assert_eq!(
            (&rows[row]["status"], &rows[row]["error_code"]),
            (&json!("failed"), &json!(code)),
            "{fault}"
        );
    }
    let errors: Vec<&str> = (3..6).map(|row| rows[row]["error"].as_str().unwrap_or_default()).collect();
    assert_eq!(errors, ["plain words", "in detail", "flat"]);
    assert_eq!(count(&rows, |row| row["status"] == "ok"), 24);
    assert!(rows[6..11].iter().all(|row| row["attempts"] == 2), "{:?}", &rows[6..11]);
}

#[test]
fn a_job_that_such_a_server_refuses_stops_after_one_request() {
    each(
        vec![
            ("status = 401\nmessage = \"Invalid token\"", "Invalid token", "key"),
            (
                "status = 404\nmessage = \"The model `x` does not exist.\"",
                "does not exist",
                "`name` under [model]",
            ),
            (
                "status = 404\nbody = '{\"error\":\"model \\\"x\\\" not found, try pulling it first\"}'",
                "not found",
                "`name`",
            ),
            ("status = 404\nbody = '{\"detail\":\"Not Found\"}'", "Not Found", "`base_url`"),
        ],
        |(fault, words, help)| {
            let mut scene = scene(30, &format!("[[fault]]\n{fault}\n"), "");
            let finished = run(&mut scene, &["run", "job.toml"]).expect_code(4).says(words);
            let shown =
                finished.stderr.lines().any(|line| line.starts_with("  = help: ") && line.contains(help));
            assert!(shown, "{}", finished.stderr);
            assert_eq!(scene.witness().len(), 1, "{fault}");
            assert_eq!(scene.receipt()["rows"]["pending"], 30);
        },
    );
}
