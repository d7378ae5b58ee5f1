//! Documents as an input: what is found, the columns of each, and what is kept of it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::{Value, json};

use crate::support::harness::{Scene, lines};
use crate::support::tables::Table;

/// A scene whose job reads documents below `in`.
fn scene(documents: &[(&str, &str)], more: &str) -> Scene {
    let scene = Scene::new();
    for (name, text) in documents {
        scene.write(name, text);
    }
    scene.job("in/", "out.jsonl", more);
    scene
}

fn column(rows: &[Value], name: &str) -> Vec<String> {
    rows.iter().map(|row| row[name].as_str().unwrap_or("-").to_owned()).collect()
}

#[test]
fn a_folder_is_an_input_of_its_documents_each_with_its_columns() {
    let mut scene =
        scene(&[("in/b/two.zh.md", "# Zwei\n"), ("in/a.txt", "eins"), ("in/t.csv", "x\n1\n")], "");
    let finished = scene.run_job(&["job.toml"]).expect_code(0);
    finished.says("in/t.csv is skipped: it is a table, not a document").says("2 documents read");
    let rows = scene.output();
    assert_eq!(column(&rows, "path"), ["a.txt", "b/two.zh.md"]);
    assert_eq!(column(&rows, "folder"), ["", "b"]);
    assert_eq!(column(&rows, "name"), ["a.txt", "two.zh.md"]);
    assert_eq!(column(&rows, "stem"), ["a", "two.zh"]);
    assert_eq!(column(&rows, "format"), ["text", "markdown"]);
    assert_eq!((&rows[1]["bytes"], &rows[1]["characters"]), (&json!(7), &json!(7)));
    assert_eq!((&rows[0]["warnings"], &rows[0]["encoding"]), (&json!([]), &json!("utf-8")));
    let modified = rows[0]["modified"].as_str().unwrap();
    assert!(modified.len() == 20 && modified.ends_with('Z'), "{modified}");
    assert!(rows.iter().all(|row| row.get("text").is_none() && row.get("kept").is_none()), "{rows:?}");
    assert!(
        scene
            .witness()
            .iter()
            .any(|request| request.pointer("/body/messages/0/content") == Some(&json!("# Zwei\n")))
    );
    // The id is the path.
    let status = scene.run(&["status", "job.toml", "--row", "b/two.zh.md"]).expect_code(0);
    assert!(status.stdout.contains("b/two.zh.md"), "{}", status.stdout);
    scene.run(&["verify", "job.toml"]).expect_code(0);
}

#[test]
fn the_text_is_in_the_output_only_if_it_is_selected() {
    for output in ["out.csv", "out.parquet", "out.jsonl"] {
        let mut scene = scene(&[("in/a.txt", "eins")], "");
        scene.judge.output = output.to_owned();
        scene.job("in", output, "");
        scene.run_job(&["job.toml"]).expect_code(0);
        let table = Table::read(&scene.path(output));
        assert!(!table.columns.iter().any(|name| name == "text"), "{:?}", table.columns);
        assert_eq!(table.columns[..3], ["path", "folder", "name"]);
        scene.job(
            "in",
            output,
            "output.select = [\"path\", \"text\", \"warnings\", \"response\", \"status\"]\n",
        );
        scene.run_job(&["job.toml"]).expect_code(0);
        assert_eq!(Table::read(&scene.path(output)).texts("text"), ["eins"], "{output}");
        assert_eq!(scene.witness().len(), 1, "and nothing is sent again");
    }
}

#[test]
fn paths_are_relative_to_one_folder_and_otherwise_as_they_were_named() {
    let scene = scene(&[("in/a.txt", "a"), ("in/sub/b.txt", "b"), ("c.txt", "c")], "");
    let paths = |inputs: &[&str]| {
        let mut arguments = vec!["run", "job.toml", "--output", "x.jsonl", "--fresh"];
        inputs.iter().for_each(|input| arguments.extend(["--input", input]));
        scene.run(&arguments).expect_code(0);
        column(&lines(&scene.path("x.jsonl")), "path")
    };
    assert_eq!(paths(&["in"]), ["a.txt", "sub/b.txt"]);
    assert_eq!(paths(&["in/sub", "c.txt"]), ["c.txt", "in/sub/b.txt"]);
    assert_eq!(paths(&["in/*.txt"]), ["in/a.txt"]);
    assert_eq!(paths(&["./c.txt", "c.txt", "in/../c.txt"]).len(), 1);
    assert_eq!(paths(&["in/**/*.txt", "in"]), ["in/a.txt", "in/sub/b.txt"]);
}

#[test]
fn documents_and_tables_are_not_mixed_and_a_folder_of_tables_stays_a_table() {
    let mut scene = scene(&[("in/a.csv", "text\none\n"), ("d/b.txt", "two"), ("empty/.x.txt", "")], "");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(column(&scene.output(), "text"), ["one"]);
    let refused =
        |inputs: [&str; 2]| scene.run(&["run", "job.toml", "--input", inputs[0], "--input", inputs[1]]);
    refused(["d", "in/a.csv"]).expect_code(1).says(
        "in/a.csv: is a table, and d/b.txt is a document; documents and tables are not mixed in one input",
    );
    fs::write(scene.path("c.png"), "x").unwrap();
    refused(["d", "c.png"]).expect_code(1).says("c.png: its ending is not that of a document");
    scene.run(&["run", "job.toml", "--input", "empty"]).expect_code(1).says("is a folder in which no file");
    let declared = ["run", "job.toml", "--input", "empty", "--set", "input.format=document"];
    scene.run(&declared).expect_code(1).says("no document is there to read");
}

#[test]
fn the_jobs_own_files_are_no_input() {
    let mut scene = scene(&[("in/a.txt", "eins"), ("in/b.md", "zwei")], "");
    scene.job("in", "in/out.jsonl", "output.metrics = \"in/figures.txt\"\n");
    scene.judge.output = "in/out.jsonl".to_owned();
    for _ in 0..2 {
        let finished = scene.run_job(&["job.toml"]).expect_code(0);
        assert!(!finished.stderr.contains("skipped"), "{}", finished.stderr);
        assert_eq!(column(&lines(&scene.path("in/out.jsonl")), "path"), ["a.txt", "b.md"]);
    }
}

#[test]
fn an_edited_document_is_sent_again_and_no_other() {
    let mut scene = scene(&[("in/a.txt", "eins"), ("in/b.txt", "zwei"), ("in/c.txt", "drei")], "");
    scene.run_job(&["job.toml"]).expect_code(0);
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.witness().len(), 3);
    scene.write("in/b.txt", "zwei und mehr");
    scene.write("in/0.txt", "neu");
    scene.write("in/c.txt", "drei");
    fs::remove_file(scene.path("in/a.txt")).unwrap();
    scene.run_job(&["job.toml"]).expect_code(0).says("2 documents read, 1 kept as read before");
    assert_eq!(column(&scene.output(), "path"), ["0.txt", "b.txt", "c.txt"]);
    assert_eq!(scene.witness().len(), 5);
}

#[test]
fn a_document_that_cannot_be_read_stops_the_run_or_fails_with_its_code() {
    let mut scene = scene(&[("in/ok.txt", "gut"), ("in/empty.txt", " \n")], "");
    scene.write("in/binary.txt", b"\x00\x01\x02\x03\xff\xfe\x00\x01".repeat(50));
    scene.write("in/large.txt", "x".repeat(3000));
    scene.job("in", "out.jsonl", "input.max_document = 2000\n");
    let refused = scene.run_job(&["job.toml"]).expect_code(1).says("3 documents cannot be sent:");
    for line in ["in/binary.txt: not_text: ", "in/empty.txt: empty: ", "in/large.txt: too_large: "] {
        assert!(refused.stderr.contains(line), "{}", refused.stderr);
    }
    assert!(scene.witness().is_empty(), "nothing is sent");
    scene.job("in", "out.jsonl", "input.max_document = 2000\ninput.on_bad_row = \"skip\"\n");
    scene.run_job(&["job.toml"]).expect_code(3);
    let rows = scene.output();
    assert_eq!(column(&rows, "path"), ["binary.txt", "empty.txt", "large.txt", "ok.txt"]);
    assert_eq!(column(&rows, "error_code"), ["not_text", "empty", "too_large", "-"]);
    assert_eq!(column(&rows, "status"), ["failed", "failed", "failed", "ok"]);
    assert!(rows[2]["error"].as_str().unwrap().starts_with("the file has 3.0 kB"), "{}", rows[2]);
    // Repaired, it is sent, and it alone.
    scene.write("in/empty.txt", "nicht mehr leer");
    scene.run_job(&["job.toml"]).expect_code(3);
    assert_eq!(scene.witness().len(), 2);
    assert_eq!(column(&scene.output(), "status"), ["failed", "ok", "failed", "ok"]);
}

#[test]
fn many_documents_that_cannot_be_read_are_named_up_to_twenty_and_counted() {
    let scene = scene(&[], "");
    for number in 0..30 {
        scene.write(&format!("in/{number:02}.txt"), if number % 10 == 9 { "" } else { "\u{1}\u{2}\u{3}" });
    }
    let refused = scene.run(&["run", "job.toml"]).expect_code(1).says("30 documents cannot be sent:");
    assert_eq!(refused.stderr.matches("\n  in/").count(), 20, "{}", refused.stderr);
    assert!(refused.stderr.contains("and 10 more: 1 empty, 9 not_text"), "{}", refused.stderr);
    let skipping = scene.run(&["preview", "job.toml", "--set", "input.on_bad_row=skip"]).expect_code(0);
    assert!(skipping.stdout.contains("(30 cannot be read: 3 empty, 27 not_text)"), "{}", skipping.stdout);
}

#[test]
fn what_is_kept_is_the_input_and_looks_need_no_documents() {
    let mut scene = scene(&[("in/a.txt", "eins"), ("in/b.txt", "zwei")], "");
    scene.run(&["export", "job.toml", "--output", "-"]).expect_code(1);
    scene.run_job(&["job.toml"]).expect_code(0);
    let kept = scene.path("out.jsonl.documents");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    fs::rename(scene.path("in"), scene.path("elsewhere")).unwrap();
    for arguments in
        [&["export", "job.toml", "--output", "-"][..], &["verify", "job.toml"], &["status", "job.toml"]]
    {
        scene.run(arguments).expect_code(0);
    }
    scene.run_job(&["job.toml"]).expect_code(1).says("in/: no such file");
    fs::rename(scene.path("elsewhere"), scene.path("in")).unwrap();
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.witness().len(), 2);
}

#[test]
fn a_preview_reads_the_documents_and_the_run_reads_none_again() {
    let mut scene = scene(&[("in/a.txt", "eins"), ("in/b.txt", "")], "input.on_bad_row = \"skip\"\n");
    let shown = scene.run(&["preview", "job.toml"]).expect_code(0);
    assert!(shown.stdout.contains("(1 cannot be read: 1 empty)"), "{}", shown.stdout);
    let finished = scene.run_job(&["job.toml"]).expect_code(3);
    assert!(
        !finished.stderr.contains(" read,") && !finished.stderr.contains("document read"),
        "{}",
        finished.stderr
    );
}

#[test]
fn hostile_names_have_rows_of_their_own() {
    let mut scene =
        scene(&[("in/a\nb.txt", "1"), ("in/{{ x }}.txt", "2"), ("in/\"q\".md", "3"), ("in/-x.md", "4")], "");
    for name in [&b"\xff.txt"[..], b"\\xFF.txt"] {
        fs::write(scene.path("in").join(std::ffi::OsStr::from_bytes(name)), "odd").unwrap();
    }
    scene.run_job(&["job.toml"]).expect_code(0);
    let names = ["\"q\".md", "-x.md", "\\x5CxFF.txt", "a\nb.txt", "{{ x }}.txt", "\\xFF.txt"];
    assert_eq!(column(&scene.output(), "path"), names);
}

#[test]
fn links_to_files_are_read_and_links_to_folders_are_not() {
    let mut scene = scene(&[("in/a.txt", "eins"), ("other/b.txt", "zwei"), ("other/c.txt", "drei")], "");
    symlink("../other/b.txt", scene.path("in/b.txt")).unwrap();
    symlink("../other", scene.path("in/other")).unwrap();
    symlink(".", scene.path("in/loop")).unwrap();
    let finished = scene.run_job(&["job.toml"]).expect_code(0);
    finished.says("the folder in/loop is a link and is not read, like 1 more");
    assert_eq!(column(&scene.output(), "path"), ["a.txt", "b.txt"]);
}

#[test]
fn a_document_without_permission_is_named_and_read_when_it_has_some() {
    let mut scene = scene(&[("in/a.txt", "eins"), ("in/b.txt", "zwei")], "input.on_bad_row = \"skip\"\n");
    let mode = |mode| fs::set_permissions(scene.path("in/b.txt"), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o000);
    if fs::read(scene.path("in/b.txt")).is_ok() {
        // Nothing is forbidden to root.
        return;
    }
    scene.run_job(&["job.toml"]).expect_code(3);
    assert_eq!(column(&scene.output(), "error_code"), ["-", "unreadable"]);
    fs::set_permissions(scene.path("in/b.txt"), fs::Permissions::from_mode(0o600)).unwrap();
    scene.run_job(&["job.toml"]).expect_code(0);
}

#[test]
fn a_reading_that_is_killed_leaves_what_was_kept_and_is_continued() {
    let mut scene = scene(&[("in/a.txt", "eins"), ("in/b.txt", "zwei")], "");
    scene.run_job(&["job.toml"]).expect_code(0);
    let before = scene.read("out.jsonl.documents");
    for number in 0..20 {
        scene.write(&format!("in/c{number:02}.txt"), format!("Text {number}"));
    }
    for (point, times) in [("read.documents.line", 15), ("read.documents.copied", 1)] {
        scene.die_at(point, times);
        assert_eq!(scene.read("out.jsonl.documents"), before, "{point}");
    }
    assert!(scene.read("out.jsonl.documents.reading").lines().count() >= 20);
    scene.die_at("read.documents.renamed", 1);
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.witness().len(), 22);
    let left =
        ["out.jsonl.documents.reading", "out.jsonl.documents.part"].map(|name| scene.path(name).exists());
    assert_eq!(left, [false; 2]);
}

#[test]
fn two_jobs_may_read_one_folder() {
    let scene = scene(&[("in/a.txt", "eins")], "");
    for output in ["one.jsonl", "two.jsonl"] {
        scene.run(&["run", "job.toml", "--output", output]).expect_code(0);
        assert_eq!(column(&lines(&scene.path(output)), "path"), ["a.txt"]);
    }
}

#[test]
fn a_job_of_flags_alone_reads_a_folder() {
    let scene = scene(&[("contracts/a.txt", "eins")], "");
    let url = scene.base_url().to_owned();
    let arguments =
        ["run", "--input", "contracts/", "--output", "o.jsonl", "--model", "qwen-plus", "--base-url", &url];
    scene.run(&[&arguments[..], &["--prompt", "Sum up: {{ text }}"]].concat()).expect_code(0);
    assert_eq!(column(&lines(&scene.path("o.jsonl")), "path"), ["a.txt"]);
}

#[test]
fn without_a_prompt_the_message_is_the_text() {
    let mut scene = scene(&[("in/a.txt", "eins")], "");
    let job = fs::read_to_string(scene.path("job.toml")).unwrap();
    let without: String = job
        .lines()
        .filter(|line| !line.contains("{{ text }}"))
        .fold(String::new(), |all, line| all + line + "\n");
    assert_ne!(job, without);
    scene.write("job.toml", without);
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(
        scene.witness()[0].pointer("/body/messages"),
        Some(&json!([{"role": "user", "content": "eins"}]))
    );
}

#[test]
fn a_template_with_a_column_that_no_document_has_is_refused() {
    let scene = scene(&[("in/a.txt", "eins")], "");
    scene.run(&["run", "job.toml", "--prompt", "{{ txt }}"]).expect_code(1).says("no column `txt`");
    scene.run(&["run", "job.toml", "--id", "pth"]).expect_code(1).says("there is no column `pth`");
    scene.run(&["run", "job.toml", "--id", "name"]).expect_code(0);
}

#[test]
fn a_document_may_be_longer_than_a_record() {
    let mut scene = scene(&[("in/a.txt", &"lang ".repeat(1000))], "input.max_record = 1000\n");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.output()[0]["characters"], 5000);
}
