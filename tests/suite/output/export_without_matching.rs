//! An export that identifies rows by their records, without rendering them, writes the same as one that renders everything.

use std::fs::{self, File, FileTimes};

use rusqlite::Connection;

use crate::support::harness::{Scene, rows, text};

const JOB: &str = "input.id = \"id\"\n";

/// A job that was run.
fn done(more: &str) -> Scene {
    let mut scene = Scene::new();
    scene.rows_and_job(20, more);
    scene.run_job(&["job.toml"]).expect_code(0);
    let known: u64 = scene
        .journal()
        .query_row("SELECT count(record) FROM entries WHERE position IS NOT NULL", [], |row| row.get(0))
        .expect("a count");
    assert_eq!(known, 20, "the journal knows the rows by their records");
    scene
}

fn tell(scene: &Scene, sql: &str) {
    let journal = Connection::open(scene.path("out.jsonl.journal")).expect("a journal");
    journal.execute_batch(sql).expect("told");
}

fn export(scene: &Scene, arguments: &[&str], output: &str) -> String {
    let arguments = [&["export", "job.toml", "--output", output], arguments].concat();
    scene.run(&arguments).expect_code(0);
    scene.read(output)
}

/// The export, which is the same as when the journal identifies no row by its record.
fn exported(scene: &Scene, arguments: &[&str]) -> String {
    let by_record = export(scene, arguments, "by-record.csv");
    tell(
        scene,
        "CREATE TABLE kept AS SELECT entry, record FROM entries; UPDATE entries SET record = NULL;
         CREATE TABLE kept_survey AS SELECT * FROM survey; DELETE FROM survey",
    );
    let anew = export(scene, arguments, "anew.csv");
    tell(
        scene,
        "UPDATE entries SET record = k.record FROM kept k WHERE k.entry = entries.entry; DROP TABLE kept;
         INSERT INTO survey SELECT * FROM kept_survey; DROP TABLE kept_survey",
    );
    assert_eq!(by_record, anew);
    by_record
}

#[test]
fn rows_are_known_by_their_records_where_input_and_requests_are_as_they_were() {
    let scene = done(JOB);
    let whole = exported(&scene, &[]);
    assert_eq!(whole.matches(",ok,").count(), 20);
    assert_eq!(exported(&scene, &["--concurrency", "3", "--max-attempts", "2"]), whole);
    // None of the rows has such a column.
    let columns = "UPDATE survey SET columns = replace(columns, '[[', '[[\"nowhere\",\"text\"],[')";
    tell(&scene, columns);
    assert!(export(&scene, &[], "told.csv").starts_with("nowhere,"));
    assert_ne!(export(&scene, &["--limit", "5"], "limited.csv").lines().count(), 21);
}

#[test]
fn no_row_gets_the_answer_of_another_when_a_file_is_changed_without_a_trace_of_size_or_time() {
    let scene = done(JOB);
    let path = scene.path("in.jsonl");
    let times = fs::metadata(&path).expect("a file");
    let mut lines: Vec<String> = scene.read("in.jsonl").lines().map(str::to_owned).collect();
    lines.reverse();
    // The same inode, the same size, and the modification time restored.
    fs::write(&path, lines.join("\n") + "\n").expect("written");
    let modified = FileTimes::new().set_modified(times.modified().expect("a time"));
    File::options().append(true).open(&path).and_then(|file| file.set_times(modified)).expect("put back");
    assert_eq!(fs::metadata(&path).expect("a file").len(), times.len());
    let whole = exported(&scene, &[]);
    assert_eq!(whole.matches(",ok,").count(), 20, "names tell the rows");
    let first = whole.lines().nth(1).expect("a row");
    assert!(first.contains(&text(19)), "{first}");
}

#[test]
fn a_request_that_would_be_another_has_no_answer_whatever_the_journal_says() {
    for (more, arguments) in [
        (JOB, vec!["--prompt", "Another: {{ text }}"]),
        (JOB, vec!["--model", "qwen-max"]),
        (JOB, vec!["--set", "request.temperature=0.1"]),
        (JOB, vec!["--system", "Be short."]),
    ] {
        let scene = done(more);
        let whole = exported(&scene, &arguments);
        assert_eq!(whole.matches(",pending,").count(), 20, "{arguments:?}: {whole}");
    }
}

#[test]
fn rows_identified_by_their_position_keep_their_answers_when_lines_come_and_go() {
    let mut scene = done("");
    let numbers: Vec<usize> = [30].into_iter().chain(0..18).collect();
    scene.write("in.jsonl", rows(numbers.clone()));
    scene.judge.texts = Some(numbers.into_iter().map(text).collect());
    let whole = exported(&scene, &[]);
    assert_eq!((whole.matches(",ok,").count(), whole.matches(",pending,").count()), (18, 1));
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(exported(&scene, &[]).matches(",ok,").count(), 19);
}

#[test]
fn places_and_records_that_were_exchanged_in_the_journal_give_no_row_the_answer_of_another() {
    for exchanged in ["position", "position, record", "record"] {
        let scene = done("");
        let whole = export(&scene, &[], "before.csv");
        let columns: Vec<&str> = exchanged.split(", ").collect();
        let kept =
            columns.iter().map(|column| format!("{column} AS {column}_")).collect::<Vec<_>>().join(", ");
        let set = |from: &str, to: &str| {
            let set = columns
                .iter()
                .map(|column| format!("{column} = (SELECT {column}_ FROM two WHERE number = {from})"));
            let set = set.collect::<Vec<_>>().join(", ");
            format!("UPDATE entries SET {set} WHERE entry = {to};")
        };
        tell(
            &scene,
            &format!(
                "CREATE TABLE two AS SELECT entry AS number, {kept} FROM entries WHERE entry IN (2, 3);
                 UPDATE entries SET position = NULL WHERE entry IN (2, 3) AND '{exchanged}' <> 'record';
                 {} {} DROP TABLE two",
                set("3", "2"),
                set("2", "3")
            ),
        );
        assert_eq!(export(&scene, &[], "after.csv"), whole, "{exchanged}");
    }
}

#[test]
fn columns_that_only_a_row_of_before_had_are_gone_with_it() {
    let mut scene = done("");
    let more = r#"{"text": "text of row 20.", "more": 1}"#;
    scene.write("in.jsonl", rows(0..20) + more + "\n");
    scene.judge.texts = Some((0..21).map(text).collect());
    scene.run_job(&["job.toml"]).expect_code(0);
    let header = |text: String| text.lines().next().unwrap_or_default().to_owned();
    assert!(header(exported(&scene, &[])).contains(",more,"));
    scene.write("in.jsonl", rows(0..20));
    assert!(!header(exported(&scene, &[])).contains("more"));
    scene.judge.texts = Some((0..20).map(text).collect());
    scene.run_job(&["job.toml"]).expect_code(0).says("nothing was sent");
    assert!(!header(exported(&scene, &[])).contains("more"));
}

#[test]
fn a_folder_that_tells_a_column_and_gets_another_name_makes_another_input() {
    let mut scene = Scene::new();
    scene.write("in.jsonl", rows(0..3));
    fs::create_dir_all(scene.path("in/day=1")).expect("a folder");
    fs::hard_link(scene.path("in.jsonl"), scene.path("in/day=1/a.jsonl")).expect("the same file");
    scene.job("in/*/a.jsonl", "out.jsonl", "");
    let job = scene.read("job.toml").replace("{{ text }}", "On {{ day }}: {{ text }}");
    scene.write("job.toml", job);
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(exported(&scene, &[]).matches(",ok,").count(), 3);
    fs::rename(scene.path("in/day=1"), scene.path("in/day=2")).expect("renamed");
    assert_eq!(exported(&scene, &[]).matches(",pending,").count(), 3);
}
