//! Replies as other servers write them: what counts as an answer, and its usage.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fanfold::simulator::{Profile, Script, ServerSettings};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value, json};

use crate::support::harness::{Finished, Scene};

/// A body that holds an answer, with these fields of its choice.
fn body(choice: Value) -> String {
    let mut body = json!({
        "id": "1", "model": "house", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes"},
        "finish_reason": "stop"}], "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    });
    for (key, value) in choice.as_object().expect("fields") {
        body["choices"][0][key] = value.clone();
    }
    body.to_string()
}

/// A stream of these events, as its server sends them.
fn events(events: &[Value], done: bool) -> String {
    let end = if done { "data: [DONE]\n\n" } else { "" };
    events.iter().map(|event| format!("data: {event}\n\n")).collect::<String>() + end
}

/// A server that answers the row of each number with its body, and a job over so many rows.
fn scene(bodies: &[String], more: &str) -> Scene {
    let streams = more.contains("transport = \"stream\"");
    let kind = if streams { "text/event-stream" } else { "application/json" };
    let fault = |(row, body): (usize, &String)| {
        let body = toml::Value::from(body.as_str());
        format!(
            "[[fault]]\ncontains = \"of row {row}.\"\nstatus = 200\nbody = {body}\n\
             headers = {{ Content-Type = \"{kind}\" }}\n"
        )
    };
    let script: String = bodies.iter().enumerate().map(fault).collect();
    served(bodies.len(), &script, more)
}

/// A server that is not DashScope, with a script, and a job over so many rows and one more, which it answers as usual.
fn served(rows: usize, script: &str, more: &str) -> Scene {
    let script = Script::parse(script).expect("a good script");
    let mut scene =
        Scene::with(ServerSettings { profile: Profile::Plain, script, ..ServerSettings::default() });
    scene.rows_and_job(rows + 1, more);
    let job = scene.read("job.toml").replace("qwen-plus", "house");
    scene.write("job.toml", job);
    scene.judge.bodies_are_literal = true;
    scene
}

/// Each row's status, code, and how often it was sent.
fn ends(scene: &Scene) -> Vec<(String, String, u64)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let end =
        |row: &Value| (text(&row["status"]), text(&row["error_code"]), row["attempts"].as_u64().unwrap_or(0));
    scene.output().iter().map(end).collect()
}

const BROKEN: [&str; 4] = ["abort", "error", "insufficient_system_resource", "cancelled"];

#[test]
fn an_answer_that_its_server_broke_off_is_sent_again_and_then_failed_with_its_word() {
    let whole = BROKEN.map(|word| body(json!({"finish_reason": word})));
    let stream = BROKEN.map(|word| {
        let end = json!({"choices": [{"delta": {}, "finish_reason": word}]});
        events(&[json!({"choices": [{"delta": {"content": "Yes"}}]}), end], true)
    });
    for (bodies, more) in [(whole, ""), (stream, "model.transport = \"stream\"\n")] {
        let mut scene = scene(&bodies, more);
        scene.run_job(&["job.toml"]).expect_code(3);
        for (end, word) in ends(&scene).iter().zip(BROKEN) {
            assert_eq!(end, &("failed".to_owned(), word.to_owned(), 2), "{more}");
        }
        assert_eq!(ends(&scene)[4].0, "ok");
    }
}

#[test]
fn ask_takes_no_answer_that_its_server_broke_off() {
    for (body, kind) in [
        (body(json!({"finish_reason": "abort"})), "application/json"),
        (
            events(&[json!({"choices": [{"delta": {"content": "Yes"}, "finish_reason": "abort"}]})], true),
            "text/event-stream",
        ),
    ] {
        let body = toml::Value::from(body);
        let script =
            format!("[[fault]]\nstatus = 200\nbody = {body}\nheaders = {{ Content-Type = \"{kind}\" }}\n");
        let scene = Scene::with_script(&script);
        let finished = scene.run(&["ask", "--model", "house", "--base-url", scene.base_url(), "Why?"]);
        assert_ne!(finished.code, Some(0), "{}", finished.stderr);
        finished.says("abort");
    }
}

#[test]
fn a_word_that_nobody_knows_is_an_answer_and_is_counted_and_named() {
    let mut scene =
        scene(&[body(json!({"finish_reason": "because"})), body(json!({"finish_reason": "because"}))], "");
    let said = scene.run_job(&["job.toml"]).expect_code(0);
    let said = said.says("2 answers ended with finish_reason \"because\", which fanfold does not know");
    assert_eq!(said.stderr.matches("because").count(), 1);
    assert_eq!(scene.receipt()["unknown_finish_reasons"], json!({"because": 2}));
    assert_eq!(scene.output()[0]["finish_reason"], "because");
}

#[test]
fn every_word_for_a_cut_by_length_is_one() {
    let words = ["max_tokens", "MAX_TOKENS", "model_length", "length"];
    let bodies = words.map(|word| body(json!({"finish_reason": word})));
    let mut keep = scene(&bodies, "");
    keep.run_job(&["job.toml"]).expect_code(0).says("4 answers ended at max_tokens");
    assert!(keep.output()[..4].iter().all(|row| row["finish_reason"] == "length"));
    assert_eq!(keep.receipt()["cut_by_length"], 4);
    let mut fail = scene(&bodies, "answer.on_length = \"fail\"\n");
    fail.run_job(&["job.toml"]).expect_code(3);
    assert!(ends(&fail)[..4].iter().all(|end| end.1 == "length"), "{:?}", ends(&fail));
}

#[test]
fn an_error_inside_a_choice_is_not_a_success_and_an_empty_error_next_to_an_answer_is_ignored() {
    let mut empty: Value = serde_json::from_str(&body(json!({"error": {}}))).expect("JSON");
    empty["error"] = json!("");
    let mut scene = scene(
        &[
            body(json!({"error": {"code": "odd_trouble", "message": "the upstream broke"}})),
            body(
                json!({"message": {"content": "Yes", "error": {"code": "odd_trouble", "message": "so it did"}}}),
            ),
            empty.to_string(),
        ],
        "",
    );
    scene.run_job(&["job.toml"]).expect_code(3).says("the upstream broke");
    assert_eq!([&ends(&scene)[0].1, &ends(&scene)[1].1], ["odd_trouble"; 2]);
    assert_eq!(ends(&scene)[2].0, "ok");
}

#[test]
fn a_refusal_fails_its_row_in_the_model_s_words_and_is_sent_once() {
    let refusal =
        |content: Value| body(json!({"message": {"content": content, "refusal": "I will not say that."}}));
    let mut scene = scene(&[refusal(Value::Null), refusal("".into())], "");
    scene.run_job(&["job.toml"]).expect_code(3).says("I will not say that.");
    for (row, end) in scene.output().iter().zip(ends(&scene)).take(2) {
        assert_eq!(end, ("failed".to_owned(), "refused".to_owned(), 1));
        assert_eq!(row["error"], "I will not say that.");
    }
}

#[test]
fn an_answer_that_is_nearly_json_is_read_and_bought_once() {
    let surrogate = body(json!({})).replace("\"Yes\"", "\"Yes \\ud83d!\"");
    let python = body(json!({"score": 1.5})).replace("1.5", "NaN");
    let mut scene = scene(&[surrogate, python], "");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.output()[0]["response"], "Yes \u{fffd}!");
    assert_eq!(scene.witness().len(), 3);
}

#[test]
fn a_null_for_a_finish_reason_is_an_answer_of_a_server_that_is_not_dashscope() {
    let mut scene = scene(&[body(json!({"finish_reason": null}))], "");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(ends(&scene)[0], ("ok".to_owned(), String::new(), 1));
}

#[test]
fn a_stream_without_a_done_is_an_answer_once_it_has_a_finish_reason() {
    let piece = json!({"choices": [{"delta": {"content": "Yes"}}]});
    let end = json!({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"total_tokens": 9}});
    let bodies = [events(&[piece.clone(), end.clone()], false), events(std::slice::from_ref(&piece), true)];
    let mut scene = scene(&bodies, "model.transport = \"stream\"\n");
    scene.run_job(&["job.toml"]).expect_code(3);
    let ends = ends(&scene);
    assert_eq!(ends[0], ("ok".to_owned(), String::new(), 1));
    assert_eq!(ends[1], ("failed".to_owned(), "no_finish_reason".to_owned(), 2), "once more, then failed");
}

#[test]
fn tokens_are_read_by_any_name_and_missing_ones_are_null_and_never_0() {
    let with = |usage: Value| {
        let mut whole: Value = serde_json::from_str(&body(json!({}))).expect("JSON");
        whole["usage"] = usage;
        whole.to_string()
    };
    let inside = body(json!({"usage": {"prompt_tokens": 10, "completion_tokens": 5}}));
    let mut zeros: Value = serde_json::from_str(&inside).expect("JSON");
    zeros["usage"] = json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0});
    let bodies = [
        with(json!({"input_tokens": 10, "output_tokens": 5})),
        body(json!({"usage": {"prompt_tokens": 10, "completion_tokens": 5}}))
            .replace(",\"usage\":{\"completion_tokens\":5,\"prompt_tokens\":10,\"total_tokens\":15}", ""),
        with(
            json!({"prompt_tokens": 10, "completion_tokens": 0, "completion_tokens_details": {"reasoning_tokens": 5}}),
        ),
        with(json!({"prompt_tokens": 10, "completion_tokens": 0, "total_tokens": 15})),
        with(json!({"total_tokens": 15})),
        with(json!({"prompt_tokens": 10})),
        with(json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})),
        // Zeros next to the choices do not contradict a count inside them.
        zeros.to_string(),
    ];
    let mut scene = scene(&bodies, "price = { input = 1.0, output = 2.0 }\n");
    scene.run_job(&["job.toml"]).expect_code(0);
    let rows = scene.output();
    let counts = |row: &Value| {
        ["prompt_tokens", "completion_tokens", "total_tokens"].map(|column| row[column].as_u64())
    };
    for row in &rows[..4] {
        assert_eq!(counts(row), [Some(10), Some(5), Some(15)], "{row}");
        assert_eq!(row["cost"], 0.000_02, "{row}");
    }
    assert_eq!(counts(&rows[4]), [None, None, Some(15)]);
    assert_eq!(counts(&rows[5]), [Some(10), None, None]);
    assert_eq!(counts(&rows[6]), [None; 3]);
    assert!(rows[4..7].iter().all(|row| row["cost"].is_null()));
    assert_eq!(counts(&rows[7]), [Some(10), Some(5), Some(15)], "{}", bodies[7]);
}

#[test]
fn usage_that_a_server_does_not_count_counts_towards_a_cap_at_its_worst_case() {
    for usage in [json!({"total_tokens": 12}), json!({"prompt_tokens": 10}), Value::Null] {
        let mut whole: Value = serde_json::from_str(&body(json!({}))).expect("JSON");
        whole["usage"] = usage.clone();
        let text = toml::Value::from(whole.to_string());
        let script = format!("[[fault]]\nstatus = 200\nbody = {text}\n");
        // In the worst case an answer costs 1,000 × 2 millionths.
        let more =
            "price = { input = 1.0, output = 2.0 }\nrequest.max_tokens = 1_000\nlimits.max_cost = 0.01\n";
        let mut scene = served(59, &script, more);
        scene.run_job(&["job.toml"]).expect_code(5);
        let sent = scene.witness().len();
        assert!((1..=5).contains(&sent), "{usage}: {sent} requests under a cap for five");
    }
}

#[test]
fn thoughts_in_the_text_are_reasoning() {
    let parts = json!([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "{\"a\": 1}"}]);
    let tags = |text: &str| body(json!({"message": {"content": text}}));
    let bodies = [tags("<think>hm</think>\n\n{\"a\": 1}"), body(json!({"message": {"content": parts}}))];
    let schema = "answer.schema = { type = \"object\", required = [\"a\"], properties = { a = { type = \"integer\" } } }\n";
    let mut scene = scene(&bodies, schema);
    scene.write("schema.json", "{\"type\":\"object\",\"required\":[\"a\"]}");
    let job = scene.read("job.toml").replace(schema, "answer.schema = \"schema.json\"\n");
    scene.write("job.toml", job);
    scene.run_job(&["job.toml"]);
    for row in &scene.output()[..2] {
        assert_eq!((&row["reasoning"], &row["response"]), (&"hm".into(), &"{\"a\": 1}".into()), "{row}");
        assert_eq!(row["status"], "ok", "{row}");
    }
}

#[test]
fn parallel_calls_with_one_index_and_choices_out_of_order_are_distinguished() {
    let call = |id: &str, name: &str, arguments: &str| {
        let call = json!({"index": 0, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
        json!({"choices": [{"delta": {"tool_calls": [call]}}]})
    };
    let end = json!({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]});
    let stream = events(&[call("a", "one", "{}"), call("b", "two", "[1]"), end], true);
    let mut calls = scene(&[stream], "model.transport = \"stream\"\n");
    calls.run_job(&["job.toml"]).expect_code(0);
    let made = &calls.output()[0]["tool_calls"];
    let names: Vec<&Value> =
        made.as_array().expect("calls").iter().map(|call| &call["function"]["name"]).collect();
    assert_eq!(names, ["one", "two"]);
    let choice = |index: u8, text: &str| json!({"index": index, "message": {"content": text}, "finish_reason": "stop"});
    let both = json!({"choices": [choice(1, "b"), choice(0, "a")]}).to_string();
    let mut choices = scene(&[both], "request.n = 2\n");
    choices.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(choices.output()[0]["response"], "[\"a\",\"b\"]");
}

#[test]
fn an_answer_is_read_in_each_form_that_servers_give_it() {
    let says = |message: Value| body(json!({"message": message}));
    let bodies = [
        says(json!({"content": ["Yes"]})),
        says(json!({"content": {"type": "text", "text": "Yes"}})),
        says(json!({"content": "Yes", "reasoning_content": [{"type": "text", "text": "hm"}]})),
        says(json!({"content": "Yes", "reasoning_content": {"text": "hm"}})),
        body(json!({"finish_reason": ""})),
        body(json!({"finish_reason": 1})),
        body(json!({"finish_reason": null, "native_finish_reason": "stop"})),
    ];
    let mut whole = scene(&bodies, "");
    whole.run_job(&["job.toml"]).expect_code(0);
    let piece =
        |index: Value, content: Value| json!({"choices": [{"index": index, "delta": {"content": content}}]});
    let end = |index: Value| json!({"choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]});
    let halves = |first: &str, second: &str| {
        let piece = |half: &str| piece(json!(0), json!("@")).to_string().replace('@', half);
        format!("data: {}\n\ndata: {}\n\n{}", piece(first), piece(second), events(&[end(json!(0))], true))
    };
    let python =
        |text: &str| piece(json!(0), json!(text)).to_string().replace("\"index\"", "\"score\":NaN,\"index\"");
    let bodies = [
        events(&[piece(json!("0"), json!("Ye")), piece(json!("0"), json!("s")), end(json!("0"))], true),
        events(&[piece(json!(0), json!(["Yes"])), end(json!(0))], true),
        halves("Yes \\ud83d", "\\ude00"),
        halves("Yes \\ud83d", ""),
        format!("data: {}\ndata: {}\n\n{}", python("Ye"), python("s"), events(&[end(json!(0))], true)),
        events(
            &[
                piece(json!(0), json!("Yes")),
                json!({"choices": [{"delta": {}, "finish_reason": null, "native_finish_reason": "stop"}]}),
            ],
            true,
        ),
    ];
    let mut stream = scene(&bodies, "model.transport = \"stream\"\n");
    stream.run_job(&["job.toml"]).expect_code(0);
    for (scene, count) in [(&whole, 7), (&stream, 6)] {
        for (row, end) in scene.output().iter().zip(ends(scene)).take(count) {
            let said = row["response"].as_str().unwrap_or_default();
            assert!(["Yes", "Yes \u{1f600}", "Yes \u{fffd}"].contains(&said), "{row}");
            assert_eq!(end, ("ok".to_owned(), String::new(), 1), "{row}");
        }
    }
    assert_eq!(whole.output()[2]["reasoning"], "hm");
    assert_eq!(stream.output()[2]["response"], "Yes \u{1f600}");
}

#[test]
fn half_a_character_in_an_answer_of_json_is_replaced_in_its_fields() {
    let answer = body(json!({"message": {"content": r#"{"a": "x\ud83d", "b": "\ud83d\ude00"}"#}}));
    let nan = body(json!({"message": {"content": r#"{"a": NaN, "b": ""}"#}}));
    let mut scene =
        scene(&[answer, nan], "answer.schema = \"schema.json\"\nanswer.expand = true\nanswer.repair = 0\n");
    let fields = json!({"a": {"type": ["string", "null"]}, "b": {"type": "string"}});
    scene.write(
        "schema.json",
        json!({"type": "object", "required": ["a", "b"], "properties": fields}).to_string(),
    );
    scene.run_job(&["job.toml"]).expect_code(3);
    let rows = scene.output();
    assert_eq!((&rows[0]["a"], &rows[0]["b"]), (&"x\u{fffd}".into(), &"\u{1f600}".into()), "{}", rows[0]);
    assert_eq!(rows[1]["status"], "failed", "a number that is none is no value");
}

#[test]
fn a_filter_that_says_why_is_quoted() {
    let message = json!({"content": null, "refusal": "That is not for us."});
    let mut scene = scene(&[body(json!({"message": message, "finish_reason": "content_filter"}))], "");
    scene.run_job(&["job.toml"]).expect_code(3);
    assert_eq!(ends(&scene)[0], ("failed".to_owned(), "content_filter".to_owned(), 1));
    assert_eq!(scene.output()[0]["error"], "That is not for us.");
}

/// Answers one request with a body that is compressed, under this name of its compression.
fn zipped(name: &'static str, kind: &'static str, body: String) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time limit");
        let mut request = Vec::new();
        let mut bytes = [0; 4096];
        while !request.ends_with(b"}") {
            let read = stream.read(&mut bytes).expect("a request");
            request.extend_from_slice(&bytes[..read]);
        }
        let body = match name {
            "deflate" => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(body.as_bytes()).expect("memory");
                encoder.finish().expect("memory")
            }
            _ => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(body.as_bytes()).expect("memory");
                encoder.finish().expect("memory")
            }
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Encoding: {name}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).expect("a client");
    });
    (address, server)
}

#[test]
fn a_compressed_body_is_unpacked_by_any_name_of_its_compression() {
    let piece = json!({"choices": [{"delta": {"content": "Yes"}, "finish_reason": "stop"}]});
    for name in ["GZIP", "x-gzip", "gzip", "gzip, identity", "deflate"] {
        for stream in [false, true] {
            let (address, server) = match stream {
                true => zipped(name, "text/event-stream", events(std::slice::from_ref(&piece), true)),
                false => zipped(name, "application/json", body(json!({}))),
            };
            let url = format!("http://{address}/v1");
            let flags: &[&str] = if stream { &[] } else { &["--no-stream"] };
            let asked = [&["ask", "--model", "house", "--base-url", &url, "Why?"], flags].concat();
            let said: Finished = Scene::new().run(&asked);
            assert_eq!(said.expect_code(0).stdout.trim(), "Yes", "{name}, {stream}");
            server.join().expect("one request");
        }
    }
}
