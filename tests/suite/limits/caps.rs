//! The period of caps on money and tokens: the life of the job, a run, or a day of its time zone, whose midnight these
//! scenarios place where they need it.

use std::process::Stdio;

use jiff::Timestamp;
use serde_json::Value;

use crate::support::harness::{Finished, Scene};

/// Rows of a scene, and too few tokens for them.
const ROWS: usize = 60;
const CAP: &str = "500";

fn scene(more: &str) -> Scene {
    let mut scene = Scene::new();
    scene.rows_and_job(ROWS, &format!("request.max_tokens = 30\n{more}"));
    scene
}

/// The `TZ` in which it is midnight at this second of UTC.
fn midnight_at(second: i64) -> String {
    let behind = second.rem_euclid(86_400);
    let behind = if behind > 43_200 { behind - 86_400 } else { behind };
    let (sign, behind) = if behind < 0 { ("-", -behind) } else { ("", behind) };
    format!("LOC{sign}{:02}:{:02}:{:02}", behind / 3600, behind / 60 % 60, behind % 60)
}

fn now() -> i64 {
    Timestamp::now().as_second()
}

/// Runs the binary where midnight is at that second.
fn at(scene: &mut Scene, midnight: i64, arguments: &[&str]) -> Finished {
    let mut command = scene.command(arguments);
    command.env("TZ", midnight_at(midnight)).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the binary runs");
    match arguments[0] {
        "run" => scene.end(child),
        _ => Finished::from(child.wait_with_output().expect("an end")),
    }
}

fn tokens(scene: &Scene, key: &str) -> u64 {
    scene.receipt()[key]["total_tokens"].as_u64().expect("tokens")
}

fn caps(scene: &mut Scene, midnight: i64) -> Value {
    let json = at(scene, midnight, &["status", "job.toml", "--json"]).expect_code(0).stdout;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    json["caps"].clone()
}

#[test]
fn a_cap_by_the_day_does_not_count_spending_of_yesterday() {
    let mut scene = scene("limits.cap_period = \"day\"\n");
    let run = ["run", "job.toml", "--max-total-tokens", CAP];
    // Midnight is ten hours away, before and after.
    let day = now() - 36_000;
    let said = at(&mut scene, day, &run).expect_code(5).stderr;
    let spent = tokens(&scene, "all_runs");
    assert!(spent > 300 && spent <= 500, "{spent}");
    let line = format!(": 0 spent before this run today, {spent} by it, {} left of 500 a day\n", 500 - spent);
    assert!(said.contains(&line), "{line} is not in {said}");
    assert!(
        said.contains("to continue: wait until ") && said.contains(", or raise `max_total_tokens`, then ")
    );
    // On the same day it stops again at once, and reports what was spent before.
    let said = at(&mut scene, day, &run).expect_code(5).stderr;
    assert!(said.contains(&format!(": {spent} spent before this run today, 0 by it, ")), "{said}");
    assert_eq!(scene.receipt()["caps"]["max_total_tokens"]["spent_before_this_run"], spent);

    // Midnight has passed since.
    let ended = now();
    scene.wait_until(|| now() > ended);
    let next_day = now();
    let shown = at(&mut scene, next_day, &["preview", "job.toml", "-n", "0", run[2], run[3]]).expect_code(0);
    assert!(shown.stdout.contains("\nmax_total_tokens: 500 a day, all of it left\n"), "{}", shown.stdout);
    at(&mut scene, next_day, &run).expect_code(5);
    let both = tokens(&scene, "all_runs");
    assert!(both > 600 && both <= 1_000, "{both}");
    let (of_run, caps) = (tokens(&scene, "this_run"), scene.receipt()["caps"].clone());
    assert_eq!((&caps["period"], &caps["max_cost"]), (&"day".into(), &Value::Null));
    assert_eq!(
        caps["max_total_tokens"],
        serde_json::json!({
            "cap": 500, "spent": of_run, "spent_before_this_run": 0, "reserved": 0, "left": 500 - of_run
        })
    );
    let shown = at(&mut scene, next_day, &["preview", "job.toml", "-n", "0", run[2], run[3]]).expect_code(0);
    let line = format!("\nmax_total_tokens: 500 a day, {of_run} of it spent today, {} left\n", 500 - of_run);
    assert!(shown.stdout.contains(&line), "{line} is not in {}", shown.stdout);
}

#[test]
fn a_cap_by_the_day_restarts_when_midnight_passes_during_a_run() {
    let mut scene = scene("limits = { qps = 6, cap_period = \"day\", max_total_tokens = 1000 }\n");
    // Sixty rows take ten seconds and some 1,260 tokens, and neither day of them has as many as 1,000.
    at(&mut scene, now() + 6, &["run", "job.toml"]).expect_code(0);
    assert!(tokens(&scene, "all_runs") > 1_000, "more than a cap: {}", tokens(&scene, "all_runs"));
}

#[test]
fn of_a_run_that_midnight_divided_only_the_requests_of_today_count() {
    let mut scene = scene("limits.qps = 8\nlimits.cap_period = \"day\"\nlimits.max_total_tokens = 100_000\n");
    scene.run_job(&["job.toml"]).expect_code(0);
    let sent: Vec<(f64, u64)> = {
        let journal = scene.journal();
        let mut statement = journal.prepare("SELECT sent_at, total_tokens FROM steps").expect("a statement");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        rows.collect::<Result<_, _>>().expect("rows")
    };
    let first = sent.iter().map(|(at, _)| *at).fold(f64::MAX, f64::min);
    let midnight = first as i64 + 3;
    let after =
        |moment: i64| sent.iter().filter(|(at, _)| *at >= moment as f64).map(|(_, tokens)| tokens).sum();
    let today: u64 = after(midnight);
    assert!(today > 0 && today < tokens(&scene, "all_runs"), "{sent:?}");
    assert_eq!(caps(&mut scene, midnight)["max_total_tokens"]["spent"], today);
    let last = sent.iter().map(|(at, _)| *at).fold(0.0, f64::max);
    scene.wait_until(|| now() as f64 > last);
    assert_eq!(caps(&mut scene, now())["max_total_tokens"]["spent"], 0);
    // A run after it is counted whole.
    scene.write("in.jsonl", crate::support::harness::rows(0..ROWS + 2));
    scene.judge.texts = None;
    scene.run_job(&["job.toml"]).expect_code(0);
    let more = tokens(&scene, "this_run");
    assert_eq!(caps(&mut scene, midnight)["max_total_tokens"]["spent"], today + more);
}

#[test]
fn a_cap_by_the_run_lets_each_run_spend_as_much() {
    let mut scene = scene("limits.cap_period = \"run\"\nprice = { input = 100.0, output = 1000.0 }\n");
    let run = ["job.toml", "--max-cost", "0.3"];
    let mut cost = 0.0;
    for _ in 0..2 {
        let said =
            scene.run_job(&run).expect_code(5).says(" spent by this run, ").says(" left of 0.3000 a run\n");
        assert!(!said.stderr.contains("raise"), "{}", said.stderr);
        let of_run = scene.receipt()["this_run"]["cost"].as_f64().expect("a cost");
        assert!(of_run > 0.2 && of_run <= 0.3, "{of_run}");
        cost += of_run;
    }
    let spent = scene.receipt()["all_runs"]["cost"].as_f64().expect("a cost");
    assert!((spent - cost).abs() < 1e-9, "{spent} and {cost}");
    // One that cannot send a single row could not do so next time either.
    scene
        .run_job(&["job.toml", "--max-cost", "0.000001"])
        .expect_code(5)
        .says("to continue: raise `max_cost`, then ");
}

#[test]
fn without_a_period_a_cap_counts_all_runs_and_reports_earlier_spending() {
    let mut scene = scene("");
    scene.run_job(&["job.toml", "--max-total-tokens", "300"]).expect_code(5);
    let before = tokens(&scene, "all_runs");
    let said = scene.run_job(&["job.toml", "--max-total-tokens", CAP]).expect_code(5);
    let own = tokens(&scene, "this_run");
    let line = format!(
        "stopped at the cap `max_total_tokens`, before exceeding it: {before} spent before this run, {own} by \
         it, {} left of 500\nto continue: raise `max_total_tokens`, then ",
        500 - before - own
    );
    assert!(said.stderr.contains(&line), "{line} is not in {}", said.stderr);
    let text = scene.run(&["status", "job.toml", "--max-total-tokens", CAP]).expect_code(0).stdout;
    let line =
        format!("\nmax_total_tokens: 500, {} of it spent, {} left\n", before + own, 500 - before - own);
    assert!(text.contains(&line), "{line} is not in {text}");
}

#[test]
fn a_cap_by_the_month_counts_every_run_since_its_first_midnight() {
    let mut scene = scene("limits = { cap_period = \"month\", time_zone = \"Etc/GMT-14\" }\n");
    let run = ["job.toml", "--max-total-tokens", CAP];
    scene.run_job(&run).expect_code(5);
    let spent = tokens(&scene, "all_runs");
    let left = 500 - spent;
    let said = scene.run_job(&run).expect_code(5).stderr;
    let line = format!(": {spent} spent before this run this month, 0 by it, {left} left of 500 a month");
    assert!(said.contains(&line) && said.contains("to continue: wait until "), "{line} is not in {said}");
    let flags = [run[1], run[2]];
    let line = format!("\nmax_total_tokens: 500 a month, {spent} of it spent this month, {left} left\n");
    for command in [&["preview", "job.toml", "-n", "0"][..], &["status", "job.toml"]] {
        let shown = scene.run(&[command, &flags].concat()).expect_code(0).stdout;
        assert!(shown.contains(&line), "{line} is not in {shown}");
    }
}

#[test]
fn days_and_months_begin_by_the_time_zone_of_the_job() {
    let mut scene = scene("");
    scene.run_job(&["job.toml"]).expect_code(0);
    for zone in ["Etc/GMT+12", "Etc/GMT-14"] {
        for period in ["day", "month"] {
            let begin = || {
                let here = Timestamp::now().in_tz(zone).expect("a zone");
                let first = if period == "day" { here } else { here.first_of_month().expect("a day") };
                first.start_of_day().expect("a midnight").timestamp().to_string()
            };
            let flags = ["--max-total-tokens", "9000", "--cap-period", period, "--set"];
            let zone = format!("limits.time_zone={zone}");
            let before = begin();
            let shown = scene.run(&[&["status", "job.toml", "--json"], &flags[..], &[&zone]].concat());
            let shown: Value = serde_json::from_str(&shown.expect_code(0).stdout).expect("JSON");
            let since =
                shown["caps"]["since"].as_str().expect("a time").parse::<Timestamp>().expect("a time");
            // Midnight may pass there just now.
            assert!([before, begin()].contains(&since.to_string()), "{zone} {period}: {shown}");
        }
    }
}

#[test]
fn an_invalid_period_is_reported() {
    let scene = scene("limits.cap_period = \"weekly\"\n");
    let said = scene.run(&["run", "job.toml"]).expect_code(1);
    said.says("`weekly` is not one of job, run, day, month").says("cap_period = ");
    scene.run(&["run", "job.toml", "--cap-period", "dya"]).expect_code(2).says("did you mean `day`?");
}
