//! Rows that cannot be sent, rows that bring their own request, and rows with an id.

use serde_json::{Value, json};

use crate::support::harness::{Scene, lines, rows};
use crate::support::tables::Table;

/// A scene with this input, and a job with these lines from line 8 on.
fn scene(input: &str, text: &str, more: &str) -> Scene {
    let scene = Scene::new();
    scene.write(input, text);
    scene.job(input, "out.jsonl", more);
    scene
}

/// The bodies that were received, in the order of their last turns.
fn bodies(scene: &Scene) -> Vec<Value> {
    let mut bodies: Vec<Value> = scene.witness().into_iter().map(|line| line["body"].clone()).collect();
    bodies.sort_by_key(|body| body["messages"].to_string());
    bodies
}

#[test]
fn a_bad_row_stops_the_run_with_its_line_before_anything_is_sent() {
    for (input, text, words) in [
        ("in.jsonl", "{\"text\":\"a\"}\n\n{\"text\":\n", &["in.jsonl:3: ", "not valid JSON"][..]),
        ("in.jsonl", "{\"text\":\"a\"}\n[1]\n", &["in.jsonl:2: ", "must be a JSON object"]),
        ("in.csv", "text,b\nx,1\ny\n", &["in.csv:3: ", "1 cell where the header has 2 columns"]),
        ("in.csv", "text,b\nx,1\n\"y,2\nz,3\n", &["in.csv:3: ", "never closed"]),
        ("in.jsonl", "{\"text\":\"a\"}\n{\"txt\":\"b\"}\n", &["in.jsonl:2: ", "no column `text`", "`txt`"]),
    ] {
        let mut scene = scene(input, text, "");
        let finished = scene.run_job(&["job.toml"]).expect_code(1);
        for word in words {
            assert!(finished.stderr.contains(word), "{word:?} is not in: {}", finished.stderr);
        }
        assert!(scene.witness().is_empty());
        assert!(!scene.path("out.jsonl").exists());
    }
}

#[test]
fn a_skipped_row_has_failed_and_once_it_is_fixed_only_it_is_sent() {
    for more in ["", "input.id = \"id\"\n"] {
        let good = rows(0..4);
        let (before, after) = good.split_at(good.find("{\"id\":\"r2\"").expect("a row"));
        let more = format!("input.on_bad_row = \"skip\"\n{more}");
        let mut scene = scene("in.jsonl", &format!("{before}{{\"id\":\"bad\",\"text\n{after}"), &more);
        let finished = scene.run_job(&["job.toml"]).expect_code(3);
        assert!(finished.stderr.contains("in.jsonl:3: not valid JSON"), "{}", finished.stderr);
        let out = lines(&scene.path("out.jsonl"));
        assert_eq!(out.len(), 5);
        assert_eq!((&out[2]["status"], &out[2]["error_code"]), (&json!("failed"), &json!("bad_row")));
        assert_eq!(scene.witness().len(), 4);
        scene.run_job(&["job.toml"]).expect_code(3).says("kept 5 · moved 0 · changed 0 · new 0");
        scene.run_job(&["job.toml", "--retry-failed"]).expect_code(3);
        assert_eq!(scene.witness().len(), 4, "it cannot be sent, however often it is asked for");
        scene.write("in.jsonl", format!("{before}{{\"id\":\"bad\",\"text\":\"mended now.\"}}\n{after}"));
        scene.run_job(&["job.toml"]).expect_code(0);
        assert_eq!(scene.witness().len(), 5);
        assert_eq!(Table::read(&scene.path("out.jsonl")).texts("id"), ["r0", "r1", "bad", "r2", "r3"]);
    }
}

#[test]
fn a_bad_row_that_has_moved_is_reported_with_its_present_line() {
    let bad = "{\"id\":\"bad\",\"text\n";
    let mut scene = scene("in.jsonl", &format!("{}{bad}", rows(0..2)), "input.on_bad_row = \"skip\"\n");
    scene
        .run_job(&["job.toml"])
        .expect_code(3)
        .says("1 row failed with bad_row, such as in.jsonl:3: not valid JSON");
    scene.write("in.jsonl", format!("{}{bad}{}", rows(2..6), rows(0..2)));
    let moved = scene.run_job(&["job.toml"]).expect_code(3).says("moved 3");
    assert!(moved.stderr.contains("such as in.jsonl:5: not valid JSON"), "{}", moved.stderr);
    assert!(!moved.stderr.contains("in.jsonl:3"), "{}", moved.stderr);
    for _ in 0..2 {
        let error = lines(&scene.path("out.jsonl"))[4]["error"].clone();
        assert!(
            error.as_str().is_some_and(|error| error.starts_with("in.jsonl:5: not valid JSON")),
            "{error}"
        );
        scene.run(&["export", "job.toml"]).expect_code(0);
    }
    let status = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
    assert!(status.contains("1 row failed with bad_row, such as row 5: not valid JSON"), "{status}");
    let row = scene.run(&["status", "job.toml", "--row", "5"]).expect_code(0).stdout;
    assert!(row.contains("error: not valid JSON"), "{row}");
}

#[test]
fn a_record_over_the_limit_is_an_error_and_can_be_skipped() {
    let long = "x".repeat(300);
    let text =
        format!("{{\"text\":\"a short one.\"}}\n{{\"text\":\"{long}\"}}\n{{\"text\":\"the last.\"}}\n");
    let mut jsonl = scene("in.jsonl", &text, "input.max_record = 200\n");
    jsonl.run_job(&["job.toml"]).expect_code(1).says("in.jsonl:2: ").says("longer than 200 bytes");
    jsonl.run_job(&["job.toml", "--set", "input.on_bad_row=skip"]).expect_code(3);
    assert_eq!(Table::read(&jsonl.path("out.jsonl")).texts("status"), ["ok", "failed", "ok"]);
    let mut csv = scene("in.csv", &format!("text\nshort\n\"{long}\n"), "input.max_record = \"200\"\n");
    csv.run_job(&["job.toml"]).expect_code(1).says("in.csv:3: ").says("longer than 200 bytes");
    assert!(csv.witness().is_empty());
}

#[test]
fn two_rows_of_one_id_are_an_error_that_names_both_lines() {
    let text = "id,text\na,one\nb,\"two\nlines\"\na,three\n";
    let mut scene = scene("in.csv", text, "input.id = \"id\"\n");
    scene.run_job(&["job.toml"]).expect_code(1).says("the id `a`").says("in.csv:2 and in.csv:5");
    assert!(scene.witness().is_empty());
    scene.write("in.csv", "id,text\na,one\nb,two\n");
    scene.run_job(&["job.toml"]).expect_code(0);
    scene.write("in.csv", "id,text\na,one\nb,two\na,one\n");
    scene.run_job(&["job.toml"]).expect_code(1).says("in.csv:2 and in.csv:4");
    assert_eq!(scene.witness().len(), 2);
}

#[test]
fn an_id_column_that_is_missing_or_empty_is_an_error() {
    let mut csv = scene("in.csv", "id,text\na,one\n,two\n", "input.id = \"id\"\n");
    csv.run_job(&["job.toml"])
        .expect_code(1)
        .says("in.csv:3: ")
        .says("`id` identifies the row, and is empty");
    csv.run_job(&["job.toml", "--id", "iid"]).expect_code(1).says("`iid`").says("the columns are id, text");
    let mut jsonl = scene("in.jsonl", "{\"id\":1,\"text\":\"a\"}\n{\"text\":\"b\"}\n", "input.id = \"id\"\n");
    jsonl
        .run_job(&["job.toml"])
        .expect_code(1)
        .says("in.jsonl:2: ")
        .says("`id` identifies the row, and is missing");
    assert!(csv.witness().is_empty() && jsonl.witness().is_empty());
}

/// A job without a prompt.
fn promptless(input: &str, text: &str, model: bool) -> Scene {
    let scene = scene(input, text, "");
    let job = scene.read("job.toml");
    let keep = |line: &&str| !line.starts_with("prompt.") && (model || !line.starts_with("model.name"));
    scene.write("job.toml", job.lines().filter(keep).collect::<Vec<_>>().join("\n"));
    scene
}

#[test]
fn rows_bring_their_messages_as_an_array_or_as_its_text() {
    let turns =
        json!([{ "role": "system", "content": "Be brief." }, { "role": "user", "content": "1: hello" }]);
    let text = json!([{ "role": "user", "content": "2: hello" }]).to_string();
    let input = format!("{}\n{}\n", json!({ "messages": turns }), json!({ "messages": text }));
    let mut jsonl = promptless("in.jsonl", &input, true);
    jsonl.run_job(&["job.toml", "--set", "request.temperature=0.5"]).expect_code(0);
    let sent = bodies(&jsonl);
    assert_eq!(sent.iter().filter(|body| body["messages"] == turns).count(), 1);
    assert!(sent.iter().all(|body| body["temperature"] == 0.5 && body["model"] == "qwen-plus"));
    let cell = text.replace('"', "\"\"");
    let mut csv = promptless("in.csv", &format!("messages\n\"{cell}\"\n"), true);
    csv.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(bodies(&csv)[0]["messages"][0]["content"], "2: hello");
}

#[test]
fn rows_bring_their_prompt_and_the_job_may_add_a_system_turn() {
    let mut scene = promptless("in.csv", "prompt\nfirst hello\nsecond hello\n", true);
    scene.run_job(&["job.toml", "--system", "Be brief."]).expect_code(0);
    let messages = &bodies(&scene)[0]["messages"];
    assert_eq!(messages[0], json!({ "role": "system", "content": "Be brief." }));
    assert_eq!(messages[1], json!({ "role": "user", "content": "first hello" }));
}

#[test]
fn a_line_of_the_openai_batch_format_goes_out_as_it_stands() {
    let body = |n: u32| {
        json!({ "model": "qwen-turbo", "messages": [{ "role": "user", "content": format!("{n}: hello") }],
                "temperature": 0.1, "vendor_field": { "kept": true } })
    };
    let line = |n: u32, url: &str| json!({ "custom_id": format!("c{n}"), "method": "POST", "url": url, "body": body(n) });
    let input = format!("{}\n{}\n", line(1, "/v1/chat/completions"), line(2, "/v1/chat/completions"));
    let mut scene = promptless("in.jsonl", &input, false);
    scene.run_job(&["job.toml", "--id", "custom_id"]).expect_code(0);
    assert_eq!(bodies(&scene), [body(1), body(2)]);
    assert_eq!(Table::read(&scene.path("out.jsonl")).texts("custom_id"), ["c1", "c2"]);
    let elsewhere = line(3, "https://elsewhere.example/v1/chat/completions");
    let mut scene = promptless("in.jsonl", &format!("{elsewhere}\n"), false);
    scene.run_job(&["job.toml"]).expect_code(1).says("in.jsonl:1: ").says("`url`");
    assert!(scene.witness().is_empty());
}

#[test]
fn a_templated_value_keeps_its_type_at_any_depth() {
    let input = "{\"text\":\"hello\",\"t\":0.5,\"stops\":[\"zz\"],\"deep\":{\"flag\":true,\"none\":null}}\n";
    let more = "[request]\ntemperature = \"{{ t }}\"\nstop = \"{{ stops }}\"\n\
                x = { y = [\"{{ deep.flag }}\", \"a {{ t }}\", \"{{ deep.none }}\"] }\n";
    let mut scene = scene("in.jsonl", input, more);
    scene.run_job(&["job.toml"]).expect_code(0);
    let body = &bodies(&scene)[0];
    assert_eq!((&body["temperature"], &body["stop"]), (&json!(0.5), &json!(["zz"])));
    assert_eq!(body["x"]["y"], json!([true, "a 0.5", null]));
}
