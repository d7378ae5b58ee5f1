//! Faults of the service: throttling at unknown limits, and requested waits in every form.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fanfold::simulator::{ServerLimits, ServerSettings};

use super::{clock_library, scenario};
use crate::support::evidence::Seen;
use crate::support::harness::{Finished, Scene};

/// A run of six rows, one after another, of which the third is throttled once (or always) with this `Retry-After`. Returns
/// when it was throttled and when the next request came, in Unix seconds.
fn asked_to_wait(header: &str, always: bool) -> (Scene, Finished, f64, f64) {
    let tries = if always { "" } else { "first_tries = 1\n" };
    let mut scene = Scene::with_script(&format!(
        "[[fault]]\ncontains = \"of row 3.\"\n{tries}status = 429\nheaders = {{ Retry-After = \"{header}\" }}\n"
    ));
    scene.rows_and_job(6, "limits.concurrency = 1\n");
    let finished = scene.run_job(&["job.toml"]);
    let seen: Vec<Seen> = scene.witness().iter().map(Seen::of).collect();
    let throttled = seen.iter().position(|one| one.status == Some(429)).expect("row 3 was throttled");
    let next = seen.get(throttled + 1).expect("it is not the last request").at;
    (scene, finished, seen[throttled].at, next)
}

fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

#[test]
fn a_wait_is_kept_in_every_form_and_an_invalid_one_is_ignored() {
    scenario(|| {
        thread::scope(|runs| {
            for header in ["0", "Sun, 06 Nov 1994 08:49:37 GMT", "NaN", "-5", "inf", "soon"] {
                runs.spawn(move || {
                    let (scene, finished, throttled, next) = asked_to_wait(header, false);
                    finished.expect_code(0);
                    assert_eq!(scene.output()[3]["attempts"], 2, "{header}");
                    // A minute distinguishes a wait from none, however slow the machine.
                    assert!(next - throttled < 60.0, "{header}: {} s", next - throttled);
                });
            }
            runs.spawn(|| {
                let (_, finished, throttled, next) = asked_to_wait("2.5", false);
                finished.expect_code(0);
                assert!(next - throttled >= 2.5, "{}", next - throttled);
            });
            runs.spawn(|| {
                let date = SystemTime::now() + Duration::from_secs(4);
                let (_, finished, _, next) = asked_to_wait(&httpdate::fmt_http_date(date), false);
                finished.expect_code(0);
                assert!(next >= unix(date).floor() - 0.01, "{next} is before {}", unix(date));
            });
        });
    });
}

#[test]
fn a_row_that_is_to_wait_for_a_day_is_pending_and_the_others_are_answered() {
    scenario(|| {
        let (scene, finished, ..) = asked_to_wait("86400", true);
        finished.expect_code(4);
        let rows = scene.output();
        assert_eq!(rows[3]["status"], "pending");
        assert_eq!(rows.iter().filter(|row| row["status"] == "ok").count(), 5);
    });
}

#[test]
fn limits_that_are_half_of_what_the_job_believes_slow_it_down_and_fail_no_row() {
    scenario(|| {
        let latency = "fixed:20ms".parse().expect("a latency");
        let limits = ServerLimits { requests_per_second: Some(20), ..ServerLimits::default() };
        let mut scene = Scene::with(ServerSettings { latency, limits, ..ServerSettings::default() });
        scene.rows_and_job(100, "limits.qps = 40\nretry.max_attempts = 2\n");
        scene.judge.quotas = vec![(40, 1.0)];
        scene.run_job(&["job.toml"]).expect_code(0).says("the service throttles");
        let this_run = scene.receipt()["this_run"].clone();
        assert!(this_run["limits_met"].to_string().contains("throttling"), "{this_run}");
        let throttled = this_run["throttled"].as_u64();
        assert!(throttled < Some(50), "it does not run into the limit over and over: {this_run}");
    });
}

#[test]
fn a_limit_slower_than_one_a_minute_is_kept_over_a_restart() {
    scenario(|| {
        let library = clock_library().expect("the scenario's need");
        let mut scene = Scene::new();
        scene.rows_and_job(2, "limits.qps = 0.005\n");
        let run = |scene: &Scene, later: &str, most: &str| {
            let mut command = scene.command(&["run", "job.toml", "--max-duration", most]);
            command
                .env("LD_PRELOAD", &library)
                .env("FAKETIME", later)
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
            Finished::from(command.output().expect("the binary runs"))
        };
        run(&scene, "+0s", "2s").expect_code(7);
        assert_eq!(scene.witness().len(), 1);
        run(&scene, "+64s", "4s").expect_code(7);
        assert_eq!(scene.witness().len(), 1, "its turn comes after 200 seconds");
        let last = run(&scene, "+230s", "1h").expect_code(0);
        assert_eq!(scene.witness().len(), 2);
        scene.judge.judge(&last);
    });
}
