//! `kill -9` at every system call that matters: strace kills a run as it enters its n-th `fsync`, `pwrite64`, `write`,
//! rename and so on, with n moving until the run ends by itself.
//!
//! strace counts the calls of each thread separately. So one part of the sweep traces only the main thread, which creates
//! the journal, begins and ends the run and writes the output; another traces all threads, but only calls on the journal's
//! log, where the answers go.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::killed_jobs::{JSONL, Kind, TOOLS};
use super::scenario;
use crate::support::harness::{Finished, Scene};
use crate::support::side_by_side::{all, words};

/// The calls of a run that are tested.
#[derive(Clone, Copy)]
struct Calls {
    kind: Kind,
    /// As strace has them.
    names: &'static str,
    /// Only those on this file, of all threads; otherwise all those of the main thread.
    file: Option<&'static str>,
    /// The distance from one that is hit to the next: every step where a file is synced or renamed.
    stride: usize,
}

const LOG: Option<&str> = Some("out.jsonl.journal-wal");

const SWEEPS: [Calls; 10] = [
    Calls { kind: JSONL, names: "fsync,fdatasync", file: None, stride: 1 },
    Calls { kind: JSONL, names: "fsync,fdatasync", file: LOG, stride: 1 },
    Calls { kind: TOOLS, names: "fsync,fdatasync", file: LOG, stride: 3 },
    Calls { kind: JSONL, names: "rename,renameat,renameat2", file: None, stride: 1 },
    Calls { kind: JSONL, names: "unlink,unlinkat,ftruncate", file: None, stride: 1 },
    Calls { kind: JSONL, names: "pwrite64", file: None, stride: 4 },
    Calls { kind: JSONL, names: "pwrite64", file: LOG, stride: 7 },
    Calls { kind: JSONL, names: "pwrite64", file: Some("out.jsonl.journal"), stride: 1 },
    Calls { kind: JSONL, names: "write,writev", file: None, stride: 6 },
    Calls { kind: TOOLS, names: "write,writev", file: None, stride: 11 },
];

/// The maximum number of calls in a run.
const MOST: usize = 2000;

/// A run of the scene's job under strace.
pub(super) fn traced(scene: &Scene, options: &[String]) -> Command {
    let run = scene.command(&["run", "job.toml", "--progress", "json"]);
    let mut command = Command::new("strace");
    command.args(options).arg(run.get_program()).args(run.get_args()).current_dir(scene.path("")).env_clear();
    command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// The folder of a scene as the kernel names it.
pub(super) fn folder(scene: &Scene) -> PathBuf {
    scene.path("").canonicalize().expect("a folder")
}

impl Calls {
    /// Kills a run at the `times`th call of this kind. Returns whether it got that far.
    fn dies(&self, scene: &mut Scene, times: usize) -> bool {
        let word = str::to_owned;
        let mut options = vec![word("-qq"), word("-o"), word("/dev/null")];
        if let Some(file) = self.file {
            options.extend([word("-f"), word("-P"), folder(scene).join(file).to_string_lossy().into_owned()]);
        }
        options.extend([word("-e"), format!("trace={}", self.names)]);
        options.extend([word("-e"), format!("inject={}:signal=SIGKILL:when={times}", self.names)]);
        let output = self.kind.output_of(traced(scene, &options), true);
        let finished = Finished::from(output);
        if finished.code.is_none() {
            return true;
        }
        scene.judge.judge(&finished);
        finished.expect_code(0);
        false
    }

    fn sweep(&self, undisturbed: &[Value]) -> Result<usize, String> {
        let mut kills = 0;
        for times in (1..=MOST).step_by(self.stride) {
            let end = catch_unwind(AssertUnwindSafe(|| {
                let mut scene = self.kind.begin();
                let died = self.dies(&mut scene, times);
                if died {
                    self.kind.survives(&mut scene, undisturbed);
                }
                died
            }));
            let what = || format!("{} of {:?} in {}, {times}", self.names, self.file, self.kind.name);
            match end {
                Ok(true) => kills += 1,
                Ok(false) if kills == 0 => return Err(format!("{}: it is never entered", what())),
                Ok(false) => return Ok(kills),
                Err(panic) => return Err(format!("{}: {}", what(), words(&*panic))),
            }
        }
        Err(format!("{} are entered without end", self.names))
    }
}

#[test]
fn a_kill_at_the_system_calls_loses_nothing_and_is_gone_on_from() {
    scenario(|| {
        let (jsonl, tools) = (JSONL.undisturbed(), TOOLS.undisturbed());
        let kills = all(SWEEPS.to_vec(), |calls| {
            calls.sweep(if calls.kind.name == JSONL.name { &jsonl } else { &tools })
        });
        eprintln!("system calls: {kills} points");
        assert!(kills >= 80, "{kills} kill points are too few for a sweep");
    });
}
