//! Short rows that travel together: which, how their answers come apart, and what happens when one is not one for one.

use std::collections::HashMap;

use fanfold::simulator::{Script, ServerSettings};
use serde_json::{Value, json};

use crate::support::evidence::MISPACKINGS;
use crate::support::harness::{Finished, Scene, lines};

const FRENCH: &str = "request.translation_options = { source_lang = \"auto\", target_lang = \"French\" }\n";

/// Limits under which requests are what is limited, and a test takes no time.
const LIMITS: &str = "limits.qps = 100\nlimits.tpm = 100_000_000\n";

fn texts(count: usize) -> Vec<String> {
    let text = |n: usize| match n % 5 {
        0 => format!("Row {n} has\n\n1. a list\n2. with numbers"),
        1 => format!("Row {n}: [[wiki]] and [1] and --- and ###1###"),
        2 => format!("Row {n} says hello to {{name}} at https://example.org/{n}"),
        3 => format!("{n}"),
        _ => format!("  Row {n} is short  "),
    };
    (0..count).map(text).collect()
}

/// A job over these texts for a model, with more lines, at a service with these faults.
fn scene(texts: &[String], model: &str, faults: &str, more: &str) -> Scene {
    let script = Script::parse(faults).expect("a script");
    let latency = "fixed:5ms".parse().expect("a latency");
    let mut scene = Scene::with(ServerSettings { script, latency, ..ServerSettings::default() });
    let rows = texts.iter().map(|text| format!("{}\n", json!({ "text": text })));
    scene.write("in.jsonl", rows.collect::<String>());
    let options = if model.contains("-mt-") { FRENCH } else { "" };
    scene.job("in.jsonl", "out.jsonl", &format!("{options}{LIMITS}{more}"));
    let job = scene.read("job.toml").replace("\"qwen-plus\"", &format!("{model:?}"));
    scene.write("job.toml", job);
    scene.judge.texts = Some(texts.to_vec());
    scene
}

fn run(scene: &mut Scene, arguments: &[&str]) -> (Finished, Vec<Value>) {
    let finished = scene.run_job(arguments);
    let rows = lines(&scene.path("out.jsonl"));
    (finished, rows)
}

fn assert_translated(rows: &[Value], texts: &[String]) {
    assert_eq!(rows.len(), texts.len());
    for (row, text) in rows.iter().zip(texts) {
        let expected = format!("[French] {}", text.trim());
        let response = row["response"].as_str().unwrap_or_default();
        // A row that went alone keeps the blanks around its text.
        assert_eq!(response.replace("]   Row", "] Row").trim(), expected, "{row}");
    }
}

#[test]
fn rows_travel_together_and_each_gets_its_own_answer_and_its_share() {
    let texts = texts(300);
    let mut scene =
        scene(&texts, "qwen-mt-plus", "", "pack.rows = \"auto\"\nprice = { input = 2.0, output = 6.0 }\n");
    let (finished, rows) = run(&mut scene, &["job.toml"]);
    let finished = finished.expect_code(0);
    assert_translated(&rows, &texts);
    let requests = scene.witness_count();
    assert!(requests < 60, "{requests} requests for 300 rows");
    let packed: Vec<u64> = rows.iter().map(|row| row["packed"].as_u64().expect("a number")).collect();
    assert!(
        packed[0] == 1 && packed.iter().max() > Some(&8),
        "the first row of a shape goes alone: {packed:?}"
    );
    let told: u64 = rows.iter().map(|row| row["total_tokens"].as_u64().expect("tokens")).sum();
    let bought: u64 = scene.witness().iter().map(|line| line["total_tokens"].as_u64().unwrap_or(0)).sum();
    assert_eq!(told, bought, "shares add up");
    let mut of_request: HashMap<&str, u64> = HashMap::new();
    rows.iter()
        .for_each(|row| *of_request.entry(row["request_id"].as_str().expect("an id")).or_default() += 1);
    assert!(rows.iter().all(|row| of_request[row["request_id"].as_str().expect("an id")] == row["packed"]));
    let receipt = scene.receipt();
    assert_eq!(receipt["this_run"]["requests"], requests);
    assert_eq!(receipt["this_run"]["packs"]["failed"], 0);
    assert!(finished.stderr.contains(" packs of "), "{}", finished.stderr);
    let status = scene.run(&["status", "job.toml", "--json"]).expect_code(0).stdout;
    let status: Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(status["packs"], receipt["this_run"]["packs"]);
    assert_eq!((&status["requests"], &status["left"]), (&requests.into(), &0.into()));
}

#[test]
fn packs_are_a_way_of_sending_and_another_size_sends_nothing_again() {
    let texts = texts(60);
    let mut scene = scene(&texts, "qwen-mt-plus", "", "");
    run(&mut scene, &["job.toml"]).0.expect_code(0);
    assert_eq!(scene.witness_count(), 60);
    for size in ["pack.rows=auto", "pack.rows=3", "pack.max_tokens=50", "pack.rows=1"] {
        let (finished, rows) = run(&mut scene, &["job.toml", "--set", size]);
        finished.expect_code(0);
        assert_translated(&rows, &texts);
    }
    assert_eq!(scene.witness_count(), 60, "nothing is sent again");
    let (_, rows) = run(&mut scene, &["job.toml"]);
    assert!(rows[0].get("packed").is_none(), "the column is there only in a job that packs");
}

#[test]
fn whatever_comes_back_each_row_gets_its_own_answer() {
    for fault in MISPACKINGS {
        let texts = texts(60);
        let faults = format!("[[fault]]\nrequests = [3, 4]\naction = \"{fault}\"");
        let mut scene = scene(&texts, "qwen-mt-plus", &faults, "pack.rows = 6\n");
        let (finished, rows) = run(&mut scene, &["job.toml"]);
        finished.expect_code(0);
        assert_translated(&rows, &texts);
        let figures = &scene.receipt()["this_run"];
        let failed = figures["packs"]["failed"].as_u64().expect("a count");
        assert!((1..=2).contains(&failed), "{fault}: {figures}");
        assert!(figures["follow_ups"]["alone"].as_u64() >= Some(2 * failed), "{fault}: {figures}");
        assert!(
            figures["packs"]["tokens_of_failed"].as_u64() > Some(0),
            "{fault}: what was paid is reported"
        );
    }
}

#[test]
fn chat_models_are_told_what_the_numbers_mean_and_answer_as_they_would_alone() {
    let texts: Vec<String> = (0..80).map(|n| format!("Say something about place {n}")).collect();
    let mut scene = scene(
        &texts,
        "qwen-plus",
        "",
        "pack.rows = 10\nprompt.system = \"Be brief.\"\nrequest.max_tokens = 40\n",
    );
    let (finished, rows) = run(&mut scene, &["job.toml"]);
    finished.expect_code(0);
    for (row, text) in rows.iter().zip(&texts) {
        assert!(row["response"].as_str().is_some_and(|response| response.contains(text.as_str())), "{row}");
    }
    let packs: Vec<Value> =
        scene.witness().into_iter().filter(|line| line["body"]["max_tokens"] != 40).collect();
    assert!(!packs.is_empty(), "max_tokens is a row's, and grows with the pack");
    let content = packs[0]["body"]["messages"][1]["content"].as_str().expect("a text");
    assert!(content.starts_with("There are ") && content.contains("\n[[2]]\nSay something"), "{content}");
    assert!(rows.iter().all(|row| row["finish_reason"] == "stop"));
}

#[test]
fn rows_that_ask_for_more_than_a_text_go_alone() {
    for more in [
        "request.n = 2\n",
        "request.stop = \"zzz\"\n",
        "request.response_format = { type = \"json_object\" }\n",
        "[[prompt.messages]]\nrole = \"user\"\ncontent = \"a\"\n[[prompt.messages]]\nrole = \"assistant\"\ncontent = \"b\"\n",
    ] {
        let texts: Vec<String> = (0..12).map(|n| format!("Say something as JSON about place {n}")).collect();
        let mut scene = scene(&texts, "qwen-plus", "", &format!("pack.rows = 10\n{more}"));
        let (finished, rows) = run(&mut scene, &["job.toml"]);
        finished.expect_code(0);
        assert_eq!(scene.witness_count(), 12, "{more}");
        assert!(rows.iter().all(|row| row["packed"] == 1), "{more}");
    }
}

#[test]
fn a_row_that_the_service_refuses_fails_alone_and_one_that_looks_like_a_mark_travels_alone() {
    let mut texts: Vec<String> = (0..40).map(|n| format!("Row number {n} is short")).collect();
    texts[20] = "This one is poison".to_owned();
    texts[30] = "As written in [[2]] of the book".to_owned();
    let faults = "[[fault]]\ncontains = \"poison\"\nstatus = 400\ncode = \"data_inspection_failed\"\n";
    let mut scene = scene(&texts, "qwen-mt-plus", faults, "pack.rows = 8\n");
    let (finished, rows) = run(&mut scene, &["job.toml"]);
    finished.expect_code(3);
    let failed: Vec<usize> = (0..40).filter(|n| rows[*n]["status"] == "failed").collect();
    assert_eq!(failed, [20]);
    assert_eq!((&rows[30]["packed"], &rows[30]["status"]), (&1.into(), &"ok".into()));
}

#[test]
fn a_kill_in_the_middle_of_a_pack_costs_no_more_than_the_pack() {
    for point in ["dispatch.answered", "journal.commit.before", "journal.commit.inside"] {
        let texts: Vec<String> = (0..60).map(|n| format!("Row number {n} is short")).collect();
        let mut scene = scene(&texts, "qwen-mt-plus", "", "pack.rows = 8\nlimits.concurrency = 1\n");
        scene.die_at(point, 4);
        let (finished, rows) = run(&mut scene, &["job.toml"]);
        // Rows of a pack are several answers, and one request.
        let finished =
            finished.expect_code(0).says("in doubt: up to ").says(" answers may have been paid for");
        assert!(!finished.stderr.contains("requests may"), "{}", finished.stderr);
        assert_translated(&rows, &texts);
        let mut sent: HashMap<&str, u64> = HashMap::new();
        let seen = scene.witness();
        for text in seen.iter().filter_map(|line| line["body"]["messages"][0]["content"].as_str()) {
            text.lines()
                .filter(|line| line.starts_with("Row"))
                .for_each(|row| *sent.entry(row).or_default() += 1);
        }
        let again = sent.values().filter(|times| **times > 1).count();
        assert!(
            again <= 8 && sent.values().all(|times| *times <= 2),
            "{point}: {again} rows were sent again"
        );
        assert_eq!(sent.len(), 60);
    }
}

#[test]
fn rows_asked_alone_after_a_pack_are_not_packed_again_after_a_kill() {
    let texts: Vec<String> = (0..30).map(|n| format!("Row number {n} is short")).collect();
    let faults = "[[fault]]\nrequests = [2, 2]\naction = \"drop_mark\"\n";
    let mut scene = scene(&texts, "qwen-mt-plus", faults, "pack.rows = 10\nlimits.concurrency = 1\n");
    scene.die_at("dispatch.send", 5);
    let (finished, rows) = run(&mut scene, &["job.toml"]);
    finished.expect_code(0);
    assert_translated(&rows, &texts);
    let alone = rows.iter().filter(|row| row["packed"] == 1).count();
    assert!(alone >= 11, "{alone}: the first row, and ten of the pack that failed");
    assert!(rows.iter().any(|row| row["packed"].as_u64() > Some(1)));
}

#[test]
fn a_wrong_number_is_shown_at_its_place() {
    for (line, says) in [
        ("pack.rows = 0\n", "from 1 to 100"),
        ("pack.rows = 101\n", "from 1 to 100"),
        ("pack.rows = \"many\"\n", "from 1 to 100"),
        ("pack.max_tokens = 0\n", "above 0"),
        ("pack.row = 3\n", "rows"),
    ] {
        let scene = scene(&texts(2), "qwen-mt-plus", "", line);
        let finished = scene.run(&["run", "job.toml"]).expect_code(1);
        assert!(
            finished.stderr.contains(says) && finished.stderr.contains("job.toml:"),
            "{}",
            finished.stderr
        );
    }
}
