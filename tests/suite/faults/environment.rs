//! What the machine does to a run: too few files, no home, no room, no patience.

use std::process::Command;

use super::scenario;
use crate::harness::{Finished, Scene};

/// Runs a shell line in the scene's folder, with the binary as `$FANFOLD`, and has the outcome judged.
fn shell(scene: &mut Scene, line: &str) -> Finished {
    let run = scene.command(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(scene.path("")).env_clear();
    command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.env("FANFOLD", run.get_program()).output().expect("a shell");
    let finished = Finished::from(output);
    scene.judge.judge(&finished);
    finished
}

#[test]
fn sixty_four_open_files_are_enough_for_a_thousand_places() {
    scenario("environment::sixty_four_open_files", || {
        let mut scene = Scene::new();
        scene.rows_and_job(300, "limits.concurrency = 1000\n");
        shell(&mut scene, "ulimit -n 64; exec \"$FANFOLD\" run job.toml").expect_code(0);
    });
}
