//! An export that takes the journal's word for where its answers belong writes what one that matches everything anew would.

use std::fs::{self, File, FileTimes};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;

use crate::support::harness::{Scene, rows, text};

const JOB: &str = "input.id = \"id\"\n";

/// Waits until a change of the input has a time of its own.
fn let_settle(scene: &Scene) {
    let changed = fs::metadata(scene.path("in.jsonl")).and_then(|metadata| metadata.modified());
    let changed = changed.expect("a time");
    scene.wait_until(|| changed.elapsed().is_ok_and(|age| age > Duration::from_millis(100)));
}

/// A job that was run over an input that had been there for a while.
fn done(more: &str) -> Scene {
    let mut scene = Scene::new();
    scene.rows_and_job(20, more);
    let_settle(&scene);
    scene.run_job(&["job.toml"]).expect_code(0);
    let settled: u64 =
        scene.journal().query_row("SELECT count(*) FROM settled", [], |row| row.get(0)).expect("a count");
    assert_eq!(settled, 1, "the journal says what it was brought to");
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

/// What is exported, which is the same as where the journal gives no word.
fn exported(scene: &Scene, arguments: &[&str]) -> String {
    let by_word = export(scene, arguments, "by-word.csv");
    let word = "CREATE TABLE kept AS SELECT * FROM settled; DELETE FROM settled";
    tell(scene, word);
    let anew = export(scene, arguments, "anew.csv");
    let back = "INSERT INTO settled SELECT * FROM kept; DROP TABLE kept";
    tell(scene, back);
    assert_eq!(by_word, anew);
    by_word
}

#[test]
fn the_word_of_the_journal_is_taken_for_an_input_and_requests_that_are_as_they_were() {
    let scene = done(JOB);
    let whole = exported(&scene, &[]);
    assert_eq!(whole.matches(",ok,").count(), 20);
    assert_eq!(exported(&scene, &["--concurrency", "3", "--max-attempts", "2"]), whole);
    // Nothing but its word knows of such a column.
    let columns = "UPDATE settled SET columns = replace(columns, '[[', '[[\"nowhere\",\"text\"],[')";
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
    // The same inode, the same size, and the time of modification put back.
    fs::write(&path, lines.join("\n") + "\n").expect("written");
    let modified = FileTimes::new().set_modified(times.modified().expect("a time"));
    File::options().append(true).open(&path).and_then(|file| file.set_times(modified)).expect("put back");
    assert_eq!(fs::metadata(&path).expect("a file").len(), times.len());
    let_settle(&scene);
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
fn rows_that_are_told_by_their_place_keep_their_answers_when_lines_come_and_go() {
    let mut scene = done("");
    let numbers: Vec<usize> = [30].into_iter().chain(0..18).collect();
    scene.write("in.jsonl", rows(numbers.clone()));
    scene.judge.texts = Some(numbers.into_iter().map(text).collect());
    let_settle(&scene);
    let whole = exported(&scene, &[]);
    assert_eq!((whole.matches(",ok,").count(), whole.matches(",pending,").count()), (18, 1));
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(exported(&scene, &[]).matches(",ok,").count(), 19);
}

#[test]
fn an_input_that_was_written_a_moment_before_it_was_read_is_matched_anew() {
    let mut scene = Scene::new();
    scene.rows_and_job(3, "");
    // As a system has it that keeps whole seconds.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time");
    let second = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs());
    let file = File::options().append(true).open(scene.path("in.jsonl")).expect("a file");
    file.set_times(FileTimes::new().set_modified(second)).expect("set");
    scene.run_job(&["job.toml"]).expect_code(0);
    let settled: u64 =
        scene.journal().query_row("SELECT count(*) FROM settled", [], |row| row.get(0)).expect("a count");
    assert_eq!(settled, 0);
    assert_eq!(exported(&scene, &[]).matches(",ok,").count(), 3);
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
    let_settle(&scene);
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(exported(&scene, &[]).matches(",ok,").count(), 3);
    fs::rename(scene.path("in/day=1"), scene.path("in/day=2")).expect("renamed");
    assert_eq!(exported(&scene, &[]).matches(",pending,").count(), 3);
}
