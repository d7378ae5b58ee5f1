//! Runs that end at a time of day, and limits that apply only at some hours.

use std::fs;
use std::process::Stdio;

use jiff::{Span, Timestamp, ToSpan};

use crate::support::harness::Scene;

const ROWS: usize = 60;

fn scene(more: &str) -> Scene {
    let mut scene = Scene::new();
    scene.rows_and_job(ROWS, &format!("limits.time_zone = \"UTC\"\n{more}"));
    scene
}

/// The time of day in UTC, so much from now.
fn hour(from_now: Span) -> String {
    (Timestamp::now() + from_now).to_zoned(jiff::tz::TimeZone::UTC).strftime("%H:%M").to_string()
}

/// An entry of the schedule that applies from two hours ago for four hours, whatever the time.
fn now(what: &str) -> String {
    format!("[[limits.schedule]]\nfrom = \"{}\"\nto = \"{}\"\n{what}\n", hour(-2.hours()), hour(2.hours()))
}

#[test]
fn a_run_ends_in_order_when_its_time_is_up_and_continues_later() {
    let mut scene = scene("limits.qps = 1\n");
    // A machine that is too busy to send anything in two seconds gets more.
    let finished = [2, 8, 32].into_iter().find_map(|seconds| {
        let soon = (Timestamp::now() + seconds.seconds()).to_string();
        let finished = scene.run_job(&["job.toml", "--until", &soon]).expect_code(7);
        (scene.witness_count() > 0).then_some(finished)
    });
    let finished = finished.expect("a run that sends something in half a minute");
    let finished = finished.says("stopped: reached the `until` time").says("set `until` later, then ");
    assert!(
        finished.stderr.contains("warning: by its limits alone the run will not finish by"),
        "{}",
        finished.stderr
    );
    let receipt = scene.receipt();
    assert_eq!(receipt["reason"], "until");
    let sent = scene.witness().len();
    assert!(sent < ROWS && receipt["rows"]["ok"] == sent, "what was sent is stored: {receipt}");
    scene.run_job(&["job.toml", "--until", &hour(1.hour()), "--qps", "500"]).expect_code(0);
    assert_eq!(scene.witness().len(), ROWS);
}

#[test]
fn an_entry_of_the_schedule_replaces_the_limits_it_names_while_it_holds() {
    // At the job's own rate it would take hours, and not finish in time.
    let in_time = ["job.toml", "--max-duration", "2m"];
    let mut fast = scene(&format!("limits.qps = 0.01\n{}", now("qps = 500")));
    let finished = fast.run_job(&in_time).expect_code(0).says("schedule: from now on");
    assert!(finished.stderr.contains("qps=500"), "{}", finished.stderr);
    let another_hour = format!(
        "[[limits.schedule]]\nfrom = \"{}\"\nto = \"{}\"\nqps = 0.01\n",
        hour(2.hours()),
        hour(3.hours())
    );
    let mut scene = scene(&format!("limits.qps = 500\n{another_hour}"));
    scene.run_job(&in_time).expect_code(0);
}

#[test]
fn an_order_beats_the_pause_of_a_schedule() {
    let mut scene = scene(&now("pause = true"));
    let mut command = scene.command(&["run", "job.toml", "--progress", "json"]);
    command.stdout(Stdio::piped()).stderr(fs::File::create(scene.path("said.jsonl")).expect("a file"));
    let child = command.spawn().expect("the binary runs");
    scene.wait_until(|| scene.run(&["status", "job.toml"]).stdout.contains("held by pause"));
    let shown = scene.run(&["preview", "job.toml", "-n", "0"]).expect_code(0).stdout;
    assert!(shown.contains("applies now: pause"), "{shown}");
    scene.wait_until(|| scene.read("said.jsonl").contains("\"held_by\":\"pause\""));
    assert_eq!(scene.witness_count(), 0, "nothing is sent before");
    scene.run(&["set", "job.toml", "resume"]).expect_code(0);
    scene.end(child).expect_code(0);
}

#[test]
fn preview_and_run_warn_of_a_run_that_cannot_be_done_in_time_and_name_the_limit() {
    let scene = scene("limits.qpm = 6\n");
    let until = hour(5.minutes());
    let shown = scene.run(&["preview", "job.toml", "-n", "0", "--until", &until]).expect_code(0).stdout;
    let warning = format!("the run will not finish by {until} (`until`)");
    assert!(shown.contains(&warning) && shown.contains("limited by `qpm`"), "{shown}");
    let shown = scene.run(&["preview", "job.toml", "-n", "0", "--max-duration", "1m"]).expect_code(0).stdout;
    assert!(shown.contains("(`max_duration`)") && shown.contains("about 54 of 60 rows"), "{shown}");
    let shown =
        scene.run(&["preview", "job.toml", "-n", "0", "--until", &hour(2.hours())]).expect_code(0).stdout;
    assert!(shown.contains("ends at: ") && !shown.contains("warning"), "{shown}");
}

#[test]
fn hours_that_are_none_are_shown_where_they_stand() {
    for (more, said) in [
        ("limits.until = \"soon\"\n", "`soon` is not a time; write 06:00"),
        ("limits.schedule = [{ from = \"8\", to = \"22:00\", qps = 1 }]\n", "`8` is not a time of day"),
        ("limits.schedule = [{ from = \"08:00\", to = \"22:00\" }]\n", "changes nothing"),
        (
            "limits.schedule = [{ from = \"08:00\", to = \"22:00\", qps = 0 }]\n",
            "`qps` must be a number above 0",
        ),
        (
            "limits.schedule = [{ from = \"08:00\", to = \"22:00\", days = \"funday\", qps = 1 }]\n",
            "not a day of the week",
        ),
        ("limits.schedule = [{ from = \"08:00\", qps = 1 }]\n", "missing field `to`"),
        ("limits.schedule = [{ from = \"08:00\", to = \"22:00\", qpd = 1 }]\n", "did you mean `qp"),
    ] {
        let finished = scene(more).run(&["run", "job.toml"]).expect_code(1).says(said);
        assert!(finished.stderr.contains("job.toml:9:"), "{}", finished.stderr);
    }
    let mut zone = Scene::new();
    zone.rows_and_job(3, "limits.time_zone = \"Mars/Olympus\"\n");
    zone.run(&["run", "job.toml"])
        .expect_code(1)
        .says("unknown time zone `Mars/Olympus`")
        .says("job.toml:8:");
}

#[test]
fn preview_reckons_with_the_hours_of_the_schedule() {
    let scene = scene(&format!("limits.qps = 60\n{}", now("qpm = 1")));
    let shown = scene.run(&["preview", "job.toml", "-n", "0"]).expect_code(0).stdout;
    assert!(shown.contains("duration: at least 1h 00m, given the limits and hours of `schedule`"), "{shown}");
    let scene = self::scene("limits.qps = 2\n");
    let shown = scene.run(&["preview", "job.toml", "-n", "0"]).expect_code(0).stdout;
    assert!(shown.contains("duration: at least 30s at 2.00 requests/s"), "{shown}");
}

#[test]
fn a_time_that_is_past_is_reported_as_past() {
    let mut scene = scene("");
    let finished = scene.run_job(&["job.toml", "--until", "2026-01-02 06:00"]).expect_code(7);
    finished.says("warning: `until` (Fri 2026-01-02 06:00) is in the past: nothing is sent");
    assert!(scene.witness().is_empty());
}

#[test]
fn a_rehearsal_goes_as_fast_as_the_simulator_answers_unless_it_is_to_keep_the_hours() {
    let past = "limits.until = \"2026-01-02 06:00\"\n";
    let mut scene = scene(&format!("limits.qpm = 1\n{past}{}", now("pause = true")));
    scene.judge.output = "out.simulated.jsonl".to_owned();
    let shown = scene.run(&["preview", "job.toml", "-n", "0", "--simulate"]).expect_code(0).stdout;
    assert!(shown.contains("\nrehearsal: runs as fast as the simulator answers; "), "{shown}");
    scene
        .run_job(&["job.toml", "--simulate"])
        .expect_code(0)
        .says("--real-time keeps to the job's limits and hours");
    let receipt: serde_json::Value =
        serde_json::from_str(&scene.read("out.simulated.jsonl.summary.json")).expect("JSON");
    assert_eq!(receipt["rows"]["ok"], ROWS);
    let met = receipt["this_run"]["limits_met"].to_string();
    assert!(!met.contains("requests") && !met.contains("pause"), "an hour by the job's own limit: {met}");
    let rest = scene.run(&["run", "job.toml", "--simulate", "--real-time", "--fresh"]).expect_code(7);
    rest.says("is in the past: nothing is sent");
    // Spending and the number of rows that fit are as they would be.
    let caps = ["run", "job.toml", "--simulate", "--fresh", "--max-total-tokens", "400"];
    scene.run(&caps).expect_code(5).says("stopped at the cap `max_total_tokens`");
    let refused = scene.run(&["run", "job.toml", "--simulate", "--fresh", "--tpm", "2"]).expect_code(1);
    refused.says("and the limit is 2 tokens per minute");
    scene.run(&["run", "job.toml", "--real-time"]).expect_code(2).says("--simulate");
}
