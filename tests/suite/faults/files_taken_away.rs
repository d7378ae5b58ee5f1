//! Files of a run that are removed while it is active: the lock, the journal, or everything.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Child;

use fanfold::simulator::ServerSettings;
use rusqlite::Connection;
use rustix::process::Signal;

use super::scenario;
use crate::support::harness::{Finished, Scene, signal};

const ROWS: usize = 60;

/// A run that is in the middle of its rows.
fn under_way() -> (Scene, Child) {
    let latency = "fixed:20ms".parse().expect("a latency");
    let mut scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
    scene.rows_and_job(ROWS, "limits.concurrency = 2\n");
    let child = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(10);
    (scene, child)
}

fn journal(scene: &Scene, ending: &str) -> std::path::PathBuf {
    scene.path(&format!("out.jsonl.journal{ending}"))
}

fn remove(scene: &Scene, endings: &[&str]) {
    endings.iter().for_each(|ending| fs::remove_file(journal(scene, ending)).expect("removed"));
}

fn ended(child: Child) -> Finished {
    Finished::from(child.wait_with_output().expect("an end"))
}

/// Whether a process has a file of that name open.
fn reads(child: &Child, name: &str) -> bool {
    let files = fs::read_dir(format!("/proc/{}/fd", child.id())).expect("its files").flatten();
    files.filter_map(|file| fs::read_link(file.path()).ok()).any(|file| file.ends_with(name))
}

/// The names in the scene's folder that begin so.
fn named(scene: &Scene, begin: &str) -> Vec<String> {
    let names = fs::read_dir(scene.path("")).expect("a folder").flatten();
    names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(begin))
        .collect()
}

/// Whether the kernel shows that a process holds SQLite's lock on an open database: the bytes after the first GiB.
fn holds_a_database(process: u32) -> bool {
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    locks.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let has = |index: usize, word: &str| words.get(index).is_some_and(|found| *found == word);
        has(1, "POSIX") && has(3, "READ") && has(4, &process.to_string()) && has(6, "1073741826")
    })
}

#[test]
fn a_run_keeps_sqlite_s_lock_on_its_journal_until_its_end() {
    scenario(|| {
        let latency = "fixed:200ms".parse().expect("a latency");
        for (input, more) in [("in.jsonl", ""), ("rows/in.jsonl", "output.journal = \"rows/j.journal\"\n")] {
            let mut scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
            scene.rows_and_job(ROWS, &format!("limits.concurrency = 2\n{more}"));
            if more.is_empty() {
                let probe = Connection::open(scene.path("probe")).expect("a database");
                probe.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a)").expect("a table");
                if !holds_a_database(std::process::id()) {
                    eprintln!("skipped: this system does not tell of locks");
                    return;
                }
            } else {
                fs::create_dir(scene.path("rows")).expect("a folder");
                fs::rename(scene.path("in.jsonl"), scene.path(input)).expect("moved");
                let job = fs::read_to_string(scene.path("job.toml")).expect("a job");
                scene.write("job.toml", job.replacen("\"in.jsonl\"", "\"rows\"", 1));
            }
            let run = scene.start(&["run", "job.toml"]);
            scene.wait_for_requests(5);
            // It waits until somebody has looked.
            scene.run(&["set", "job.toml", "pause"]).expect_code(0);
            scene.run(&["status", "job.toml"]).expect_code(0);
            // POSIX releases a process's locks on a file when it closes any handle to it.
            assert!(holds_a_database(run.id()), "{input}");
            scene.run(&["set", "job.toml", "resume", "concurrency=60"]).expect_code(0);
            scene.end(run).expect_code(0);
        }
    });
}

#[test]
fn a_second_run_finds_the_first_also_when_the_lock_s_file_was_removed() {
    scenario(|| {
        let (mut scene, child) = under_way();
        remove(&scene, &[".lock"]);
        for _ in 0..2 {
            scene.run(&["run", "job.toml"]).expect_code(6).says("out.jsonl.journal.lock, was removed");
        }
        scene.run(&["run", "job.toml", "--fresh"]).expect_code(6).says("was removed");
        scene.run(&["prune", "job.toml", "--older-than", "0s", "--yes"]);
        scene.end(child).expect_code(0);
        assert_eq!(scene.witness().len(), ROWS);
        scene.run_job(&["job.toml"]).expect_code(0).says("nothing was sent");
    });
}

#[test]
fn a_journal_that_is_deleted_or_renamed_during_a_run_is_written_again_with_all_answers() {
    scenario(|| {
        for how in ["deleted", "all deleted", "renamed"] {
            let (mut scene, child) = under_way();
            match how {
                "deleted" => remove(&scene, &[""]),
                "all deleted" => remove(&scene, &["", "-wal", "-shm", ".lock"]),
                _ => fs::rename(journal(&scene, ""), scene.path("elsewhere")).expect("renamed"),
            }
            let finished = ended(child);
            assert_eq!(finished.code, Some(1), "{how}: {}", finished.stderr);
            assert!(
                finished.stderr.contains("everything it held is there again"),
                "{how}: {}",
                finished.stderr
            );
            let sent = scene.witness_count();
            assert!(sent < ROWS, "{how}: it stops");
            scene.run_job(&["job.toml"]).expect_code(0).says(&format!("kept {sent} "));
            assert_eq!(scene.witness().len(), ROWS, "{how}");
            scene.run(&["verify", "job.toml"]).expect_code(0);
        }
    });
}

#[test]
fn a_folder_that_cannot_be_searched_for_a_while_does_not_count_as_a_deleted_journal() {
    scenario(|| {
        let latency = "fixed:20ms".parse().expect("a latency");
        let mut scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
        scene.rows_and_job(ROWS, "limits.concurrency = 2\n");
        scene.write("kept/there", "");
        let job = scene.read("job.toml").replace("out.jsonl", "kept/out.jsonl");
        scene.write("job.toml", job);
        let child = scene.start(&["run", "job.toml"]);
        scene.wait_for_requests(10);
        // Since root can search every folder, a folder whose name is a cycle of links. The run is stopped meanwhile: in
        // between, it would find no folder of that name.
        signal(&child, Signal::STOP);
        fs::rename(scene.path("kept"), scene.path("behind")).expect("renamed");
        symlink("kept", scene.path("kept")).expect("a circle");
        signal(&child, Signal::CONT);
        let sent = scene.witness_count();
        scene.wait_for_requests((sent + 20).min(ROWS));
        signal(&child, Signal::STOP);
        fs::remove_file(scene.path("kept")).expect("removed");
        fs::rename(scene.path("behind"), scene.path("kept")).expect("back");
        signal(&child, Signal::CONT);
        let finished = ended(child);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        assert_eq!(scene.witness().len(), ROWS);
    });
}

#[test]
fn a_journal_that_is_deleted_is_written_again_even_when_the_input_fails_or_is_still_read() {
    scenario(|| {
        let (scene, child) = under_way();
        signal(&child, Signal::STOP);
        remove(&scene, &["", "-wal", "-shm", ".lock"]);
        let rows = scene.read("in.jsonl");
        fs::remove_file(scene.path("in.jsonl")).expect("removed");
        signal(&child, Signal::CONT);
        let finished = ended(child);
        assert_eq!(finished.code, Some(1), "{}", finished.stderr);
        assert!(finished.stderr.contains("is there again"), "{}", finished.stderr);
        let sent = scene.witness_count();
        scene.write("in.jsonl", rows);
        scene.run(&["run", "job.toml"]).expect_code(0).says(&format!("kept {sent} "));
        assert_eq!(scene.witness().len(), ROWS);

        // Interrupted while it plans.
        let many = (0..100_000).map(|n| format!("{{\"id\": {n}, \"text\": \"text {n}\"}}\n"));
        scene.write("in.jsonl", many.collect::<String>() + &scene.read("in.jsonl"));
        let child = scene.start(&["run", "job.toml"]);
        scene.wait_until(|| journal(&scene, "-wal").exists() && reads(&child, "in.jsonl"));
        signal(&child, Signal::STOP);
        remove(&scene, &[""]);
        signal(&child, Signal::INT);
        signal(&child, Signal::CONT);
        let finished = ended(child);
        assert_eq!(finished.code, Some(1), "{}", finished.stderr);
        assert!(finished.stderr.contains("is there again"), "{}", finished.stderr);
        assert_eq!(scene.witness().len(), ROWS, "nothing was sent");
    });
}

#[test]
fn a_run_whose_journal_another_has_replaced_keeps_its_own_next_to_it() {
    scenario(|| {
        let (scene, child) = under_way();
        signal(&child, Signal::STOP);
        remove(&scene, &["", "-wal", "-shm", ".lock"]);
        let second = scene.start(&["run", "job.toml"]);
        scene.wait_until(|| journal(&scene, "").exists());
        signal(&child, Signal::CONT);
        let first = ended(child);
        assert_eq!(first.code, Some(1), "{}", first.stderr);
        assert_eq!(ended(second).code, Some(0));
        let aside = named(&scene, "out.jsonl.journal.2");
        assert_eq!(aside.len(), 1, "{}", first.stderr);
        assert!(first.stderr.contains(&aside[0]), "{}", first.stderr);
        // And it is complete.
        fs::rename(scene.path(&aside[0]), journal(&scene, "")).expect("put back");
        scene.run(&["run", "job.toml"]).expect_code(1).says("and held 60 before");
        let again = scene.run(&["run", "job.toml", "--accept-loss"]).expect_code(0);
        assert!(!again.stderr.contains("kept 0 "), "{}", again.stderr);
    });
}

#[test]
fn a_run_whose_job_another_has_started_after_all_sends_nothing_more() {
    scenario(|| {
        // As on a file system without locks between two machines.
        let (mut scene, child) = under_way();
        let other = Connection::open(journal(&scene, "")).expect("a journal");
        other.busy_timeout(std::time::Duration::from_secs(10)).expect("patience");
        let begun = "INSERT INTO runs (started_at, last_at, program, job) SELECT last_at, last_at, program, job FROM runs";
        other.execute(begun, []).expect("begun");
        drop(other);
        let finished = ended(child);
        assert_eq!(finished.code, Some(6), "{}", finished.stderr);
        assert!(finished.stderr.contains("another run has started on the journal"), "{}", finished.stderr);
        let sent = scene.witness_count();
        assert!(sent < ROWS, "it stops");
        // The process that pretended to be another gives way.
        Connection::open(journal(&scene, ""))
            .expect("a journal")
            .execute("DELETE FROM runs WHERE run > 1", [])
            .expect("gone");
        scene.run_job(&["job.toml"]).expect_code(0).says(&format!("kept {sent} "));
        assert_eq!(scene.witness().len(), ROWS);
    });
}

#[test]
fn a_run_that_is_refused_leaves_no_lock_behind() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.rows_and_job(3, "");
        fs::remove_file(scene.path("in.jsonl")).expect("gone");
        scene.run(&["run", "job.toml"]).expect_code(1).says("in.jsonl");
        assert_eq!(named(&scene, "out.jsonl"), Vec::<String>::new());
    });
}
