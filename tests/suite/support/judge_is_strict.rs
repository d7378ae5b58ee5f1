//! The judge can fail: each invariant is checked with a scenario that was manipulated to break it.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};

use crate::support::harness::{CANARY, Finished, Scene, lines};

/// A scene after a good run that the judge has not seen yet, and the run's end.
fn good_run() -> (Scene, Finished) {
    let mut scene = Scene::new();
    scene.rows_and_job(12, "");
    let finished = scene.run(&["run", "job.toml"]).expect_code(0);
    (scene, finished)
}

/// The judge's objection to a manipulated scenario.
fn objection(doctor: impl FnOnce(&mut Scene, &mut Finished)) -> String {
    let (mut scene, mut finished) = good_run();
    doctor(&mut scene, &mut finished);
    let judged = catch_unwind(AssertUnwindSafe(|| scene.judge.judge(&finished)));
    let panic = judged.expect_err("the judge objects");
    let words = panic.downcast_ref::<String>().cloned();
    words.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

fn rewrite(scene: &Scene, name: &str, change: impl FnOnce(&mut Vec<Value>)) {
    let mut values = lines(&scene.path(name));
    change(&mut values);
    scene.write(name, values.iter().map(|value| format!("{value}\n")).collect::<String>());
}

fn change_receipt(scene: &Scene, key: &str, value: Value) {
    let mut receipt = scene.receipt();
    receipt[key] = value;
    scene.write("out.jsonl.summary.json", receipt.to_string());
}

#[test]
fn an_answer_under_another_combination_and_a_missing_one_are_found() {
    let asked = |row: &Value| {
        let text = row["text"].as_str().map(|text| format!("{text} in "));
        ["Dutch", "Greek"]
            .map(|lang| (format!("response_{lang}"), text.as_ref().map(|text| format!("{text}{lang}"))))
            .to_vec()
    };
    for (doctor, words) in [
        (None, None),
        (Some(("response_Dutch", "response_Greek")), Some("has the answer of another")),
        (Some(("response_Dutch", "reasoning")), Some("has no answer")),
    ] {
        let mut scene = Scene::new();
        scene.rows_and_job(3, "each.lang = [\"Dutch\", \"Greek\"]\n");
        let file = scene.read("job.toml").replace("{{ text }}", "{{ text }} in {{ each.lang }}");
        scene.write("job.toml", file);
        let finished = scene.run(&["run", "job.toml"]).expect_code(0);
        scene.judge.wide = Some(asked);
        if let Some((one, other)) = doctor {
            rewrite(&scene, "out.jsonl", |rows| {
                let (first, second) = (rows[1][one].clone(), rows[1][other].clone());
                (rows[1][one], rows[1][other]) = (second, first);
            });
        }
        let judged = catch_unwind(AssertUnwindSafe(|| scene.judge.judge(&finished)));
        let said = judged.err().and_then(|panic| panic.downcast_ref::<String>().cloned());
        assert_eq!(said.is_some(), words.is_some(), "{said:?}");
        assert!(words.is_none_or(|words| said.is_some_and(|said| said.contains(words))), "{words:?}");
    }
}

#[test]
fn a_good_run_passes_the_judge() {
    let (mut scene, finished) = good_run();
    scene.judge.quotas = vec![(12, 60.0)];
    scene.judge.judge(&finished);
}

#[test]
fn a_lost_a_swapped_and_a_foreign_answer_are_found() {
    let lost = objection(|scene, _| rewrite(scene, "out.jsonl", |rows| drop(rows.pop())));
    assert!(lost.contains("invariant 1"), "{lost}");
    let swapped = objection(|scene, _| rewrite(scene, "out.jsonl", |rows| rows.swap(2, 3)));
    assert!(swapped.contains("invariant 1"), "{swapped}");
    let foreign = objection(|scene, _| {
        rewrite(scene, "out.jsonl", |rows| {
            let (one, other) = (rows[4]["request_id"].clone(), rows[5]["request_id"].clone());
            rows[4]["request_id"] = other;
            rows[5]["request_id"] = one;
        });
    });
    assert!(foreign.contains("invariant 1: the answer of another row"), "{foreign}");
}

#[test]
fn a_stored_row_that_is_sent_again_is_found() {
    let again = objection(|scene, finished| {
        scene.judge.judge(finished);
        rewrite(scene, "witness.jsonl", |seen| seen.extend(seen.first().cloned()));
    });
    assert!(again.contains("invariant 2"), "{again}");
    let within_a_run = objection(|scene, _| {
        rewrite(scene, "witness.jsonl", |seen| seen.extend(seen.first().cloned()));
    });
    assert!(within_a_run.contains("invariant 2"), "{within_a_run}");
}

#[test]
fn a_window_that_is_too_full_is_found() {
    let requests = objection(|scene, _| scene.judge.quotas = vec![(11, 60.0)]);
    assert!(requests.contains("invariant 3"), "{requests}");
    let tokens = objection(|scene, _| scene.judge.token_quotas = vec![(20, 60.0)]);
    assert!(tokens.contains("invariant 3"), "{tokens}");
}

#[test]
fn an_exit_code_and_a_resume_line_that_do_not_fit_are_found() {
    let code = objection(|_, finished| finished.code = Some(3));
    assert!(code.contains("invariant 4"), "{code}");
    let line = objection(|_, finished| finished.stderr.push_str("\nto continue: fanfold run job.toml\n"));
    assert!(line.contains("invariant 4"), "{line}");
    let reason = objection(|scene, _| change_receipt(scene, "reason", json!("interrupted")));
    assert!(reason.contains("invariant 4"), "{reason}");
    let silent = objection(|scene, _| {
        fs::remove_file(scene.path("out.jsonl.summary.json")).expect("a receipt");
    });
    assert!(silent.contains("invariant 4"), "{silent}");
}

#[test]
fn a_key_in_a_file_or_on_the_screen_is_found() {
    let said = objection(|_, finished| finished.stdout.push_str(CANARY));
    assert!(said.contains("invariant 5"), "{said}");
    let written = objection(|scene, _| drop(scene.write("deep/down/log.bin", format!("\0{CANARY}\0"))));
    assert!(written.contains("invariant 5"), "{written}");
}

#[test]
fn spending_past_a_cap_or_in_silence_is_found() {
    let tokens = objection(|scene, _| scene.judge.max_total_tokens = Some(20));
    assert!(tokens.contains("invariant 6"), "{tokens}");
    let cost = objection(|scene, _| {
        let mut spent = scene.receipt()["all_runs"].clone();
        spent["cost"] = json!(0.5);
        change_receipt(scene, "all_runs", spent);
        scene.judge.max_cost = Some(0.4);
    });
    assert!(cost.contains("invariant 6"), "{cost}");
    let silent = objection(|scene, _| {
        let mut spent = scene.receipt()["all_runs"].clone();
        spent["total_tokens"] = json!(1);
        change_receipt(scene, "all_runs", spent);
    });
    assert!(silent.contains("invariant 6"), "{silent}");
}

#[test]
fn a_round_that_is_asked_for_again_is_found() {
    let mut scene = Scene::new();
    let tool = "[[request.tools]]\ntype = \"function\"\nfunction = { name = \"get_weather\" }\n\
                [tools.get_weather]\ncommand = \"echo fine\"\n";
    scene.write("in.jsonl", "{\"text\": \"The weather?\"}\n");
    scene.job("in.jsonl", "out.jsonl", tool);
    scene.run_job(&["job.toml"]).expect_code(0);
    let finished = scene.run(&["run", "job.toml"]).expect_code(0);
    rewrite(&scene, "witness.jsonl", |lines| lines.push(lines[0].clone()));
    let judged = catch_unwind(AssertUnwindSafe(|| scene.judge.judge(&finished)));
    let panic = judged.expect_err("the judge objects");
    let words = panic.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(words.contains("invariant 2"), "{words}");
}
