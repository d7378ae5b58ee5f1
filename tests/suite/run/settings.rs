//! Keys, variables and flags: where each comes from, and which overrides which.

use std::process::Command;

use crate::support::harness::{CANARY, Finished, Scene, lines, rows};
use fanfold::simulator::ServerSettings;

/// A scene whose simulator lets the canary in and no other key.
fn locked() -> Scene {
    let scene = Scene::with(ServerSettings { api_key: Some(CANARY.to_owned()), ..ServerSettings::default() });
    scene.write("in.jsonl", rows(0..3));
    scene.job("in.jsonl", "out.jsonl", "");
    scene
}

fn ended(command: &mut Command) -> Finished {
    Finished::from(command.output().expect("the binary runs"))
}

/// A run without any key in its environment.
fn keyless(scene: &Scene, arguments: &[&str]) -> Finished {
    ended(scene.command(arguments).env_remove("DASHSCOPE_API_KEY"))
}

#[test]
fn a_key_that_is_missing_is_named_and_nothing_is_sent() {
    let scene = locked();
    let elsewhere = ["run", "job.toml", "--base-url", "https://127.0.0.2:1/v1"];
    keyless(&scene, &["run", "job.toml", "--set", "model.api_key_env=MY_KEY"]).expect_code(1).says("MY_KEY");
    keyless(&scene, &["run", "job.toml", "--base-url", "https://example.invalid/v1"])
        .expect_code(1)
        .says("DASHSCOPE_API_KEY is not set")
        .says("export DASHSCOPE_API_KEY=");
    // A server on this machine may need none; this one does, and says so.
    keyless(&scene, &elsewhere[..2]).expect_code(4).says("stay pending");
    assert!(lines(&scene.path("witness.jsonl")).iter().all(|line| line["status"] == 401));
}

#[test]
fn a_key_comes_from_a_variable_a_file_or_a_command() {
    for place in [
        "model.api_key_env=MY_KEY",
        "model.api_key_file=my.key",
        "model.api_key_command=cat my.key",
        "model.api_key_command=[\"sh\", \"-c\", \"cat my.key\"]",
    ] {
        let mut scene = locked();
        scene.write("my.key", format!("{CANARY}\n"));
        let arguments = ["run", "job.toml", "--set", place];
        let mut command = scene.command(&arguments);
        let finished = ended(command.env_remove("DASHSCOPE_API_KEY").env("MY_KEY", CANARY)).expect_code(0);
        std::fs::remove_file(scene.path("my.key")).expect("a file");
        scene.judge.judge(&finished);
    }
}

#[test]
fn a_place_without_a_key_is_named_and_never_quoted() {
    let scene = locked();
    scene.write("empty.key", "\n");
    scene.write("two.key", "sk-secret one\n");
    for (place, word) in [
        ("model.api_key_file=none.key", "none.key"),
        ("model.api_key_file=empty.key", "is empty"),
        ("model.api_key_file=two.key", "white space"),
        ("model.api_key_command=false", "`false` ended with"),
        ("model.api_key_command=no-such-program", "no-such-program"),
    ] {
        let finished = keyless(&scene, &["run", "job.toml", "--set", place]).expect_code(1).says(word);
        assert!(!finished.stderr.contains("secret"), "{}", finished.stderr);
    }
    let both = ["run", "job.toml", "--set", "model.api_key_file=a", "--set", "model.api_key_env=B"];
    keyless(&scene, &both).expect_code(1).says("set only one of");
    assert!(scene.witness().is_empty());
}

#[test]
fn variables_come_from_a_file_too_and_the_environment_beats_it() {
    let mut scene = locked();
    let file = format!("# night\nexport DASHSCOPE_API_KEY='{CANARY}'\n\nFANFOLD_LIMIT=2\n");
    scene.write("night.env", file);
    let arguments = ["run", "job.toml", "--env-file", "night.env"];
    keyless(&scene, &arguments).expect_code(0).says("2 rows");
    let mut command = scene.command(&arguments);
    let finished = ended(command.env_remove("DASHSCOPE_API_KEY").env("FANFOLD_LIMIT", "3")).expect_code(0);
    std::fs::remove_file(scene.path("night.env")).expect("a file");
    scene.judge.judge(&finished);
    assert_eq!(scene.witness().len(), 3);
    scene.write("bad.env", "A=1\nnonsense\n");
    scene.run(&["run", "job.toml", "--env-file", "bad.env"]).expect_code(1).says("bad.env:2: ");
    scene.run(&["run", "job.toml", "--env-file", "no.env"]).expect_code(1).says("no.env");
}

#[test]
fn a_file_of_variables_and_a_key_are_read_as_people_mean_them() {
    let models = [
        "\u{feff}export FANFOLD_MODEL=qwen-flash",
        "FANFOLD_MODEL=\"qwen-flash\"  # \"cheap\"",
        "FANFOLD_MODEL='qwen-flash' # cheap",
        "FANFOLD_MODEL=qwen-flash # cheap",
    ];
    let keys =
        [CANARY.to_owned(), format!("\"{CANARY}\""), format!("'{CANARY}'"), format!("\u{feff}{CANARY}\r\n")];
    for (model, key) in models.iter().zip(keys) {
        let scene = locked();
        scene.write("in.jsonl", rows(0..1));
        scene.write("night.env", format!("{model}\n"));
        let mut command = scene.command(&["run", "job.toml", "--env-file", "night.env"]);
        ended(command.env("DASHSCOPE_API_KEY", key.trim_end())).expect_code(0);
        assert_eq!(scene.witness()[0]["body"]["model"], "qwen-flash", "{model}");
    }
}

#[test]
fn a_flag_beats_a_variable_and_a_variable_beats_the_job_file() {
    let model = |scene: &Scene| scene.witness().last().expect("a request")["body"]["model"].clone();
    let run = |arguments: &[&str], variable: Option<&str>| {
        let scene = locked();
        scene.write("in.jsonl", rows(0..1));
        let arguments = [&["run", "job.toml"], arguments].concat();
        let mut command = scene.command(&arguments);
        ended(command.envs(variable.map(|name| ("FANFOLD_MODEL", name)))).expect_code(0);
        model(&scene)
    };
    assert_eq!(run(&[], None), "qwen-plus");
    assert_eq!(run(&[], Some("qwen-turbo")), "qwen-turbo");
    assert_eq!(run(&["--model", "qwen-max"], Some("qwen-turbo")), "qwen-max");
    assert_eq!(run(&["--set", "model.name=qwen-flash"], Some("qwen-turbo")), "qwen-flash");
}

#[test]
fn set_reaches_every_key_of_the_job_file() {
    let scene = locked();
    let arguments = [
        "job.toml",
        "--set",
        "request.temperature=0.25",
        "--set",
        "request.stop=[\"zz\", \"yy\"]",
        "--set",
        "output.rename.response=summary",
        "--set",
        "prompt.system=Be brief about {{ id }}.",
    ];
    let all = [&["run"], &arguments[..]].concat();
    scene.run(&all).expect_code(0);
    let body = &scene.witness()[0]["body"];
    assert_eq!(body["temperature"], 0.25);
    assert_eq!(body["stop"][1], "yy");
    assert!(body["messages"][0]["content"].as_str().expect("text").starts_with("Be brief about r"));
    assert!(lines(&scene.path("out.jsonl"))[0]["summary"].is_string());
}

#[test]
fn limit_takes_the_first_rows_and_without_it_the_others_follow() {
    let mut scene = locked();
    scene.run_job(&["job.toml", "--limit", "2"]).expect_code(0).says("2 rows: new 2");
    assert_eq!(lines(&scene.path("out.jsonl")).len(), 2);
    let remove_output = |scene: &Scene| std::fs::remove_file(scene.path("out.jsonl")).expect("removed");
    remove_output(&scene);
    scene.run_job(&["job.toml", "--limit", "0"]).expect_code(0).says("0 rows");
    scene.run_job(&["job.toml"]).expect_code(0).says("3 rows: kept 2 · moved 0 · changed 0 · new 1");
    remove_output(&scene);
    scene.run_job(&["job.toml", "--limit", "1"]).expect_code(0).says("1 row: kept 1");
    scene.run_job(&["job.toml"]).expect_code(0).says("kept 3 ");
    assert_eq!(scene.witness().len(), 3);
}

#[test]
fn fresh_sets_the_old_journal_aside_and_starts_over() {
    let mut scene = locked();
    scene.run_job(&["job.toml"]).expect_code(0);
    let before = std::fs::read(scene.path("out.jsonl.journal")).expect("a journal");
    scene.judge.forget();
    let finished = scene.run_job(&["job.toml", "--fresh"]).expect_code(0).says("3 rows: new 3");
    let line = finished.stderr.lines().find(|line| line.contains("old journal")).expect("its new name");
    let aside = line.rsplit(' ').next().expect("a name");
    assert!(aside.starts_with("out.jsonl.journal."), "{aside}");
    assert_eq!(std::fs::read(scene.path(aside)).expect("the old journal"), before);
    assert_eq!(scene.witness().len(), 6);
    let never = locked();
    never.run(&["run", "job.toml", "--fresh"]).expect_code(0);
}
