//! A job that moves to another machine, with the files that docs/night.md names and no others.

use std::fs;
use std::path::Path;

use fanfold::simulator::{Script, ServerSettings};

use crate::support::harness::{Finished, Scene, lines, rows};

/// Copies the files of a job into a folder of their own, without their times.
fn moved(scene: &Scene, names: &[&str]) {
    fs::create_dir_all(scene.path("new")).expect("a folder");
    for name in names {
        let bytes = fs::read(scene.path(name)).expect(name);
        fs::write(scene.path("new").join(name), bytes).expect("a copy");
    }
}

/// Runs the binary in the folder of the new machine.
fn there(scene: &Scene, arguments: &[&str]) -> Finished {
    let mut command = scene.command(arguments);
    Finished::from(command.current_dir(scene.path("new")).output().expect("the binary runs"))
}

#[test]
fn a_job_that_has_ended_continues_elsewhere_with_the_one_file_of_its_journal() {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..8));
    scene.job("in.jsonl", "out.jsonl", "");
    scene.run(&["run", "job.toml"]).expect_code(0);
    assert!(!scene.path("out.jsonl.journal-wal").exists());
    moved(&scene, &["job.toml", "in.jsonl", "out.jsonl.journal", "out.jsonl.journal.lock"]);
    let shown = there(&scene, &["preview", "job.toml"]).expect_code(0).stdout;
    assert!(shown.contains("to send: 0 requests"), "{shown}");
    scene.write("new/in.jsonl", rows(0..9));
    there(&scene, &["run", "job.toml"]).expect_code(0).says("kept 8");
    assert_eq!(scene.witness_count(), 9);
    there(&scene, &["verify", "job.toml"]).expect_code(0);
}

#[test]
fn a_job_that_was_killed_continues_elsewhere_with_its_log_and_a_log_left_behind_is_noticed() {
    let mut scene = Scene::with_script("[[fault]]\nrequests = [9, 1000]\naction = \"hang\"\n");
    scene.write("in.jsonl", rows(0..10));
    scene.job("in.jsonl", "out.jsonl", "");
    let mut child = scene.start(&["run", "job.toml"]);
    scene.wait_until(|| scene.run(&["status", "job.toml"]).stdout.contains("8 ok"));
    child.kill().expect("killed");
    child.wait().expect("ended");
    scene.serve(ServerSettings { script: Script::default(), ..ServerSettings::default() });
    scene.job("in.jsonl", "out.jsonl", "");
    let files = ["job.toml", "in.jsonl", "out.jsonl.journal", "out.jsonl.journal.lock"];
    moved(&scene, &files);
    there(&scene, &["run", "job.toml"]).expect_code(1).says("its log, out.jsonl.journal-wal, is gone");
    moved(&scene, &["out.jsonl.journal-wal"]);
    there(&scene, &["run", "job.toml"]).expect_code(0).says("kept 8");
    assert_eq!(scene.witness().iter().filter(|line| line["status"] == 200).count(), 10);
    assert_eq!(lines(&Path::new(&scene.path("new")).join("out.jsonl")).len(), 10);
}
