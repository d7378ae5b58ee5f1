//! The journal between runs: requests in doubt after a death, a lock that ends with its holder, and rejected journals.

use std::fs;

use fanfold::simulator::ServerSettings;
use rusqlite::Connection;

use crate::support::harness::{Scene, rows};
use crate::support::side_by_side::each;

#[test]
fn requests_in_flight_at_a_kill_are_reported_at_the_next_start_and_counted() {
    let mut scene = Scene::with_script("[[fault]]\nrequests = [15, 1000]\naction = \"hang\"\n");
    scene.rows_and_job(60, "limits.concurrency = 4\n");
    let mut child = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(18);
    child.kill().expect("killed");
    child.wait().expect("ended");
    scene.judge_after_a_kill();
    scene.serve(ServerSettings::default());
    scene.rows_and_job(60, "");
    scene.run_job(&["job.toml"]).expect_code(0).says("in doubt: up to");
    let in_doubt = scene.receipt()["in_doubt"].as_u64().expect("a count");
    // As many as a service that answers at once takes while the journal commits.
    assert!(
        (4..=40).contains(&in_doubt),
        "four were out, and some more may have been about to go: {in_doubt}"
    );
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.receipt()["in_doubt"], 0);
}

#[test]
fn rows_that_failed_or_waited_before_are_in_doubt_too_when_they_are_out_at_a_kill() {
    each(vec![(400, 3), (503, 4)], |(status, code)| {
        let refuse = format!(
            "[[fault]]\nrequests = [3, 10000]\nstatus = {status}\nheaders = {{ Retry-After = \"9999\" }}\n"
        );
        let mut scene = Scene::with_script(&refuse);
        scene.rows_and_job(8, "limits.concurrency = 4\nretry.max_outage = \"1s\"\n");
        scene.run_job(&["job.toml"]).expect_code(code);
        let script = fanfold::simulator::Script::parse("[[fault]]\naction = \"hang\"\n").expect("a script");
        scene.serve(ServerSettings { script, ..ServerSettings::default() });
        scene.rows_and_job(8, "limits.concurrency = 4\n");
        let sent = scene.witness().len();
        let mut child = scene.start(&["run", "job.toml", "--retry-failed"]);
        scene.wait_for_requests(sent + 4);
        child.kill().expect("killed");
        child.wait().expect("ended");
        scene.judge.retry_failed = true;
        scene.judge_after_a_kill();
        scene.serve(ServerSettings::default());
        scene.rows_and_job(8, "");
        scene.judge.retry_failed = true;
        scene.run_job(&["job.toml", "--retry-failed"]).expect_code(0).says("in doubt: up to");
        assert!(scene.receipt()["in_doubt"].as_u64() >= Some(4), "{status}");
    });
}

#[test]
fn a_second_run_is_refused_while_the_first_holds_the_job_and_not_after_its_death() {
    let mut scene = Scene::with_script("[[fault]]\naction = \"hang\"\n");
    scene.rows_and_job(5, "");
    let mut child = scene.start(&["run", "job.toml"]);
    scene.wait_for_requests(1);
    let second = scene.run(&["run", "job.toml"]).expect_code(6);
    second.says(&format!("process {}", child.id()));
    child.kill().expect("killed");
    child.wait().expect("ended");
    scene.serve(ServerSettings::default());
    scene.rows_and_job(5, "");
    scene.run_job(&["job.toml"]).expect_code(0);
}

/// Damages a journal, and checks the error message.
fn refused(doctor: impl FnOnce(&Scene, Vec<u8>) -> Vec<u8>, says: &str) {
    let mut scene = Scene::new();
    scene.rows_and_job(200, "");
    scene.run_job(&["job.toml"]).expect_code(0);
    let path = scene.path("out.jsonl.journal");
    let bytes = doctor(&scene, fs::read(&path).expect("a journal"));
    fs::write(&path, &bytes).expect("written");
    let output = scene.read("out.jsonl");
    scene.write("in.jsonl", rows(0..220));
    scene.run(&["run", "job.toml"]).expect_code(1).says(says);
    assert_eq!(scene.witness().len(), 200, "{says}: nothing was sent");
    assert!(fs::read(&path).expect("a journal") == bytes, "{says}: the file is untouched");
    assert_eq!(scene.read("out.jsonl"), output, "{says}: the output is untouched");
    for command in ["status", "export", "verify", "preview"] {
        let code = scene.run(&[command, "job.toml"]).code;
        assert!(code.is_some_and(|code| code != 0 && code != 101), "{says}: {command} ended with {code:?}");
    }
    assert!(fs::read(&path).expect("a journal") == bytes, "{says}: the file is untouched by a look");
}

#[test]
fn a_damaged_a_cut_an_emptied_a_foreign_and_a_newer_journal_are_refused_and_left_alone() {
    refused(
        |_, mut bytes| {
            let quarter = bytes.len() / 4;
            bytes[quarter..3 * quarter].fill(0x5a);
            bytes
        },
        "is damaged",
    );
    refused(|_, bytes| bytes[..bytes.len() - 5000].to_vec(), "is damaged");
    refused(|_, _| vec![], "has been truncated to 0 bytes");
    refused(
        |_, _| {
            b"id,text\n1,somebody's table, which has nothing to do with any journal, and more than a hundred bytes of it\n".to_vec()
        },
        "is not a fanfold journal",
    );
    let another = |scene: &Scene, pragma: &str, from: Option<Vec<u8>>| {
        let path = scene.path("doctored.db");
        if let Some(bytes) = from {
            fs::write(&path, bytes).expect("written");
        }
        let connection = Connection::open(&path).expect("a database");
        connection.execute_batch(&format!("PRAGMA journal_mode = DELETE; {pragma}")).expect("doctored");
        drop(connection);
        fs::read(path).expect("a database")
    };
    refused(
        |scene, _| another(scene, "CREATE TABLE t (x); INSERT INTO t VALUES (1);", None),
        "is not a fanfold journal",
    );
    refused(
        |scene, bytes| another(scene, "PRAGMA user_version = 99;", Some(bytes)),
        "written by a newer fanfold",
    );
}

#[test]
fn a_fresh_start_sets_the_old_journal_aside_and_pays_again() {
    let mut scene = Scene::new();
    scene.rows_and_job(5, "");
    scene.run_job(&["job.toml"]).expect_code(0);
    let finished = scene.run(&["run", "job.toml", "--fresh"]).expect_code(0).says("the old journal is now");
    assert!(!finished.stderr.contains("to continue"));
    assert_eq!(scene.witness().len(), 10);
    let names =
        fs::read_dir(scene.path(".")).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let aside = |name: &str| {
        name.starts_with("out.jsonl.journal.2") && !name.ends_with("-wal") && !name.ends_with("-shm")
    };
    assert_eq!(names.filter(|name| aside(&name.to_string_lossy())).count(), 1);
}

#[test]
fn an_output_whose_name_sqlite_would_read_as_an_address_has_an_ordinary_journal() {
    for name in
        ["file:x.jsonl", "file:x?mode=memory.jsonl", "file:out#1%20.jsonl", "file:?mode=memory&.jsonl"]
    {
        let mut scene = Scene::new();
        scene.write("in.jsonl", rows(0..5));
        scene.job("in.jsonl", name, "");
        scene.judge.output = name.to_owned();
        scene.run_job(&["job.toml"]).expect_code(0);
        assert!(scene.path(&format!("{name}.journal")).is_file(), "{name}");
        scene.run_job(&["job.toml"]).expect_code(0);
        assert_eq!(scene.witness_count(), 5, "{name}: nothing is sent again");
        for command in ["status", "verify", "export"] {
            scene.run(&[command, "job.toml"]).expect_code(0);
        }
    }
    let mut scene = Scene::new();
    scene.write("in.jsonl", rows(0..5));
    scene.job("in.jsonl", "out.jsonl", "output.journal = \":memory:\"\n");
    for _ in 0..2 {
        scene.run(&["run", "job.toml"]).expect_code(0);
    }
    assert!(scene.path(":memory:").is_file());
    assert_eq!(scene.witness_count(), 5, "nothing is sent again");
    scene.stop_server();
}
