//! The JSON Schema of the job file accepts and rejects the same keys and types as the program.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::harness::{Scene, rows};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The schema as the program prints it.
fn schema() -> Value {
    let printed = Scene::new().run(&["schema"]).expect_code(0).stdout;
    serde_json::from_str(&printed).expect("JSON")
}

/// A job file as an editor's validator sees it.
fn as_json(text: &str) -> Value {
    let table: toml::Table = text.parse().expect("TOML");
    serde_json::to_value(table).expect("JSON")
}

#[test]
fn the_committed_schema_is_the_one_that_the_program_prints() {
    let printed = Scene::new().run(&["schema"]).expect_code(0).stdout;
    let committed = fs::read_to_string(root().join("docs/job.schema.json")).expect("the committed schema");
    assert_eq!(printed, committed, "cargo run -- schema > docs/job.schema.json");
}

#[test]
fn every_job_of_the_repository_and_every_one_in_the_documentation_satisfies_it() {
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    let mut checked = 0;
    let mut check = |name: &str, text: &str| {
        let found: Vec<String> = validator
            .iter_errors(&as_json(text))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(found.is_empty(), "{name}: {found:?}\n{text}");
        checked += 1;
    };
    for entry in fs::read_dir(root().join("jobs")).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            check(&path.display().to_string(), &fs::read_to_string(&path).expect("a job"));
        }
    }
    for page in ["README.md", "docs/job-file.md", "docs/answers.md", "docs/translation.md", "docs/editors.md"]
    {
        let text = fs::read_to_string(root().join(page)).expect("a page");
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().expect("its end");
            // Blocks in a list are indented like the list.
            check(page, &block.lines().map(|line| format!("{}\n", line.trim_start())).collect::<String>());
        }
    }
    assert!(checked >= 12, "{checked}");
}

#[test]
fn keys_and_types_that_the_program_rejects_the_schema_rejects_too_and_nothing_else() {
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..1));
    for (line, good) in [
        ("limits.qpss = 5", false),
        ("limit.qps = 5", false),
        ("limits.qps = \"fast\"", false),
        ("limits.qps = 0", false),
        ("limits.concurrency = \"many\"", false),
        ("limits.concurrency = 0", false),
        ("limits.max_duration = \"soon\"", false),
        ("retry.timeout = 30", false),
        ("retry.max_attempts = 0", false),
        ("input.duplicates = \"merge\"", false),
        ("input.delimiter = \"::\"", false),
        ("input.max_record = \"big\"", false),
        ("output.select = \"id\"", false),
        ("output.rename = [\"id\"]", false),
        ("model.transport = \"carrier pigeon\"", false),
        ("model.headers = { X-A = 1 }", false),
        ("prompt.messages = [{ role = \"system\", content = \"x\" }]", false),
        ("answer.on_length = \"cut\"", false),
        ("answer.max_rounds = 0", false),
        ("tools.a = { timeout = \"1s\" }", false),
        ("glossary.words = \"a.csv\"", false),
        ("price.input = 1", false),
        ("limits.qps = 0.5", true),
        ("limits.concurrency = 7", true),
        ("limits.concurrency = \"auto\"", true),
        ("limits.max_duration = \"1h30m\"", true),
        ("retry.timeout = \"1.5 min\"", true),
        ("input.max_record = \"64 KiB\"", true),
        ("input.max_record = 70_000", true),
        ("input.max_expanded = \"1_000\"", true),
        ("request.anything = { at = [\"all\"] }", true),
        ("model.api_key_command = [\"pass\", \"show\"]", true),
        ("tools.a = { command = \"cat\" }", true),
        ("price = { input = 1, output = 2, cached_input = 0.1 }", true),
    ] {
        scene.job("in.jsonl", "out.jsonl", &format!("{line}\n"));
        let ran = scene.run(&["preview", "job.toml"]);
        assert_eq!(ran.code == Some(0), good, "the program, {line}: {}", ran.stderr);
        assert_eq!(validator.is_valid(&as_json(&scene.read("job.toml"))), good, "the schema: {line}");
    }
}

/// Every schema within a schema, with the dotted key it is for.
fn leaves(schema: &Value, key: &str, found: &mut Vec<(String, Value)>) {
    found.push((key.to_owned(), schema.clone()));
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        leaves(inner, &below(name), found);
    }
    if schema["additionalProperties"].is_object() {
        leaves(&schema["additionalProperties"], &below("any"), found);
    }
}

#[test]
fn every_key_has_a_description_and_every_word_that_it_may_say_is_one_that_the_program_takes() {
    let mut found = Vec::new();
    leaves(&schema(), "", &mut found);
    assert!(found.len() > 60, "{}", found.len());
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..1));
    scene.job("in.jsonl", "out.jsonl", "");
    let mut tried = 0;
    for (key, schema) in found {
        assert!(key.ends_with(".any") || schema["description"].is_string(), "{key}");
        for word in schema["enum"].as_array().into_iter().flatten() {
            // Some words need another key beside them.
            let more = match (key.as_str(), word.as_str()) {
                ("split.combine", Some("merge")) => "merge.prompt={{ parts }}",
                ("output.layout", Some("long")) => "each.lang=French",
                ("answer.on_check", _) => "answer.checks=[\"length\"]",
                _ => "prompt.system=x",
            };
            let set = format!("{key}={word}");
            let ran = scene.run(&["preview", "job.toml", "--set", &set, "--set", more]);
            assert!(!ran.stderr.contains("in: --set"), "{key} = {word}: {}", ran.stderr);
            tried += 1;
        }
    }
    assert!(tried >= 14, "{tried}");
}
