//! Every row of the error table that is recognised by a status and a body, over the wire.

use fanfold::simulator::ServerSettings;
use serde_json::Value;

use crate::support::harness::{CANARY, Scene, text};
use crate::support::side_by_side::each;

/// A scene of so many rows under a script.
fn scene(rows: usize, script: &str) -> Scene {
    let mut scene = Scene::with_script(script);
    scene.rows_and_job(rows, "retry.max_attempts = 3\n");
    scene
}

fn column(rows: &[Value], name: &str) -> Vec<String> {
    rows.iter().map(|row| row[name].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_kind_of_throttling_is_tried_again_and_uses_up_no_tries() {
    let kinds = [
        "status = 429\ncode = \"limit_requests\"",
        "status = 429\ncode = \"insufficient_quota\"\nmessage = \"You exceeded your current quota, please check your plan and billing details.\"",
        "status = 429\ncode = \"insufficient_quota\"\nmessage = \"Allocated quota exceeded, please increase your quota limit.\"",
        "status = 429\ncode = \"limit_burst_rate\"",
        "status = 429\ncode = \"Throttling.RateQuota\"",
        "status = 429\ncode = \"ResourceExhausted\"",
        "status = 429\nbody = \"\"",
        "status = 429\nbody = '''{\"code\":\"Throttling.AllocationQuota\",\"message\":\"Allocated quota exceeded, please increase your quota limit.\",\"request_id\":\"r\"}'''",
        "status = 429\ncode = \"Throttling.Concurrency\"\nmessage = \"Too many concurrent requests\"",
        "status = 429\nmessage = \"Too many requests in route. Please try again later.\"",
        "status = 500\ncode = \"InternalError.Algo\"\nmessage = \"<429> InternalError.Algo: Too many requests.\"",
        "status = 503\ncode = \"ServiceUnavailable\"\nmessage = \"<503> InternalError.Algo: An error occurred in model serving, error message is: [Too many requests. Your requests are being throttled due to system capacity limits. Please try again later.]\"",
        "status = 500\ncode = \"ServiceUnavailable\"\nmessage = \"Your requests are being throttled due to system capacity limits.\"",
    ];
    // A job for each, since all of them together would be throttled for long.
    each(kinds.to_vec(), |kind| {
        let mut scene = scene(3, &format!("[[fault]]\ncontains = \"of row 2.\"\nfirst_tries = 1\n{kind}\n"));
        // One try for each row: if a throttling answer counted, the row would fail. No row is sent after the last one, which would
        // show that others are let in.
        scene.run_job(&["job.toml", "--max-attempts", "1"]).expect_code(0).says("the service throttles");
        assert_eq!(scene.receipt()["this_run"]["throttled"], 1, "{kind}");
        assert_eq!(scene.receipt()["this_run"]["faults"], 0, "{kind}");
    });
}

#[test]
fn trouble_that_passes_is_tried_again() {
    let kinds = [
        "status = 408",
        "status = 500\ncode = \"internal_error\"",
        "status = 500\ncode = \"InternalError.Algo\"\nmessage = \"inference internal error.\"",
        "status = 500\ncode = \"RequestTimeOut\"\nmessage = \"Request timed out, please try again later.\"",
        "status = 502",
        "status = 503\ncode = \"ModelUnavailable\"",
        "status = 503\ncode = \"ModelServingError\"",
        "status = 500\ncode = \"SystemError\"",
        "status = 500\ncode = \"ResponseTimeout\"\nmessage = \"Response timeout!\"",
        "status = 400\ncode = \"InternalError.Algo\"\nmessage = \"<500> InternalError.Algo: inference internal error.\"",
        "status = 504",
        "status = 400\nmessage = \"File parsing in progress, please try again later.\"",
        "status = 502\naction = \"html\"",
    ];
    let script: String = kinds
        .iter()
        .enumerate()
        .map(|(row, kind)| format!("[[fault]]\ncontains = \"of row {row}.\"\nfirst_tries = 2\n{kind}\n"))
        .collect();
    let mut scene = scene(kinds.len() + 10, &script);
    scene.run_job(&["job.toml"]).expect_code(0);
    let attempts =
        scene.output().iter().map(|row| row["attempts"].as_u64().expect("attempts")).collect::<Vec<_>>();
    assert_eq!(attempts, [[3; 13].as_slice(), [1; 10].as_slice()].concat());
}

#[test]
fn a_row_that_is_refused_fails_with_the_api_s_own_words_and_is_not_sent_again() {
    let kinds = [
        (
            "status = 400\ncode = \"data_inspection_failed\"\nmessage = \"Input data may contain inappropriate content.\"",
            "data_inspection_failed",
        ),
        (
            "status = 400\ncode = \"invalid_parameter_error\"\nmessage = \"<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 991808]\"",
            "invalid_parameter_error",
        ),
        (
            "status = 400\ncode = \"BadRequest.TooLarge\"\nmessage = \"Exceeded limit on max bytes to request body : 6291456\"",
            "BadRequest.TooLarge",
        ),
        ("status = 413\ncode = \"too_large\"\nmessage = \"too large\"", "too_large"),
        ("status = 400\ncode = \"IPInfringementSuspect\"\nmessage = \"no\"", "IPInfringementSuspect"),
        (
            "status = 500\ncode = \"InternalError.Algo\"\nmessage = \"list index out of range\"",
            "InternalError.Algo",
        ),
        (
            "status = 500\ncode = \"ModelError\"\nmessage = \"<400> InternalError.Algo.InvalidParameter: no\"",
            "ModelError",
        ),
        ("status = 400\ncode = \"FaqRuleBlocked\"\nmessage = \"no\"", "FaqRuleBlocked"),
        (
            "status = 400\ncode = \"DataInspectionFailed\"\nmessage = \"Output data may …\"",
            "DataInspectionFailed",
        ),
        ("status = 422\ncode = \"unprocessable\"\nmessage = \"no\"", "unprocessable"),
    ];
    let script: String = kinds
        .iter()
        .enumerate()
        .map(|(row, (kind, _))| format!("[[fault]]\ncontains = \"of row {row}.\"\n{kind}\n"))
        .collect();
    let mut scene = scene(kinds.len() + 4, &script);
    let finished = scene.run_job(&["job.toml"]).expect_code(3);
    finished
        .says("1 row failed with data_inspection_failed")
        .says("Input data may contain inappropriate content.");
    let rows = scene.output();
    let codes: Vec<&str> = kinds.iter().map(|(_, code)| *code).collect();
    assert_eq!(column(&rows[..kinds.len()], "error_code"), codes);
    assert_eq!(
        rows[1]["error"],
        "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 991808]"
    );
    assert_eq!(scene.witness().len(), kinds.len() + 4);
    scene
        .run_job(&["job.toml"])
        .expect_code(3)
        .says("10 rows failed earlier; --retry-failed sends such rows again");
    assert_eq!(scene.witness().len(), kinds.len() + 4);
    scene.serve(ServerSettings::default());
    scene.rows_and_job(kinds.len() + 4, "");
    scene.judge.retry_failed = true;
    scene.run_job(&["job.toml", "--retry-failed"]).expect_code(0);
    assert_eq!(scene.witness().len(), 2 * kinds.len() + 4);
}

#[test]
fn an_error_that_only_the_owner_can_fix_stops_the_job_and_fails_no_row() {
    each(
        vec![
            "status = 401\ncode = \"invalid_api_key\"",
            "status = 403\ncode = \"Model.AccessDenied\"",
            "status = 403\ncode = \"AllocationQuota.FreeTierOnly\"",
            "status = 403\ncode = \"insufficient_quota\"",
            "status = 404\ncode = \"model_not_found\"",
            "status = 400\ncode = \"Arrearage\"\nmessage = \"Access denied, please make sure your account is in good standing.\"",
            "status = 429\ncode = \"PostpaidBillOverdue\"",
            "status = 429\ncode = \"Throttling.AllocationQuota\"\nmessage = \"Free allocated quota exceeded.\"",
            "status = 401\nbody = '''{\"code\":\"InvalidApiKey\",\"message\":\"Invalid API-key provided.\",\"request_id\":\"r\"}'''",
            "status = 403\ncode = \"AccessDenied.Unpurchased\"",
            "status = 403\ncode = \"Endpoint.AccessDenied\"",
            "status = 404\ncode = \"model_not_supported\"\nmessage = \"Unsupported model x for OpenAI compatibility mode.\"",
            "status = 429\ncode = \"CommodityNotPurchased\"",
            "status = 429\nmessage = \"month allocated quota exceeded.\"",
            "status = 400\nmessage = \"The value of the enable_thinking parameter is restricted to True.\"",
            "status = 400\nmessage = \"Model not exist.\"",
            "status = 400\ncode = \"invalid_parameter_error\"\nmessage = \"This model only support stream mode, please enable the stream parameter to access the model. \"",
        ],
        |fault| {
            // The first rows are answered: the trouble comes in the middle.
            let script = format!("[[fault]]\nrequests = [20, 1000]\n{fault}\n");
            let mut scene = scene(60, &script);
            scene.run_job(&["job.toml"]).expect_code(4).says("the API refuses this job").says("  = help: ");
            let receipt = scene.receipt();
            assert_eq!(
                (&receipt["reason"], &receipt["rows"]["failed"]),
                (&"refused".into(), &0.into()),
                "{fault}"
            );
            assert!(
                receipt["rows"]["ok"].as_u64() >= Some(15),
                "{fault}: what was answered is kept: {receipt}"
            );
            scene.serve(ServerSettings::default());
            scene.rows_and_job(60, "");
            scene.run_job(&["job.toml"]).expect_code(0);
        },
    );
}

#[test]
fn a_job_whose_first_rows_are_all_refused_alike_stops_after_ten_requests() {
    let refused = "[[fault]]\nstatus = 400\ncode = \"invalid_parameter_error\"\nmessage = \"Range of max_tokens should be [1, 8192]\"\n";
    let mut scene = scene(50, refused);
    scene
        .run_job(&["job.toml"])
        .expect_code(4)
        .says("the first rows all failed the same way")
        .says("Range of max_tokens");
    assert!(scene.witness().len() <= 10);
    assert_eq!(scene.receipt()["rows"]["pending"], 50);
    scene.serve(ServerSettings::default());
    scene.rows_and_job(50, "");
    scene.run_job(&["job.toml"]).expect_code(0);
}

#[test]
fn rows_refused_each_in_its_own_way_do_not_mean_a_wrong_job() {
    let script: String = (0..30)
        .map(|row| {
            format!("[[fault]]\ncontains = \"of row {row}.\"\nstatus = 400\ncode = \"code_{}\"\n", row % 2)
        })
        .collect();
    let mut scene = scene(40, &script);
    scene.run_job(&["job.toml"]).expect_code(3);
    assert_eq!(scene.receipt()["rows"]["ok"], 10);
    assert_eq!(scene.witness().len(), 40);
}

#[test]
fn redirects_are_never_followed() {
    for status in [301, 302, 303, 307, 308] {
        let script = format!("[[fault]]\naction = \"redirect\"\nstatus = {status}\nfirst_tries = 1\n");
        let mut scene = scene(3, &script);
        let finished = scene.run_job(&["job.toml"]);
        assert!([Some(0), Some(4)].contains(&finished.code), "{status}: {}", finished.stderr);
        let paths: Vec<Value> = scene.witness().iter().map(|line| line["path"].clone()).collect();
        assert!(
            paths.iter().all(|path| path == "/compatible-mode/v1/chat/completions"),
            "{status}: {paths:?}"
        );
    }
}

#[test]
fn an_echoed_key_is_stored_and_shown_nowhere() {
    let echo = |row: usize, status: u16, headers: &str| {
        format!(
            "[[fault]]\ncontains = \"of row {row}.\"\nfirst_tries = 1\nstatus = {status}\nheaders = {{ {headers} }}\nbody = '''{{\"request_id\":\"{CANARY}\",\"error\":{{\"code\":\"{CANARY}\",\"type\":\"x\",\"message\":\"Incorrect key Bearer {CANARY}, or {CANARY}\"}}}}'''\n"
        )
    };
    let header = format!("x-request-id = \"{CANARY}\"");
    let plain = format!(
        "[[fault]]\ncontains = \"of row 4.\"\nfirst_tries = 2\nstatus = 200\nheaders = {{ content-type = \"text/plain\" }}\nbody = \"your key {CANARY} is good\"\n"
    );
    let location = format!(
        "[[fault]]\ncontains = \"of row 5.\"\nfirst_tries = 1\nstatus = 307\nheaders = {{ location = \"https://example.com/{CANARY}\" }}\nbody = \"\"\n"
    );
    let script =
        [echo(0, 400, ""), echo(1, 500, &header), echo(2, 429, ""), echo(3, 200, ""), plain, location]
            .concat();
    let mut scene = scene(14, &script);
    scene.run_job(&["job.toml", "-v"]).expect_code(3);
    for arguments in [
        vec!["status", "job.toml", "--row", "1"],
        vec!["status", "job.toml", "--json"],
        vec!["verify", "job.toml"],
    ] {
        let finished = scene.run(&arguments);
        assert!(!finished.stdout.contains(CANARY) && !finished.stderr.contains(CANARY));
    }
    let mut scene = self::scene(14, &echo(0, 401, ""));
    scene.run_job(&["job.toml", "-v"]).expect_code(4);
}

#[test]
fn a_wait_that_the_server_asks_for_is_kept_in_all_its_forms() {
    let script = "
        [[fault]]\ncontains = \"of row 0.\"\nfirst_tries = 1\nstatus = 502\nheaders = { Retry-After = \"1\" }
        [[fault]]\ncontains = \"of row 1.\"\nfirst_tries = 1\nstatus = 502\nheaders = { Retry-After = \"0.7\" }
        [[fault]]\ncontains = \"of row 2.\"\nfirst_tries = 1\nstatus = 502\nheaders = { retry-after-ms = \"900\" }
        [[fault]]\ncontains = \"of row 3.\"\nfirst_tries = 1\nstatus = 502\nheaders = { Retry-After = \"Sun, 06 Nov 1994 08:49:37 GMT\" }
        [[fault]]\ncontains = \"of row 4.\"\nfirst_tries = 1\nstatus = 502\nheaders = { Retry-After = \"soon\" }";
    let mut scene = scene(12, script);
    scene.run_job(&["job.toml"]).expect_code(0);
    let waits: Vec<f64> = (0..5)
        .map(|row| {
            let times = scene
                .witness()
                .iter()
                .filter(|seen| seen["body"].to_string().contains(&text(row)))
                .map(|seen| seen["at"].as_f64().expect("a time"))
                .collect::<Vec<_>>();
            times[1] - times[0]
        })
        .collect();
    assert!(waits[0] >= 1.0 && waits[1] >= 0.7 && waits[2] >= 0.9, "{waits:?}");
}

#[test]
fn a_wait_longer_than_the_job_s_patience_ends_it_with_its_rows_pending() {
    let script = "[[fault]]\nstatus = 429\nheaders = { Retry-After = \"86400\" }\n";
    let mut scene = scene(5, script);
    scene.run_job(&["job.toml", "--set", "retry.max_outage=2s"]).expect_code(4);
    assert_eq!(scene.receipt()["rows"]["pending"], 5);
}

#[test]
fn a_status_that_is_neither_an_answer_nor_an_http_error_is_named() {
    each(
        vec![
            (
                "status = 202\nbody = \"\"",
                "the reply is not a chat completion: it is empty (HTTP 202 Accepted)",
            ),
            (
                "status = 204\nbody = \"\"",
                "the reply is not a chat completion: it is empty (HTTP 204 No Content)",
            ),
            ("status = 202\nbody = '{\"id\":\"x\",\"status\":\"queued\"}'", "(HTTP 202 Accepted)"),
            ("status = 524\nbody = \"<html>\"", "Cloudflare: the server behind it did not answer in time"),
            ("status = 521\nbody = \"\"", "Cloudflare: the server behind it is down"),
            ("status = 530\nbody = \"\"", "Cloudflare cannot find the server behind it"),
            ("status = 599\nbody = \"\"", "a proxy in between had a time-out"),
            ("status = 560\nbody = \"\"", "a status that HTTP does not know"),
        ],
        |(fault, told)| {
            let mut scene = scene(3, &format!("[[fault]]\n{fault}\n"));
            let more = ["job.toml", "--set", "retry.max_outage=1s", "--max-attempts", "1"];
            let finished = scene.run_job(&more);
            let errors = column(&scene.output(), "error").join(" ");
            assert!(
                format!("{}{errors}", finished.stderr).contains(told),
                "{fault}: {} {errors}",
                finished.stderr
            );
        },
    );
}
