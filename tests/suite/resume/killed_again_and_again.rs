//! Killed over and over: nothing is lost, and nothing that was stored is sent again.

use fanfold::simulator::ServerSettings;

use crate::support::harness::{Scene, comparable};

const ROWS: usize = 300;

fn scene() -> Scene {
    let latency = "uniform:1ms..30ms".parse().expect("a latency");
    let mut scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
    scene.rows_and_job(ROWS, "limits.concurrency = 8\n");
    scene
}

#[test]
fn a_run_that_is_killed_over_and_over_ends_like_one_that_never_was() {
    let mut whole = scene();
    whole.run_job(&["job.toml"]).expect_code(0);
    let mut scene = scene();
    let deaths = [
        ("journal.run.begun", 1),
        ("dispatch.answered", 30),
        ("journal.commit.before", 3),
        ("journal.commit.after", 2),
        ("dispatch.hand-out.after", 2),
        ("journal.commit.inside", 4),
        ("dispatch.send", 40),
        ("journal.match.after", 1),
    ];
    for (point, times) in deaths {
        scene.die_at(point, times);
    }
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(comparable(&whole.path("out.jsonl")), comparable(&scene.path("out.jsonl")));
    let (sent, in_doubt) = (scene.witness().len(), scene.in_doubt());
    assert!(sent > ROWS, "some requests were out when a run died");
    assert!(sent <= ROWS + in_doubt, "{sent} requests: only what was in doubt ({in_doubt}) is sent twice");
}
