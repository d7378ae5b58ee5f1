//! Rows with streamed answers: the bytes sent, the result, and what can break in between.

use serde_json::{Value, json};

use crate::support::harness::{Scene, comparable, rows};

/// A scene whose job streams.
fn streaming(count: usize, script: &str, more: &str) -> Scene {
    let mut scene = Scene::with_script(script);
    scene.rows_and_job(count, &format!("model.transport = \"stream\"\n{more}"));
    scene
}

fn bodies(scene: &Scene) -> Vec<Value> {
    scene.witness().iter().map(|line| line["body"].clone()).collect()
}

/// The output of a job over every transport, which must be the same.
fn same_by_both_transports(count: usize, model: &str, more: &str) -> Vec<Value> {
    let outputs = ["whole", "stream"].map(|transport| {
        let mut scene = Scene::new();
        scene.rows_and_job(count, &format!("model.transport = {transport:?}\n{more}"));
        scene.run_job(&["job.toml", "--model", model]).expect_code(0);
        assert!(bodies(&scene).iter().all(|body| (body["stream"] == true) == (transport == "stream")));
        comparable(&scene.path("out.jsonl"))
    });
    assert_eq!(outputs[0], outputs[1], "{model} {more}");
    let [output, _] = outputs;
    output
}

#[test]
fn a_streamed_request_asks_for_a_stream_and_its_usage_and_changes_nothing_else() {
    let mut scene = streaming(3, "", "[request]\ntemperature = 0.5\n");
    scene.run_job(&["job.toml"]).expect_code(0);
    for body in bodies(&scene) {
        assert_eq!(
            (&body["stream"], &body["stream_options"]),
            (&json!(true), &json!({"include_usage": true}))
        );
        let keys: Vec<&String> = body.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["model", "messages", "temperature", "stream", "stream_options"]);
    }
    // The transport is not part of the request: nothing is sent again.
    scene.run_job(&["job.toml", "--set", "model.transport=whole"]).expect_code(0).says("kept 3");
    assert_eq!(scene.witness().len(), 3);
}

#[test]
fn an_answer_by_stream_is_the_answer_that_comes_whole() {
    same_by_both_transports(8, "qwen-plus", "");
    same_by_both_transports(2, "qwen-plus", "[request]\nmax_tokens = 4\n");
    let thought = same_by_both_transports(2, "qwen3.6-plus", "");
    assert!(thought.iter().all(|row| row["reasoning"].is_string() && row["reasoning_tokens"].is_u64()));
    let several = same_by_both_transports(2, "sim-any", "[request]\nn = 3\n");
    let texts: Vec<String> =
        serde_json::from_str(several[0]["response"].as_str().expect("text")).expect("an array");
    assert_eq!(texts.len(), 3);
}

#[test]
fn tool_calls_by_stream_are_those_of_the_whole_answer() {
    let tool = |name: &str| {
        format!(
            "[[request.tools]]\ntype = \"function\"\n[request.tools.function]\nname = {name:?}\n\
             parameters = {{ type = \"object\", properties = {{ place = {{ type = \"string\" }} }} }}\n"
        )
    };
    let more = format!("[request]\nparallel_tool_calls = true\n{}{}", tool("row"), tool("text"),);
    let rows = same_by_both_transports(3, "qwen-plus", &more);
    assert_eq!(rows[0]["tool_calls"].as_array().map(Vec::len), Some(2), "{}", rows[0]);
}

#[test]
fn a_translation_that_is_sent_again_with_each_piece_is_not_doubled() {
    for model in ["qwen-mt-plus", "qwen-mt-turbo", "qwen-mt-flash"] {
        let more = "[request]\ntranslation_options = { source_lang = \"auto\", target_lang = \"French\" }\n";
        same_by_both_transports(3, model, more);
    }
}

#[test]
fn a_model_that_takes_nothing_else_is_streamed_by_itself() {
    for (arguments, streams) in [
        (&["--model", "qwq-plus"][..], true),
        (&["--model", "qwen3-32b"], true),
        (&["--model", "qwen3-32b", "--set", "request.enable_thinking=false"], false),
        (&["--model", "qwen-plus"], false),
    ] {
        let mut scene = Scene::new();
        scene.rows_and_job(3, "model.transport = \"auto\"\n");
        scene.run_job(&[&["job.toml"], arguments].concat()).expect_code(0);
        assert!(bodies(&scene).iter().all(|body| (body["stream"] == true) == streams), "{arguments:?}");
    }
}

#[test]
fn a_stream_that_breaks_off_anywhere_is_asked_for_again() {
    let cuts = [0, 1, 5, 6, 40, 200, 500, 700, 900, 1100];
    let script: String = cuts
        .iter()
        .enumerate()
        .map(|(row, bytes)| {
            let action = if row % 2 == 0 { "cut_body" } else { "reset" };
            format!(
                "[[fault]]\ncontains = \"of row {row}.\"\nfirst_tries = 1\naction = {action:?}\nafter_bytes = {bytes}\n"
            )
        })
        .collect();
    let mut scene = streaming(cuts.len() + 4, &script, "");
    scene.run_job(&["job.toml"]).expect_code(0);
    let attempts: Vec<u64> =
        scene.output().iter().map(|row| row["attempts"].as_u64().expect("attempts")).collect();
    assert_eq!(attempts, [[2; 10].as_slice(), [1; 4].as_slice()].concat());
    let mut whole = Scene::new();
    whole.rows_and_job(cuts.len() + 4, "");
    whole.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(comparable(&scene.path("out.jsonl")), comparable(&whole.path("out.jsonl")));
}

#[test]
fn a_stream_that_only_stops_is_not_an_answer() {
    let piece = json!({"choices": [{"index": 0, "delta": {"content": "half"}, "finish_reason": null}]});
    let script = format!(
        "[[fault]]\ncontains = \"of row 2.\"\nfirst_tries = 1\nstatus = 200\n\
         headers = {{ Content-Type = \"text/event-stream\" }}\nbody = \'\'\'data: {piece}\n\n\'\'\'\n"
    );
    let mut scene = streaming(4, &script, "");
    scene.run_job(&["job.toml", "-v"]).expect_code(0).says("cut_stream: the stream ended before its [DONE]");
    assert_eq!(scene.output()[2]["attempts"], 2);
}

#[test]
fn a_stream_that_pauses_too_long_is_given_up_and_asked_for_again() {
    let script = "[[fault]]\ncontains = \"of row 1.\"\nfirst_tries = 1\naction = \"slow_body\"\nafter_bytes = 300\npause = \"30s\"\n\
                  [[fault]]\ncontains = \"of row 2.\"\nfirst_tries = 1\naction = \"hang\"\n\
                  [[fault]]\ncontains = \"of row 3.\"\naction = \"slow_body\"\nafter_bytes = 100\npause = \"5ms\"\n";
    let mut scene = streaming(4, script, "retry.idle_timeout = \"1s\"\n");
    scene.run_job(&["job.toml", "-v"]).expect_code(0).says("idle_timeout: nothing was received for 1s");
    let attempts: Vec<u64> =
        scene.output().iter().map(|row| row["attempts"].as_u64().expect("attempts")).collect();
    assert_eq!(attempts, [1, 2, 2, 1]);
}

#[test]
fn a_timeout_of_one_s_own_holds_for_the_pauses_of_a_stream_too() {
    let script = "[[fault]]\ncontains = \"of row 1.\"\nfirst_tries = 1\naction = \"slow_body\"\nafter_bytes = 300\npause = \"30s\"\n";
    let mut own = streaming(3, script, "retry.timeout = \"1s\"\n");
    own.run_job(&["job.toml", "-v"]).expect_code(0).says("idle_timeout: nothing was received for 1s");
    let mut both = streaming(3, script, "retry.timeout = \"500ms\"\nretry.idle_timeout = \"1s\"\n");
    both.run_job(&["job.toml", "-v"]).expect_code(0).says("idle_timeout: nothing was received for 1s");
}

#[test]
fn a_streamed_answer_that_the_server_cut_off_is_not_a_success() {
    for action in ["cut_by_server", "null_finish"] {
        let script = format!("[[fault]]\ncontains = \"of row 3.\"\naction = \"{action}\"\n");
        // With several answers in one request, none can be continued.
        let mut scene = streaming(8, &script, "request.n = 2\n");
        scene.run_job(&["job.toml"]).expect_code(3);
        let row = scene.output().remove(3);
        assert_eq!(
            (&row["error_code"], &row["status"], &row["response"]),
            (&"cut_by_server".into(), &"failed".into(), &Value::Null),
            "{action}"
        );
        let sql = "SELECT evidence FROM faults WHERE kind = 'cut_by_server'";
        let kept: Vec<u8> = scene.journal().query_row(sql, [], |row| row.get(0)).expect("evidence");
        let kept: Value = serde_json::from_slice(&kept).expect("what there is of the answer");
        assert!(kept["response"].is_string() && kept["usage"]["total_tokens"].is_u64(), "{kept}");
    }
}

#[test]
fn a_streamed_answer_that_the_server_cut_is_continued_where_it_ends() {
    let script = "[[fault]]\ncontains = \"of row 3.\"\ntimes = 1\naction = \"cut_by_server\"\n";
    let mut scene = streaming(8, script, "");
    scene.run_job(&["job.toml"]).expect_code(0);
    let row = scene.output().remove(3);
    let sql = "SELECT response FROM steps WHERE next = 'rest'";
    let half: String = scene.journal().query_row(sql, [], |row| row.get(0)).expect("one piece");
    let last =
        scene.witness().into_iter().find(|line| line["body"]["messages"][1].is_object()).expect("the rest");
    let asked = json!({ "role": "assistant", "content": half, "partial": true });
    assert_eq!(last["body"]["messages"][1], asked);
    let whole = row["response"].as_str().expect("text");
    assert!(whole.starts_with(&half) && whole.len() > half.len(), "{half:?}, {whole:?}");
    assert_eq!((&row["attempts"], &row["finish_reason"]), (&json!(2), &json!("stop")));
    assert!(row["total_tokens"].as_u64() > last["total_tokens"].as_u64(), "the first piece was paid for too");
}

#[test]
fn an_error_in_the_middle_of_a_stream_counts_like_the_same_error_as_a_reply() {
    let script = "[[fault]]\ncontains = \"of row 1.\"\naction = \"error_event\"\nstatus = 400\ncode = \"data_inspection_failed\"\n\
                  message = \"Output data may contain inappropriate content.\"\n\
                  [[fault]]\ncontains = \"of row 2.\"\nfirst_tries = 1\naction = \"error_event\"\n\
                  [[fault]]\ncontains = \"of row 3.\"\nfirst_tries = 1\naction = \"error_event\"\nstatus = 429\n";
    let mut scene = streaming(12, script, "");
    scene.run_job(&["job.toml"]).expect_code(3).says("the service throttles");
    let rows = scene.output();
    assert_eq!((&rows[1]["error_code"], &rows[1]["attempts"]), (&"data_inspection_failed".into(), &1.into()));
    assert_eq!((&rows[2]["status"], &rows[2]["attempts"]), (&"ok".into(), &2.into()));
    assert_eq!((&rows[3]["status"], &rows[3]["attempts"]), (&"ok".into(), &2.into()));
    let mut refused = streaming(20, "[[fault]]\naction = \"error_event\"\nstatus = 401\n", "");
    refused.run_job(&["job.toml"]).expect_code(4).says("invalid_api_key");
}

#[test]
fn a_server_that_answers_whole_all_the_same_is_understood() {
    let body =
        json!({"id": "chatcmpl-1", "choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}]});
    let mut scene = streaming(2, &format!("[[fault]]\nstatus = 200\nbody = '{body}'\n"), "");
    scene.judge.texts = None;
    scene.run(&["run", "job.toml"]).expect_code(0);
    assert!(scene.output().iter().all(|row| row["response"] == "whole"));
    // Or the reverse: events without a matching content type.
    let piece = json!({"choices": [{"index": 0, "delta": {"content": "pieces"}, "finish_reason": "stop"}]});
    let script = format!(
        "[[fault]]\nstatus = 200\nheaders = {{ Content-Type = \"text/plain\" }}\nbody = \'\'\'data: {piece}\n\ndata: [DONE]\n\n\'\'\'\n"
    );
    let scene = streaming(2, &script, "");
    scene.run(&["run", "job.toml"]).expect_code(0);
    assert!(scene.output().iter().all(|row| row["response"] == "pieces"));
}

#[test]
fn an_empty_answer_by_stream_is_asked_for_once_more_and_then_failed() {
    let mut scene = streaming(6, "[[fault]]\ncontains = \"of row 3.\"\naction = \"empty_content\"\n", "");
    scene.run_job(&["job.toml"]).expect_code(3);
    let row = scene.output().remove(3);
    assert_eq!((&row["error_code"], &row["attempts"]), (&"empty_answer".into(), &2.into()));
}

#[test]
fn a_line_of_the_openai_batch_format_may_ask_for_a_stream_by_itself() {
    let scene = Scene::new();
    let body = json!({"model": "qwen-plus", "stream": true, "stream_options": {"include_usage": false},
        "messages": [{"role": "user", "content": "text of row 0."}]});
    let line = json!({"custom_id": "c", "method": "POST", "url": "/v1/chat/completions", "body": body});
    scene.write("in.jsonl", format!("{line}\n"));
    let job = scene.job("in.jsonl", "out.jsonl", "");
    let job = std::fs::read_to_string(job).expect("a job");
    scene.write("job.toml", job.replace("prompt.user = \"{{ text }}\"\n", ""));
    scene.run(&["run", "job.toml"]).expect_code(0);
    let sent = scene.witness()[0]["body"].clone();
    assert_eq!((&sent["stream"], &sent["stream_options"]), (&json!(true), &json!({"include_usage": true})));
    scene.run(&["run", "job.toml", "--fresh", "--set", "model.transport=whole"]).expect_code(0);
    let sent = scene.witness()[1]["body"].clone();
    assert!(sent.get("stream").is_none() && sent.get("stream_options").is_none(), "{sent}");
}

#[test]
fn headers_of_the_job_are_on_every_request_and_their_secrets_nowhere_else() {
    let echo = "[[fault]]\nfirst_tries = 1\nstatus = 500\nmessage = \"bad token my-proxy-secret\"\n";
    let mut scene = Scene::with_script(echo);
    scene.write("in.jsonl", rows(0..3));
    let more = "[model.headers]\nX-DashScope-DataInspection = '{\"input\":\"cip\"}'\nX-Proxy-Token = \"my-proxy-secret\"\n";
    scene.job("in.jsonl", "out.jsonl", more);
    let said = scene.run_job(&["job.toml", "-v"]).expect_code(0).says("bad token [key]");
    assert!(!said.stderr.contains("my-proxy-secret"));
    for line in scene.witness() {
        assert_eq!(line["headers"]["x-dashscope-datainspection"], "{\"input\":\"cip\"}");
    }
    for file in ["out.jsonl", "out.jsonl.journal", "out.jsonl.summary.json"] {
        let bytes = std::fs::read(scene.path(file)).expect("a file");
        assert!(!bytes.windows(15).any(|window| window == b"my-proxy-secret"), "{file}");
    }
    scene
        .run(&["run", "job.toml", "--set", "model.headers.X-Token=my-proxy-secret"])
        .expect_code(1)
        .says("does not belong on the command line");
    scene.job("in.jsonl", "out.jsonl", "model.headers.Authorization = \"Bearer my-proxy-secret\"\n");
    let refused = scene.run(&["run", "job.toml"]).expect_code(1).says("job.toml:8:").says("api_key_env");
    assert!(!refused.stderr.contains("my-proxy-secret"), "{}", refused.stderr);
}
