//! `fanfold ask`: one question from the shell, its answer on standard output.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use fanfold::simulator::{Script, ServerSettings};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::harness::{CANARY, Finished, Scene, signal};

/// `ask` in a scene, with its simulator's address in a variable.
fn ask(scene: &Scene, arguments: &[&str]) -> Finished {
    let all = [&["ask"], arguments].concat();
    let mut command = scene.command(&all);
    let finished =
        Finished::from(command.env("FANFOLD_BASE_URL", scene.base_url()).output().expect("it runs"));
    assert!(!finished.stdout.contains(CANARY) && !finished.stderr.contains(CANARY), "the key is shown");
    finished
}

/// The same, with these bytes on standard input.
fn ask_with_input(scene: &Scene, arguments: &[&str], bytes: &[u8]) -> Finished {
    scene.run_with_input(&[&["ask", "--base-url", scene.base_url()], arguments].concat(), bytes)
}

fn last_body(scene: &Scene) -> Value {
    scene.witness().last().expect("a request")["body"].clone()
}

fn faulty(script: &str) -> Scene {
    Scene::with_script(script)
}

#[test]
fn the_answer_is_on_standard_output_and_the_usage_on_standard_error() {
    let scene = Scene::new();
    let finished = ask(&scene, &["What is fan-fold paper?"]).expect_code(0);
    assert!(finished.stdout.ends_with('\n') && !finished.stdout.ends_with("\n\n"), "{:?}", finished.stdout);
    assert!(finished.stdout.contains("fan-fold"), "{}", finished.stdout);
    let body = last_body(&scene);
    assert_eq!(body["model"], "qwen3.6-plus");
    assert_eq!(body["messages"], json!([{"role": "user", "content": "What is fan-fold paper?"}]));
    assert_eq!((&body["stream"], &body["stream_options"]["include_usage"]), (&true.into(), &true.into()));
    assert!(
        finished.stderr.contains(" tokens: ") && finished.stderr.contains(" reasoning)"),
        "{}",
        finished.stderr
    );
    assert_eq!(finished.stderr.lines().count(), 1, "no reasoning where there is no terminal");
    assert_eq!(ask(&scene, &["-q", "What is fan-fold paper?"]).expect_code(0).stderr, "");
}

#[test]
fn the_question_is_read_from_standard_input_where_there_is_none() {
    let scene = Scene::new();
    for arguments in [&[][..], &["-"]] {
        ask_with_input(&scene, arguments, "Grüße,\nzweite Zeile\n".as_bytes()).expect_code(0);
        assert_eq!(last_body(&scene)["messages"][0]["content"], "Grüße,\nzweite Zeile");
    }
    ask_with_input(&scene, &[], b" \n").expect_code(1).says("the question is empty");
    ask_with_input(&scene, &[], b"\xff").expect_code(1).says("not UTF-8");
    assert_eq!(scene.witness().len(), 2);
}

#[test]
fn flags_variables_and_set_decide_the_question_and_the_model() {
    let scene = Scene::new();
    let arguments = [
        "--model",
        "qwen-plus",
        "--system",
        "Be brief.",
        "--set",
        "request.temperature=0.25",
        "--set",
        "request.stop=[\"zz\"]",
        "Hello {{ there }}",
    ];
    ask(&scene, &arguments).expect_code(0);
    let body = last_body(&scene);
    assert_eq!(
        (&body["model"], &body["temperature"], &body["stop"]),
        (&"qwen-plus".into(), &0.25.into(), &json!(["zz"]))
    );
    assert_eq!(body["messages"][0], json!({"role": "system", "content": "Be brief."}));
    assert_eq!(body["messages"][1]["content"], "Hello {{ there }}", "a question is no template");
    let mut command = scene.command(&["ask", "Hello", "--base-url", scene.base_url()]);
    // Settings for jobs do not affect a question.
    command
        .env("FANFOLD_MODEL", "qwen-turbo")
        .env("FANFOLD_QPS", "nonsense")
        .env("FANFOLD_PROMPT", "{{ x }}");
    Finished::from(command.output().expect("it runs")).expect_code(0);
    assert_eq!(last_body(&scene)["model"], "qwen-turbo");
    scene.write("my.env", format!("FANFOLD_BASE_URL={}\nFANFOLD_MODEL=qwen-flash\n", scene.base_url()));
    scene.run(&["ask", "Hello", "--env-file", "my.env"]).expect_code(0);
    assert_eq!(last_body(&scene)["model"], "qwen-flash");
}

#[test]
fn thinking_is_switched_on_and_off_and_shown_when_asked_for() {
    let scene = Scene::new();
    ask(&scene, &["--no-thinking", "Hello"]).expect_code(0);
    assert_eq!(last_body(&scene)["enable_thinking"], false);
    let shown = ask(&scene, &["--model", "qwen-plus", "--enable-thinking", "--show-reasoning", "Hello"])
        .expect_code(0);
    assert_eq!(last_body(&scene)["enable_thinking"], true);
    let plain = ask(&scene, &["--model", "qwen-plus", "--enable-thinking", "Hello"]).expect_code(0).stdout;
    let (reasoning, text) = shown.stdout.split_once("\n\n").expect("reasoning, an empty line, the answer");
    assert!(!reasoning.is_empty() && text == plain, "{shown:?}");
    assert!(!shown.stdout.contains('\u{1b}'), "no colours where there is no terminal");
    let dimmed = ask(&scene, &["--show-reasoning", "--color", "always", "Hello"]).expect_code(0);
    assert!(
        dimmed.stdout.starts_with("\u{1b}[2m") && dimmed.stdout.contains("\u{1b}[0m\n"),
        "{:?}",
        dimmed.stdout
    );
    ask(&scene, &["--no-thinking", "--enable-thinking", "Hello"]).expect_code(2).says("cannot be used with");
}

#[test]
fn a_whole_body_goes_out_as_it_is() {
    let scene = Scene::new();
    let body = json!({"messages": [{"role": "user", "content": "Hello"}], "model": "qwen-max", "seed": 7,
        "vendor_field": {"kept": true}});
    ask(&scene, &["--request", &body.to_string()]).expect_code(0);
    let sent = last_body(&scene);
    for key in ["messages", "model", "seed", "vendor_field"] {
        assert_eq!(sent[key], body[key], "{key}");
    }
    assert_eq!(sent["stream"], true);
    // Without streaming, if the body says so; and a model given by a flag overrides the body's.
    let whole = json!({"messages": body["messages"], "model": "qwen-max", "stream": false});
    ask(&scene, &["--model", "qwen-plus", "--request", &whole.to_string()]).expect_code(0);
    assert!(last_body(&scene).get("stream").is_none());
    assert_eq!(last_body(&scene)["model"], "qwen-plus");
    scene.write("body.json", body.to_string());
    ask(&scene, &["--request", "@body.json"]).expect_code(0);
    assert_eq!(last_body(&scene)["seed"], 7);
}

#[test]
fn a_question_that_makes_no_sense_is_refused_before_it_is_sent() {
    let scene = Scene::new();
    let turns = r#""messages":[{"role":"user","content":"x"}]"#;
    for (arguments, code, words) in [
        (vec!["--request", "{\"messages\": [}"], 1, "in: --request {\"messages\": [}"),
        (vec!["--request", "[1]"], 1, "a request must be a JSON object"),
        (vec!["--request", "{\"model\":\"m\"}"], 1, "no `messages`"),
        (vec!["--request", &format!("{{{turns},\"extra_body\":{{}}}}")], 1, "wrapper of the Python client"),
        (vec!["--request", "@none.json"], 1, "none.json"),
        (vec!["--request", "{}", "Hello"], 2, "cannot be used with"),
        (vec!["--request", "{}", "--system", "x"], 2, "cannot be used with"),
        (vec!["--base-url", "http://a.example", "--region", "beijing", "x"], 2, "cannot be used with"),
        (vec!["--set", "request.temperature=3", "Hello"], 1, "`temperature` must be a number from 0"),
        (
            vec!["--set", "request.temprature=1", "--set", "limits.qps=1", "Hello"],
            1,
            "does not apply to a single question",
        ),
        (vec!["--set", "retry.timeout=soon", "Hello"], 1, "not a duration"),
        (vec!["--set", "model.headers.X-DashScope-Async=enable", "Hello"], 1, "429 to every chat request"),
        (vec!["--region", "atlantis", "Hello"], 2, "not a known region"),
        (vec!["  "], 1, "the question is empty"),
    ] {
        let finished = ask(&scene, &arguments).expect_code(code).says(words);
        assert_eq!(finished.stdout, "", "{arguments:?}");
    }
    let mut keyless = scene.command(&["ask", "Hello", "--region", "singapore"]);
    let finished =
        keyless.env_remove("DASHSCOPE_API_KEY").env("FANFOLD_BASE_URL", "http://127.0.0.1:9").output();
    Finished::from(finished.expect("it runs")).expect_code(1).says("DASHSCOPE_API_KEY is not set");
    assert!(scene.witness().is_empty(), "nothing was sent");
}

#[test]
fn without_a_stream_the_answer_is_the_same() {
    let scene = Scene::new();
    for model in ["qwen-plus", "qwen3.6-plus", "qwq-plus"] {
        let streamed = ask(&scene, &["--model", model, "Hello there"]).expect_code(0);
        let whole = ask(&scene, &["--model", model, "--no-stream", "Hello there"]).expect_code(0);
        assert_eq!(streamed.stdout, whole.stdout, "{model}");
        // A model that accepts only streams is streamed all the same, and printed at the end.
        assert_eq!(last_body(&scene)["stream"] == true, model == "qwq-plus");
    }
    let options = "request.translation_options={ source_lang = \"auto\", target_lang = \"French\" }";
    for model in ["qwen-mt-plus", "qwen-mt-flash"] {
        let streamed =
            ask(&scene, &["--model", model, "--set", options, "Good morning, all of you!"]).expect_code(0);
        let arguments = ["--model", model, "--set", options, "--no-stream", "Good morning, all of you!"];
        assert_eq!(streamed.stdout, ask(&scene, &arguments).expect_code(0).stdout, "{model}");
    }
}

#[test]
fn json_is_one_line_with_everything_in_it() {
    let scene = Scene::new();
    let finished =
        ask(&scene, &["--json", "--set", "price={ input = 1.0, output = 2.0 }", "Hello"]).expect_code(0);
    assert_eq!(finished.stdout.lines().count(), 1);
    assert_eq!(finished.stderr, "");
    let line: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(
        (&line["version"], &line["status"], &line["model"]),
        (&1.into(), &"ok".into(), &"qwen3.6-plus".into())
    );
    assert!(
        line["response"].is_string() && line["reasoning"].is_string() && line["request_id"].is_string(),
        "{line}"
    );
    let tokens = |key: &str| line[key].as_u64().expect(key);
    assert_eq!(tokens("total_tokens"), tokens("prompt_tokens") + tokens("completion_tokens"));
    let cost = (tokens("prompt_tokens") + 2 * tokens("completion_tokens")) as f64 / 1e6;
    assert!((line["cost"].as_f64().expect("a cost") - cost).abs() < 1e-12, "{line}");
    assert!(line["latency_ms"].is_u64() && line["reasoning_tokens"].is_u64());
    let refused = ask(&scene, &["--json", "--model", "gpt-5", "Hello"]).expect_code(4);
    let line: Value = serde_json::from_str(&refused.stdout).expect("JSON");
    assert_eq!((&line["status"], &line["error_code"]), (&"failed".into(), &"model_not_found".into()));
    assert!(line["response"].is_null());
}

#[test]
fn tool_calls_are_printed_as_json() {
    let scene = Scene::new();
    let tools = json!([{"type": "function", "function": {"name": "get_weather",
        "parameters": {"type": "object", "properties": {"location": {"type": "string"}}}}}]);
    let body = json!({"model": "qwen-plus", "tools": tools,
        "messages": [{"role": "user", "content": "What is the weather in Paris?"}]});
    let finished = ask(&scene, &["--request", &body.to_string()]).expect_code(0);
    let calls: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(calls[0]["function"], json!({"arguments": "{\"location\":\"Paris\"}", "name": "get_weather"}));
}

#[test]
fn transient_failures_are_retried_only_before_anything_was_printed() {
    let throttled = "[[fault]]\nfirst_tries = 2\nstatus = 429\n";
    let patient = ["--set", "retry.initial_backoff=10ms", "--set", "retry.max_backoff=20ms"];
    let scene = faulty(throttled);
    ask(&scene, &[&patient[..], &["Hello"]].concat())
        .expect_code(0)
        .says("limit_requests")
        .says("retrying in");
    assert_eq!(scene.witness().len(), 3);
    let scene = faulty("[[fault]]\nstatus = 500\n");
    let arguments = [&patient[..], &["--set", "retry.max_attempts=3", "Hello"]].concat();
    ask(&scene, &arguments).expect_code(3).says("there is no answer: 500 internal_error");
    assert_eq!(scene.witness().len(), 3);
    // The half that was printed stays, and is not printed again.
    let scene = faulty("[[fault]]\naction = \"error_event\"\n");
    let arguments =
        [&patient[..], &["--no-thinking", "A question that is long enough for several pieces of answer"]]
            .concat();
    let finished = ask(&scene, &arguments).expect_code(3).says("the answer is not complete");
    assert!(finished.stdout.len() > 1 && finished.stdout.ends_with('\n'), "{:?}", finished.stdout);
    assert_eq!(scene.witness().len(), 1);
    let mut gone = Scene::new();
    let address = gone.base_url().to_owned();
    gone.stop_server();
    gone.run(&["ask", "--base-url", &address, "Hello"])
        .expect_code(3)
        .says("nothing answers at http://127.0.0.1:");
}

#[test]
fn a_refusal_is_reported_in_the_api_s_own_words() {
    let scene =
        Scene::with(ServerSettings { api_key: Some("another".to_owned()), ..ServerSettings::default() });
    ask(&scene, &["Hello"])
        .expect_code(4)
        .says("the API refused the request: 401 invalid_api_key: Incorrect API key");
    let scene = faulty(
        "[[fault]]\nstatus = 400\ncode = \"data_inspection_failed\"\nmessage = \"Input data may contain x.\"\n",
    );
    let finished = ask(&scene, &["Hello"]).expect_code(4).says("Input data may contain x.");
    assert_eq!(finished.stdout, "");
    assert_eq!(scene.witness().len(), 1);
    let scene = faulty("[[fault]]\nstatus = 400\nmessage = \"sk-canary-4f1d9c7e2b is wrong\"\n");
    ask(&scene, &["Hello"]).expect_code(4).says("[key] is wrong");
}

#[test]
fn an_answer_cut_at_max_tokens_is_an_answer_with_a_warning_and_one_cut_by_the_server_is_not() {
    let scene = Scene::new();
    let arguments = ["--no-thinking", "--set", "request.max_tokens=3", "Tell me a story of some length"];
    let finished =
        ask(&scene, &arguments).expect_code(0).says("warning: the answer was truncated at max_tokens");
    assert!(finished.stdout.len() > 1);
    for arguments in [&["--no-thinking", "Hello there"][..], &["--no-thinking", "--no-stream", "Hello there"]]
    {
        let scene = faulty("[[fault]]\naction = \"cut_by_server\"\n");
        ask(&scene, arguments).expect_code(3).says("cut_by_server");
        assert_eq!(scene.witness().len(), 1);
    }
}

#[test]
fn pieces_are_printed_as_they_come_and_an_interrupt_keeps_them() {
    // Every piece except the first few is a minute away: anything read by then was flushed on its own.
    let script = "[[fault]]\naction = \"slow_body\"\nafter_bytes = 1500\npause = \"60s\"\n";
    let scene = faulty(script);
    let arguments =
        ["ask", "--no-thinking", "--base-url", scene.base_url(), "Tell me a story of some length, please"];
    let mut command = scene.command(&arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut stdout = child.stdout.take().expect("standard output");
    let mut first = [0_u8; 8];
    stdout.read_exact(&mut first).expect("a piece");
    signal(&child, Signal::INT);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("text");
    let finished =
        Finished::from(child.wait_with_output().expect("an end")).expect_code(130).says("interrupted\n");
    assert!(rest.ends_with('\n'), "{rest:?}");
    assert_eq!(finished.stderr, "interrupted\n");
}

#[test]
fn a_reader_that_has_read_enough_may_leave() {
    let script = Script::parse("[[fault]]\naction = \"slow_body\"\nafter_bytes = 200\npause = \"20ms\"\n");
    let scene =
        Scene::with(ServerSettings { script: script.expect("a script"), ..ServerSettings::default() });
    let long = "Tell me a story of some length, please, with a beginning, a middle and an end. ".repeat(4);
    let arguments = ["ask", "--no-thinking", "--base-url", scene.base_url(), &long];
    let mut command = scene.command(&arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut reader = BufReader::with_capacity(1, child.stdout.take().expect("standard output"));
    reader.fill_buf().expect("a piece");
    drop(reader);
    let finished = Finished::from(child.wait_with_output().expect("an end")).expect_code(0);
    assert_eq!(finished.stderr, "");
}

#[test]
fn a_rehearsal_needs_no_key_and_no_server() {
    let scene = Scene::new();
    let mut command = scene.command(&["ask", "--simulate", "--no-thinking", "Hello"]);
    let finished = Finished::from(command.env_remove("DASHSCOPE_API_KEY").output().expect("it runs"));
    let finished = finished.expect_code(0).says("simulated, at no cost").says("estimate, prices of 20");
    assert!(finished.stdout.contains("Hello"));
    assert!(scene.witness().is_empty());
}

#[test]
fn a_text_on_standard_input_follows_the_question() {
    let scene = Scene::new();
    let asked = |arguments: &[&str], bytes: &[u8]| {
        ask_with_input(&scene, arguments, bytes).expect_code(0);
        last_body(&scene)["messages"][0]["content"].as_str().expect("a text").to_owned()
    };
    assert_eq!(asked(&["Summarise:"], b"Dear all,\n\nwe move.\n"), "Summarise:\n\nDear all,\n\nwe move.");
    assert_eq!(asked(&["Why?"], b""), "Why?", "nothing there changes nothing");
    assert_eq!(asked(&["Why?"], b" \n"), "Why?");
    assert_eq!(asked(&["-"], b"Why not?\n"), "Why not?");
    assert_eq!(asked(&[], b"Why not?\n"), "Why not?");
    scene.write("letter.txt", "we move");
    let mut command = scene.command(&["ask", "--base-url", scene.base_url(), "Summarise:"]);
    let letter = std::fs::File::open(scene.path("letter.txt")).expect("a file");
    let output = command.stdin(letter).output().expect("the binary runs");
    Finished::from(output).expect_code(0);
    assert_eq!(last_body(&scene)["messages"][0]["content"], "Summarise:\n\nwe move");
}

#[test]
fn a_silent_pipe_is_reported_and_waited_for() {
    let scene = Scene::new();
    let url = scene.base_url().to_owned();
    for (question, silent) in [(Some("Short?"), true), (Some("Short?"), false), (None, true)] {
        let asked: Vec<&str> = ["ask", "--base-url", &url].into_iter().chain(question).collect();
        let mut command = scene.command(&asked);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let mut input = child.stdin.take().expect("its standard input");
        let mut said = BufReader::new(child.stderr.take().expect("its standard error"));
        let mut line = String::new();
        if silent {
            said.read_line(&mut line).expect("a line");
            assert_eq!(line, "waiting for standard input; use < /dev/null if there is none\n");
        }
        input.write_all(b"the text").expect("it is read");
        drop(input);
        assert!(child.wait().expect("an end").success());
        let mut rest = String::new();
        said.read_to_string(&mut rest).expect("text");
        assert!(!rest.contains("waiting"), "once: {rest}");
    }
    assert_eq!(scene.witness_count(), 3);
}

#[test]
fn only_usage_that_the_server_counted_is_reported() {
    for (usage, told) in [
        ("{\"total_tokens\":1234}", "1,234 tokens\n"),
        (
            "{\"prompt_tokens\":30,\"completion_tokens\":10,\"total_tokens\":40}",
            "40 tokens: 30 prompt + 10 completion",
        ),
        ("null", "tokens: the server did not count them\n"),
    ] {
        let scene = faulty(&literal("stop", usage));
        let finished = ask(&scene, &["--no-stream", "--no-thinking", "Hello"]).expect_code(0);
        assert_eq!(finished.stdout, "yes\n");
        assert!(finished.stderr.starts_with(told), "{told}: {}", finished.stderr);
    }
}

#[test]
fn an_answer_that_ended_with_a_word_that_nobody_knows_says_so() {
    let scene = faulty(&literal("because", "{\"total_tokens\":40}"));
    let finished = ask(&scene, &["--no-stream", "--no-thinking", "Hello"]).expect_code(0);
    assert_eq!(finished.stdout, "yes\n");
    let warning =
        "warning: the answer ended with finish_reason \"because\", which fanfold does not know; check it\n";
    assert!(finished.stderr.starts_with(warning), "{}", finished.stderr);
    let said = ask(&scene, &["-q", "--json", "--no-stream", "--no-thinking", "Hello"]).expect_code(0);
    assert_eq!(said.stderr, warning, "quiet hides no warning");
    let scene = faulty(&literal("end_turn", "{\"total_tokens\":40}"));
    let finished = ask(&scene, &["--no-stream", "--no-thinking", "Hello"]).expect_code(0);
    assert!(!finished.stderr.contains("warning"), "{}", finished.stderr);
}

/// A service whose every answer is "yes", with this end and this usage.
fn literal(finish_reason: &str, usage: &str) -> String {
    let body = format!(
        "{{\"id\":\"chatcmpl-1\",\"model\":\"qwen3.6-plus\",\"choices\":[{{\"index\":0,\"finish_reason\":\"{finish_reason}\",\
         \"message\":{{\"role\":\"assistant\",\"content\":\"yes\"}}}}],\"usage\":{usage}}}"
    );
    format!("[[fault]]\nstatus = 200\nbody = '{body}'\n")
}

#[test]
fn a_model_that_is_nearly_a_known_one_is_pointed_out() {
    let scene = Scene::new();
    let told = ask(&scene, &["--model", "qwne-plus", "Hello"]);
    assert!(told.stderr.contains("did you mean `qwen-plus`?"), "{}", told.stderr);
    let told = ask(&scene, &["--model", "qwen-plus", "Hello"]).expect_code(0);
    assert!(!told.stderr.contains("did you mean"), "{}", told.stderr);
}
