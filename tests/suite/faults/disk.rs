//! Disk faults: no space, once and permanently, a sync that fails, a folder or a journal that cannot be written. `strace`
//! makes single system calls fail; small and read-only disks are mounted in a namespace of their own.

use std::fs;
use std::os::unix::fs::symlink;

use fanfold::simulator::ServerSettings;

use super::environment::{judged_shell, shell};
use super::scenario;
use crate::support::harness::{Finished, Scene};

/// Runs a job with every call of a kind failing that `when` names, counted by threads.
fn with_failing_calls(scene: &mut Scene, calls: &str, error: &str, when: &str) -> Finished {
    let line = format!(
        "exec strace -f -qq -y -o calls.log -e trace=fsync,fdatasync,{calls} \
         -e inject={calls}:error={error}:when={when} \"$FANFOLD\" run job.toml"
    );
    let finished = judged_shell(scene, &line);
    assert_ne!(finished.code, Some(127), "this scenario needs strace: apt-get install strace");
    finished
}

/// Like [`with_failing_calls`], but only for calls on the job's folder itself.
fn with_a_failing_folder(scene: &mut Scene, calls: &str, error: &str) -> Finished {
    let line = format!(
        "exec strace -f -qq -y -o calls.log -P \"$(pwd -P)\" -e trace={calls} \
         -e inject={calls}:error={error} \"$FANFOLD\" run job.toml"
    );
    judged_shell(scene, &line)
}

/// Runs a line where the folder `small` is a disk of that size; its contents are next to it afterwards.
fn on_a_small_disk(scene: &mut Scene, size: &str, line: &str) -> Finished {
    fs::create_dir_all(scene.path("small")).expect("a folder");
    let line = format!(
        "exec unshare --user --map-root-user --mount sh -c 'mount -t tmpfs -o size={size} none small || exit 99
         {line}
         code=$?; cp small/out.jsonl* . 2>/dev/null; exit $code'"
    );
    let finished = judged_shell(scene, &line);
    assert_ne!(finished.code, Some(99), "this scenario needs leave to mount: {}", finished.stderr);
    finished
}

fn count(scene: &Scene, sql: &str) -> usize {
    if !scene.path("out.jsonl.journal").exists() {
        return 0;
    }
    scene.journal().query_row(sql, [], |row| row.get(0)).expect("a count")
}

const OK: &str = "SELECT count(*) FROM entries WHERE status = 'ok'";

/// A scene whose job puts its output on the small disk, or beside it.
fn scene_of(rows: usize, on_the_small_disk: bool) -> Scene {
    let latency = "uniform:5ms..40ms".parse().expect("a latency");
    let mut scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
    scene.rows_and_job(rows, "limits.concurrency = 8\n");
    if on_the_small_disk {
        scene.job("in.jsonl", "small/out.jsonl", "limits.concurrency = 8\n");
    }
    scene
}

#[test]
fn a_disk_that_fills_up_stops_the_run_and_requests_in_flight_are_stored() {
    scenario(|| {
        let mut scene = scene_of(2_000, true);
        let fill = "\"$FANFOLD\" run job.toml & while ! [ -s witness.jsonl ]; do sleep 0.02; done; sleep 0.5
                    cat /dev/zero > small/fill 2>/dev/null; wait $!";
        let finished = on_a_small_disk(&mut scene, "8m", fill).expect_code(1).says("is full");
        assert!(finished.stderr.contains("all answers received are stored"), "{}", finished.stderr);
        assert!(finished.stderr.trim_end().lines().last().is_some_and(|last| last.contains("to continue")));
        let sent = scene.witness().len();
        assert!(sent < 2_000, "it stopped");
        assert_eq!(count(&scene, OK), sent, "what was paid for is stored");
        assert!(!scene.path("out.jsonl.journal.ballast").exists());
        scene.job("in.jsonl", "out.jsonl", "");
        let finished = scene.run_job(&["job.toml"]).expect_code(0);
        assert!(!finished.stderr.contains("in doubt"), "{}", finished.stderr);
        assert_eq!(scene.witness().len(), 2_000);
    });
}

#[test]
fn a_disk_that_is_full_from_the_start_is_found_before_anything_is_sent() {
    scenario(|| {
        let mut scene = scene_of(20, true);
        let line = "cat /dev/zero > small/fill 2>/dev/null; \"$FANFOLD\" run job.toml";
        on_a_small_disk(&mut scene, "64k", line).expect_code(1).says("free space on that disk");
        assert!(scene.witness().is_empty());
    });
}

#[test]
fn a_write_to_the_journal_that_finds_no_room_once_loses_nothing() {
    scenario(|| {
        // The writer's thread writes pages of the log; the others write before anything is sent.
        for when in [3, 8, 20, 45] {
            let mut scene = scene_of(60, false);
            let finished = with_failing_calls(&mut scene, "pwrite64", "ENOSPC", &when.to_string());
            let sent = scene.witness().len();
            if sent > 0 && finished.code == Some(1) {
                assert_eq!(count(&scene, OK), sent, "at {when}: what was paid for is stored");
            }
            scene.run_job(&["job.toml"]).expect_code(0);
            assert_eq!(scene.witness().len(), 60, "at {when}");
        }
    });
}

#[test]
fn a_disk_that_stays_full_ends_the_run_with_advice() {
    scenario(|| {
        for when in ["10+", "30+"] {
            let mut scene = scene_of(60, false);
            let finished = with_failing_calls(&mut scene, "pwrite64", "ENOSPC", when).expect_code(1);
            // By the error of SQLite's that it meets.
            let advice = ["free space on that disk", "free some space"];
            assert!(advice.iter().any(|words| finished.stderr.contains(words)), "{}", finished.stderr);
            let (sent, stored) = (scene.witness().len(), count(&scene, OK));
            scene.run_job(&["job.toml"]).expect_code(0);
            assert_eq!(
                scene.witness().len(),
                60 + sent - stored,
                "{when}: the rest, and what was not stored"
            );
        }
    });
}

#[test]
fn an_output_that_finds_no_room_is_left_as_it_was_and_written_the_next_time() {
    scenario(|| {
        let mut scene = scene_of(60, true);
        // The journal keeps no more of a row than its request.
        let padded =
            |line: &str| format!("{},\"pad\":\"{}\"}}\n", line.trim_end_matches('}'), "x".repeat(40_000));
        let input: String = scene.read("in.jsonl").lines().map(padded).collect();
        scene.write("in.jsonl", input);
        scene.write("small/out.jsonl", "the output of last week\n");
        let line = "echo \"the output of last week\" > small/out.jsonl; \"$FANFOLD\" run job.toml; code=$?; ls -A small >&2; (exit $code)";
        let finished = on_a_small_disk(&mut scene, "1500k", line).expect_code(1).says("no space left");
        assert!(!finished.stderr.contains(".part"), "half an output is not left behind: {}", finished.stderr);
        assert_eq!(scene.read("out.jsonl"), "the output of last week\n");
        assert_eq!((scene.witness().len(), count(&scene, OK)), (60, 60), "and every answer is stored");
        scene.job("in.jsonl", "out.jsonl", "");
        scene.run_job(&["job.toml"]).expect_code(0);
        assert_eq!(scene.witness().len(), 60);
    });
}

/// The calls on the journal after the first that failed.
fn after_the_failure(scene: &Scene) -> Vec<String> {
    let log = scene.read("calls.log");
    let mut lines = log.lines().skip_while(|line| !line.contains("EIO"));
    let failed = lines.next().unwrap_or_default();
    let Some(file) = failed.split(['<', '>']).nth(1).filter(|file| file.ends_with("-wal")) else {
        return vec![];
    };
    let on_it = |line: &&str| line.contains(&format!("<{file}>"));
    lines.filter(on_it).map(str::to_owned).collect()
}

#[test]
fn a_sync_that_fails_is_never_tried_again_on_the_same_handle() {
    scenario(|| {
        let mut of_the_log = 0;
        for when in [1, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33] {
            let mut scene = scene_of(60, false);
            let finished = with_failing_calls(&mut scene, "fsync", "EIO", &when.to_string());
            let again = after_the_failure(&scene);
            assert_eq!(
                again,
                Vec::<String>::new(),
                "sync {when} was tried again: {} {}",
                finished.stderr,
                scene.read("calls.log")
            );
            if finished.stderr.contains("the journal out.jsonl.journal cannot be used") {
                of_the_log += 1;
                assert_eq!(finished.code, Some(1));
                assert!(finished.stderr.contains("check the system log"), "{}", finished.stderr);
            }
            let (sent, stored) = (scene.witness().len(), count(&scene, OK));
            scene.run_job(&["job.toml"]).expect_code(0);
            assert!(scene.witness().len() <= 60 + sent - stored, "sync {when}");
        }
        assert!(of_the_log > 2, "the log's sync failed {of_the_log} times");
    });
}

#[test]
fn a_folder_that_cannot_be_synced_and_files_with_fixed_permissions_prevent_nothing() {
    scenario(|| {
        for error in ["EINVAL", "EOPNOTSUPP", "ENOSYS"] {
            let mut scene = scene_of(20, false);
            with_a_failing_folder(&mut scene, "fsync", error).expect_code(0);
            assert!(scene.read("calls.log").contains(error), "the folder was to be synced");
            // The second run replaces the output of the first, and would copy its permissions.
            let rows = crate::support::harness::rows(0..25);
            scene.write("in.jsonl", rows);
            scene.judge.texts = Some((0..25).map(crate::support::harness::text).collect());
            with_failing_calls(&mut scene, "fchmod", "EPERM", "1+").expect_code(0);
            assert!(scene.read("calls.log").contains("EPERM"), "permissions were to be set");
            assert_eq!((scene.output().len(), scene.witness().len()), (25, 25));
        }
        let mut scene = scene_of(20, false);
        let job = scene.read("job.toml").replace("\"in.jsonl\"", "\"-\"");
        scene.write("job.toml", job);
        let line = "exec strace -f -qq -y -o calls.log -P \"$(pwd -P)\" -e trace=fsync -e inject=fsync:error=EINVAL \
                    \"$FANFOLD\" run job.toml < in.jsonl";
        judged_shell(&mut scene, line).expect_code(0);
    });
}

#[test]
fn a_folder_that_is_read_only_is_found_before_anything_is_sent_and_can_be_looked_at() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.rows_and_job(20, "");
        scene.job("in.jsonl", "done/out.jsonl", "");
        scene.judge.output = "done/out.jsonl".to_owned();
        scene.run_job(&["job.toml"]).expect_code(0);
        scene.write("in.jsonl", crate::support::harness::rows(0..25));
        // An earlier reader of the journal may have left these next to it, empty: then SQLite need not create any.
        for ending in ["-wal", "-shm"] {
            let companion = scene.path(&format!("done/out.jsonl.journal{ending}"));
            assert!(ending == "-shm" || fs::metadata(&companion).map_or(0, |file| file.len()) == 0);
            let _ = fs::remove_file(companion);
        }
        let read_only = |command: &str| {
            format!(
                "exec unshare --user --map-root-user --mount sh -c 'mount --bind done done &&
                 mount -o remount,ro,bind done || exit 99; \"$FANFOLD\" {command}'"
            )
        };
        judged_shell(&mut scene, &read_only("run job.toml")).expect_code(1).says("Read-only file system");
        assert_eq!(scene.witness().len(), 20, "nothing was sent");
        for command in ["status job.toml", "verify job.toml", "export job.toml --output more.jsonl"] {
            let finished = shell(&scene, &read_only(command));
            assert!(finished.code.is_some_and(|code| [0, 1, 3].contains(&code)), "{command}: {finished:?}");
            assert!(!finished.stderr.contains("cannot be used"), "{command}: {}", finished.stderr);
        }
        let written = crate::support::harness::lines(&scene.path("more.jsonl"));
        assert_eq!(written.iter().filter(|row| row["status"] == "ok").count(), 20);
    });
}

#[test]
fn an_output_a_journal_or_a_receipt_that_cannot_be_written_is_found_before_anything_is_sent() {
    scenario(|| {
        for what in ["out.jsonl", "out.jsonl.journal", "out.jsonl.journal.lock", "out.jsonl.summary.json"] {
            // A folder in its place stops the administrator too.
            let mut scene = Scene::new();
            scene.rows_and_job(5, "");
            fs::create_dir(scene.path(what)).expect("a folder");
            scene.run(&["run", "job.toml"]).expect_code(1).says(what);
            assert!(scene.witness().is_empty(), "{what}: nothing was sent");
        }
        let mut scene = Scene::new();
        scene.rows_and_job(5, "");
        scene.job("in.jsonl", "in.jsonl/out.jsonl", "");
        scene.run_job(&["job.toml"]).expect_code(1).says("cannot create the folder in.jsonl");
        symlink("nowhere/at/all.jsonl", scene.path("out.jsonl")).expect("a link");
        scene.job("in.jsonl", "out.jsonl", "");
        scene.judge.texts = None;
        scene.run_job(&["job.toml"]).expect_code(0);
        assert!(scene.path("nowhere/at/all.jsonl").exists(), "an output's link is followed");
    });
}
