//! The limits, measured at the server, in sliding windows, across restarts.

use fanfold::simulator::ServerLimits;

use crate::support::harness::Scene;

fn limits(qps: Option<u64>, qpm: Option<u64>, tpm: Option<u64>) -> ServerLimits {
    ServerLimits { requests_per_second: qps, requests_per_minute: qpm, tokens_per_minute: tpm }
}

#[test]
fn requests_per_second_are_kept_in_every_sliding_second() {
    let mut scene = Scene::new();
    scene.rows_and_job(100, "limits.qps = 20\n");
    scene.judge.quotas = vec![(20, 1.0)];
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.witness().len(), 100);
}

#[test]
fn requests_per_minute_are_spaced_evenly_and_the_server_agrees() {
    let mut scene = Scene::with_limits(limits(Some(12), Some(600), None));
    scene.rows_and_job(50, "limits.qpm = 600\n");
    // Without a burst at the start: a tenth of a minute never has much more than its share.
    scene.judge.quotas = vec![(600, 60.0), (12, 1.0)];
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.receipt()["this_run"]["throttled"], 0);
}

#[test]
fn retries_pay_the_rate_as_well() {
    let mut scene = Scene::with_script("[[fault]]\nfirst_tries = 1\nshare = 0.5\nstatus = 500\n");
    scene.rows_and_job(60, "limits.qps = 20\n");
    scene.judge.quotas = vec![(20, 1.0)];
    scene.run_job(&["job.toml"]).expect_code(0);
    assert!(scene.witness().len() > 70);
}

#[test]
fn tokens_per_minute_are_kept_and_spread_over_the_minute() {
    let mut scene = Scene::with_limits(limits(None, None, Some(30_000)));
    scene.rows_and_job(60, "limits.tpm = 30000\nrequest.max_tokens = 50\n");
    // 500 tokens a second; the tolerance of a few requests is for those in flight.
    scene.judge.token_quotas = vec![(30_000, 60.0), (700, 1.0)];
    scene.run_job(&["job.toml"]).expect_code(0);
    let receipt = scene.receipt();
    assert_eq!(receipt["this_run"]["throttled"], 0);
    assert!(receipt["this_run"]["limits_met"].to_string().contains("tokens"), "{receipt}");
}

#[test]
fn a_restart_in_the_middle_of_a_minute_does_not_begin_a_new_one() {
    let mut scene = Scene::with_limits(limits(None, Some(240), None));
    scene.rows_and_job(40, "limits.qpm = 240\n");
    // Four a second, across three deaths: a fresh minute at each start would show at once.
    scene.judge.quotas = vec![(240, 60.0), (5, 1.0)];
    for requests in [6, 14, 22] {
        let mut child = scene.start(&["run", "job.toml"]);
        scene.wait_for_requests(requests);
        child.kill().expect("killed");
        child.wait().expect("ended");
        scene.judge_after_a_kill();
    }
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.receipt()["this_run"]["throttled"], 0);
}

#[test]
fn a_full_minute_before_a_restart_holds_the_next_run_back() {
    let mut scene = Scene::new();
    scene.rows_and_job(100, "");
    scene.judge.texts = None;
    scene.run_job(&["job.toml", "--limit", "60", "--qps", "1000"]).code.expect("an end");
    let child = scene.start(&["run", "job.toml", "--qpm", "60"]);
    // Sixty requests of a moment ago fill this minute: nothing is sent for most of it.
    let runs = || scene.journal().query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, u64>(0));
    scene.wait_until(|| runs().is_ok_and(|runs| runs == 2));
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(scene.witness().len(), 60);
    crate::support::harness::signal(&child, rustix::process::Signal::INT);
    scene.end(child).expect_code(130);
}
