//! What held a run back, as stored by the run.

use fanfold::simulator::ServerLimits;

use crate::support::harness::Scene;

/// Seconds in the journal, by what held the run back; the longest first.
fn held(scene: &Scene) -> Vec<(String, f64)> {
    let sql = "SELECT cause, sum(seconds) FROM held GROUP BY 1 ORDER BY 2 DESC";
    let journal = scene.journal();
    let mut statement = journal.prepare(sql).expect("the table");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

#[test]
fn the_journal_says_for_how_long_a_limit_held_the_run_back() {
    let mut scene = Scene::new();
    scene.rows_and_job(60, "limits.qps = 20\n");
    scene.run_job(&["job.toml"]).expect_code(0);
    let held = held(&scene);
    let (cause, seconds) = &held[0];
    // From the first request to the last, nothing else takes any significant time.
    let times: Vec<f64> =
        scene.witness().iter().map(|line| line["since_start"].as_f64().expect("a time")).collect();
    assert!(cause == "rate" && *seconds > (times[59] - times[0]) / 2.0, "{held:?}");
    let whole: f64 = held.iter().map(|(_, seconds)| seconds).sum();
    let ran = "SELECT ended_at - started_at FROM runs";
    let ran: f64 = scene.journal().query_row(ran, [], |row| row.get(0)).expect("a run");
    assert!(whole <= ran, "{whole} of {ran}");
}

#[test]
fn throttling_is_distinguished_from_the_limits_of_the_job() {
    let limits = ServerLimits { requests_per_second: Some(10), ..ServerLimits::default() };
    let mut scene = Scene::with_limits(limits);
    scene.rows_and_job(40, "limits.qps = 30\n");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert!(held(&scene).iter().any(|(cause, seconds)| cause == "throttling" && *seconds > 0.0));
}
