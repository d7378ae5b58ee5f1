//! A power cut: unsynced data is lost, all of it or any part.
//!
//! Records a run with every write and sync, and rebuilds the folder as it may be found after a power cut at each moment at
//! which something becomes safe or is counted. From any of these states the same command continues, and no answer is
//! missing that the run had counted by then.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fanfold::simulator::ServerSettings;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::scenario;
use super::system_calls::{folder, traced};
use crate::support::harness::{Finished, Scene, comparable, lines};
use crate::support::side_by_side::{all, words};
use crate::support::unsynced_disk::{CALLS, Deed, Disk, Done, Fate, record};

const ROWS: usize = 14;

/// The files of a folder that are made by hand before a run begins.
const GIVEN: [&str; 3] = ["in.jsonl", "job.toml", "witness.jsonl"];

/// A run that was recorded.
struct Recorded {
    record: Vec<Done>,
    /// The requests that the server saw.
    witness: Vec<Value>,
    output: Vec<Value>,
}

/// A moment at which the power fails, and the fate of unsynced data.
#[derive(Debug, Clone, Copy)]
struct Cut {
    /// So much was done by then.
    deeds: usize,
    fate: Fate,
}

fn scene(settings: ServerSettings) -> Scene {
    let mut scene = Scene::with(settings);
    scene.rows_and_job(ROWS, "limits.concurrency = 2\n");
    scene
}

/// Runs a job slowly enough that its progress is shown while it goes on.
fn run_recorded() -> Recorded {
    let latency = "fixed:350ms".parse().expect("a latency");
    let mut scene = scene(ServerSettings { latency, ..ServerSettings::default() });
    let traces = tempfile::tempdir().expect("a folder");
    let word = str::to_owned;
    let options = [
        vec![
            word("-ff"),
            word("-qq"),
            word("-y"),
            word("-ttt"),
            word("-T"),
            word("-xx"),
            word("-s"),
            word("10000000"),
        ],
        vec![word("-o"), traces.path().join("trace").to_string_lossy().into_owned()],
        vec![word("-e"), format!("trace={CALLS}"), word("-e"), word("signal=none")],
    ];
    let finished = Finished::from(traced(&scene, &options.concat()).output().expect("strace runs"));
    let record = record(traces.path(), &folder(&scene));
    // Before anybody looks at the journal, which leaves an empty log.
    check_the_record(&record, &scene);
    scene.judge.judge(&finished);
    finished.expect_code(0);
    let output = comparable(&scene.path("out.jsonl"));
    Recorded { record, witness: scene.witness(), output }
}

/// Replayed on a disk that forgets nothing, the record results in the real files.
fn check_the_record(record: &[Done], scene: &Scene) {
    let mut everything = Vec::new();
    for Done { deed, .. } in record {
        everything.push(deed.clone());
        if let Deed::Wrote(name, ..) | Deed::Cut(name, _) = deed {
            everything.push(Deed::Synced(name.clone()));
        }
    }
    let found = Disk::after(&everything).found(Fate::NamesOnly);
    let there = fs::read_dir(scene.path("")).expect("a folder").map(|entry| entry.expect("an entry").path());
    let there: BTreeMap<String, Vec<u8>> = there
        .map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), path))
        .filter(|(name, _)| !GIVEN.contains(&name.as_str()))
        .map(|(name, path)| (name, fs::read(path).expect("a file")))
        .collect();
    assert_eq!(found.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>());
    for (name, bytes) in &there {
        assert!(found[name] == *bytes, "{name} is not what was written into it");
    }
}

fn disk(record: &[Done]) -> Disk {
    Disk::after(record.iter().map(|done| &done.deed))
}

/// Answers that had been counted on the screen by then.
fn counted(record: &[Done]) -> u64 {
    let said = record.iter().filter_map(|done| match &done.deed {
        Deed::Said(text) => Some(text.as_str()),
        _ => None,
    });
    let said: String = said.collect();
    // The last part of a line written in pieces may be missing.
    let lines = said.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| line["ok"].as_u64()).next().unwrap_or(0)
}

impl Recorded {
    /// Every moment before and after something becomes safe, is renamed or is counted, except those with the same remains
    /// as another.
    fn cuts(&self) -> Vec<Cut> {
        let mut seen = HashSet::new();
        let mut cuts = Vec::new();
        for (index, Done { deed, .. }) in self.record.iter().enumerate() {
            let matters = match deed {
                Deed::Said(text) => text.ends_with('\n'),
                Deed::Made(_) | Deed::Wrote(..) => false,
                _ => true,
            };
            if !matters {
                continue;
            }
            for deeds in [index, index + 1] {
                let disk = disk(&self.record[..deeds]);
                for fate in [Fate::Gone, Fate::NamesOnly, Fate::Torn(deeds as u64)] {
                    if seen.insert((disk.found(fate), counted(&self.record[..deeds]))) {
                        cuts.push(Cut { deeds, fate });
                    }
                }
            }
        }
        cuts
    }

    /// Makes a folder as found after a cut, checks it against the promises until then, and continues.
    fn go_on_after(&self, cut: Cut) {
        let done = &self.record[..cut.deeds];
        let mut scene = scene(ServerSettings { seed: 1, ..ServerSettings::default() });
        for (name, bytes) in disk(done).found(cut.fate) {
            // Shared memory, which does not survive.
            if !name.ends_with("-shm") {
                scene.write(&name, bytes);
            }
        }
        // The power may go at the very end of a sync, before it has done anything.
        let until = match self.record.get(cut.deeds) {
            Some(Done { deed: Deed::Synced(_), ended, .. }) => *ended,
            _ => done.last().map_or(0.0, |done| done.began),
        };
        let sent = self.witness.iter().filter(|line| line["at"].as_f64().is_some_and(|at| at <= until));
        let sent: Vec<String> = sent.map(|line| format!("{line}\n")).collect();
        scene.write("witness.jsonl", sent.concat());
        scene.judge_after_a_kill();
        let stored = answers_in(&scene);
        let counted = counted(done);
        assert!(stored >= counted, "{counted} answers were counted, and {stored} are there");
        let written = scene.path("out.jsonl");
        assert!(!written.exists() || lines(&written).len() == ROWS, "half an output has its name");
        let finished = scene.run_job(&["job.toml"]);
        finished.expect_code(0);
        let lost = sent.len() as u64 - stored;
        assert!(
            scene.receipt()["in_doubt"].as_u64() >= Some(lost),
            "{lost} requests are lost without a word"
        );
        assert_eq!(
            scene.witness_count() as u64,
            ROWS as u64 + lost,
            "only what was not stored is sent again"
        );
        assert_eq!(comparable(&written), self.output);
        scene.run(&["verify", "job.toml"]).expect_code(0);
    }
}

/// The answers in a valid journal; none if there is no journal.
fn answers_in(scene: &Scene) -> u64 {
    let path = scene.path("out.jsonl.journal");
    if !path.exists() {
        return 0;
    }
    let verified = scene.run(&["verify", "job.toml"]);
    assert!(verified.stdout.contains("is intact"), "{verified:?}");
    let journal = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a journal");
    journal
        .query_row("SELECT count(*) FROM entries WHERE status = 'ok'", [], |row| row.get(0))
        .expect("a count")
}

#[test]
fn a_power_cut_takes_no_answer_that_was_counted() {
    scenario(|| {
        let recorded = run_recorded();
        assert_eq!(counted(&recorded.record), ROWS as u64, "the last line of progress");
        let moments = 0..recorded.record.len();
        let halfway =
            moments.map(|deeds| counted(&recorded.record[..deeds])).any(|ok| (1..ROWS as u64).contains(&ok));
        assert!(halfway, "answers are counted while the run goes on");
        let cuts = recorded.cuts();
        let tried = all(cuts, |cut| {
            let end = catch_unwind(AssertUnwindSafe(|| recorded.go_on_after(cut)));
            end.map(|()| 1).map_err(|panic| format!("{cut:?}: {}", words(&*panic)))
        });
        eprintln!("power cuts: {tried}");
        assert!(tried >= 60, "{tried} cuts are too few for a sweep");
    });
}
