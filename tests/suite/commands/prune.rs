//! Deleting answers whose rows have long been gone: which are deleted, which stay, and that a kill loses nothing.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use fanfold::simulator::{Script, ServerSettings};
use rusqlite::Connection;
use serde_json::Value;

use crate::support::harness::{Finished, Scene, lines, rows};

const DAY: f64 = 86_400.0;

/// A job of twenty rows, of which the last ten have gone from the input since, five of them a hundred days ago.
fn scene(more: &str) -> Scene {
    let mut scene = Scene::new();
    // One at a time, so that the journal numbers the rows in their order.
    let prices = "price = { input = 1.0, output = 2.0 }\nlimits.concurrency = 1\n";
    scene.rows_and_job(20, &format!("{prices}{more}"));
    scene.run_job(&["job.toml"]).expect_code(0);
    keep_rows(&mut scene, 10);
    scene.run_job(&["job.toml"]).expect_code(0).says("10 gone");
    let journal = Connection::open(scene.path("out.jsonl.journal")).expect("a journal");
    let aged = "UPDATE entries SET gone_at = gone_at - ?1 WHERE gone_at IS NOT NULL AND entry > 15";
    assert_eq!(journal.execute(aged, [100.0 * DAY]).expect("aged"), 5);
    scene
}

fn keep_rows(scene: &mut Scene, count: usize) {
    scene.write("in.jsonl", rows(0..count));
    scene.judge.texts = Some((0..count).map(crate::support::harness::text).collect());
}

/// The spending shown by `status` and the report.
fn sums(scene: &Scene) -> Vec<Value> {
    let status = scene.run(&["status", "job.toml", "--json"]).expect_code(0).stdout;
    let status: Value = serde_json::from_str(&status).expect("JSON");
    scene.run(&["report", "job.toml"]).expect_code(0);
    let report = scene.read("out.jsonl.report.html");
    // Its last line shows when it was made.
    let (report, _) = report.split_once("<footer>").expect("a footer");
    vec![status["days"].clone(), status["runs"].clone(), status["cost"].clone(), report.into()]
}

fn count(scene: &Scene, what: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {what}");
    scene.journal().query_row(&sql, [], |row| row.get(0)).expect("a count")
}

#[test]
fn answers_of_rows_that_have_long_been_gone_are_deleted_and_no_others() {
    let mut scene = scene("");
    let before = fs::read(scene.path("out.jsonl.journal")).expect("a journal");
    let dry = scene.run(&["prune", "job.toml", "--dry-run"]).expect_code(0).stdout;
    let told =
        "5 answers of rows that left the input, or whose request changed, at least 90d ago, which cost 0.00";
    assert!(dry.starts_with(told) && dry.ends_with("(an estimate)\n"), "{dry}");
    let refused = scene.run(&["prune", "job.toml"]).expect_code(1);
    refused
        .says("5 answers of rows")
        .says("nothing was dropped: there is no terminal to ask on")
        .says("add --yes");
    assert_eq!(fs::read(scene.path("out.jsonl.journal")).expect("a journal"), before, "nothing was changed");
    let sums_before = sums(&scene);
    scene
        .run(&["prune", "job.toml", "--yes"])
        .expect_code(0)
        .says("dropped 5 answers: out.jsonl.journal has");
    scene.judge.pruned = true;
    assert_eq!(sums(&scene), sums_before, "what was spent is as it was");
    scene.run(&["prune", "job.toml", "--yes"]).expect_code(0).says("there are no answers of rows");
    scene.run(&["verify", "job.toml"]).expect_code(0);
    assert_eq!(count(&scene, "steps WHERE response IS NULL"), 5);
    scene.run_job(&["job.toml"]).expect_code(0).says("kept 10");
    assert_eq!(scene.witness_count(), 20, "nothing of a living row is sent again");
    // Rows that return: those gone for days have their answers, deleted ones are requested again.
    keep_rows(&mut scene, 15);
    scene.run_job(&["job.toml"]).expect_code(0).says("kept 10 · moved 5");
    assert_eq!(scene.witness_count(), 20);
    keep_rows(&mut scene, 20);
    scene.run(&["run", "job.toml"]).expect_code(0).says("new 5");
    assert_eq!((scene.witness_count(), scene.output().len()), (25, 20));
    assert_eq!(
        count(&scene, "entries WHERE gone_at IS NOT NULL AND status <> 'dropped'"),
        0,
        "who is back is not gone"
    );
}

#[test]
fn an_old_prompt_has_been_gone_since_it_was_changed() {
    let mut scene = Scene::new();
    scene.rows_and_job(6, "");
    scene.run_job(&["job.toml"]).expect_code(0);
    let other = ["run", "job.toml", "--system", "Be brief."];
    scene.run(&other).expect_code(0);
    assert_eq!(scene.witness_count(), 12);
    let dry = ["prune", "job.toml", "--older-than", "0s", "--dry-run"];
    assert!(scene.run(&dry).stdout.starts_with("6 answers of rows"), "the first prompt's");
    let none = ["prune", "job.toml", "--older-than", "1h", "--dry-run"];
    assert!(scene.run(&none).stdout.starts_with("there are no answers of rows"));
    scene.run(&["prune", "job.toml", "--older-than", "0s", "--yes"]).expect_code(0).says("dropped 6 answers");
    scene.run(&other).expect_code(0).says("kept 6");
    assert_eq!(scene.witness_count(), 12);
}

#[test]
fn an_answer_that_a_living_row_shares_stays() {
    let mut scene = Scene::new();
    let same = |id: &str| format!("{{\"id\":\"{id}\",\"text\":\"the same\"}}\n");
    scene.write("in.jsonl", same("a") + &same("b") + "{\"id\":\"c\",\"text\":\"another\"}\n");
    scene.job(
        "in.jsonl",
        "out.jsonl",
        "input = { path = \"in.jsonl\", id = \"id\", duplicates = \"share\" }\n",
    );
    let job = scene.read("job.toml").replacen("input.path = \"in.jsonl\"\n", "", 1);
    scene.write("job.toml", job);
    scene.run(&["run", "job.toml"]).expect_code(0);
    assert_eq!(scene.witness_count(), 2);
    // The row that was sent is gone, and so is another; the one that shares its answer is still there.
    scene.write("in.jsonl", same("b"));
    scene.run(&["run", "job.toml"]).expect_code(0);
    scene.run(&["prune", "job.toml", "--older-than", "0s", "--yes"]).expect_code(0).says("dropped 1 answer:");
    scene.run(&["verify", "job.toml"]).expect_code(0);
    scene.run(&["run", "job.toml"]).expect_code(0).says("kept 1");
    let output = lines(&scene.path("out.jsonl"));
    assert!(output[0]["response"].as_str().is_some_and(|text| text.contains("the same")), "{output:?}");
    assert_eq!(scene.witness_count(), 2);
    scene.judge.texts = None;
}

#[test]
fn a_journal_gives_the_room_back() {
    let long = "word ".repeat(4_000);
    let scene = Scene::with_script(&format!("[[fault]]\ncontent = \"{long}\"\n"));
    scene.write("in.jsonl", rows(0..60));
    scene.job("in.jsonl", "out.jsonl", "");
    scene.run(&["run", "job.toml"]).expect_code(0);
    scene.write("in.jsonl", rows(0..6));
    scene.run(&["run", "job.toml"]).expect_code(0);
    let journal = scene.path("out.jsonl.journal");
    let size = |path: &Path| fs::metadata(path).expect("a file").len();
    let before = size(&journal);
    scene.run(&["prune", "job.toml", "--older-than", "0s", "--yes"]).expect_code(0).says(" kB, and had 1.");
    assert!(size(&journal) * 5 < before, "{} of {before}", size(&journal));
    let wal = scene.path("out.jsonl.journal-wal");
    assert!(!wal.exists() || size(&wal) == 0);
    scene.run(&["verify", "job.toml"]).expect_code(0);
}

#[test]
fn an_active_run_keeps_everybody_out() {
    let mut scene = Scene::new();
    scene.rows_and_job(4, "");
    scene.run_job(&["job.toml"]).expect_code(0);
    keep_rows(&mut scene, 2);
    scene.run_job(&["job.toml"]).expect_code(0);
    scene.serve(ServerSettings {
        script: Script::parse("[[fault]]\naction = \"hang\"\n").expect("a script"),
        ..ServerSettings::default()
    });
    scene.rows_and_job(2, "prompt.system = \"Another.\"\n");
    let mut child = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(5);
    let refused = scene.run(&["prune", "job.toml", "--older-than", "0s", "--yes"]).expect_code(6);
    refused.says("another run of this job is active");
    scene.run(&["prune", "job.toml", "--dry-run"]).expect_code(0);
    child.kill().expect("killed");
    child.wait().expect("ended");
}

#[test]
fn a_kill_in_the_middle_loses_nothing_and_the_next_time_does_it() {
    for point in ["journal.prune.inside", "journal.prune.dropped", "journal.prune.shrunk"] {
        let mut scene = scene("");
        let sums_before = sums(&scene);
        let mut command = scene.command(&["prune", "job.toml", "--yes"]);
        let output =
            command.env("FANFOLD_FAILPOINT", format!("{point}=1")).output().expect("the binary runs");
        assert_eq!(output.status.signal(), Some(9), "{point}: {:?}", Finished::from(output));
        scene.run(&["verify", "job.toml"]).expect_code(0);
        assert_eq!(sums(&scene), sums_before, "{point}");
        scene.run(&["prune", "job.toml", "--yes"]).expect_code(0);
        scene.judge.pruned = true;
        assert_eq!(count(&scene, "steps WHERE response IS NULL"), 5, "{point}");
        scene.run_job(&["job.toml"]).expect_code(0).says("kept 10");
        assert_eq!(scene.witness_count(), 20, "{point}");
    }
}

#[test]
fn a_stored_journal_resumes_and_is_pruned() {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..2));
    scene.job("in.jsonl", "out.jsonl", "input.id = \"id\"\n");
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journal-v1.sqlite");
    fs::copy(&old, scene.path("out.jsonl.journal")).expect("a copy");
    let dry = ["prune", "job.toml", "--dry-run"];
    assert!(scene.run(&dry).expect_code(0).stdout.starts_with("1 answer of rows that left the input"));
    assert_eq!(fs::read(scene.path("out.jsonl.journal")).expect("bytes"), fs::read(&old).expect("bytes"));
    scene.run(&["run", "job.toml"]).expect_code(0).says("new 2");
    assert!(
        scene.run(&dry).expect_code(0).stdout.starts_with("1 answer of rows that left the input"),
        "the others are gone since now at most"
    );
    scene
        .run(&["prune", "job.toml", "--older-than", "0s", "--yes"])
        .expect_code(0)
        .says("dropped 3 answers and 4 failures");
    scene.run(&["verify", "job.toml"]).expect_code(0);
    scene.run(&["run", "job.toml"]).expect_code(0).says("kept 2");
    assert_eq!(scene.witness_count(), 2);
}

#[test]
fn a_time_that_is_none_is_a_mistake_of_the_command() {
    let scene = Scene::new();
    scene.write("in.jsonl", rows(0..2));
    scene.job("in.jsonl", "out.jsonl", "");
    let wrong = scene.run(&["prune", "job.toml", "--older-than", "long"]).expect_code(2);
    wrong.says("`long` is not a duration").says("--older-than long");
    scene.run(&["prune", "job.toml"]).expect_code(1).says("there is no journal out.jsonl.journal");
    assert!(!scene.path("out.jsonl.journal.lock").exists(), "a look leaves nothing behind");
}
