//! Every parameter of a request, given in every way, as the server receives it; and mistakes in them.

use serde_json::{Map, Value, json};

use crate::support::harness::{Finished, Scene, lines};

/// A value for every parameter of the chat API that one request of qwen-plus can have at once.
fn parameters() -> Map<String, Value> {
    let function = json!({ "name": "get_weather", "parameters": { "type": "object", "properties": { "city": { "type": "string" } } } });
    let all = json!({
        "temperature": 0.25, "top_p": 0.75, "top_k": 20, "presence_penalty": -0.5, "repetition_penalty": 1.05,
        "frequency_penalty": 0.5, "seed": 7, "n": 1, "max_tokens": 500, "stop": ["zz", "yy"], "logprobs": true,
        "top_logprobs": 2, "response_format": { "type": "json_object" },
        "tools": [{ "type": "function", "function": function }], "tool_choice": "auto", "parallel_tool_calls": true,
        "enable_thinking": false, "thinking_budget": 400, "preserve_thinking": false,
        "enable_search": true, "search_options": { "forced_search": true, "search_strategy": "max" },
        "enable_code_interpreter": false, "vl_high_resolution_images": true, "max_pixels": 1_000_000,
        "modalities": ["text"], "audio": { "voice": "Cherry", "format": "wav" }, "vendor_field": { "kept": [1, true] },
    });
    all.as_object().cloned().expect("an object")
}

/// The one body that was received, without model and messages.
fn received(scene: &Scene) -> Map<String, Value> {
    let mut witness = scene.witness();
    assert_eq!(witness.len(), 1);
    assert_eq!(witness[0]["status"], 200, "{}", witness[0]);
    let mut body = witness.remove(0)["body"].as_object().cloned().expect("an object");
    assert_eq!(body.remove("model"), Some(json!("qwen-plus")));
    assert!(body.remove("messages").is_some());
    body
}

/// A TOML literal of a value.
fn toml(value: &Value) -> String {
    toml::Value::try_from(value).expect("TOML has it").to_string()
}

/// `[request]` with each parameter taken from the column of its name.
fn from_columns(parameters: &Map<String, Value>) -> String {
    let line = |key: &String| format!("{key} = \"{{{{ {key} }}}}\"\n");
    format!("[request]\n{}", parameters.keys().map(line).collect::<String>())
}

const TEXT: &str = "Answer in JSON: how are you?";

fn scene(input: &str, bytes: &str, more: &str) -> Scene {
    let scene = Scene::new();
    scene.write(input, bytes);
    scene.job(input, "out.jsonl", more);
    scene
}

fn one_row() -> String {
    format!("{}\n", json!({ "text": TEXT }))
}

#[test]
fn every_parameter_goes_out_at_the_top_of_the_body_from_the_job_file() {
    let lines: String =
        parameters().iter().map(|(key, value)| format!("{key} = {}\n", toml(value))).collect();
    let mut scene = scene("in.jsonl", &one_row(), &format!("[request]\n{lines}"));
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(received(&scene), parameters());
}

#[test]
fn a_reasoning_effort_is_sent_and_is_rejected_next_to_fields_that_it_excludes() {
    let mut thinks = scene("in.jsonl", &one_row(), "request.reasoning_effort = \"low\"\n");
    thinks.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(json!(received(&thinks)), json!({ "reasoning_effort": "low" }));
    for (other, words) in [
        ("request.thinking_budget=100", "cannot be combined with `thinking_budget`"),
        ("request.enable_thinking=false", "cannot be combined with `enable_thinking = false`"),
        ("request.reasoning_effort=lots", "must be one of none, off, minimal, low, medium, high, xhigh, max"),
    ] {
        thinks.run(&["preview", "job.toml", "--set", other]).expect_code(1).says(words);
    }
    // Templates too exclude each other, before any row is read.
    let row = json!({ "text": TEXT, "e": "low", "b": 9 });
    let more = "[request]\nreasoning_effort = \"{{ e }}\"\nthinking_budget = \"{{ b }}\"\n";
    let mut bad = scene("in.jsonl", &format!("{row}\n"), more);
    bad.run_job(&["job.toml"])
        .expect_code(1)
        .says("job.toml:9")
        .says("cannot be combined with `thinking_budget`");
    assert!(bad.witness().is_empty());
}

#[test]
fn every_parameter_goes_out_from_set() {
    let mut scene = scene("in.jsonl", &one_row(), "");
    let sets: Vec<String> =
        parameters().iter().map(|(key, value)| format!("request.{key}={}", toml(value))).collect();
    let mut arguments = vec!["job.toml"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set.as_str()]));
    scene.run_job(&arguments).expect_code(0);
    assert_eq!(received(&scene), parameters());
}

#[test]
fn every_parameter_goes_out_from_a_column_with_its_type() {
    let mut row = parameters();
    row.insert("text".to_owned(), json!(TEXT));
    let mut scene = scene("in.jsonl", &format!("{}\n", json!(row)), &from_columns(&parameters()));
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(received(&scene), parameters());
}

#[test]
fn a_column_of_a_csv_file_is_text_and_is_sent_in_the_type_of_its_parameter() {
    let mut parameters = parameters();
    // Parameters that may be text stay text, and unknown ones are unchanged.
    parameters.insert("stop".to_owned(), json!("7"));
    parameters.insert("vendor_field".to_owned(), json!("7"));
    let cell = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let names: Vec<&str> = ["text"].into_iter().chain(parameters.keys().map(String::as_str)).collect();
    let cells: Vec<String> = [TEXT.to_owned()].into_iter().chain(parameters.values().map(cell)).collect();
    let csv = crate::support::tables::csv(b',', &[names, cells.iter().map(String::as_str).collect()]);
    let text = String::from_utf8(csv).expect("text");
    let mut scene = scene("in.csv", &text, &from_columns(&parameters));
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(received(&scene), parameters);
}

#[test]
fn an_empty_cell_and_a_null_are_not_sent_and_a_whole_number_may_be_written_as_a_fraction() {
    let more = "[request]\ntop_k = \"{{ k }}\"\nseed = \"{{ s }}\"\n";
    let mut csv = scene("in.csv", &format!("text,k,s\n\"{TEXT}\",,7.0\n"), more);
    csv.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(json!(received(&csv)), json!({ "top_k": null, "seed": 7 }));
    let row = json!({ "text": TEXT, "k": null, "s": 7.0 });
    let mut jsonl = scene("in.jsonl", &format!("{row}\n"), more);
    jsonl.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(json!(received(&jsonl)), json!({ "top_k": null, "seed": 7 }));
}

#[test]
fn every_parameter_of_a_batch_line_goes_out_as_it_stands() {
    let mut body = parameters();
    body.insert("model".to_owned(), json!("qwen-plus"));
    body.insert("messages".to_owned(), json!([{ "role": "user", "content": TEXT }]));
    let mut scene = batch(&[json!(body)]);
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(received(&scene), parameters());
}

/// A scene whose rows are OpenAI Batch lines with these bodies.
fn batch(bodies: &[Value]) -> Scene {
    let line = |(index, body): (usize, &Value)| {
        format!(
            "{}\n",
            json!({ "custom_id": format!("c{index}"), "method": "POST", "url": "/v1/chat/completions", "body": body })
        )
    };
    let scene = scene("in.jsonl", &bodies.iter().enumerate().map(line).collect::<String>(), "");
    let job = scene.read("job.toml");
    let keep = |line: &&str| !line.starts_with("prompt.") && !line.starts_with("model.name");
    scene.write("job.toml", job.lines().filter(keep).collect::<Vec<_>>().join("\n"));
    scene
}

/// The job is rejected with all these words, before its input is opened: there is none.
fn refused(more: &str, arguments: &[&str], words: &[&str]) {
    let mut scene = Scene::new();
    scene.job("no-such-input.csv", "out.jsonl", more);
    let all = [&["job.toml"], arguments].concat();
    let finished: Finished = scene.run_job(&all).expect_code(1);
    for word in words {
        assert!(finished.stderr.contains(word), "{word:?} is not in: {}", finished.stderr);
    }
    assert!(scene.witness().is_empty());
}

#[test]
fn a_parameter_out_of_its_range_is_shown_in_the_job_file_before_the_input_is_read() {
    for (line, words) in [
        ("request.max_tokens = 32769", &["job.toml:8:22", "from 1 to 32768", "qwen-plus"][..]),
        ("request.top_logprobs = 6", &["job.toml:8:24", "from 0 to 5"]),
        ("request.temprature = 0.5", &["job.toml:8:22", "did you mean `temperature`?"]),
        ("request.enable_thinking = \"yes\"", &["job.toml:8:27", "true or false"]),
        ("request.stop = [\"a\", 1]", &["job.toml:8:16", "does not mix"]),
        ("request.tool_choice = \"required\"", &["job.toml:8:23", "name the function"]),
        ("request.tools = []", &["job.toml:8:17", "at least one function"]),
        (
            "request.tools = [{ type = \"function\", function = { name = \"search\" } }]",
            &["job.toml:8:59", "reserves `search`"],
        ),
        ("request.search_options.search_strategy = \"best\"", &["job.toml:8:42", "agent_max"]),
        (
            "request.response_format = { type = \"json_schema\", json_schema = {} }",
            &["job.toml:8:65", "json_schema.name"],
        ),
        (
            "request.response_format.type = \"json_object\"\nrequest.enable_thinking = true",
            &["job.toml:8:", "cannot be combined with thinking", "enable_thinking = false"],
        ),
    ] {
        refused(&format!("{line}\n"), &[], words);
    }
    refused("", &["--set", "request.n=5"], &["in: --set ", "request.n=5", "from 1 to 4"]);
    let thinks = ["--model", "qwen3.6-plus"];
    refused("request.response_format.type = \"json_object\"\n", &thinks, &["qwen3.6-plus thinks by default"]);
    refused(
        "request.enable_thinking = true\n",
        &["--model", "qwen-max"],
        &["job.toml:8:27", "does not think"],
    );
    refused(
        "request.enable_thinking = false\n",
        &["--model", "qwq-plus"],
        &["job.toml:8:27", "always thinks"],
    );
    let schema = "request.response_format = { type = \"json_schema\", json_schema = { name = \"a\" } }\n";
    refused(schema, &["--model", "qwen-max"], &["job.toml:8:", "not accepted by qwen-max", "[answer]"]);
}

#[test]
fn a_parameter_that_a_row_sets_out_of_range_is_reported_with_the_row() {
    let rows = format!("{}\n{}\n", json!({ "text": "one", "t": 0.5 }), json!({ "text": "two", "t": "warm" }));
    let mut scene = scene("in.jsonl", &rows, "[request]\ntemperature = \"{{ t }}\"\n");
    scene.run_job(&["job.toml"]).expect_code(1).says("in.jsonl:2: ").says("from 0 to below 2, not \"warm\"");
    assert!(scene.witness().is_empty());
    scene.run_job(&["job.toml", "--set", "input.on_bad_row=skip"]).expect_code(3);
    let out = lines(&scene.path("out.jsonl"));
    assert_eq!((&out[0]["status"], &out[1]["error_code"]), (&json!("ok"), &json!("bad_row")));
    assert_eq!(scene.witness()[0]["body"]["temperature"], 0.5);
}

#[test]
fn json_that_is_not_requested_in_words_is_reported_before_anything_is_sent() {
    let more = "request.response_format.type = \"json_object\"\n";
    let mut scene = scene("in.jsonl", "{\"text\":\"How are you?\"}\n", more);
    scene.run_job(&["job.toml"]).expect_code(1).says("in.jsonl:1: ").says("the word \"json\"");
    assert!(scene.witness().is_empty());
    scene.run_job(&["job.toml", "--system", "Answer in JSON."]).expect_code(0);
}

#[test]
fn a_batch_line_is_held_to_the_rules_of_its_own_model() {
    let body = |model: &str, key: &str, value: Value| json!({ "model": model, "messages": [{ "role": "user", "content": "hello" }], key: value });
    for (body, words) in [
        (body("qwen-plus", "extra_body", json!({ "top_k": 1 })), "put its fields next to the others"),
        (body("qwen-max", "max_tokens", json!(8_193)), "from 1 to 8192"),
        (
            body("qwen3.6-plus", "response_format", json!({ "type": "json_object" })),
            "enable_thinking = false",
        ),
        (body("qwen-mt-plus", "translation_options", json!({ "target_lang": "Klingon" })), "92 languages"),
        (body("qwen-mt-lite", "tools", json!([])), "not accepted by qwen-mt-lite"),
    ] {
        let mut scene = batch(&[body]);
        scene.run_job(&["job.toml"]).expect_code(1).says("in.jsonl:1: ").says(words);
        assert!(scene.witness().is_empty());
    }
    // Nothing is known about another server's model, and no rule is applied to it.
    let plain = fanfold::simulator::ServerSettings {
        profile: fanfold::simulator::Profile::Plain,
        ..Default::default()
    };
    let mut scene =
        batch(&[body("llama-3", "max_tokens", json!(8_193)), body("gpt-oss", "temprature", json!(3))]);
    let old = scene.base_url().to_owned();
    scene.serve(plain);
    let job = scene.read("job.toml").replace(&old, scene.base_url());
    scene.write("job.toml", job);
    scene.run_job(&["job.toml"]).expect_code(0);
}
