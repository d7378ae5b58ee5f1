//! The jobs that are killed, and what must hold after a death at any point: the remains can be inspected, and the same
//! command ends as if nothing had happened, resending no more than the requests in flight.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use fanfold::simulator::{Script, ServerSettings, TranslationStyle};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::support::harness::{Finished, Scene, comparable, lines, text};

/// Rows of a job that is killed: enough for several commits, few enough for hundreds of runs.
pub(super) const ROWS: usize = 14;

/// A kind of job that is killed.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Sets the scene: the input, the job, whatever ran before.
    scene: fn() -> Scene,
    pub(super) output: &'static str,
    /// Rows of the input.
    rows: usize,
    /// How many answers the whole job needs; 0 if that follows from what they lack.
    answers: usize,
    /// What is piped in.
    stdin: Option<fn() -> String>,
}

pub(super) const JSONL: Kind =
    Kind { name: "jsonl", scene: jsonl, output: "out.jsonl", rows: ROWS, answers: ROWS, stdin: None };
pub(super) const PARQUET: Kind = Kind { name: "parquet", scene: parquet, output: "out.parquet", ..JSONL };
pub(super) const STDIN: Kind = Kind { name: "stdin", scene: piped, stdin: Some(piped_rows), ..JSONL };
pub(super) const TOOLS: Kind = Kind { name: "tools", scene: tools, rows: 5, answers: 10, ..JSONL };
pub(super) const SHARED: Kind = Kind { name: "shared", scene: shared, rows: 16, answers: 4, ..JSONL };
pub(super) const PIECES: Kind = Kind { name: "pieces", scene: pieces, rows: 3, answers: 0, ..JSONL };
pub(super) const PACKS: Kind = Kind { name: "packs", scene: packs, rows: 60, answers: 0, ..JSONL };
pub(super) const JUDGED: Kind = Kind { name: "judged", scene: judged, ..JSONL };
pub(super) const EDITED: Kind =
    Kind { name: "edited", scene: edited, rows: ROWS + 2, answers: ROWS + 4, ..JSONL };

/// A simulator that takes a moment, so that a run has several commits.
fn slow() -> Scene {
    Scene::with(ServerSettings {
        latency: "fixed:8ms".parse().expect("a latency"),
        ..ServerSettings::default()
    })
}

/// Text that does not compress to nothing.
fn noise(seed: usize, length: usize) -> String {
    let mut state = seed as u64 + 1;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + (state >> 59) as u8 % 26)
    };
    (0..length).map(|_| draw()).collect()
}

fn padded(numbers: impl IntoIterator<Item = usize>, padding: usize) -> String {
    let row = |n: usize| json!({ "id": format!("r{n}"), "text": text(n), "pad": noise(n, padding) });
    numbers.into_iter().map(|n| format!("{}\n", row(n))).collect()
}

/// A job over rows long enough that their output is written in several pieces.
fn job(mut scene: Scene, input: &str, output: &str, more: &str) -> Scene {
    scene.job(input, output, &format!("limits.concurrency = 2\n{more}"));
    scene.judge.output = output.to_owned();
    scene.judge.texts = Some((0..ROWS).map(text).collect());
    scene
}

fn jsonl() -> Scene {
    let scene = slow();
    scene.write("in.jsonl", padded(0..ROWS, 40_000));
    job(scene, "in.jsonl", "out.jsonl", "")
}

fn parquet() -> Scene {
    let scene = slow();
    scene.write("in.jsonl", padded(0..ROWS, 80_000));
    job(scene, "in.jsonl", "out.parquet", "")
}

fn piped() -> Scene {
    job(slow(), "-", "out.jsonl", "input.format = \"jsonl\"\n")
}

fn piped_rows() -> String {
    padded(0..ROWS, 5_000)
}

fn tools() -> Scene {
    let scene = slow();
    let question = |n: usize| format!("What is the weather in city {n}?");
    let rows = (0..TOOLS.rows).map(|n| format!("{}\n", json!({ "id": n, "text": question(n) })));
    scene.write("in.jsonl", rows.collect::<String>());
    let script = scene.write("weather.sh", "#!/bin/sh\necho run >> runs\necho fine\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("executable");
    let tool = "[[request.tools]]\ntype = \"function\"\n\
                function = { name = \"get_weather\", parameters = { type = \"object\" } }\n\
                [tools.get_weather]\ncommand = [\"./weather.sh\"]\n";
    let mut scene = job(scene, "in.jsonl", "out.jsonl", tool);
    scene.judge.texts = Some((0..TOOLS.rows).map(question).collect());
    scene
}

fn shared() -> Scene {
    let scene = slow();
    let question = |n: usize| text(n % 4);
    let rows = (0..SHARED.rows).map(|n| format!("{}\n", json!({ "id": n, "text": question(n) })));
    scene.write("in.jsonl", rows.collect::<String>());
    let mut scene = job(scene, "in.jsonl", "out.jsonl", "input.duplicates = \"share\"\n");
    scene.judge.texts = Some((0..SHARED.rows).map(question).collect());
    scene
}

/// Long texts whose translations lose blank lines, so that their pieces are asked in halves.
fn pieces() -> Scene {
    let scene = Scene::with(ServerSettings {
        latency: "fixed:8ms".parse().expect("a latency"),
        script: Script::parse("[[fault]]\naction = \"drop_blank_lines\"\nevery = 2").expect("a script"),
        translations: TranslationStyle::Echo,
        ..ServerSettings::default()
    });
    let paragraph = |row: usize, n: usize| format!("Paragraph {n} of text {row} has a few words of its own.");
    let text = |row: usize| (0..9).map(|n| paragraph(row, n)).collect::<Vec<_>>().join("\n\n");
    let texts: Vec<String> = (0..PIECES.rows).map(text).collect();
    let rows = texts.iter().map(|text| format!("{}\n", json!({ "text": text })));
    scene.write("in.jsonl", rows.collect::<String>());
    let split = "request.translation_options = { source_lang = \"auto\", target_lang = \"French\" }\n\
                 split.max_tokens = 80\n";
    let mut scene = job(scene, "in.jsonl", "out.jsonl", split);
    let translated = scene.read("job.toml").replace("\"qwen-plus\"", "\"qwen-mt-plus\"");
    scene.write("job.toml", translated);
    scene.judge.texts = Some(texts);
    scene
}

/// Short rows that travel together; the second pack of all is not one for one.
fn packs() -> Scene {
    let scene = Scene::with(ServerSettings {
        latency: "fixed:8ms".parse().expect("a latency"),
        script: Script::parse("[[fault]]\nrequests = [3, 3]\naction = \"drop_mark\"").expect("a script"),
        ..ServerSettings::default()
    });
    let texts: Vec<String> = (0..PACKS.rows).map(|n| format!("Row {n} has a few words")).collect();
    let rows = texts.iter().map(|text| format!("{}\n", json!({ "text": text })));
    scene.write("in.jsonl", rows.collect::<String>());
    let more = "request.translation_options = { source_lang = \"auto\", target_lang = \"French\" }\n\
                limits.qps = 500\nlimits.tpm = 100_000_000\npack.rows = 8\n\
                output.select = [\"text\", \"response\", \"status\"]\n";
    let mut scene = job(scene, "in.jsonl", "out.jsonl", more);
    let translated = scene.read("job.toml").replace("\"qwen-plus\"", "\"qwen-mt-plus\"");
    scene.write("job.toml", translated);
    scene.judge.texts = Some(texts);
    scene
}

/// A job that has ended, some of whose answers had failed a check that has been replaced by another since.
fn judged() -> Scene {
    let mut scene = Scene::with(ServerSettings {
        script: Script::parse("[[fault]]\naction = \"eat_placeholders\"\ncontains = \"Row 1\"")
            .expect("a script"),
        translations: TranslationStyle::Marked,
        ..ServerSettings::default()
    });
    let rows = (0..ROWS).map(|n| format!("{}\n", json!({ "text": format!("Row {n} keeps {{name}}") })));
    scene.write("in.jsonl", rows.collect::<String>());
    scene.judge.bodies_are_literal = true;
    for (check, code) in [("placeholders", 3), ("translated", 0)] {
        let translation =
            "request.translation_options = { source_lang = \"auto\", target_lang = \"French\" }\n";
        let more = format!("{translation}answer.checks = [\"{check}\"]\nanswer.repair = 0\n");
        scene.job("in.jsonl", "out.jsonl", &more);
        let translated = scene.read("job.toml").replace("\"qwen-plus\"", "\"qwen-mt-plus\"");
        scene.write("job.toml", translated);
        if code > 0 {
            scene.run_job(&["job.toml"]).expect_code(code);
        }
    }
    scene.judge.rules_change = true;
    scene
}

/// A finished job whose input has been edited since: rows added above, one removed, one changed.
fn edited() -> Scene {
    let mut scene = jsonl();
    scene.run_job(&["job.toml"]).expect_code(0);
    let numbers: Vec<usize> = [100, 101, 102].into_iter().chain(0..5).chain([103]).chain(7..ROWS).collect();
    assert_eq!(numbers.len(), EDITED.rows);
    scene.write("in.jsonl", padded(numbers.clone(), 40_000));
    scene.judge.texts = Some(numbers.into_iter().map(text).collect());
    scene
}

impl Kind {
    pub(super) fn begin(&self) -> Scene {
        (self.scene)()
    }

    /// Runs a command of the scene, with piped input if `pipes`.
    pub(super) fn output_of(&self, mut command: Command, pipes: bool) -> Output {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let Some(stdin) = self.stdin.filter(|_| pipes) else {
            return command.output().expect("the binary runs");
        };
        let mut child = command.stdin(Stdio::piped()).spawn().expect("the binary runs");
        let mut pipe = child.stdin.take().expect("its standard input");
        // A process killed while reading does not read everything.
        let _ = pipe.write_all(stdin().as_bytes());
        drop(pipe);
        child.wait_with_output().expect("an end")
    }

    /// The output of an undisturbed run.
    pub(super) fn undisturbed(&self) -> Vec<Value> {
        let mut scene = self.begin();
        let finished = Finished::from(self.output_of(scene.command(&["run", "job.toml"]), true));
        scene.judge.judge(&finished);
        finished.expect_code(0);
        self.written(&scene)
    }

    fn written(&self, scene: &Scene) -> Vec<Value> {
        let path = scene.path(self.output);
        if self.output.ends_with(".jsonl") { comparable(&path) } else { vec![] }
    }

    /// Checks everything that a death has left against the promises, then runs the same command to its end.
    pub(super) fn survives(&self, scene: &mut Scene, undisturbed: &[Value]) {
        scene.judge_after_a_kill();
        let left = Left::look(self, scene);
        self.looks(scene, &left);
        let mut command = scene.command(&["run", "job.toml"]);
        let kept = fs::File::open(scene.path(&format!("{}.stdin", self.output)));
        let pipes = kept.is_err();
        if let Ok(kept) = kept {
            command.stdin(kept);
        }
        let finished = Finished::from(self.output_of(command, pipes));
        scene.judge.judge(&finished);
        finished.expect_code(0);
        let receipt = scene.read(&format!("{}.summary.json", self.output));
        let receipt: Value = serde_json::from_str(&receipt).expect("JSON");
        let in_doubt = receipt["in_doubt"].as_u64().expect("a count") as usize;
        assert!(left.lost <= in_doubt, "{} sent and not stored, {in_doubt} in doubt", left.lost);
        let sent = scene.witness_count();
        if self.answers > 0 {
            assert_eq!(sent, self.answers + left.lost, "only what was not stored is sent again");
        }
        assert_eq!(self.written(scene), undisturbed, "the output is that of a run that was never killed");
        scene.run(&["verify", "job.toml"]).expect_code(0);
        if self.name == "tools" {
            let runs = scene.read("runs").lines().count();
            assert_eq!(
                runs,
                self.rows + left.results_lost,
                "a command whose result is stored does not run again"
            );
        }
        self.cleaned_up(scene);
    }

    /// The reading commands work on what a death has left, and no half-written file has the output's name.
    fn looks(&self, scene: &Scene, left: &Left) {
        let there = scene.path(&format!("{}.journal", self.output)).exists();
        let status = scene.run(&["status", "job.toml", "--json"]);
        let verified = scene.run(&["verify", "job.toml"]);
        let exported = scene.run(&["export", "job.toml", "--output", "-"]);
        if !there {
            for looked in [status, verified, exported] {
                looked.expect_code(1).says("this job has not run yet");
            }
            return;
        }
        let status: Value = serde_json::from_str(&status.expect_code(0).stdout).expect("JSON");
        if self.name != PIECES.name && self.name != PACKS.name {
            assert_eq!(status["ok"], left.answered, "{status}");
        }
        assert!(verified.stdout.contains("is intact"), "{verified:?}");
        let rows: Vec<Value> = exported
            .expect_code(0)
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON lines"))
            .collect();
        assert_eq!(rows.len(), self.rows, "an export has every row");
        let written = scene.path(self.output);
        if self.output.ends_with(".jsonl") && written.exists() {
            let count = lines(&written).len();
            assert!([self.rows, ROWS].contains(&count), "half an output has its name: {count} rows");
        }
        let receipt = scene.path(&format!("{}.summary.json", self.output));
        if let Ok(receipt) = fs::read_to_string(receipt) {
            serde_json::from_str::<Value>(&receipt).expect("a whole receipt");
        }
    }

    /// Nothing remains of a death.
    fn cleaned_up(&self, scene: &Scene) {
        let names = fs::read_dir(scene.path("")).expect("a folder").map(|entry| entry.expect("an entry"));
        for name in names.map(|entry| entry.file_name().to_string_lossy().into_owned()) {
            let rest = [".part", ".new", "-journal"].iter().any(|ending| name.ends_with(ending));
            // Reading a journal leaves an empty log.
            let log = name.ends_with("-wal") && fs::metadata(scene.path(&name)).expect("a file").len() > 0;
            assert!(!rest && !log && !name.contains(".new-"), "{name} stays behind");
        }
    }
}

/// What a death has left.
struct Left {
    /// Rows with an answer.
    answered: usize,
    /// Requests that were answered, and whose answer is not stored.
    lost: usize,
    /// Commands that were run, and whose result is not stored.
    results_lost: usize,
}

impl Left {
    fn look(kind: &Kind, scene: &Scene) -> Self {
        let path = scene.path(&format!("{}.journal", kind.output));
        let sent: Vec<String> =
            scene.witness().iter().filter_map(|line| Some(line["request_id"].as_str()?.to_owned())).collect();
        if !path.exists() {
            return Self { answered: 0, lost: sent.len(), results_lost: 0 };
        }
        let journal = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a journal");
        let count = |sql: &str| journal.query_row(sql, [], |row| row.get::<_, usize>(0)).expect("a count");
        let mut statement = journal.prepare("SELECT request_id FROM steps").expect("steps");
        let stored = statement.query_map([], |row| row.get(0)).expect("steps");
        let stored: HashSet<String> = stored.collect::<Result<_, _>>().expect("request ids");
        let runs = fs::read_to_string(scene.path("runs")).unwrap_or_default().lines().count();
        let results = count("SELECT count(*) FROM steps WHERE results IS NOT NULL AND results <> '[]'");
        Self {
            answered: count("SELECT count(*) FROM entries WHERE status = 'ok' AND position IS NOT NULL"),
            lost: sent.iter().filter(|id| !stored.contains(*id)).count(),
            results_lost: runs.saturating_sub(results),
        }
    }
}
