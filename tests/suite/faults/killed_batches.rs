//! `kill -9` at every step of a batch: after each death the same command ends as if nothing had happened, and no line is paid for twice.

use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use super::batches::{IN_BATCHES, ROWS, answered, nothing_is_left, nothing_is_paid_twice, scene};
use super::scenario;
use crate::support::harness::{Finished, Scene, comparable};
use crate::support::side_by_side::{all, words};

/// The steps of a batch.
const POINTS: [&str; 18] = [
    "batch.file.written",
    "batch.plan.before",
    "batch.plan.after",
    "batch.upload.before",
    "batch.upload.after",
    "batch.uploaded",
    "batch.create.before",
    "batch.create.after",
    "batch.created",
    "batch.ended",
    "batch.downloaded",
    "batch.replies.inside",
    "batch.replies.kept",
    "batch.collected",
    "batch.judged",
    "batch.delete",
    "batch.closed",
    "write.renamed",
];

/// The most often that a run reaches a point.
const MOST: usize = 60;

/// A kind of job in batches.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    script: &'static str,
    more: &'static str,
    /// Whether each run submits and ends.
    comes_back: bool,
}

const KINDS: [Kind; 4] = [
    Kind { name: "plain", script: "", more: "", comes_back: false },
    Kind { name: "small", script: "", more: "batch.max_lines = 2\n", comes_back: false },
    Kind {
        name: "troubled",
        script: "[batch]\ntime = \"200ms\"\norder = \"shuffled\"\n\
                 [[fault]]\ncall = \"create\"\nrequests = [1, 1]\naction = \"drop\"\ndone = true\n\
                 [[fault]]\naction = \"expire_batch\"\nafter_lines = 2\ntimes = 1\n\
                 [[fault]]\ncall = \"download\"\nfirst_tries = 1\naction = \"cut_body\"\n\
                 [[fault]]\ncall = \"look\"\nshare = 0.2\nstatus = 503\n\
                 [[fault]]\naction = \"double_line\"\nshare = 0.3\n",
        more: "",
        comes_back: false,
    },
    Kind { name: "comes back", script: "", more: "", comes_back: true },
];

impl Kind {
    fn begin(&self) -> Scene {
        let mut begun = scene(self.script, "");
        let job =
            IN_BATCHES.lines().filter(|line| !self.more.contains(line.split(' ').next().unwrap_or_default()));
        begun.rows_and_job(ROWS, &format!("{}\n{}", job.collect::<Vec<_>>().join("\n"), self.more));
        begun
    }

    fn arguments(&self) -> &'static [&'static str] {
        if self.comes_back { &["run", "job.toml", "--no-wait"] } else { &["run", "job.toml"] }
    }

    /// Runs the job until it has ended, or dies at the point for the `times`th time, counted over its runs. Returns whether it died.
    fn dies(&self, scene: &mut Scene, point: &str, times: usize) -> bool {
        for _ in 0..MOST {
            let mut command = scene.command(self.arguments());
            command.env("FANFOLD_FAILPOINT", format!("{point}={times}"));
            let output = command.output().expect("the binary runs");
            if output.status.signal() == Some(9) {
                return true;
            }
            let finished = Finished::from(output);
            scene.judge.judge(&finished);
            match finished.code {
                Some(8) => std::thread::sleep(std::time::Duration::from_millis(100)),
                _ => {
                    finished.expect_code(0);
                    return false;
                }
            }
        }
        panic!("the job has no end");
    }

    /// Runs the job to its end.
    fn ends(&self, scene: &mut Scene) {
        assert!(!self.dies(scene, "nowhere", 1));
    }

    fn undisturbed(&self) -> Vec<Value> {
        let mut scene = self.begin();
        self.ends(&mut scene);
        comparable(&scene.path("out.jsonl"))
    }

    /// Checks what a death has left, and runs the same command to its end.
    fn survives(&self, scene: &mut Scene, undisturbed: &[Value]) {
        scene.judge_after_a_kill();
        if scene.path("out.jsonl.journal").exists() {
            scene.run(&["status", "job.toml", "--json"]).expect_code(0);
            assert!(scene.run(&["verify", "job.toml"]).stdout.contains("is intact"));
        }
        self.ends(scene);
        nothing_is_paid_twice(scene, "");
        assert_eq!(answered(scene).len(), ROWS, "each row is paid for once");
        assert_eq!(
            comparable(&scene.path("out.jsonl")),
            undisturbed,
            "the output is that of a run that was never killed"
        );
        nothing_is_left(scene);
        scene.run(&["verify", "job.toml"]).expect_code(0);
    }

    /// Kills a run once. Returns whether the point was reached so often.
    fn killed(&self, point: &str, times: usize, undisturbed: &[Value]) -> Result<bool, String> {
        let end = catch_unwind(AssertUnwindSafe(|| {
            let mut scene = self.begin();
            let died = self.dies(&mut scene, point, times);
            if died {
                self.survives(&mut scene, undisturbed);
            }
            died
        }));
        end.map_err(|panic| format!("{}, {point}={times}: {}", self.name, words(&*panic)))
    }

    /// Kills runs at a point, the first time, the second, and so on, until it is no longer reached. Returns how often.
    fn sweep(&self, point: &str, undisturbed: &[Value]) -> Result<usize, String> {
        for times in 1..=MOST {
            if !self.killed(point, times, undisturbed)? {
                return if times == 1 {
                    Err(format!("{}: no run meets {point}", self.name))
                } else {
                    Ok(times - 1)
                };
            }
        }
        Err(format!("{}: {point} is met without end", self.name))
    }
}

#[test]
fn a_kill_at_every_step_of_a_batch_pays_for_nothing_twice() {
    scenario(|| {
        let references: Vec<Vec<Value>> = KINDS.iter().map(Kind::undisturbed).collect();
        let kinds = || KINDS.iter().zip(&references);
        let tasks =
            kinds().flat_map(|(kind, reference)| POINTS.iter().map(move |point| (kind, reference, *point)));
        let kills = all(tasks.collect(), |(kind, reference, point)| kind.sweep(point, reference));
        eprintln!("kills of batches: {kills} points");
        assert!(kills >= 300, "{kills} kill points are too few for a sweep");
    });
}

#[test]
fn a_kill_at_some_steps_of_a_batch_pays_for_nothing_twice() {
    scenario(|| {
        let some = [
            (KINDS[0], "batch.plan.after", 2),
            (KINDS[0], "batch.upload.after", 1),
            (KINDS[0], "batch.create.after", 2),
            (KINDS[2], "batch.downloaded", 1),
            (KINDS[2], "batch.replies.kept", 1),
            (KINDS[3], "batch.collected", 1),
            (KINDS[0], "batch.delete", 2),
        ];
        let kills = all(some.to_vec(), |(kind, point, times)| {
            kind.killed(point, times, &kind.undisturbed()).map(usize::from)
        });
        assert_eq!(kills, some.len(), "each point is met");
    });
}
