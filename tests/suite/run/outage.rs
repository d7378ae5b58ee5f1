//! A service that answers nobody: no row fails because of it, and the job waits, or says how to continue.

use fanfold::simulator::{Script, ServerSettings};

use crate::support::harness::Scene;
use crate::support::side_by_side::each;

#[test]
fn a_server_that_is_down_in_the_middle_costs_no_row_its_answer() {
    let latency = "uniform:10ms..40ms".parse().expect("a latency");
    let script = Script::parse("[[down]]\nafter = \"700ms\"\nuntil = \"3s\"\n").expect("a script");
    let mut scene = Scene::with(ServerSettings { latency, script, ..ServerSettings::default() });
    scene.rows_and_job(150, "limits.concurrency = 2\nretry.max_attempts = 2\n");
    scene.judge.replies_get_lost = true;
    scene
        .run_job(&["job.toml"])
        .expect_code(0)
        .says("the service is not responding")
        .says("the service answers again");
    let met = scene.receipt()["this_run"]["limits_met"].to_string();
    assert!(met.contains("outage"), "{met}");
}

#[test]
fn errors_for_everybody_for_a_while_fail_no_row() {
    let script =
        "[[fault]]\nrequests = [20, 32]\nstatus = 503\ncode = \"ModelServingError\"\nmessage = \"no\"\n";
    let latency = "uniform:10ms..40ms".parse().expect("a latency");
    let script = Script::parse(script).expect("a script");
    let mut scene = Scene::with(ServerSettings { latency, script, ..ServerSettings::default() });
    scene.rows_and_job(150, "limits.concurrency = 8\nretry.max_attempts = 3\n");
    scene.run_job(&["job.toml"]).expect_code(0);
}

#[test]
fn a_service_that_stays_away_longer_than_the_job_waits_leaves_its_rows_pending() {
    let latency = "uniform:10ms..40ms".parse().expect("a latency");
    let script = "[[fault]]\nrequests = [20, 100000]\naction = \"reset\"\n";
    let script = Script::parse(script).expect("a script");
    let mut scene = Scene::with(ServerSettings { latency, script, ..ServerSettings::default() });
    scene.rows_and_job(150, "limits.concurrency = 2\nretry.max_outage = \"2s\"\n");
    scene.judge.replies_get_lost = true;
    scene.run_job(&["job.toml"]).expect_code(4).says("the service has answered no request for 2s");
    assert_eq!(scene.receipt()["rows"]["failed"], 0);
    assert_eq!(scene.receipt()["rows"]["ok"], 19);
    scene.serve(ServerSettings::default());
    scene.rows_and_job(150, "");
    scene.run_job(&["job.toml"]).expect_code(0);
}

#[test]
fn a_row_out_of_tries_for_a_passing_reason_gets_one_more_pass_at_the_end() {
    // The row is refused as long as its tries last, while the others are answered.
    let script = "[[fault]]\ncontains = \"of row 3.\"\nfirst_tries = 2\nstatus = 500\n\
                  [[fault]]\ncontains = \"of row 5.\"\nstatus = 500\n";
    let latency = "fixed:10ms".parse().expect("a latency");
    let script = Script::parse(script).expect("a script");
    let mut scene = Scene::with(ServerSettings { latency, script, ..ServerSettings::default() });
    scene.rows_and_job(150, "limits.concurrency = 2\nretry.max_attempts = 2\nretry.max_outage = \"3s\"\n");
    scene.run_job(&["job.toml"]).expect_code(3);
    let rows = scene.output();
    assert_eq!((&rows[3]["status"], &rows[3]["attempts"]), (&"ok".into(), &3.into()));
    assert_eq!((&rows[5]["status"], &rows[5]["attempts"]), (&"failed".into(), &4.into()));
    assert_eq!(rows.iter().filter(|row| row["status"] == "ok").count(), 149);
}

#[test]
fn a_row_left_alone_fails_of_the_api_s_own_words_and_of_nothing_else() {
    let waits = "retry.max_attempts = 3\nretry.max_outage = \"3s\"\n";
    for rows in [1, 5] {
        each(
            vec![
                ("status = 500\ncode = \"InternalError.Algo\"\nmessage = \"out of luck\"", 3),
                (
                    "status = 500\nbody = '{\"error\":{\"message\":\"CUDA out of memory\",\"type\":\"InternalServerError\"}}'",
                    3,
                ),
                ("status = 500\nbody = \"<html>no</html>\"", 4),
                ("status = 502\nbody = \"\"", 4),
                ("status = 503\ncode = \"ModelServingError\"\nmessage = \"no\"", 4),
                ("status = 504\ncode = \"RequestTimeOut\"\nmessage = \"no\"", 4),
                ("action = \"reset\"", 4),
            ],
            |(fault, code)| {
                let mut scene = Scene::with_script(&format!("[[fault]]\n{fault}\n"));
                scene.rows_and_job(rows, waits);
                scene.judge.replies_get_lost = true;
                scene.judge.bodies_are_literal = true;
                let runs: &[bool] = if code == 3 { &[false, true] } else { &[false] };
                for &again in runs {
                    let before = scene.witness().len();
                    let said = if again { scene.retry_failed() } else { scene.run_job(&["job.toml"]) };
                    said.expect_code(code);
                    let sent = scene.witness().len() - before;
                    let receipt = scene.receipt();
                    let (failed, pending) = (&receipt["rows"]["failed"], &receipt["rows"]["pending"]);
                    match code {
                        // Three tries, and one more after a longest wait.
                        3 => assert_eq!((failed, sent), (&rows.into(), 4 * rows), "{fault}"),
                        _ => assert_eq!((failed, pending), (&0.into(), &rows.into()), "{fault}"),
                    }
                }
            },
        );
    }
}

#[test]
fn max_attempts_is_kept_while_many_calls_fail_and_no_row_fails_by_bad_luck() {
    each(vec![("0", 3), ("0.5", 4)], |(share, code)| {
        let script = format!(
            "[[fault]]\ncontains = \"of row 7.\"\nstatus = 500\n[[fault]]\nshare = {share}\nstatus = 500\n"
        );
        let mut scene = Scene::with_script(&script);
        scene.rows_and_job(300, "retry.max_attempts = 4\n");
        let said = scene.run_job(&["job.toml"]).expect_code(code);
        let receipt = scene.receipt();
        assert_eq!(receipt["rows"]["failed"], u64::from(code == 3));
        if code == 4 {
            said.says("so many requests fail that a row may fail every try by bad luck");
            assert_eq!(receipt["reason"], "brown_out");
        }
        let most = scene.output().iter().map(|row| row["attempts"].as_u64().expect("attempts")).max();
        assert!(most <= Some(8), "{most:?}");
    });
}

#[test]
fn a_service_that_answered_before_is_waited_for_and_not_taken_for_a_wrong_address() {
    let mut scene = Scene::new();
    scene.rows_and_job(4, "retry.max_outage = \"2s\"\n");
    scene.run_job(&["job.toml"]).expect_code(0);
    scene.stop_server();
    scene.write("in.jsonl", crate::support::harness::rows(0..6));
    scene.judge.texts = None;
    scene.run_job(&["job.toml"]).expect_code(4).says("has answered no request for 2s");
    let mut nowhere = Scene::new();
    nowhere.rows_and_job(4, "");
    nowhere.stop_server();
    nowhere.run_job(&["job.toml"]).expect_code(4).says("is the address right?");
}

#[test]
fn a_reply_that_no_api_has_written_is_a_network_problem_and_fails_no_row() {
    each(
        vec![
            "action = \"html\"\nstatus = 400",
            "action = \"html\"\nstatus = 403",
            "status = 400\nbody = \"\"",
            "status = 404\nbody = \"\"",
            "status = 407\nbody = \"\"",
            "status = 421\nbody = \"misdirected\"",
            "status = 451\nbody = \"<html>blocked</html>\"",
            "status = 413\nbody = \"\"",
        ],
        |fault| {
            let script = format!("[[fault]]\nrequests = [20, 100000]\n{fault}\n");
            let mut scene = Scene::with_script(&script);
            scene.rows_and_job(120, "retry.max_outage = \"2s\"\n");
            scene.run_job(&["job.toml"]).expect_code(4).says("stopped: the service has answered no request");
            let receipt = scene.receipt();
            assert_eq!(
                (&receipt["reason"], &receipt["rows"]["failed"]),
                (&"outage".into(), &0.into()),
                "{fault}"
            );
            scene.serve(ServerSettings::default());
            let url = scene.base_url().to_owned();
            scene.run_job(&["job.toml", "--base-url", &url]).expect_code(0);
        },
    );
}

#[test]
fn a_job_whose_account_or_model_is_gone_in_the_middle_stops_and_its_rows_are_pending_again() {
    each(
        vec![
            ("status = 400\ncode = \"out_of_money\"\nmessage = \"no budget left for key 7\"", false),
            ("status = 400\ncode = \"x\"\nmessage = \"the model has left us\"", false),
            ("status = 200\nbody = '{\"choices\":[]}'", true),
            ("action = \"empty_content\"", true),
        ],
        |(fault, twice)| {
            let script = format!("[[fault]]\nrequests = [50, 100000]\n{fault}\n");
            let mut scene = Scene::with_script(&script);
            scene.rows_and_job(400, "");
            let words = "stopped: the latest rows all failed, with no answer in between";
            let stopped =
                scene.run_job(&["job.toml"]).expect_code(4).says(words).says("); 351 rows stay pending");
            assert!(!stopped.stderr.contains("have failed"), "{}", stopped.stderr);
            let status = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
            assert!(status.contains("stopped: every row failed the same way at 20"), "{status}");
            let receipt = scene.receipt();
            assert_eq!(
                (&receipt["reason"], &receipt["rows"]["failed"]),
                (&"every_row_refused".into(), &0.into()),
                "{fault}"
            );
            let most = if twice { 49 + 2 * 150 } else { 49 + 150 };
            assert!(scene.witness().len() <= most, "{fault}: {} requests", scene.witness().len());
            let answered = receipt["rows"]["ok"].as_u64().expect("rows");
            scene.serve(ServerSettings::default());
            let url = scene.base_url().to_owned();
            let said = scene.run_job(&["job.toml", "--base-url", &url]).expect_code(0);
            said.says(&format!("kept {answered}"));
        },
    );
}
