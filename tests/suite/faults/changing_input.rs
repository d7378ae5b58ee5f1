//! An input that is replaced, cut, taken away or added to, while a run plans, sends or writes.

use std::fs;

use fanfold::simulator::ServerSettings;
use serde_json::json;

use super::scenario;
use crate::support::harness::{Finished, Scene, rows, text};

/// Enough rows that a plan, and an output, take a while.
const MANY: usize = 12_000;

/// Rows with only a few different requests, so that sending is short.
fn many(count: usize) -> String {
    let row =
        |number: usize| format!("{}\n", json!({ "id": format!("r{number}"), "text": text(number % 5) }));
    (0..count).map(row).collect()
}

/// A run over many rows, and a change of its input at a moment.
fn changed(when: impl Fn(&Scene), change: impl FnOnce(&Scene)) -> (Scene, Finished) {
    let mut scene = Scene::new();
    scene.write("in.jsonl", many(MANY));
    scene.job("in.jsonl", "out.jsonl", "input.duplicates = \"share\"\n");
    let child = scene.start(&["run", "job.toml"]);
    when(&scene);
    change(&scene);
    let finished = scene.end(child);
    (scene, finished)
}

fn while_it_plans(scene: &Scene) {
    scene.wait_until(|| scene.path("out.jsonl.journal").exists());
}

fn while_it_writes(scene: &Scene) {
    let writes = || {
        let names = fs::read_dir(scene.path("")).expect("a folder").flatten();
        let parts = names.filter(|entry| entry.file_name().to_string_lossy().ends_with(".part"));
        parts.filter_map(|part| part.metadata().ok()).any(|part| part.len() > 0)
    };
    scene.wait_until(|| scene.witness_count() >= 5 && writes());
}

fn replace(scene: &Scene, count: usize) {
    scene.write("new.jsonl", many(count));
    fs::rename(scene.path("new.jsonl"), scene.path("in.jsonl")).expect("replaced");
}

fn append(scene: &Scene) {
    scene.write("in.jsonl", many(MANY + 100));
}

/// The output is that of the present input, or there is none and the same command makes it.
fn ends_right(mut scene: Scene, finished: &Finished, count: usize) {
    match finished.code {
        Some(0) => {}
        code => {
            assert_eq!(code, Some(1), "{}", finished.stderr);
            let told = ["in.jsonl", "the input changed"].iter().any(|words| finished.stderr.contains(words));
            assert!(told, "{}", finished.stderr);
            scene.run_job(&["job.toml"]).expect_code(0);
        }
    }
    let output = scene.output();
    assert_eq!(output.len(), count);
    for (number, row) in output.iter().enumerate() {
        assert_eq!(row["id"], format!("r{number}"));
        let answer = row["response"].as_str().expect("an answer");
        assert!(answer.contains(&text(number % 5)), "{row}");
    }
    assert_eq!(scene.witness().len(), 5, "nothing is paid for twice");
}

#[test]
fn an_input_that_changes_while_it_is_planned_gives_the_output_of_its_final_state() {
    scenario(|| {
        let (scene, finished) = changed(while_it_plans, |scene| replace(scene, 2_500));
        ends_right(scene, &finished, 2_500);
        let (scene, finished) = changed(while_it_plans, append);
        ends_right(scene, &finished, MANY + 100);
    });
}

#[test]
fn an_input_that_is_cut_or_taken_away_while_it_is_planned_ends_the_run() {
    scenario(|| {
        let cut = |scene: &Scene| {
            let whole = many(MANY);
            scene.write("in.jsonl", &whole[..whole.len() / 2 + 7]);
        };
        let (scene, finished) = changed(while_it_plans, cut);
        assert_eq!(finished.code, Some(1), "{}", finished.stderr);
        assert!(finished.stderr.contains("in.jsonl:"), "{}", finished.stderr);
        replace(&scene, MANY);
        ends_right(scene, &finished, MANY);
        let (scene, finished) =
            changed(while_it_plans, |scene| fs::remove_file(scene.path("in.jsonl")).expect("gone"));
        assert_eq!(finished.code, Some(1), "{}", finished.stderr);
        replace(&scene, MANY);
        ends_right(scene, &finished, MANY);
    });
}

#[test]
fn an_input_that_changes_while_the_output_is_written_is_written_in_its_final_state() {
    scenario(|| {
        let (scene, finished) = changed(while_it_writes, |scene| replace(scene, 2_500));
        ends_right(scene, &finished, 2_500);
        let (scene, finished) = changed(while_it_writes, append);
        ends_right(scene, &finished, MANY + 100);
    });
}

#[test]
fn an_input_that_is_cut_or_taken_away_while_the_output_is_written_ends_the_run() {
    scenario(|| {
        let whole = many(MANY);
        for cut in [Some(whole.len() / 2 + 7), None] {
            let (scene, finished) = changed(while_it_writes, |scene| match cut {
                Some(length) => drop(scene.write("in.jsonl", &whole[..length])),
                None => fs::remove_file(scene.path("in.jsonl")).expect("gone"),
            });
            assert_eq!(finished.code, Some(1), "{}", finished.stderr);
            assert!(finished.stderr.contains("to continue"), "{}", finished.stderr);
            assert!(!scene.path("out.jsonl").exists(), "half an output is none");
            replace(&scene, MANY);
            ends_right(scene, &finished, MANY);
        }
    });
}

#[test]
fn rows_that_are_added_while_others_are_sent_are_sent_too() {
    scenario(|| {
        let latency = "fixed:20ms".parse().expect("a latency");
        let mut scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
        scene.rows_and_job(120, "limits.concurrency = 2\n");
        let child = scene.start(&["run", "job.toml"]);
        scene.wait_for_requests(30);
        scene.write("in.jsonl", rows(0..150));
        scene.judge.texts = Some((0..150).map(text).collect());
        scene.end(child).expect_code(0);
        assert_eq!(scene.witness().len(), 150);
    });
}
