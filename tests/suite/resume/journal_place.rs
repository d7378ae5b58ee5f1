//! A journal at a path set by the job, with all its files; and inputs whose globs match one.

use std::fs;

use fanfold::simulator::{Script, ServerSettings};
use rusqlite::Connection;

use crate::support::harness::{Scene, rows};

/// The names of the files in a folder of the scene.
fn names(scene: &Scene, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(scene.path(folder)).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn the_journal_is_where_the_job_wants_it_and_every_command_finds_it_there() {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..5));
    scene.job("in.jsonl", "out/out.jsonl", "output.journal = \"state/night.journal\"\n");
    scene.run(&["run", "job.toml"]).expect_code(0);
    assert_eq!(names(&scene, "out"), ["out.jsonl", "out.jsonl.summary.json"]);
    assert_eq!(names(&scene, "state"), ["night.journal", "night.journal.lock"]);
    assert!(scene.read("out/out.jsonl.summary.json").contains("\"journal\": \"state/night.journal\""));
    for command in ["status", "verify", "export", "report", "preview"] {
        scene.run(&[command, "job.toml"]).expect_code(0);
    }
    // The output may have another name, and nothing is sent again.
    scene.run(&["run", "job.toml", "--output", "out/other.csv"]).expect_code(0).says("kept 5");
    assert_eq!(scene.witness_count(), 5);
    // A flag overrides the variable, and the variable the job file.
    let mut command = scene.command(&["status", "job.toml"]);
    let status = command.env("FANFOLD_JOURNAL", "none.journal").output().expect("the binary runs");
    assert!(
        String::from_utf8_lossy(&status.stderr).contains("there is no journal none.journal"),
        "{status:?}"
    );
    scene.run(&["status", "job.toml", "--journal", "no.journal"]).expect_code(1).says("no.journal");
}

#[test]
fn a_rehearsal_has_a_journal_of_its_own_there_too() {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..3));
    scene.job("in.jsonl", "out.jsonl", "output.journal = \"state/night.journal\"\n");
    scene.run(&["run", "job.toml", "--simulate"]).expect_code(0);
    assert_eq!(names(&scene, "state"), ["night.simulated.journal", "night.simulated.journal.lock"]);
    scene.run(&["run", "job.toml"]).expect_code(0).says("new 3");
    assert_eq!(scene.witness_count(), 3);
}

#[test]
fn the_lock_the_log_and_the_ballast_are_next_to_the_journal_even_after_a_kill() {
    let hang = "[[fault]]\nrequests = [4, 1000]\naction = \"hang\"\n";
    let mut scene = Scene::with_script(hang);
    scene.write("in.jsonl", rows(0..6));
    let journal = "output.journal = \"state/night.journal\"\n";
    scene.job("in.jsonl", "out.jsonl", journal);
    let mut child = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(4);
    scene.run(&["run", "job.toml", "--output", "other.jsonl"]).expect_code(6).says("state/night.journal");
    child.kill().expect("killed");
    child.wait().expect("ended");
    let beside = names(&scene, "state");
    for ending in ["", "-wal", "-shm", ".lock", ".ballast"] {
        assert!(beside.contains(&format!("night.journal{ending}")), "{beside:?}");
    }
    let stray = names(&scene, "").into_iter().find(|name| name.starts_with("out.jsonl."));
    assert_eq!(stray, None);
    scene.serve(ServerSettings { script: Script::default(), ..ServerSettings::default() });
    scene.job("in.jsonl", "out.jsonl", journal);
    scene.run(&["run", "job.toml"]).expect_code(0).says("in doubt");
    let answers: i64 = Connection::open(scene.path("state/night.journal"))
        .and_then(|journal| journal.query_row("SELECT count(*) FROM steps", [], |row| row.get(0)))
        .expect("a count");
    assert_eq!(answers, 6);
}

#[test]
fn a_journal_replaces_no_file_that_the_job_reads_or_writes_and_none_replaces_it() {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..3));
    scene.job("in.jsonl", "out.jsonl", "");
    for taken in ["in.jsonl", "out.jsonl", "./out.jsonl.summary.json", "job.toml"] {
        let before = fs::read(scene.path(taken)).ok();
        for command in ["run", "preview"] {
            let finished = scene.run(&[command, "job.toml", "--journal", taken]).expect_code(1);
            finished.says("the journal would overwrite").says("choose another name with --journal");
        }
        assert_eq!(fs::read(scene.path(taken)).ok(), before, "{taken}");
    }
    let journal = ["run", "job.toml", "--journal", "night.csv"];
    scene.run(&journal).expect_code(0);
    let before = fs::read(scene.path("night.csv")).expect("a journal");
    let export = ["export", "job.toml", "--journal", "night.csv", "--output", "night.csv"];
    scene.run(&export).expect_code(1).says("the output would overwrite night.csv");
    assert_eq!(fs::read(scene.path("night.csv")).expect("a journal"), before);
    for ending in ["", "-wal", "-shm", "-journal", ".lock", ".ballast", ".new"] {
        let own = format!("night.csv{ending}");
        let figures = ["run", "job.toml", "--journal", "night.csv", "--metrics-file", &own];
        scene.run(&figures).expect_code(1).says("which belongs to the job");
    }
}

#[test]
fn a_glob_of_the_input_matches_no_journal_and_no_file_next_to_one() {
    let scene = Scene::new();
    scene.write("data/a.jsonl", rows(0..2));
    scene.write("data/b.jsonl", rows(2..4));
    scene.job("data/*", "out.jsonl", "output.journal = \"data/night.journal\"\n");
    for _ in 0..2 {
        scene.run(&["run", "job.toml"]).expect_code(0).says("4 rows");
    }
    assert_eq!(scene.witness_count(), 4);
    // Files of another job too, even of one that was killed.
    for beside in ["-wal", "-shm", ".ballast"] {
        scene.write(&format!("data/night.journal{beside}"), "what a killed run leaves");
    }
    for command in ["run", "preview"] {
        let other = [command, "job.toml", "--output", "other.jsonl", "--journal", "other.journal"];
        scene.run(&other).expect_code(0);
    }
    assert_eq!(crate::support::harness::lines(&scene.path("other.jsonl")).len(), 4);
    // A file that only has such a name is an input like any other.
    scene.write("more/a.jsonl.lock", "no rows");
    scene.job("more/*", "third.jsonl", "");
    scene.run(&["run", "job.toml"]).expect_code(1).says("more/a.jsonl.lock");
}
