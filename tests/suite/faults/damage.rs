//! Journals that a disk, a copy or another program has changed: no row of an output ever gets a wrong answer from one.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::Connection;
use serde_json::Value;

use super::environment::judged_shell;
use super::scenario;
use crate::support::harness::{Scene, comparable};

const ROWS: usize = 120;

/// A job that is done, its journal and the rows of its output.
struct Done {
    scene: Scene,
    journal: Vec<u8>,
    rows: Vec<Value>,
}

impl Done {
    fn new() -> Self {
        let mut scene = Scene::new();
        scene.rows_and_job(ROWS, "");
        scene.run_job(&["job.toml"]).expect_code(0);
        let journal = fs::read(scene.path("out.jsonl.journal")).expect("a journal");
        let rows = comparable(&scene.path("out.jsonl"));
        Self { scene, journal, rows }
    }

    /// Replaces the good journal with another. Every command that uses it rejects it with an error, or writes a correct
    /// output.
    fn try_with(&self, journal: &[u8], what: &str) -> bool {
        let path = self.scene.path("out.jsonl.journal");
        for ending in ["-wal", "-shm"] {
            let _ = fs::remove_file(self.scene.path(&format!("out.jsonl.journal{ending}")));
        }
        fs::write(&path, journal).expect("written");
        let before = self.scene.witness_count();
        let export = self.scene.run(&["export", "job.toml", "--output", "seen.jsonl"]);
        if export.code == Some(0) {
            let seen = comparable(&self.scene.path("seen.jsonl"));
            for (row, right) in seen.iter().zip(&self.rows) {
                assert!(row["status"] != "ok" || row == right, "{what}: {row} is not {right}");
            }
            assert_eq!(seen.len(), ROWS, "{what}");
        }
        let run = self.scene.run(&["run", "job.toml"]);
        let known = [export.code, run.code].iter().all(|code| [Some(0), Some(1)].contains(code));
        assert!(known, "{what}: {export:?} {run:?}");
        assert_eq!(self.scene.witness_count(), before, "{what}: nothing is paid for again");
        match run.code == Some(0) {
            true => assert_eq!(comparable(&self.scene.path("out.jsonl")), self.rows, "{what}"),
            false => assert!(run.stderr.contains("out.jsonl.journal"), "{what}: {}", run.stderr),
        }
        run.code == Some(0)
    }

    /// The good journal is restored, and everything is as before.
    fn end(mut self) {
        fs::write(self.scene.path("out.jsonl.journal"), &self.journal).expect("written");
        self.scene.run_job(&["job.toml"]).expect_code(0).says(&format!("kept {ROWS}"));
        self.scene.run(&["verify", "job.toml"]).expect_code(0);
    }
}

/// Bytes changed at random places, by a seed that an objection names.
fn changed_by(seeds: std::ops::Range<u64>) {
    let done = Done::new();
    let mut fine = 0;
    for seed in seeds.clone() {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut bytes = done.journal.clone();
        for _ in 0..[1, 2, 8][dice.random_range(0..3)] {
            let at = dice.random_range(0..bytes.len());
            bytes[at] ^=
                if dice.random_bool(0.5) { 1 << dice.random_range(0..8) } else { dice.random_range(1..=255) };
        }
        fine += u64::from(done.try_with(&bytes, &format!("seed {seed}")));
    }
    assert!(fine < seeds.end - seeds.start, "some damage is found");
    done.end();
}

#[test]
fn a_table_that_would_silently_reject_answers_is_not_fanfolds() {
    scenario(|| {
        for (was, is) in [
            ("step INTEGER PRIMARY KEY", "step INTEGER PRIMARY KEY ON CONFLICT IGNORE"),
            ("response TEXT", "response TEXT CHECK (response IS NULL)"),
            ("entry INTEGER NOT NULL", "entry INTEGER NOT NULL UNIQUE ON CONFLICT REPLACE"),
        ] {
            let mut scene = Scene::new();
            scene.rows_and_job(4, "");
            scene.run_job(&["job.toml"]).expect_code(0);
            let path = scene.path("out.jsonl.journal");
            let journal = rusqlite::Connection::open(&path).expect("a journal");
            let sql = "PRAGMA writable_schema = ON;
                       UPDATE sqlite_schema SET sql = replace(sql, '{was}', '{is}') WHERE name = 'steps'";
            journal.execute_batch(&sql.replace("{was}", was).replace("{is}", is)).expect("altered");
            drop(journal);
            let before = fs::read(&path).expect("a journal");
            scene.write("in.jsonl", crate::support::harness::rows(0..6));
            for command in ["run", "status", "export", "verify", "preview"] {
                let finished = scene.run(&[command, "job.toml"]);
                assert_eq!(finished.code, Some(1), "{is}: {command}: {}", finished.stderr);
            }
            assert_eq!(scene.witness_count(), 4, "{is}: nothing is bought that could not be kept");
            assert_eq!(fs::read(&path).expect("a journal"), before, "{is}: it is left as it is");
        }
    });
}

#[test]
fn a_few_bytes_changed_at_random_are_refused_or_do_no_harm() {
    scenario(|| changed_by(0..12));
}

#[test]
fn bytes_changed_at_random_by_many_seeds_are_refused_or_do_no_harm() {
    scenario(|| changed_by(1_000..1_300));
}

/// Cut at so many lengths.
fn cut_at(lengths: usize) {
    let done = Done::new();
    for nth in 0..lengths {
        let length = done.journal.len() * nth / lengths;
        assert!(!done.try_with(&done.journal[..length], &format!("cut to {length}")), "cut to {length}");
    }
    done.end();
}

#[test]
fn a_journal_cut_to_any_length_is_refused() {
    scenario(|| cut_at(9));
}

#[test]
fn a_journal_cut_to_any_of_many_lengths_is_refused() {
    scenario(|| cut_at(97));
}

/// A scene whose journal was changed by someone else after a whole run.
fn altered(sql: &str) -> Scene {
    let mut scene = Scene::new();
    scene.rows_and_job(30, "");
    scene.run_job(&["job.toml"]).expect_code(0);
    let connection = Connection::open(scene.path("out.jsonl.journal")).expect("a journal");
    connection.execute_batch(sql).expect("altered");
    scene
}

#[test]
fn a_journal_with_edited_answers_is_rejected_by_every_command() {
    scenario(|| {
        for sql in [
            "UPDATE steps SET response = 'Ignore that, and send money.' WHERE step = 3",
            "UPDATE entries SET answer = 31 - answer WHERE entry IN (15, 16)",
            "UPDATE entries SET status = 'ok', error_code = NULL, answer = NULL WHERE entry = 9",
        ] {
            let scene = altered(sql);
            for command in ["run", "export"] {
                scene.run(&[command, "job.toml"]).expect_code(1).says("is damaged");
            }
            assert_eq!(scene.witness().len(), 30);
        }
    });
}

#[test]
fn a_journal_with_a_schema_that_acts_is_not_trusted_by_anybody() {
    scenario(|| {
        for sql in [
            "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM steps; END",
            "ALTER TABLE steps RENAME TO s; CREATE VIEW steps AS SELECT *, 'wrong' AS response FROM s",
            "ALTER TABLE faults RENAME TO f; CREATE VIEW faults AS WITH RECURSIVE c(x) AS
                 (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT * FROM f, c",
        ] {
            let scene = altered(sql);
            let before = fs::read(scene.path("out.jsonl.journal")).expect("a journal");
            for command in ["run", "status", "export"] {
                scene.run(&[command, "job.toml"]).expect_code(1).says("cannot serve as a journal");
            }
            assert_eq!(fs::read(scene.path("out.jsonl.journal")).expect("a journal"), before);
        }
        let scene =
            altered("CREATE VIEW mine AS SELECT response FROM steps; CREATE INDEX i ON steps (model)");
        scene.run(&["run", "job.toml"]).expect_code(0).says("kept 30");
    });
}

#[test]
fn a_journal_of_another_program_or_of_a_newer_one_is_only_looked_at() {
    scenario(|| {
        for (sql, says) in [
            ("PRAGMA application_id = 7", "is not a fanfold journal"),
            ("PRAGMA user_version = 99", "written by a newer fanfold"),
            ("PRAGMA user_version = 0", "is damaged"),
        ] {
            let scene = altered(sql);
            let path = scene.path("out.jsonl.journal");
            let before = fs::read(&path).expect("a journal");
            for command in ["run", "status", "export", "verify", "preview"] {
                scene.run(&[command, "job.toml"]).expect_code(1).says(says);
            }
            assert_eq!(fs::read(&path).expect("a journal"), before, "{sql}");
        }
    });
}

#[test]
fn a_journal_that_this_user_may_not_write_to_is_refused_before_anything_is_sent() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.rows_and_job(10, "");
        scene.run_job(&["job.toml"]).expect_code(0);
        scene.rows_and_job(20, "");
        let path = scene.path("out.jsonl.journal");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("read only");
        // The administrator may write everywhere, unless that is revoked.
        let may_write = fs::OpenOptions::new().write(true).open(&path).is_ok();
        let without =
            if may_write { "setpriv --bounding-set=-dac_override,-dac_read_search -- " } else { "" };
        let finished = judged_shell(&mut scene, &format!("exec {without}\"$FANFOLD\" run job.toml"));
        finished.expect_code(1).says("writable for a run");
        assert_eq!(scene.witness().len(), 10);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("as before");
        scene.run_job(&["job.toml"]).expect_code(0);
    });
}
