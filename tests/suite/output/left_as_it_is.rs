//! An output that would be the same is left as it is; any other is written again.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::process::Stdio;

use rusqlite::Connection;

use crate::support::harness::{Scene, rows, text};
use crate::support::tables::{parquet, strings};

fn inode(scene: &Scene) -> u64 {
    fs::metadata(scene.path("out.jsonl")).expect("an output").ino()
}

/// A job that was run, its output, and a handle that keeps the output's inode from being reused.
fn done() -> (Scene, u64, File) {
    let mut scene = Scene::new();
    scene.rows_and_job(20, "");
    scene.run_job(&["job.toml"]).expect_code(0);
    let (first, held) = (inode(&scene), File::open(scene.path("out.jsonl")).expect("an output"));
    (scene, first, held)
}

/// Renames a row without changing its request.
fn rename_a_row(scene: &mut Scene) {
    let renamed = scene.read("in.jsonl").replace("\"r3\"", "\"renamed\"");
    scene.write("in.jsonl", renamed);
}

fn is_what_an_export_writes(scene: &Scene) {
    scene.run(&["export", "job.toml", "--output", "export.jsonl"]).expect_code(0);
    assert_eq!(scene.read("out.jsonl"), scene.read("export.jsonl"));
}

#[test]
fn a_run_that_finds_everything_as_it_was_leaves_the_output_as_it_is() {
    let (mut scene, first, _held) = done();
    let receipt = scene.receipt();
    for _ in 0..2 {
        scene.run_job(&["job.toml"]).expect_code(0).says("nothing was sent");
        assert_eq!(inode(&scene), first);
        assert_eq!(scene.receipt()["rows"], receipt["rows"]);
    }
    scene.run(&["verify", "job.toml"]).expect_code(0);
}

#[test]
fn an_output_that_was_changed_or_is_not_the_one_requested_is_written_again() {
    type Change = fn(&mut Scene);
    let changes: [(&str, Change); 6] = [
        ("a line more", |scene| {
            let mut file = OpenOptions::new().append(true).open(scene.path("out.jsonl")).expect("a file");
            file.write_all(b"{}\n").expect("written");
        }),
        ("gone", |scene| fs::remove_file(scene.path("out.jsonl")).expect("removed")),
        ("another form", |scene| {
            let job = scene.read("job.toml") + "output.prefix = \"a_\"\n";
            scene.write("job.toml", job);
        }),
        ("another count of tries", |scene| {
            let journal = Connection::open(scene.path("out.jsonl.journal")).expect("a journal");
            journal.execute("UPDATE entries SET attempts = 2 WHERE position = 3", []).expect("changed");
        }),
        ("a column that no request has", rename_a_row),
        ("a row less", |scene| {
            scene.write("in.jsonl", rows(0..19));
            scene.judge.texts = Some((0..19).map(text).collect());
        }),
    ];
    for (what, change) in changes {
        let (mut scene, before, _held) = done();
        change(&mut scene);
        match what {
            // The judge reads the columns by their usual names.
            "another form" => scene.run(&["run", "job.toml"]).expect_code(0),
            _ => scene.run_job(&["job.toml"]).expect_code(0),
        };
        assert_ne!(inode(&scene), before, "{what}");
        is_what_an_export_writes(&scene);
    }
}

#[test]
fn an_edit_that_a_killed_run_has_seen_is_in_the_output_of_the_next_one() {
    for point in ["journal.match.after", "journal.run.begun", "write.sync.before"] {
        let (mut scene, before, _held) = done();
        rename_a_row(&mut scene);
        scene.die_at(point, 1);
        scene.run_job(&["job.toml"]).expect_code(0).says("nothing was sent");
        assert_ne!(inode(&scene), before, "{point}");
        is_what_an_export_writes(&scene);
    }
}

#[test]
fn edits_in_parquet_are_in_the_output() {
    let mut scene = Scene::new();
    let texts: Vec<String> = (0..20).map(text).collect();
    let input = |note| {
        let text = strings(texts.iter().map(|text| Some(text.as_str())));
        parquet([("text", text), ("note", strings(texts.iter().map(|_| Some(note))))])
    };
    scene.write("in.parquet", input("before"));
    scene.job("in.parquet", "out.jsonl", "");
    scene.judge.texts = Some(texts.clone());
    scene.run_job(&["job.toml"]).expect_code(0);
    scene.write("in.parquet", input("after"));
    scene.run_job(&["job.toml"]).expect_code(0).says("nothing was sent");
    assert_eq!(scene.read("out.jsonl").matches("after").count(), 20);
}

#[test]
fn an_output_that_leads_to_a_pipe_is_written_each_time() {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..3));
    scene.job("in.jsonl", "pipe.jsonl", "output.journal = \"journal\"\n");
    symlink("/dev/stdout", scene.path("pipe.jsonl")).expect("a link");
    // One pipe for both runs, as a shell gives to what it runs in parentheses.
    let (mut reader, pipe) = std::io::pipe().expect("a pipe");
    for _ in 0..2 {
        let end = pipe.try_clone().expect("the pipe's end");
        let run = scene.command(&["run", "job.toml"]).stdout(end).stderr(Stdio::null()).status();
        assert!(run.expect("the binary runs").success());
    }
    drop(pipe);
    // Nobody is to read from there when the folder is searched for the key.
    fs::remove_file(scene.path("pipe.jsonl")).expect("removed");
    let mut written = String::new();
    reader.read_to_string(&mut written).expect("rows");
    assert_eq!(written.lines().count(), 2 * 3, "{written}");
}
