//! From some moment on, every row gets the same unusable reply, in each of its forms: the run stops, no row fails because
//! of it, and the amount paid is bounded.

use std::thread;

use super::scenario;
use crate::support::harness::Scene;

/// Rows answered before the trouble begins, and rows in all.
const GOOD: usize = 50;
const ROWS: usize = 700;

/// A reply of one choice that ends so, with that message.
fn choice(finish: &str, message: &str) -> String {
    format!(
        "status = 200\nbody = '''{{\"id\":\"x\",\"choices\":[{{\"index\":0,\"finish_reason\":\"{finish}\",\
         \"message\":{message}}}]}}'''"
    )
}

/// Runs a job in which all rows except the first meet these faults. Returns the scene after an exit with code 4.
fn stopped(faults: &[&str]) -> Scene {
    let share = |left: usize| format!("share = {}\n", 1.0 / left as f64);
    let script = faults.iter().enumerate().map(|(index, fault)| {
        let share = share(faults.len() - index);
        format!("[[fault]]\nrequests = [{}, 1000000]\n{share}{fault}\n", GOOD + 1)
    });
    let mut scene = Scene::with_script(&script.collect::<String>());
    scene.rows_and_job(ROWS, "retry.max_outage = \"2s\"\nlimits.concurrency = 16\n");
    scene.run_job(&["job.toml"]).expect_code(4);
    let rows = scene.receipt()["rows"].clone();
    assert_eq!(rows["ok"], GOOD, "{faults:?}: {rows}");
    scene
}

/// Several of these at once, each in a scene of its own.
fn side_by_side(cases: &[Vec<&str>], judged: impl Fn(&[&str], &Scene) + Sync) {
    for some in cases.chunks(6) {
        thread::scope(|runs| {
            for faults in some {
                let judged = &judged;
                runs.spawn(move || judged(faults, &stopped(faults)));
            }
        });
    }
}

#[test]
fn every_status_that_no_api_has_written_for_everybody_is_an_outage() {
    scenario(|| {
        let page = "status = 400\naction = \"html\"".to_owned();
        let bare = [400, 407, 418, 421, 431, 451, 414, 300, 304, 511, 599]
            .map(|status| format!("status = {status}\nbody = \"\""));
        let faults: Vec<&str> = [&page].into_iter().chain(&bare).map(String::as_str).collect();
        let mut cases: Vec<Vec<&str>> = faults.iter().map(|fault| vec![*fault]).collect();
        cases.push(faults.clone());
        side_by_side(&cases, |faults, scene| {
            let receipt = scene.receipt();
            assert_eq!(
                (&receipt["reason"], &receipt["rows"]["failed"]),
                (&"outage".into(), &0.into()),
                "{faults:?}"
            );
        });
    });
}

#[test]
fn every_kind_of_emptiness_for_everybody_stops_the_job_and_is_not_bought_without_end() {
    scenario(|| {
        let length = choice("length", "{\"role\":\"assistant\",\"content\":\"\"}");
        let blank = choice("stop", "{\"role\":\"assistant\",\"content\":\" \\n \"}");
        let nameless = choice(
            "tool_calls",
            "{\"content\":\"\",\"tool_calls\":[{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"\",\"arguments\":\"\"}}]}",
        );
        let faults = [
            "status = 200\nbody = '{\"choices\":[]}'",
            "action = \"empty_content\"",
            "action = \"empty_body\"",
            "status = 204\nbody = \"\"",
            "status = 206\nbody = \"\"",
            &length,
            &blank,
            &nameless,
        ];
        let mut cases: Vec<Vec<&str>> = faults.iter().map(|fault| vec![*fault]).collect();
        cases.push(faults.to_vec());
        side_by_side(&cases, |faults, scene| {
            assert_eq!(scene.receipt()["reason"], "every_row_refused", "{faults:?}");
            assert_eq!(scene.receipt()["rows"]["failed"], 0, "{faults:?}");
            let bought = scene.witness().len() - GOOD;
            assert!(bought < 600, "{faults:?}: {bought} requests");
        });
    });
}

#[test]
fn a_filter_that_takes_every_row_and_refusals_that_differ_stop_the_job() {
    scenario(|| {
        let filtered = choice("content_filter", "{\"role\":\"assistant\",\"content\":\"\"}");
        let inspected = "status = 400\ncode = \"data_inspection_failed\"\nmessage = \"no\"";
        let too_large = "status = 413\ncode = \"too_large\"\nmessage = \"too large\"";
        let one = "status = 400\ncode = \"one\"\nmessage = \"no\"";
        let other = "status = 422\ncode = \"other\"\nmessage = \"no\"";
        let cases = [vec![filtered.as_str()], vec![inspected], vec![too_large], vec![one, other]];
        side_by_side(&cases, |faults, scene| {
            assert_eq!(scene.receipt()["reason"], "every_row_refused", "{faults:?}");
            let failed = scene.receipt()["rows"]["failed"].as_u64().expect("rows");
            match faults.len() {
                1 => assert!((200..=240).contains(&failed), "{faults:?}: {failed}"),
                _ => assert_eq!(failed, 0, "{faults:?}"),
            }
            assert!(scene.witness().len() < GOOD + 240, "{faults:?}");
        });
    });
}
