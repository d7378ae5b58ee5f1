//! A job whose output has a new name: answers in a journal next to it are reported before they are paid for again.

use std::fs;

use fanfold::simulator::{Script, ServerSettings};

use crate::support::harness::{Scene, rows};

/// A scene in which a job has been run, with an output and a journal of the usual names.
fn answered(count: usize) -> Scene {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..count));
    scene.job("in.jsonl", "out/a.jsonl", "");
    scene.run(&["run", "job.toml"]).expect_code(0);
    scene
}

/// The contents of the outputs' folder.
fn listing(scene: &Scene) -> Vec<(String, u64)> {
    let entries = fs::read_dir(scene.path("out")).expect("a folder").map(|entry| entry.expect("an entry"));
    let mut found: Vec<_> = entries
        .map(|entry| {
            let bytes = entry.metadata().expect("metadata").len();
            (entry.file_name().to_string_lossy().into_owned(), bytes)
        })
        .collect();
    found.sort();
    found
}

#[test]
fn answers_next_to_a_new_output_are_reported_before_anything_is_sent_and_can_be_used() {
    let scene = answered(100);
    let told = "warning: out/a.jsonl.journal has answers to 64 of the first 64 requests; this run pays for them again.";
    let take = "To use them: --journal out/a.jsonl.journal (or `journal` under [output])";
    let before = listing(&scene);
    let shown = scene.run(&["preview", "job.toml", "--output", "out/b.csv"]).expect_code(0).stdout;
    assert!(shown.contains(told) && shown.contains(take), "{shown}");
    assert_eq!(listing(&scene), before, "a look leaves nothing beside the journal");
    let taken = ["run", "job.toml", "--output", "out/b.csv", "--journal", "out/a.jsonl.journal"];
    let finished = scene.run(&taken).expect_code(0).says("kept 100");
    assert!(!finished.stderr.contains("has answers to"), "{}", finished.stderr);
    assert_eq!(scene.witness_count(), 100);
    let again = scene.run(&["run", "job.toml", "--output", "out/c.csv"]).expect_code(0).says(told);
    let (warning, sent) = (again.stderr.find("has answers to"), again.stderr.find("100 ok"));
    assert!(warning.is_some() && warning < sent, "{}", again.stderr);
    // The second run of the new output has answers of its own.
    let second = scene.run(&["run", "job.toml", "--output", "out/c.csv"]).expect_code(0);
    assert!(!second.stderr.contains("has answers to"), "{}", second.stderr);
}

#[test]
fn a_journal_that_a_killed_run_has_left_is_looked_into_with_its_log() {
    let mut scene = Scene::with_script("[[fault]]\nrequests = [9, 1000]\naction = \"hang\"\n");
    scene.write("in.jsonl", rows(0..10));
    scene.job("in.jsonl", "out/a.jsonl", "");
    let mut child = scene.start(&["run", "job.toml"]);
    scene.wait_until(|| scene.run(&["status", "job.toml"]).stdout.contains("8 ok"));
    child.kill().expect("killed");
    child.wait().expect("ended");
    scene.serve(ServerSettings { script: Script::default(), ..ServerSettings::default() });
    scene.job("in.jsonl", "out/b.jsonl", "");
    let shown = scene.run(&["preview", "job.toml"]).expect_code(0).stdout;
    assert!(
        shown.contains("warning: out/a.jsonl.journal has answers to 8 of the first 10 requests;"),
        "{shown}"
    );
}

#[test]
fn nothing_is_reported_for_other_jobs_for_rehearsals_and_where_it_is_intended() {
    let scene = answered(10);
    let silent = |arguments: &[&str]| {
        let finished = scene.run(arguments).expect_code(0);
        let said = finished.stdout + &finished.stderr;
        assert!(!said.contains("has answers to"), "{arguments:?}: {said}");
    };
    silent(&["preview", "job.toml", "--output", "out/b.csv", "--model", "qwen-flash"]);
    silent(&["preview", "job.toml", "--output", "out/b.csv", "--simulate"]);
    silent(&["preview", "job.toml", "--output", "elsewhere/b.csv"]);
    silent(&["run", "job.toml", "--output", "out/b.csv", "--fresh"]);
    // Two jobs that have a few requests in common.
    scene.write("more.jsonl", rows(7..20));
    silent(&["preview", "job.toml", "--output", "out/c.csv", "--input", "more.jsonl"]);
    // Answers of the simulator do not count; files that are not journals, and damaged ones, are ignored.
    fs::remove_file(scene.path("out/a.jsonl.journal")).expect("removed");
    fs::remove_file(scene.path("out/b.csv.journal")).expect("removed");
    scene.run(&["run", "job.toml", "--simulate"]).expect_code(0);
    scene.write("out/paper.journal", "Dear diary");
    let mut damaged = fs::read(scene.path("out/a.simulated.jsonl.journal")).expect("a journal");
    damaged.truncate(5_000);
    scene.write("out/damaged.journal", damaged);
    silent(&["preview", "job.toml", "--output", "out/d.csv"]);
}
