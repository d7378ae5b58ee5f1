//! Caps and rates with packs, on the real binary: what the service counted is within them, kills and refusals included.

use fanfold::simulator::{Script, ServerLimits, ServerSettings, TokenCharge};

use super::catalogue::{DESK, Desk, bill, sum};

/// The job's lines with other limits.
fn with_limits(limits: &str) -> String {
    DESK.replace("limits.qps = 200\nlimits.tpm = 100_000_000\n", limits)
}

/// What the service's counts cost at the job's prices.
fn billed_cost(desk: &Desk) -> f64 {
    let price = |line: &serde_json::Value| {
        line["prompt_tokens"].as_f64().unwrap_or(0.0) * 2.0
            + line["completion_tokens"].as_f64().unwrap_or(0.0) * 6.0
    };
    desk.scene.witness().iter().map(price).sum::<f64>() / 1e6
}

#[test]
fn a_cap_on_tokens_is_never_passed_by_packs_though_runs_are_killed() {
    let limits =
        "limits.qps = 200\nlimits.tpm = 100_000_000\nlimits.concurrency = 3\nrequest.max_tokens = 100\n";
    let capped = |cap: u64| with_limits(&format!("{limits}limits.max_total_tokens = {cap}\n"));
    let mut desk = Desk::new(120, "", &capped(16_000));
    desk.scene.judge.max_total_tokens = Some(16_000);
    desk.write();
    desk.scene.die_at("dispatch.answered", 6);
    desk.scene.die_at("journal.commit.inside", 4);
    desk.run().expect_code(5);
    let spent = bill(&desk.scene);
    assert!(spent <= 16_000 && spent > 6_000, "{spent}");
    let rows = desk.table().rows;
    assert!(sum(&rows, "total_tokens") <= spent as f64);
    desk.scene.judge.max_total_tokens = Some(60_000);
    desk.more = capped(60_000);
    desk.run().expect_code(0);
    desk.assert_translated(|_, _, _| false);
    assert!(bill(&desk.scene) <= 60_000);
}

#[test]
fn a_cap_on_cost_is_never_passed_by_packs_that_fail_and_are_asked_for_alone() {
    let limits = "limits.qps = 200\nlimits.tpm = 100_000_000\nrequest.max_tokens = 100\nlimits.max_cost = ";
    let faults =
        "[[fault]]\nshare = 0.2\naction = \"drop_mark\"\n[[fault]]\nshare = 0.1\naction = \"shift_texts\"\n";
    let mut desk = Desk::new(120, faults, &with_limits(&format!("{limits}0.05\n")));
    desk.scene.judge.max_cost = Some(0.05);
    desk.write();
    desk.scene.die_at("journal.commit.after", 3);
    desk.run().expect_code(5);
    let spent = billed_cost(&desk);
    assert!(spent <= 0.05 && spent > 0.015, "{spent}");
    desk.scene.judge.max_cost = Some(1.0);
    desk.more = with_limits(&format!("{limits}1.0\n"));
    desk.run().expect_code(0);
    desk.assert_translated(|_, _, _| false);
}

#[test]
fn packs_keep_the_windows_of_requests_and_tokens_and_the_server_refuses_none() {
    // Five requests and 500 tokens a second: as many texts in a request as use up both.
    let limits = ServerLimits {
        requests_per_minute: Some(300),
        tokens_per_minute: Some(30_000),
        requests_per_second: Some(7),
    };
    let settings =
        ServerSettings { limits, token_charge: TokenCharge::AtAdmission, ..ServerSettings::default() };
    let more = with_limits("limits.qpm = 300\nlimits.tpm = 30_000\nrequest.max_tokens = 60\n")
        .replace("pack.rows = 10", "pack.rows = \"auto\"");
    let mut desk = Desk::at(settings, 24, &more);
    desk.scene.judge.quotas = vec![(300, 60.0), (7, 1.0)];
    desk.scene.judge.token_quotas = vec![(30_000, 60.0), (1_000, 1.0)];
    desk.write();
    let mut child = desk.scene.start(&["run", "job.toml"]);
    desk.scene.wait_for_requests(8);
    child.kill().expect("killed");
    child.wait().expect("ended");
    desk.scene.judge_after_a_kill();
    desk.run().expect_code(0);
    desk.assert_translated(|_, _, _| false);
    let receipt = desk.receipt();
    assert_eq!(receipt["this_run"]["throttled"], 0, "{receipt:#}");
    assert!(receipt["this_run"]["packs"]["sent"].as_u64() > Some(5), "{receipt:#}");
}

#[test]
fn packs_that_are_refused_for_their_tokens_come_again_as_they_are() {
    let script = "[[fault]]\nfirst_tries = 2\nshare = 0.3\nstatus = 429\ncode = \"insufficient_quota\"\n\
                  [[fault]]\nfirst_tries = 1\nshare = 0.1\nstatus = 503\n";
    let settings =
        ServerSettings { script: Script::parse(script).expect("a script"), ..ServerSettings::default() };
    let mut desk = Desk::at(settings, 60, DESK);
    desk.run().expect_code(0);
    let rows = desk.assert_translated(|_, _, _| false);
    let receipt = desk.receipt();
    assert!(receipt["this_run"]["throttled"].as_u64() > Some(2), "{receipt:#}");
    assert_eq!(
        receipt["this_run"]["packs"]["failed"], 0,
        "a refused pack says nothing against packs: {receipt:#}"
    );
    assert_eq!(receipt["this_run"]["requests"], desk.scene.witness_count());
    assert_eq!(sum(&rows, "total_tokens"), bill(&desk.scene) as f64);
}
