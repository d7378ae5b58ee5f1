//! Faults of the machine: too few files, too little memory, no home, no reader of the output, a clock that is set, a pause,
//! a death every moment.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fanfold::simulator::ServerSettings;
use rustix::process::Signal;

use super::{clock_library, scenario};
use crate::support::harness::{Finished, Scene, signal};

/// Runs a shell line in the scene's folder, with the binary as `$FANFOLD`.
pub(super) fn shell(scene: &Scene, line: &str) -> Finished {
    Finished::from(shell_command(scene, line).output().expect("a shell"))
}

/// As [`shell`], and has the outcome judged.
pub(super) fn judged_shell(scene: &mut Scene, line: &str) -> Finished {
    let finished = shell(scene, line);
    scene.judge.judge(&finished);
    finished
}

pub(super) fn shell_command(scene: &Scene, line: &str) -> Command {
    let run = scene.command(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(scene.path("")).env_clear().stdin(Stdio::null());
    command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("FANFOLD", run.get_program());
    command
}

/// A scene whose answers take a while.
fn slow_scene(rows: usize, latency: &str, more: &str) -> Scene {
    let latency = latency.parse().expect("a latency");
    let mut scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
    scene.rows_and_job(rows, more);
    scene
}

#[test]
fn sixty_four_open_files_are_enough_for_a_thousand_places() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.rows_and_job(300, "limits.concurrency = 1000\n");
        judged_shell(&mut scene, "ulimit -n 64; exec \"$FANFOLD\" run job.toml").expect_code(0);
    });
}

#[test]
fn a_run_needs_neither_a_home_nor_a_path() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.rows_and_job(20, "");
        judged_shell(
            &mut scene,
            "unset HOME PATH USER LANG TMPDIR PWD SHELL; exec \"$FANFOLD\" run job.toml",
        )
        .expect_code(0);
        for command in ["status", "verify", "preview"] {
            shell(&scene, &format!("unset HOME PATH; exec \"$FANFOLD\" {command} job.toml")).expect_code(0);
        }
    });
}

#[test]
fn a_run_whose_three_streams_are_closed_does_its_work() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.rows_and_job(60, "");
        judged_shell(&mut scene, "exec \"$FANFOLD\" run job.toml <&- >&- 2>&-").expect_code(0);
        scene.run(&["verify", "job.toml"]).expect_code(0);
    });
}

#[test]
fn a_run_whose_log_nobody_can_write_or_read_any_more_does_its_work() {
    scenario(|| {
        for (streams, progress) in [
            ("> /dev/full 2> /dev/full", "json"),
            ("> /dev/full 2> /dev/full", "plain"),
            ("2>&1 | head -c 0; sleep 0.1; cat code 1>&2", "plain"),
        ] {
            let mut scene = Scene::new();
            scene.rows_and_job(40, "");
            // The exit code is the run's, whatever reads its log.
            let line = format!(
                "{{ \"$FANFOLD\" run job.toml -v --progress {progress}; echo $? > code; }} {streams}"
            );
            shell(&scene, &line);
            scene.wait_until(|| scene.path("code").metadata().is_ok_and(|code| code.len() > 0));
            assert_eq!(scene.read("code").trim(), "0", "{streams}");
            assert_eq!(scene.output().len(), 40);
            scene.run_job(&["job.toml"]).expect_code(0).says("kept 40");
        }
    });
}

#[test]
fn a_command_whose_page_nobody_can_take_says_so_and_does_not_break() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.rows_and_job(10, "");
        scene.run_job(&["job.toml"]).expect_code(0);
        let ask = format!("ask hello --model qwen-plus --base-url {}", scene.base_url());
        for command in [
            "status job.toml",
            "verify job.toml",
            "preview job.toml",
            "export job.toml --output -",
            "models",
            &ask,
        ] {
            shell(&scene, &format!("exec \"$FANFOLD\" {command} > /dev/full"))
                .expect_code(1)
                .says("No space left");
            let unheard = shell(&scene, &format!("\"$FANFOLD\" {command} > /dev/full 2> /dev/full; echo $?"));
            assert_eq!(unheard.stdout.trim(), "1", "{command}");
            let gone = shell(&scene, &format!("{{ \"$FANFOLD\" {command}; echo $? >&2; }} | head -c 0"));
            let code = gone.stderr.lines().last().unwrap_or_default();
            assert_eq!(code, "0", "{command}: whoever reads it had enough of it: {}", gone.stderr);
        }
    });
}

#[test]
fn a_clock_that_is_set_by_an_hour_changes_neither_the_limits_nor_the_answers() {
    scenario(|| {
        let library = clock_library().expect("the scenario's need");
        for steps in [["+3600", "+0"], ["-3600", "+3600"]] {
            let mut scene = slow_scene(90, "fixed:20ms", "limits.qps = 30\n");
            scene.judge.quotas = vec![(30, 1.0)];
            scene.write("clock", "+0\n");
            let faked = |scene: &Scene| {
                let mut command = scene.command(&["run", "job.toml"]);
                command.env("LD_PRELOAD", &library).env("FAKETIME_TIMESTAMP_FILE", scene.path("clock"));
                command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs")
            };
            let mut child = faked(&scene);
            for (step, sent) in steps.into_iter().zip([15, 30]) {
                scene.wait_for_requests(sent);
                scene.write("clock", format!("{step}\n"));
            }
            scene.wait_for_requests(45);
            child.kill().expect("killed");
            child.wait().expect("ended");
            scene.judge_after_a_kill();
            scene.write("clock", "+0\n");
            let child = faked(&scene);
            scene.end(child).expect_code(0);
            assert!(scene.witness().len() <= 100, "{}", scene.witness().len());
        }
    });
}

#[test]
fn a_run_that_is_suspended_continues_without_a_burst() {
    scenario(|| {
        let mut scene = slow_scene(60, "fixed:20ms", "limits.qps = 30\nlimits.qpm = 1800\n");
        scene.judge.quotas = vec![(30, 1.0)];
        let child = scene.start(&["run", "job.toml"]);
        for sent in [10, 20] {
            scene.wait_for_requests(sent);
            // A shell without job control lets nobody stop with the first of them.
            signal(&child, Signal::TSTP);
            signal(&child, Signal::STOP);
            std::thread::sleep(Duration::from_millis(700));
            signal(&child, Signal::CONT);
        }
        scene.end(child).expect_code(0);
        assert_eq!(scene.witness().len(), 60, "what was out when it stopped was answered all the same");
    });
}

#[test]
fn answers_that_arrive_while_a_run_is_suspended_past_its_time_limit_are_read_and_not_bought_again() {
    scenario(|| {
        for limits in
            ["retry.timeout = \"1s\"\n", "retry.idle_timeout = \"1s\"\nmodel.transport = \"stream\"\n"]
        {
            let mut scene = slow_scene(40, "fixed:600ms", &format!("limits.concurrency = 40\n{limits}"));
            let child = scene.start(&["run", "job.toml"]);
            scene.wait_for_requests(40);
            signal(&child, Signal::TSTP);
            signal(&child, Signal::STOP);
            std::thread::sleep(Duration::from_millis(2_500));
            signal(&child, Signal::CONT);
            scene.end(child).expect_code(0);
            assert_eq!(scene.witness().len(), 40, "{limits}");
        }
    });
}

#[test]
fn a_supervisor_that_starts_it_again_and_again_makes_no_burst_and_the_job_ends() {
    scenario(|| {
        let script = "[[fault]]\ncontains = \"of row 7.\"\nstatus = 500\n\
                      [[fault]]\ncontains = \"of row 8.\"\nfirst_tries = 2\nstatus = 500\n";
        let mut scene = Scene::with_script(script);
        scene.rows_and_job(100, "limits.qps = 25\nretry.max_attempts = 3\n");
        scene.judge.quotas = vec![(25, 1.0)];
        let mut lives = 0;
        let finished = loop {
            lives += 1;
            assert!(lives < 200, "the job does not get on");
            let before = scene.witness_count();
            let mut child = scene.start(&["run", "job.toml"]);
            // Every third life ends before it has sent anything, as far as a busy machine lets it come at all.
            let sends = if lives % 3 == 0 { 0 } else { 2 + lives % 7 };
            std::thread::sleep(Duration::from_millis(60));
            let ended = |child: &mut Child| child.try_wait().expect("a child").is_some();
            scene.wait_until(|| ended(&mut child) || scene.witness_count() >= before + sends);
            if ended(&mut child) {
                break scene.end(child);
            }
            child.kill().expect("killed");
            child.wait().expect("ended");
            scene.judge_after_a_kill();
        };
        let finished = finished.expect_code(3);
        assert!(finished.stderr.contains("1 failed"), "{}", finished.stderr);
        let of_row_7 =
            scene.witness().iter().filter(|line| line["body"].to_string().contains("of row 7.")).count();
        // A row that is left alone is charged once in each life, and retried at the pace of the backoff, in case the
        // service is silent.
        assert!(of_row_7 <= 6 + 8 * lives, "{of_row_7} requests in {lives} lives");
        let entries: i64 = scene
            .journal()
            .query_row("SELECT count(*) FROM runs WHERE ended_at IS NULL", [], |row| row.get(0))
            .expect("a count");
        assert!(entries >= 3, "it was killed {entries} times");
        assert!(fs::read_dir(scene.path("")).expect("a folder").count() < 12, "nothing piles up");
    });
}

#[test]
fn lives_of_a_request_each_make_no_burst_over_a_minute_s_limit() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.rows_and_job(60, "limits.qpm = 12\n");
        scene.judge.quotas = vec![(12, 60.0)];
        // Each would send one at once, if it did not know about the earlier ones.
        for _ in 0..24 {
            let before = scene.witness_count();
            let mut child = scene.start(&["run", "job.toml"]);
            for _ in 0..60 {
                if scene.witness_count() == before {
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            child.kill().expect("killed");
            child.wait().expect("ended");
            scene.judge_after_a_kill();
        }
        // A row that was handed out may have been sent: each life counts it, so that few are sent at all.
        assert!(scene.witness_count() > 0, "nothing was sent");
        scene.judge.quotas.clear();
        scene.run_job(&["job.toml", "--set", "limits.qpm=60000"]).expect_code(0);
    });
}
