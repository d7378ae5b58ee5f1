//! Many rows: the whole path with faults, in memory that does not grow with them.
//!
//! The output of millions of rows is compared with the input line by line, since the judge keeps everything that it
//! compares.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fanfold::simulator::{Script, ServerSettings};
use serde::Deserialize;

use super::scenario;
use crate::support::harness::{Finished, Scene, row, text};

/// The faults of requests: transient errors, resets, cut bodies, and an outage. No throttling: it would make the scenario
/// minutes longer, and uses no memory.
const FAULTS: &str = r#"
[[fault]]
share = 0.002
status = 500

[[fault]]
share = 0.001
action = "reset"

[[fault]]
share = 0.001
action = "cut_body"

[[down]]
after = "3s"
until = "5s"
"#;

/// Requests in flight at once. Their replies may get lost when the server goes down.
const PLACES: usize = 64;

/// As fast as the machine can go: more than any model table allows.
const UNLIMITED: &str = "limits.qps = 100_000\nlimits.tpm = 1_000_000_000\nlimits.concurrency = 64\n";

/// How much more memory many rows may take than few: for caches that fill up.
const FLAT_WITHIN_KILOBYTES: u64 = 32 * 1024;

/// The few rows that many are compared with.
const FEW: usize = 20_000;

/// The cost of a run over many rows.
struct Took {
    rows: usize,
    time: Duration,
    /// The peak of its memory.
    kilobytes: u64,
    journal_bytes: u64,
}

/// A line of the output.
#[derive(Deserialize)]
struct Written {
    id: String,
    text: String,
    response: Option<String>,
    status: String,
}

/// A line of the witness log.
#[derive(Deserialize)]
struct Replied {
    status: Option<u16>,
    fault: Option<String>,
}

/// A scene with so many rows, whose simulator has its faults.
fn scene(rows: usize) -> Scene {
    let script = Script::parse(FAULTS).expect("a good script");
    let scene = Scene::with(ServerSettings { script, ..ServerSettings::default() });
    let mut input = BufWriter::new(File::create(scene.path("in.jsonl")).expect("a file"));
    (0..rows).try_for_each(|number| writeln!(input, "{}", row(number))).expect("an input");
    input.flush().expect("an input");
    scene.job("in.jsonl", "out.jsonl", UNLIMITED);
    scene
}

/// Runs the job and measures it, in an address space of so many kilobytes where that is given.
fn measured(scene: &Scene, rows: usize, address_space: Option<u64>) -> Took {
    let limit = address_space.map_or_else(String::new, |kilobytes| format!("ulimit -v {kilobytes}; "));
    let run = scene.command(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limit}exec \"$FANFOLD\" run job.toml --progress none")]);
    command.current_dir(scene.path("")).env_clear().stdin(Stdio::null()).stdout(Stdio::null());
    command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("FANFOLD", run.get_program());
    command.stderr(File::create(scene.path("said")).expect("a file"));
    let begun = Instant::now();
    let mut child = command.spawn().expect("a shell");
    let status = format!("/proc/{}/status", child.id());
    let mut kilobytes = 0;
    while child.try_wait().expect("a child").is_none() {
        kilobytes = peak(&fs::read_to_string(&status).unwrap_or_default()).max(kilobytes);
        std::thread::sleep(Duration::from_millis(5));
    }
    let ended = child.wait().expect("an end");
    let time = begun.elapsed();
    let said = scene.read("said");
    assert_eq!(ended.code(), Some(0), "{said}");
    let journal_bytes = fs::metadata(scene.path("out.jsonl.journal")).expect("a journal").len();
    let took = Took { rows, time, kilobytes, journal_bytes };
    took.tell();
    took
}

/// The peak of a process's memory in kilobytes, as its `status` says it.
fn peak(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

impl Took {
    /// Bypasses the harness, which hides the output of passing tests.
    fn tell(&self) {
        let Self { rows, time, kilobytes, journal_bytes } = self;
        let _ = writeln!(
            std::io::stderr(),
            "{rows} rows: {:.1} s, {kilobytes} kB at the peak, a journal of {journal_bytes} bytes",
            time.as_secs_f64()
        );
    }
}

/// Compares the output with the input line by line, and the answers with the simulator's.
fn assert_whole(scene: &Scene, rows: usize) {
    let lines = |name: &str| BufReader::new(File::open(scene.path(name)).expect("a file")).lines();
    let mut count = 0;
    for line in lines("out.jsonl") {
        let line = line.expect("text");
        let written: Written = serde_json::from_str(&line).expect("a row");
        assert_eq!((written.id, written.text), (format!("r{count}"), text(count)), "row {count}");
        assert_eq!(written.status, "ok", "{line}");
        assert!(written.response.is_some(), "{line}");
        count += 1;
    }
    assert_eq!(count, rows, "one row out for each row in");
    let replied = lines("witness.jsonl").map(|line| line.expect("text"));
    let replied = replied.map(|line| serde_json::from_str::<Replied>(&line).expect("a request"));
    let paid = replied.filter(|one| one.status == Some(200) && one.fault.is_none()).count();
    assert!((rows..=rows + PLACES).contains(&paid), "{paid} answers were paid for, of {rows} rows");
    let receipt = scene.receipt();
    assert_eq!((&receipt["rows"]["ok"], &receipt["rows"]["in"]), (&rows.into(), &rows.into()));
}

/// The same job over few and over many rows: its memory is the same.
fn assert_flat(many: usize) {
    let [few, many] = [FEW, many].map(|rows| {
        let scene = scene(rows);
        let took = measured(&scene, rows, None);
        assert_whole(&scene, rows);
        took
    });
    assert!(few.kilobytes > 0, "the peak was seen");
    assert!(
        many.kilobytes <= few.kilobytes + FLAT_WITHIN_KILOBYTES,
        "{} kB for {} rows, {} kB for {}",
        few.kilobytes,
        few.rows,
        many.kilobytes,
        many.rows
    );
}

/// So many rows in an address space of 512 MB.
fn assert_fits(rows: usize) {
    let scene = scene(rows);
    measured(&scene, rows, Some(512 * 1024));
    assert_whole(&scene, rows);
}

#[test]
fn a_run_checked_line_by_line_passes_the_judge_as_well() {
    scenario(|| {
        let mut scene = scene(4_000);
        scene.judge.replies_get_lost = true;
        scene.judge.texts = Some((0..4_000).map(text).collect());
        let finished: Finished = scene.run(&["run", "job.toml"]).expect_code(0);
        scene.judge.judge(&finished);
        assert_whole(&scene, 4_000);
    });
}

#[test]
fn a_hundred_thousand_rows_take_no_more_memory_than_twenty_thousand() {
    scenario(|| assert_flat(100_000));
}

#[test]
fn two_million_rows_take_no_more_memory_than_twenty_thousand() {
    scenario(|| assert_flat(2_000_000));
}

#[test]
fn fifty_thousand_rows_fit_into_512_megabytes() {
    scenario(|| assert_fits(50_000));
}

#[test]
fn a_million_rows_fit_into_512_megabytes() {
    scenario(|| assert_fits(1_000_000));
}
