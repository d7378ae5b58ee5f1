//! A kill at any moment: nothing is lost, and nothing that was stored is sent again.

use std::time::Duration;

use fanfold::simulator::Settings;

use crate::harness::{Scene, comparable, row, rows};

const ROWS: usize = 300;

fn scene() -> Scene {
    let latency = "uniform:1ms..30ms".parse().expect("a latency");
    let mut scene = Scene::with(Settings { latency, ..Settings::default() });
    scene.write("in.jsonl", rows(0..ROWS));
    scene.job("in.jsonl", "out.jsonl", "limits.concurrency = 8\n");
    scene.judge.texts = Some((0..ROWS).map(|n| row(n)["text"].as_str().expect("text").to_owned()).collect());
    scene
}

#[test]
fn a_run_that_is_killed_over_and_over_ends_like_one_that_never_was() {
    let mut whole = scene();
    whole.run_job(&["job.toml"]).expect_code(0);
    let mut scene = scene();
    let mut killed = 0;
    for moment in [30, 60, 90, 120, 150, 180, 210, 240] {
        let mut child = scene.start(&["run", "job.toml"]);
        std::thread::sleep(Duration::from_millis(moment));
        if child.try_wait().expect("a child").is_none() {
            killed += 1;
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
        scene.judge.judge_after_a_kill();
    }
    assert!(killed > 0, "at least one run was killed in the middle");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(comparable(&whole.path("out.jsonl")), comparable(&scene.path("out.jsonl")));
    let sent = scene.witness().len();
    // Beside the eight in flight, what was answered within the last commit is not stored yet: as many again.
    assert!(
        sent <= ROWS + 16 * killed,
        "{sent} requests: no more than what was in flight or not yet stored is sent twice"
    );
}
