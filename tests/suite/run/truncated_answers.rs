//! Answers cut off at `max_tokens`: kept and counted separately, failed, or requested once more with more room.

use serde_json::Value;

use crate::support::harness::Scene;

const ROWS: usize = 6;

fn scene(max_tokens: u32, on_length: &str) -> Scene {
    let mut scene = Scene::new();
    scene.rows_and_job(
        ROWS,
        &format!("request.max_tokens = {max_tokens}\nanswer.on_length = {on_length:?}\n"),
    );
    scene
}

fn max_tokens(scene: &Scene) -> Vec<u64> {
    let mut sent: Vec<u64> =
        scene.witness().iter().filter_map(|line| line["body"]["max_tokens"].as_u64()).collect();
    sent.sort_unstable();
    sent
}

#[test]
fn a_cut_answer_is_kept_and_counted_apart() {
    let mut scene = scene(3, "keep");
    scene.run_job(&["job.toml"]).expect_code(0).says("6 answers ended at max_tokens");
    assert!(scene.output().iter().all(|row| row["finish_reason"] == "length" && row["status"] == "ok"));
    assert_eq!(scene.receipt()["cut_by_length"], ROWS);
}

#[test]
fn a_cut_answer_is_a_failure_where_the_job_says_so() {
    let mut scene = scene(3, "fail");
    scene.run_job(&["job.toml"]).expect_code(3).says("6 rows failed with length");
    assert!(scene.output().iter().all(|row| row["error_code"] == "length" && row["response"].is_null()));
    assert_eq!(max_tokens(&scene), [3; ROWS]);
    let spent = scene.receipt()["all_runs"]["total_tokens"].as_u64();
    assert!(spent.is_some_and(|tokens| tokens > 0), "what failed was paid for, and counts");
}

#[test]
fn a_cut_answer_is_asked_for_once_more_with_more_room() {
    let mut scene = scene(10, "grow");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(max_tokens(&scene), [[10; ROWS], [40; ROWS]].concat());
    let rows = scene.output();
    assert!(rows.iter().all(|row| row["finish_reason"] == "stop" && row["attempts"] == 2), "{rows:?}");
    let tokens = |rows: &[Value], key: &str| rows.iter().filter_map(|row| row[key].as_u64()).sum::<u64>();
    assert_eq!(tokens(&rows, "total_tokens"), tokens(&scene.witness(), "total_tokens"));
    assert_eq!(scene.receipt()["cut_by_length"], 0);
}

#[test]
fn an_answer_that_is_still_too_long_is_kept_and_not_requested_a_third_time() {
    let mut scene = scene(2, "grow");
    scene.run_job(&["job.toml"]).expect_code(0).says("6 answers ended at max_tokens");
    assert_eq!(max_tokens(&scene), [[2; ROWS], [8; ROWS]].concat());
}

#[test]
fn the_larger_request_stays_within_the_model_s_range_and_the_caps() {
    let mut longest = scene(30_000, "grow");
    let script = "[[fault]]\nfirst_tries = 1\ncontains = \"30000\"\nstatus = 200\nbody = '''{\"choices\":[{\"message\":\
                  {\"content\":\"half\"},\"finish_reason\":\"length\"}],\"usage\":{\"total_tokens\":0}}'''\n";
    longest.serve(fanfold::simulator::ServerSettings {
        script: fanfold::simulator::Script::parse(script).expect("a script"),
        ..fanfold::simulator::ServerSettings::default()
    });
    longest.rows_and_job(ROWS, "request.max_tokens = 30000\nanswer.on_length = \"grow\"\n");
    longest.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(max_tokens(&longest), [[30_000; ROWS], [32_768; ROWS]].concat(), "qwen-plus writes no longer");
    let mut capped = scene(1_000, "grow");
    let script = script.replace("30000", "1000");
    capped.serve(fanfold::simulator::ServerSettings {
        script: fanfold::simulator::Script::parse(&script).expect("a script"),
        ..fanfold::simulator::ServerSettings::default()
    });
    capped.rows_and_job(
        1,
        "request.max_tokens = 1000\nanswer.on_length = \"grow\"\nlimits.max_total_tokens = 2000\n",
    );
    capped.judge.max_total_tokens = Some(2_000);
    capped.run_job(&["job.toml"]).expect_code(5);
    assert_eq!(max_tokens(&capped), [1_000], "the larger one could pass the cap");
    capped.rows_and_job(
        1,
        "request.max_tokens = 1000\nanswer.on_length = \"grow\"\nlimits.max_total_tokens = 20000\n",
    );
    capped.judge.max_total_tokens = Some(20_000);
    capped.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(max_tokens(&capped), [1_000, 4_000], "with a larger cap the row goes on where it was");
}
