//! Folders that someone else has prepared: pipes instead of files, planted links, and files with two names.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::scenario;
use crate::support::harness::{CANARY, Finished, Scene, lines, rows};

/// Longer than any run here takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(20);

fn pipe(path: &Path) {
    // The system call differs between systems; the program does not.
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
}

/// Runs a command that must not wait forever.
fn ends(mut command: Command, what: &str) -> Finished {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let begun = Instant::now();
    while child.try_wait().expect("a child").is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill().expect("killed");
            panic!("{what}: it waits for ever");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Finished::from(child.wait_with_output().expect("an end"))
}

#[test]
fn a_pipe_instead_of_a_file_is_reported_or_ignored_and_never_waited_for() {
    scenario(|| {
        let beside =
            ["journal", "journal-wal", "journal-shm", "journal-journal", "journal.lock", "summary.json"];
        let beside = beside.map(|ending| format!("out.jsonl.{ending}"));
        let others =
            ["job.toml", "key", "schema.json", "models.toml", "in.jsonl", "out.jsonl"].map(str::to_owned);
        let harmless = ["out.jsonl.journal.new", "out.jsonl.journal.ballast", ".out.jsonl.abc.part"];
        for name in beside.iter().chain(&others) {
            let mut scene = Scene::new();
            let schema = if name == "schema.json" { "[answer]\nschema = \"schema.json\"\n" } else { "" };
            scene.rows_and_job(3, &format!("model.api_key_file = \"key\"\n{schema}"));
            scene.write("key", CANARY);
            let is_beside = beside.contains(name);
            if is_beside {
                scene.run(&["run", "job.toml"]).expect_code(0);
            }
            let sent = scene.witness_count();
            let _ = fs::remove_file(scene.path(name));
            pipe(&scene.path(name));
            for command in ["run", "preview", "status", "export", "verify"] {
                let finished = ends(scene.command(&[command, "job.toml"]), &format!("{command}, {name}"));
                let is_told = finished.code == Some(1) && !finished.stderr.is_empty();
                // Reading commands need neither a key nor a schema, and no table.
                assert!(is_told || command != "run", "{name}: {finished:?}");
            }
            assert_eq!(scene.witness_count(), sent, "{name}");
            // The suite reads every file when a scenario ends.
            fs::remove_file(scene.path(name)).expect("removed");
        }
        for name in harmless {
            let mut scene = Scene::new();
            scene.rows_and_job(3, "");
            pipe(&scene.path(name));
            ends(scene.command(&["run", "job.toml"]), name).expect_code(0);
            assert_eq!(scene.output().len(), 3, "{name}");
            let _ = fs::remove_file(scene.path(name));
        }
    });
}

#[test]
fn a_pipe_that_a_shell_passes_instead_of_a_file_is_read_and_written() {
    scenario(|| {
        for line in [
            "exec \"$FANFOLD\" run <(sleep 0.1; cat job.toml)",
            "exec \"$FANFOLD\" run /dev/stdin < job.toml",
            "cat job.toml | \"$FANFOLD\" run /dev/stdin",
        ] {
            let mut scene = Scene::new();
            scene.rows_and_job(3, "");
            let mut command = Command::new("bash");
            command.args(["-c", line]).current_dir(scene.path("")).env("DASHSCOPE_API_KEY", CANARY);
            command.env("FANFOLD", env!("CARGO_BIN_EXE_fanfold"));
            ends(command, line).expect_code(0);
            assert_eq!(scene.output().len(), 3, "{line}");
        }
    });
}

#[test]
fn no_link_that_somebody_has_planted_is_written_through() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.rows_and_job(4, "output.metrics = \"figures.prom\"\n");
        let names = ["out.jsonl.summary.json", "out.jsonl.report.html", "figures.prom"];
        for name in names {
            scene.write(&format!("precious-{name}"), "# HELP fanfold_of_mine\n");
            symlink(format!("precious-{name}"), scene.path(name)).expect("a link");
        }
        scene.run_job(&["job.toml"]).expect_code(0);
        scene.run(&["report", "job.toml"]).expect_code(0);
        for name in names {
            assert_eq!(scene.read(&format!("precious-{name}")), "# HELP fanfold_of_mine\n", "{name}");
            assert!(!scene.path(name).is_symlink() && scene.read(name).len() > 20, "{name}");
        }
        // A path given by the user is used as it is, including links.
        for (name, arguments) in
            [("named.html", &["report", "job.toml"][..]), ("named.csv", &["export", "job.toml"])]
        {
            symlink(format!("elsewhere-{name}"), scene.path(name)).expect("a link");
            scene.run(&[arguments, &["--output", name]].concat()).expect_code(0);
            assert!(
                scene.path(name).is_symlink() && scene.path(&format!("elsewhere-{name}")).is_file(),
                "{name}"
            );
        }
    });
}

#[test]
fn files_about_rows_are_as_private_as_the_journal() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.rows_and_job(3, "");
        scene.run_job(&["job.toml"]).expect_code(0);
        scene.run(&["report", "job.toml"]).expect_code(0);
        let mode = |name: &str| fs::metadata(scene.path(name)).expect("a file").permissions().mode() & 0o777;
        for name in ["out.jsonl.journal", "out.jsonl.summary.json", "out.jsonl.report.html"] {
            assert_eq!(mode(name), 0o600, "{name}");
        }
        // A journal that a group shares has a receipt that it can read.
        fs::set_permissions(scene.path("out.jsonl.journal"), fs::Permissions::from_mode(0o640)).expect("set");
        fs::remove_file(scene.path("out.jsonl.summary.json")).expect("removed");
        scene.run(&["run", "job.toml"]).expect_code(0);
        assert_eq!(mode("out.jsonl.summary.json"), 0o640);
    });
}

#[test]
fn a_file_by_two_names_has_one_journal() {
    scenario(|| {
        let scene = Scene::new();
        scene.write("in.jsonl", rows(0..6));
        scene.write("real/keep", "");
        symlink("real/out.jsonl", scene.path("link.jsonl")).expect("a link");
        symlink("real", scene.path("folder")).expect("a link");
        // The link leads to nothing at first.
        for (index, name) in
            ["link.jsonl", "real/out.jsonl", "folder/out.jsonl", "link.jsonl"].iter().enumerate()
        {
            scene.job("in.jsonl", name, "");
            let told = if index == 0 { "new 6" } else { "kept 6" };
            scene.run(&["run", "job.toml"]).expect_code(0).says(told);
            scene.run(&["status", "job.toml"]).expect_code(0);
            scene.run(&["verify", "job.toml"]).expect_code(0);
            assert_eq!(lines(&scene.path(name)).len(), 6);
        }
        assert!(scene.path("link.jsonl").is_symlink() && scene.path("real/out.jsonl.journal").is_file());
        assert_eq!(scene.witness().len(), 6, "nothing is paid for twice");
    });
}

#[test]
fn a_journal_next_to_the_earlier_link_is_used_until_the_file_has_one() {
    scenario(|| {
        let scene = Scene::new();
        scene.write("in.jsonl", rows(0..6));
        scene.job("in.jsonl", "out.jsonl", "");
        scene.run(&["run", "job.toml"]).expect_code(0);
        // As before journals belonged to files: the journal is next to the link.
        scene.write("real/keep", "");
        fs::rename(scene.path("out.jsonl"), scene.path("real/out.jsonl")).expect("moved");
        symlink("real/out.jsonl", scene.path("out.jsonl")).expect("a link");
        scene.run(&["run", "job.toml"]).expect_code(0).says("next to the link; rename it").says("kept 6");
        fs::rename(scene.path("out.jsonl.journal"), scene.path("real/out.jsonl.journal")).expect("moved");
        let moved = scene.run(&["run", "job.toml"]).expect_code(0).says("kept 6");
        assert!(!moved.stderr.contains("warning"), "{}", moved.stderr);
        scene.write("out.jsonl.journal", "another");
        scene.run(&["run", "job.toml"]).expect_code(0).says("is ignored").says("kept 6");
        assert_eq!(scene.witness().len(), 6);
    });
}

#[test]
fn no_file_written_on_the_side_replaces_a_file_of_the_job() {
    scenario(|| {
        let scene = Scene::new();
        scene.write("in/a.jsonl", rows(0..2));
        scene.write("models.toml", "");
        scene.write("schema.json", "{\"type\":\"object\"}");
        scene.write("terms.csv", "source,target\na,b\n");
        scene.write("variables", "X=1\n");
        let more =
            "output.metrics = \"f.prom\"\nmodel.api_key_file = \"key\"\n[answer]\nschema = \"schema.json\"\n";
        scene.write("key", CANARY);
        scene.job("in/*.jsonl", "out.jsonl", more);
        let job = ["job.toml", "--env-file", "variables"];
        for taken in ["models.toml", "job.toml", "key", "schema.json", "variables", "in/a.jsonl", "out.jsonl"]
        {
            let before = fs::read(scene.path(taken)).ok();
            let metrics = [&["run"], &job[..], &["--metrics-file", taken]].concat();
            scene.run(&metrics).expect_code(1).says("which belongs to the job");
            assert_eq!(fs::read(scene.path(taken)).ok(), before, "{taken}");
        }
        assert!(scene.witness().is_empty());
        scene.job("in/*.jsonl", "out.jsonl", &more.replace("[answer]\nschema = \"schema.json\"\n", ""));
        scene.run(&[&["run"], &job[..]].concat()).expect_code(0);
        let taken =
            ["models.toml", "job.toml", "key", "variables", "in/a.jsonl", "out.jsonl", "out.jsonl.journal"];
        for taken in taken.into_iter().chain(["out.jsonl.summary.json", "f.prom"]) {
            let before = fs::read(scene.path(taken)).ok();
            for command in ["report", "export"] {
                if (command, taken) == ("export", "out.jsonl") {
                    continue;
                }
                let finished = scene.run(&[&[command], &job[..], &["--output", taken]].concat());
                // A name that shows no format is wrong usage; the others belong to the job.
                let refused = matches!(finished.code, Some(1 | 2));
                assert!(refused, "{command} {taken}: {}", finished.stderr);
                assert_eq!(fs::read(scene.path(taken)).ok(), before, "{command} {taken}");
            }
        }
    });
}

#[test]
fn a_journal_that_others_can_write_is_reported_and_one_of_unknown_origin_is_rejected() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.rows_and_job(3, "");
        scene.run_job(&["job.toml"]).expect_code(0);
        let journal = scene.path("out.jsonl.journal");
        let allow =
            |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
        let told = |command: &str| {
            let said = scene.run(&[command, "job.toml"]).expect_code(0).stderr;
            let lines: Vec<_> = said
                .lines()
                .filter(|line| line.contains(" can write to ") || line.contains("belongs to"))
                .collect();
            assert!(lines.len() <= 1, "{said}");
            lines.first().map(|line| (*line).to_owned()).unwrap_or_default()
        };
        for (mode, who) in [(0o666, "everyone can"), (0o660, "its group can"), (0o640, ""), (0o600, "")] {
            // Files left next to the journal by a reader have its mode at that time.
            let beside = ["", "-wal", "-shm"].map(|ending| scene.path(&format!("out.jsonl.journal{ending}")));
            beside.iter().filter(|file| file.exists()).for_each(|file| allow(file, mode));
            for command in ["run", "export"] {
                let said = told(command);
                assert!(said.contains(who) && said.is_empty() == who.is_empty(), "{mode:o}: {said}");
                assert!(who.is_empty() || said.contains("`chmod 600 out.jsonl.journal"), "{said}");
            }
            assert!(!told("status").contains("can write"), "who only looks is left alone");
        }
        allow(&scene.path(""), 0o777);
        assert!(told("run").contains("the folder"));
        allow(&scene.path(""), 0o1777);
        assert_eq!(told("run"), "", "nobody renames what is another's there");
        allow(&scene.path(""), 0o700);
        if std::os::unix::fs::chown(&journal, Some(12_345), None).is_err() {
            eprintln!("not tried: a journal of another user, which only root can make");
            return;
        }
        assert!(told("run").contains("belongs to another user (number 12345)"));
        allow(&journal, 0o666);
        for command in ["run", "export", "prune"] {
            let more: &[&str] = if command == "prune" { &["--older-than", "1d"] } else { &[] };
            let finished = scene.run(&[&[command, "job.toml"], more].concat()).expect_code(1);
            finished.says("12345").says("everyone can write to it");
        }
        assert_eq!(scene.witness_count(), 3);
        scene.run(&["run", "job.toml", "--fresh"]).expect_code(0);
        assert_eq!(scene.witness_count(), 6);
    });
}
