//! Whose answers a journal holds, and in which rows they belong: a rehearsal's are no real job's.

use std::time::Duration;

use super::house::House;
use super::relay::{Act, Relay};
use super::scenario;
use crate::harness::{Finished, Scene, lines, row, rows, text};

/// Runs the job of a scene against another address.
fn run_at(scene: &Scene, base_url: &str) -> Finished {
    scene.run(&["run", "job.toml", "--base-url", base_url])
}

/// Each row has the answer of the house to its own text.
fn is_of_the_house(scene: &Scene, count: usize) {
    let output = scene.output();
    assert_eq!(output.len(), count);
    for (number, row) in output.iter().enumerate() {
        assert_eq!(row["response"], format!("house: {}", text(number)), "{row}");
        assert_eq!(row["status"], "ok");
    }
}

#[test]
fn what_a_rehearsal_by_address_answered_is_sent_anew_once_a_service_is_asked() {
    scenario("identity::a_rehearsal_by_address", || {
        for transport in ["whole", "stream"] {
            let (mut scene, house) = (Scene::new(), House::new());
            scene.rows_and_job(5, &format!("model.transport = \"{transport}\"\n"));
            let told = "5 answers are the simulator's, and no service has given them";
            scene.run_job(&["job.toml"]).expect_code(0).says(told);
            scene.run_job(&["job.toml"]).expect_code(0).says("kept 5").says("nothing was sent").says(told);
            assert_eq!(scene.witness_count(), 5, "to ask who answers is no request");
            assert!(scene.run(&["status", "job.toml"]).expect_code(0).stdout.contains(told));
            scene.run(&["export", "job.toml", "--output", "other.jsonl"]).expect_code(0).says(told);
            let shown = scene.run(&["preview", "job.toml", "--base-url", &house.base_url()]).expect_code(0);
            assert!(shown.stdout.contains("rehearsed: 5 answers"), "{}", shown.stdout);

            let finished = run_at(&scene, &house.base_url()).expect_code(0);
            let finished =
                finished.says("5 answers in the journal came from a simulator, which http://127.0.0.1");
            assert!(finished.stderr.contains("new 5"), "{}", finished.stderr);
            assert!(!finished.stderr.contains(told), "{}", finished.stderr);
            assert_eq!(house.asked().len(), 5);
            let [look] = house.looked_at().try_into().expect("one look");
            assert!(!look.to_ascii_lowercase().contains("authorization"), "{look}");
            is_of_the_house(&scene, 5);
            run_at(&scene, &house.base_url()).expect_code(0).says("kept 5").says("nothing was sent");
            assert_eq!(house.looked_at().len(), 1, "nothing of the simulator's is left");
            // Nor does a rehearsal that comes after it change what was paid for.
            scene.run(&["run", "job.toml"]).expect_code(0).says("kept 5").says("nothing was sent");
            is_of_the_house(&scene, 5);
        }
    });
}

#[test]
fn the_mark_comes_through_a_gateway_that_keeps_headers_to_itself() {
    scenario("identity::a_rehearsal_behind_a_gateway", || {
        fn without_headers(reply: Vec<u8>) -> Vec<u8> {
            let text = String::from_utf8(reply).expect("text");
            let kept = text.split_inclusive("\r\n").filter(|line| !line.starts_with("x-fanfold"));
            kept.collect::<String>().into_bytes()
        }
        for transport in ["whole", "stream"] {
            let (mut scene, house) = (Scene::new(), House::new());
            scene.rows_and_job(4, &format!("model.transport = \"{transport}\"\n"));
            let relay = Relay::new(scene.base_url(), |heard| match heard.row % 2 {
                0 => Act::Spoil(without_headers),
                _ => Act::Drip(7, Duration::ZERO),
            });
            run_at(&scene, &relay.base_url()).expect_code(0).says("4 answers are the simulator's");
            drop(relay);
            run_at(&scene, &house.base_url()).expect_code(0).says("new 4");
            is_of_the_house(&scene, 4);
        }
    });
}

#[test]
fn what_failed_in_a_rehearsal_is_no_failure_of_a_real_job() {
    scenario("identity::a_rehearsal_that_failed", || {
        let refused = "[[fault]]\ncontains = \"row 1\"\nstatus = 400\ncode = \"DataInspectionFailed\"\n";
        let (mut scene, house) = (Scene::with_script(refused), House::new());
        scene.rows_and_job(3, "");
        scene.run_job(&["job.toml"]).expect_code(3);
        let finished = run_at(&scene, &house.base_url()).expect_code(0);
        assert!(finished.stderr.contains("new 3"), "{}", finished.stderr);
        is_of_the_house(&scene, 3);
    });
}

#[test]
fn what_a_rehearsal_used_does_not_count_against_the_caps_of_a_real_job() {
    scenario("identity::a_rehearsal_counts_nothing", || {
        for period in ["job", "day"] {
            let (mut scene, house) = (Scene::new(), House::new());
            let caps = format!("limits.max_total_tokens = 220\nlimits.cap_period = \"{period}\"\n");
            scene.rows_and_job(5, &format!("{caps}request.max_tokens = 20\nlimits.concurrency = 1\n"));
            scene.run_job(&["job.toml"]).expect_code(0);
            let used = scene.receipt()["all_runs"]["total_tokens"].as_u64().expect("a number");
            assert!(used > 100, "{used}");
            run_at(&scene, &house.base_url()).expect_code(0);
            is_of_the_house(&scene, 5);
            assert_eq!(scene.receipt()["all_runs"]["total_tokens"], 75);
            assert_eq!(
                scene.receipt()["caps"]["max_total_tokens"]["spent"],
                75,
                "{}",
                scene.receipt()["caps"]
            );
        }
    });
}

#[test]
fn rows_that_share_an_answer_share_none_of_a_rehearsal() {
    scenario("identity::a_rehearsal_shares_nothing", || {
        let (mut scene, house) = (Scene::new(), House::new());
        scene.rows_and_job(1, "input.duplicates = \"share\"\n");
        scene.write("in.jsonl", format!("{}\n{}\n", row(0), row(0)));
        scene.judge.texts = None;
        scene.run(&["run", "job.toml"]).expect_code(0).says("2 answers are the simulator's");
        let more = format!("{}{}\n{}\n", rows(0..2), row(0), row(0));
        scene.write("in.jsonl", more);
        run_at(&scene, &house.base_url()).expect_code(0);
        assert_eq!(house.asked().len(), 2, "each request once");
        for row in lines(&scene.path("out.jsonl")) {
            assert_eq!(row["response"], format!("house: {}", row["text"].as_str().expect("a text")));
        }
    });
}
