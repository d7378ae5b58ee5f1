//! Completions and manual pages: generated from the command line, complete, for each shell and each command.

use std::fs;

use crate::support::harness::Scene;

#[test]
fn each_shell_gets_completions_of_every_command_and_its_flags() {
    let scene = Scene::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = scene.run(&["completions", shell]).expect_code(0).stdout;
        for word in ["preview", "retry-failed", "show-reasoning", "witness", "completions"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    scene.run(&["completions", "cmd"]).expect_code(2).says("[possible values: bash,");
}

#[test]
fn bash_completes_a_flag_by_the_script() {
    let scene = Scene::new();
    let script = scene.run(&["completions", "bash"]).stdout;
    scene.write("fanfold.bash", script);
    let ask = "source ./fanfold.bash; COMP_WORDS=(fanfold run --retry); COMP_CWORD=2; COMP_LINE='fanfold run --retry'\n\
               COMP_POINT=${#COMP_LINE}; _fanfold fanfold --retry run; echo \"${COMPREPLY[@]}\"";
    let shell =
        std::process::Command::new("bash").args(["--norc", "-c", ask]).current_dir(scene.path("")).output();
    let said = shell.expect("bash");
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "--retry-failed", "{said:?}");
}

#[test]
fn every_command_has_a_page_and_all_are_written_at_once() {
    let scene = Scene::new();
    scene.run(&["man", "--dir", "man/man1"]).expect_code(0);
    for command in fanfold::inside::command().get_subcommands() {
        let name = command.get_name();
        let page = scene.read(&format!("man/man1/fanfold-{name}.1"));
        assert_eq!(scene.run(&["man", name]).expect_code(0).stdout, page);
        assert!(page.contains(&format!(".TH FANFOLD-{} 1", name.to_uppercase())), "{page}");
        assert!(
            page.contains(".SH NAME") && page.contains(".SH SYNOPSIS") && page.contains(".SH NOTES"),
            "{page}"
        );
    }
    let page = scene.run(&["man"]).expect_code(0).stdout;
    assert_eq!(page, scene.read("man/man1/fanfold.1"));
    assert!(page.contains("fanfold\\-preview(1)"), "{page}");
    let count = fs::read_dir(scene.path("man/man1")).expect("a folder").count();
    assert_eq!(count, 1 + fanfold::inside::command().get_subcommands().count());
    scene.run(&["man", "exprot"]).expect_code(1).says("did you mean `export`?");
    scene.write("file", "");
    scene.run(&["man", "--dir", "file/man1"]).expect_code(1).says("file/man1: ");
}

#[test]
fn a_misspelt_flag_of_three_letters_is_reported_with_the_nearest() {
    let scene = Scene::new();
    for (slip, flag) in [("--qsp", "--qps"), ("--qpn", "--qpm"), ("--inptu", "--input"), ("--no-such", "")] {
        let said = scene.run(&["run", "job.toml", slip]).expect_code(2).stderr;
        let tip = format!("a similar argument exists: '{flag}'");
        assert_eq!(said.contains(&tip), !flag.is_empty(), "{said}");
    }
    scene.run(&["status", "--jsno"]).expect_code(2).says("'--json'");
}
