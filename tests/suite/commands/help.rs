//! The help of each command shows exactly the flags that it uses; it accepts the others all the same.

use std::collections::BTreeSet;

use fanfold::inside::JOB_FLAGS;

use crate::support::harness::{Scene, rows};

/// Flags of a job that set no key, and that some commands do not use.
const BESIDES: [&str; 3] = ["color", "quiet", "verbose"];

const PLACE: &str = "output journal";
const REQUESTS: &str = "input id limit model system prompt";
const PRICE: &str = "model base-url region";

fn words(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().flat_map(|text| text.split(' ')).map(str::to_owned).collect()
}

/// The flags of a job that the help of a command shows.
fn shown(scene: &Scene, command: &str) -> BTreeSet<String> {
    let help = scene.run(&[command, "--help"]).expect_code(0).stdout;
    let is_shown = |flag: &&str| {
        help.lines().any(|line| line.split([' ', ',']).any(|word| word.strip_prefix("--") == Some(flag)))
    };
    JOB_FLAGS
        .iter()
        .map(|job_flag| job_flag.flag)
        .chain(BESIDES)
        .filter(is_shown)
        .map(str::to_owned)
        .collect()
}

#[test]
fn each_command_on_a_job_shows_the_flags_that_it_uses_and_no_others() {
    let scene = Scene::new();
    let all: BTreeSet<String> =
        JOB_FLAGS.iter().map(|job_flag| job_flag.flag).chain(BESIDES).map(str::to_owned).collect();
    assert_eq!(shown(&scene, "run"), all);
    let of_a_run = words(&["color verbose"]);
    assert_eq!(shown(&scene, "preview"), all.difference(&of_a_run).cloned().collect());
    let caps = "max-cost max-total-tokens cap-period";
    for (command, used) in [
        ("status", words(&[PLACE, REQUESTS, PRICE, caps, "color"])),
        ("set", words(&[PLACE, PRICE, "quiet"])),
        ("export", words(&[PLACE, REQUESTS, "quiet"])),
        ("report", words(&[PLACE, PRICE, "quiet"])),
        ("verify", words(&[PLACE, REQUESTS])),
        ("prune", words(&[PLACE, "quiet"])),
    ] {
        assert_eq!(shown(&scene, command), used, "{command}");
    }
}

/// A value that a flag takes.
fn value(flag: &str) -> &str {
    match flag {
        "max-duration" | "timeout" => "30s",
        "until" => "06:00",
        "cap-period" => "day",
        "tier" => "batch-chat",
        "region" => "beijing",
        "base-url" => "http://127.0.0.1:1/v1",
        "input" | "metrics-file" => "other.jsonl",
        "prompt" | "system" => "Another one",
        _ => "3",
    }
}

/// The output of a command, without the line that shows the time.
fn said(scene: &Scene, arguments: &[&str]) -> String {
    let finished = scene.run(arguments);
    assert!(finished.code.is_some_and(|code| code < 2), "{arguments:?}: {finished:?}");
    let text = format!("{:?} {} {}", finished.code, finished.stdout, finished.stderr);
    text.split("<footer>").next().unwrap_or_default().to_owned()
}

#[test]
fn a_flag_that_a_command_does_not_show_changes_nothing_that_it_says() {
    let mut scene = Scene::new();
    scene.write("in.jsonl", rows(0..4));
    scene.write("other.jsonl", rows(4..6));
    scene.job("in.jsonl", "out.jsonl", "price = { input = 1.0, output = 2.0 }\n");
    scene.run_job(&["job.toml"]).expect_code(0);
    for command in [
        &["status", "job.toml"][..],
        &["set", "job.toml", "pause"],
        &["export", "job.toml", "--output", "-"],
        &["report", "job.toml", "--output", "-"],
        &["verify", "job.toml"],
        &["prune", "job.toml", "--dry-run"],
    ] {
        let before = said(&scene, command);
        let shown = shown(&scene, command[0]);
        for job_flag in JOB_FLAGS.iter().filter(|job_flag| !shown.contains(job_flag.flag)) {
            let flag = format!("--{}", job_flag.flag);
            let with = [command, &[flag.as_str(), value(job_flag.flag)]].concat();
            assert_eq!(said(&scene, &with), before, "{with:?}");
        }
    }
}
