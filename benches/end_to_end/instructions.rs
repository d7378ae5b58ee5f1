//! The guard: instructions of the whole program per row, counted by callgrind. They repeat within a few in a thousand,
//! whatever else the machine does, so they can fail a build where a time could not.

use std::process::{Command, Stdio};

use crate::jobs::Job;
use crate::server::Server;

/// Instructions per row, as they were measured last: to be changed in the commit that changes them.
const KNOWN: &str = include_str!("../instructions.txt");

/// How far a measurement may be from that, either way.
const TOLERANCE: f64 = 0.1;

/// Two runs, whose difference has no start and no end in it.
const ROWS: [usize; 2] = [1_000, 3_000];

/// Measures, and returns whether the figures match the known ones.
pub(crate) fn check() -> bool {
    let known: f64 = KNOWN.trim().parse().expect("a number in benches/instructions.txt");
    let server = Server::simulator(&[]);
    let [few, many] = ROWS.map(|rows| collected(&Job::new(rows, "in.jsonl"), &server.url));
    let each = (many - few) / (ROWS[1] - ROWS[0]) as f64;
    let share = each / known;
    println!("{each:.0} instructions per row, {share:.3} of the {known:.0} in benches/instructions.txt");
    let holds = (1.0 - TOLERANCE..=1.0 + TOLERANCE).contains(&share);
    if !holds {
        println!("that is off by more than a tenth: find out why, then put the new number there");
    }
    holds
}

/// The instructions of a run.
fn collected(job: &Job, url: &str) -> f64 {
    let run = job.run(url, 64);
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(run.get_program());
    valgrind.args(run.get_args()).current_dir(run.get_current_dir().expect("a folder"));
    valgrind.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = valgrind.stdin(Stdio::null()).output().expect("valgrind, from the package of that name");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let line = told.lines().find_map(|line| line.split_once("Collected : ")).expect("what was collected");
    line.1.trim().parse().expect("a number")
}
