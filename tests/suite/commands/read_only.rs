//! Commands that only read need nothing that only sending needs, and no permission to write.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::harness::{Finished, Scene};

/// The commands that read a job without writing next to its journal.
const LOOKS: [&[&str]; 5] = [
    &["status", "job.toml"],
    &["status", "job.toml", "--row", "2"],
    &["export", "job.toml", "--output", "-"],
    &["verify", "job.toml"],
    &["report", "job.toml", "--output", "-"],
];

/// Runs the binary as a user bound by permissions, whoever runs the tests.
fn bound(scene: &Scene, arguments: &[&str]) -> Finished {
    let plain = scene.command(arguments);
    if !rustix::process::geteuid().is_root() {
        return scene.run(arguments);
    }
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-dac_override,-dac_read_search", "--"]).arg(plain.get_program());
    command.args(plain.get_args()).current_dir(plain.get_current_dir().expect("a folder"));
    Finished::from(command.output().expect("setpriv, of util-linux"))
}

/// Whether a folder and all that is in it can be written to.
fn set_writable(scene: &Scene, folder: &str, writable: bool) {
    let folder = scene.path(folder);
    let mode = |path: &std::path::Path| {
        let bits = if writable { 0o600 } else { 0o400 };
        let mode = if path.is_dir() { bits | 0o100 } else { bits };
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("permissions");
    };
    mode(&folder);
    if writable {
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).expect("permissions");
    }
    for entry in fs::read_dir(&folder).expect("a folder") {
        mode(&entry.expect("an entry").path());
    }
}

fn scene() -> Scene {
    let mut scene = Scene::new();
    scene.rows_and_job(20, "");
    scene.job("in.jsonl", "kept/out.jsonl", "");
    scene.judge.output = "kept/out.jsonl".to_owned();
    scene
}

#[test]
fn looking_needs_no_price_no_key_no_table_and_nothing_else_that_only_sending_needs() {
    let mut scene = Scene::new();
    scene.rows_and_job(5, "");
    scene.run_job(&["job.toml"]).expect_code(0);
    for (more, refused) in [
        ("limits.max_cost = 1.0\n", "price is not known"),
        ("model.api_key_command = \"false\"\n", "false"),
        ("model.api_key_file = \"gone.key\"\n", "gone.key"),
        ("model.table = \"gone.toml\"\n", "gone.toml"),
        ("model.headers = { Authorization = \"x\" }\n", "Authorization"),
        ("retry.timeout = \"0s\"\n", "above 0"),
        ("request.temperature = 9\n", "temperature"),
        ("notify = { on = [\"end\"] }\n", "notify"),
        ("tools.search = {}\n", "command"),
    ] {
        scene.job("in.jsonl", "out.jsonl", more);
        scene.run(&["run", "job.toml"]).expect_code(1).says(refused);
        for look in LOOKS {
            let finished = scene.run(look);
            // Another request is a different matter: it has no answer yet, and that is reported.
            let is_told = more.starts_with("request.") && finished.code.is_some_and(|code| code < 4);
            assert!(finished.code == Some(0) || is_told, "{more}{look:?}: {finished:?}");
            assert!(!finished.stderr.contains(refused), "{more}{look:?}: {finished:?}");
        }
    }
    // Settings that determine the requests are needed, to find their answers.
    let text = scene.read("job.toml").replace("model.name = \"qwen-plus\"\n", "");
    scene.write("job.toml", text.replace("tools.search = {}\n", ""));
    scene.run(&["status", "job.toml"]).expect_code(0);
    scene.run(&["export", "job.toml", "--output", "-"]).expect_code(1).says("no model given");
    scene.run(&["verify", "job.toml", "--model", "qwen-plus"]).expect_code(0);
}

#[test]
fn a_journal_that_may_not_be_written_is_read_and_stays_as_it_is() {
    let mut scene = scene();
    scene.run_job(&["job.toml"]).expect_code(0);
    let journal = fs::read(scene.path("kept/out.jsonl.journal")).expect("a journal");
    // An empty log left by an earlier reader contains nothing.
    for has_log in [false, true] {
        if has_log {
            scene.write("kept/out.jsonl.journal-wal", "");
        }
        set_writable(&scene, "kept", false);
        bound(&scene, &["run", "job.toml"]).expect_code(1);
        for look in LOOKS {
            bound(&scene, look).expect_code(0);
        }
        set_writable(&scene, "kept", true);
    }
    // The file alone.
    fs::set_permissions(scene.path("kept/out.jsonl.journal"), Permissions::from_mode(0o400)).expect("leave");
    for look in LOOKS {
        bound(&scene, look).expect_code(0);
    }
    assert_eq!(fs::read(scene.path("kept/out.jsonl.journal")).expect("a journal"), journal);
}

#[test]
fn the_log_of_a_killed_run_is_read_in_a_read_only_folder_or_the_message_says_how() {
    let mut scene = scene();
    scene.die_at("journal.commit.after", 5);
    let stored = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
    assert!(stored.starts_with("20 rows: ") && !stored.starts_with("20 rows: 0 ok"), "{stored}");
    let log = scene.path("kept/out.jsonl.journal-wal");
    assert!(fs::metadata(&log).is_ok_and(|log| log.len() > 0), "the answers are in the log");
    set_writable(&scene, "kept", false);
    for look in LOOKS {
        let finished = bound(&scene, look);
        assert!(finished.code.is_some_and(|code| code == 0 || look[0] == "verify"), "{look:?}: {finished:?}");
    }
    assert_eq!(bound(&scene, &["status", "job.toml"]).expect_code(0).stdout, stored);
    set_writable(&scene, "kept", true);
    fs::remove_file(scene.path("kept/out.jsonl.journal-shm")).expect("removed");
    set_writable(&scene, "kept", false);
    bound(&scene, &["status", "job.toml"])
        .expect_code(1)
        .says("Copy the journal and its log to a folder of your own");
    // Without its log it is not shown as if it were complete.
    set_writable(&scene, "kept", true);
    fs::remove_file(log).expect("removed");
    set_writable(&scene, "kept", false);
    bound(&scene, &["status", "job.toml"])
        .expect_code(1)
        .says("its log, kept/out.jsonl.journal-wal, is gone");
    set_writable(&scene, "kept", true);
}
