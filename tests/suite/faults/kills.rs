//! `kill -9` at every step: a failpoint is armed, and the count at which the run dies there is raised by one until the run
//! no longer reaches it. After each death the journal is intact and readable, and the same command ends as if nothing had
//! happened, resending no more than the requests in flight.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use serde_json::Value;

use super::killed_jobs::{EDITED, JSONL, JUDGED, Kind, PACKS, PARQUET, PIECES, SHARED, STDIN, TOOLS};
use super::scenario;
use crate::support::harness::{Finished, Scene};
use crate::support::side_by_side::{all, words};

/// The maximum number of times that a run reaches a point.
const MOST: usize = 300;

/// Kills a run at a point, the `times`th time that it is reached. Returns whether it was reached that often; otherwise the
/// run must have ended well.
fn dies(kind: &Kind, scene: &mut Scene, point: &str, times: usize) -> bool {
    let output = kind.output_of(scene.dying_at(point, times), true);
    if output.status.signal() == Some(9) {
        return true;
    }
    let finished = Finished::from(output);
    scene.judge.judge(&finished);
    finished.expect_code(0);
    false
}

/// Kills runs of a kind at one point, the first time, the second, and so on, until it is no longer reached. Returns how
/// often.
fn sweep(kind: &Kind, point: &str, undisturbed: &[Value]) -> Result<usize, String> {
    for times in 1..=MOST {
        let end = catch_unwind(AssertUnwindSafe(|| {
            let mut scene = kind.begin();
            let died = dies(kind, &mut scene, point, times);
            if died {
                kind.survives(&mut scene, undisturbed);
            }
            died
        }));
        match end {
            Ok(true) => {}
            Ok(false) if times == 1 => return Err(format!("{}: no run meets {point}", kind.name)),
            Ok(false) => return Ok(times - 1),
            Err(panic) => return Err(format!("{}, {point}={times}: {}", kind.name, words(&*panic))),
        }
    }
    Err(format!("{}: {point} is met without end", kind.name))
}

/// Where each kind of job is killed.
const POINTS: [(Kind, &[&str]); 9] = [
    (
        JSONL,
        &[
            "journal.make.inside",
            "journal.create.made",
            "journal.create.renamed",
            "journal.open.prepared",
            "journal.match.before",
            "journal.match.loosened",
            "journal.match.after",
            "journal.run.before",
            "journal.run.begun",
            "dispatch.hand-out.before",
            "dispatch.hand-out.after",
            "dispatch.send",
            "dispatch.answered",
            "journal.commit.before",
            "journal.commit.inside",
            "journal.commit.after",
            "journal.end.before",
            "journal.end.entered",
            "journal.end.in-one-file",
            "write.piece",
            "write.sync.before",
            "write.sync.after",
            "write.renamed",
            "summary.before",
            "summary.after",
        ],
    ),
    (
        TOOLS,
        &[
            "dispatch.round.answered",
            "dispatch.tools.before",
            "dispatch.tools.after",
            "dispatch.answered",
            "dispatch.send",
            "journal.commit.before",
            "journal.commit.inside",
            "journal.commit.after",
        ],
    ),
    (
        PIECES,
        &[
            "dispatch.round.answered",
            "dispatch.answered",
            "dispatch.send",
            "journal.commit.before",
            "journal.commit.inside",
            "journal.commit.after",
            "write.renamed",
        ],
    ),
    (
        PACKS,
        &[
            "dispatch.round.answered",
            "dispatch.answered",
            "dispatch.send",
            "journal.commit.before",
            "journal.commit.inside",
            "journal.commit.after",
        ],
    ),
    (PARQUET, &["write.piece", "write.sync.before", "write.sync.after", "write.renamed"]),
    (
        STDIN,
        &[
            "read.spool.piece",
            "read.spool.copied",
            "read.spool.renamed",
            "journal.commit.after",
            "dispatch.answered",
        ],
    ),
    (SHARED, &["journal.share.before", "journal.share.after", "journal.commit.after", "dispatch.answered"]),
    (JUDGED, &["journal.judge.before", "journal.judge.after", "write.renamed"]),
    (
        EDITED,
        &[
            "journal.match.before",
            "journal.match.loosened",
            "journal.match.after",
            "journal.run.before",
            "journal.run.begun",
            "dispatch.hand-out.after",
            "dispatch.send",
            "dispatch.answered",
            "journal.commit.inside",
            "journal.commit.after",
            "write.piece",
            "write.renamed",
        ],
    ),
];

/// The undisturbed output of each kind.
fn references() -> BTreeMap<&'static str, Vec<Value>> {
    POINTS.iter().map(|(kind, _)| (kind.name, kind.undisturbed())).collect()
}

#[test]
fn a_kill_at_every_step_loses_nothing_and_can_be_resumed() {
    scenario(|| {
        let references = references();
        let tasks = POINTS.iter().flat_map(|(kind, points)| points.iter().map(move |point| (kind, *point)));
        let kills = all(tasks.collect(), |(kind, point)| sweep(kind, point, &references[kind.name]));
        eprintln!("kills: {kills} points");
        assert!(kills >= 200, "{kills} kill points are too few for a sweep");
    });
}

#[test]
fn a_kill_at_some_of_the_steps_loses_nothing_and_can_be_resumed() {
    scenario(|| {
        let some = [
            (JSONL, "journal.create.renamed", 1),
            (JSONL, "journal.commit.inside", 3),
            (JSONL, "dispatch.answered", 4),
            (TOOLS, "dispatch.tools.before", 2),
            (PIECES, "dispatch.round.answered", 3),
            (PIECES, "journal.commit.after", 5),
            (PACKS, "dispatch.answered", 3),
            (PACKS, "dispatch.round.answered", 3),
            (PACKS, "journal.commit.inside", 4),
            (JUDGED, "journal.judge.before", 1),
            (JUDGED, "journal.judge.after", 1),
            (JSONL, "write.piece", 2),
            (JSONL, "write.renamed", 1),
        ];
        let references: BTreeMap<_, _> = [JSONL, TOOLS, PIECES, PACKS, JUDGED]
            .iter()
            .map(|kind| (kind.name, kind.undisturbed()))
            .collect();
        let kills = all(some.to_vec(), |(kind, point, times)| {
            let end = catch_unwind(AssertUnwindSafe(|| {
                let mut scene = kind.begin();
                assert!(dies(&kind, &mut scene, point, times), "it is not met");
                kind.survives(&mut scene, &references[kind.name]);
            }));
            end.map(|()| 1).map_err(|panic| format!("{}, {point}={times}: {}", kind.name, words(&*panic)))
        });
        assert_eq!(kills, some.len());
    });
}

#[test]
fn a_log_that_is_taken_away_after_a_kill_is_missed() {
    scenario(|| {
        let mut scene = JSONL.begin();
        scene.die_at("journal.commit.after", 6);
        let log = scene.path("out.jsonl.journal-wal");
        fs::rename(&log, scene.path("elsewhere")).expect("moved");
        let journal = fs::read(scene.path("out.jsonl.journal")).expect("a journal");
        let sent = scene.witness_count();
        for command in ["run", "status", "export", "verify", "preview"] {
            scene.run(&[command, "job.toml"]).expect_code(1).says("its log").says("--accept-loss");
        }
        assert_eq!(scene.witness_count(), sent, "nothing was sent");
        assert_eq!(fs::read(scene.path("out.jsonl.journal")).expect("a journal"), journal);
        fs::rename(scene.path("elsewhere"), &log).expect("moved back");
        scene.run_job(&["job.toml"]).expect_code(0);
        // The advice works.
        scene.judge.forget();
        let mut scene = JSONL.begin();
        scene.die_at("journal.commit.after", 6);
        fs::remove_file(scene.path("out.jsonl.journal-wal")).expect("removed");
        scene.judge.forget();
        scene.run_job(&["job.toml", "--accept-loss"]).expect_code(0);
        scene.run_job(&["job.toml"]).expect_code(0);
    });
}

#[test]
fn a_rollback_left_by_a_kill_is_reported_to_readers_and_undone_by_the_next_run() {
    scenario(|| {
        let mut scene = JSONL.begin();
        scene.run_job(&["job.toml"]).expect_code(0);
        // As on a network file system, where there is no log, and killed in the middle of a write.
        let path = scene.path("out.jsonl.journal");
        let journal = Connection::open(&path).expect("a journal");
        journal.pragma_update(None, "journal_mode", "DELETE").expect("a mode");
        let write =
            "PRAGMA cache_size = 2; BEGIN IMMEDIATE; UPDATE steps SET response = hex(zeroblob(20000))";
        journal.execute_batch(write).expect("written");
        let halves: Vec<_> = ["", "-journal"]
            .map(|ending| scene.path(&format!("out.jsonl.journal{ending}")))
            .into_iter()
            .map(|path| (fs::read(&path).expect("a half"), path))
            .collect();
        drop(journal);
        for (bytes, path) in halves {
            fs::write(path, bytes).expect("put back");
        }
        for command in ["status", "export", "verify"] {
            scene.run(&[command, "job.toml"]).expect_code(1).says("the next one rolls back");
        }
        scene.run_job(&["job.toml"]).expect_code(0).says("nothing was sent");
        scene.run(&["verify", "job.toml"]).expect_code(0);
    });
}

#[test]
fn a_release_has_no_point_at_which_it_can_be_made_to_die() {
    scenario(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir().expect("a folder");
        let compiled = |assertions: &str| {
            let object = folder.path().join(format!("{assertions}.o"));
            let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
            command.args(["--edition=2024", "--crate-type=lib", "--emit=obj", "-O", "-C"]);
            command.arg(format!("debug-assertions={assertions}")).arg("-o").arg(&object);
            let status = command.arg(root.join("src/failpoint.rs")).status().expect("rustc");
            assert!(status.success());
            let bytes = fs::read(object).expect("an object file");
            bytes.windows(17).any(|window| window == b"FANFOLD_FAILPOINT")
        };
        assert!(compiled("yes"), "where it is, it is found");
        assert!(!compiled("no"), "a release knows the variable");
        let settings = fs::read_to_string(root.join("Cargo.toml")).expect("Cargo.toml");
        assert!(!settings.contains("debug-assertions"), "a release is built without debug assertions");
    });
}
