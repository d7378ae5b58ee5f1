//! The input or the prompt is edited between runs: only what is new or changed is sent, and every row has its answer.

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::support::harness::{Scene, row, text};

/// A row of the model: its name, and its text.
type Row = (usize, usize);

/// The answers bought by a job that answers everything, counted per request, whatever the names of the rows.
#[derive(Default)]
struct Bought(HashMap<usize, usize>);

impl Bought {
    /// The requests that a run over these rows has to send.
    fn run(&mut self, rows: &[Row]) -> usize {
        let mut wanted: HashMap<usize, usize> = HashMap::new();
        for (_, says) in rows {
            *wanted.entry(*says).or_default() += 1;
        }
        let mut sent = 0;
        for (request, rows) in wanted {
            let bought = self.0.entry(request).or_default();
            sent += rows.saturating_sub(*bought);
            *bought = rows.max(*bought);
        }
        sent
    }
}

/// One edit of the rows; numbers are taken modulo the number of rows.
#[derive(Debug, Clone)]
enum Edit {
    Insert(usize),
    Delete(usize),
    Move(usize, usize),
    Duplicate(usize, usize),
    Change(usize),
    Rename(usize),
    Revert,
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        any::<usize>().prop_map(Edit::Insert),
        any::<usize>().prop_map(Edit::Delete),
        any::<(usize, usize)>().prop_map(|(from, to)| Edit::Move(from, to)),
        any::<(usize, usize)>().prop_map(|(from, to)| Edit::Duplicate(from, to)),
        any::<usize>().prop_map(Edit::Change),
        any::<usize>().prop_map(Edit::Rename),
        Just(Edit::Revert),
    ]
}

fn apply(rows: &mut Vec<Row>, edit: &Edit, first: &[Row], fresh: &mut usize) {
    *fresh += 1;
    let len = rows.len();
    match edit {
        Edit::Insert(at) => rows.insert(at % (len + 1), (*fresh, *fresh)),
        Edit::Revert => *rows = first.to_vec(),
        _ if len == 0 => {}
        Edit::Delete(at) => drop(rows.remove(at % len)),
        Edit::Move(from, to) => {
            let row = rows.remove(from % len);
            rows.insert(to % len, row);
        }
        Edit::Duplicate(from, to) => {
            let says = rows[from % len].1;
            rows.insert(to % (len + 1), (*fresh, says));
        }
        Edit::Change(at) => rows[at % len].1 = *fresh,
        Edit::Rename(at) => rows[at % len].0 = *fresh,
    }
}

/// Runs the job over these rows, and compares the requests with the model.
fn run(scene: &mut Scene, rows: &[Row], bought: &mut Bought) {
    let lines =
        rows.iter().map(|(name, says)| format!("{{\"id\":\"n{name}\",\"text\":\"{}\"}}\n", text(*says)));
    scene.write("in.jsonl", lines.collect::<String>());
    scene.judge.texts = Some(rows.iter().map(|(_, says)| text(*says)).collect());
    let before = scene.witness().len();
    let finished = scene.run_job(&["job.toml"]).expect_code(0);
    let sent = scene.witness().len() - before;
    assert_eq!(sent, bought.run(rows), "{rows:?}: {}", finished.stderr);
}

fn edited(with_ids: bool) {
    let edits = prop::collection::vec(prop::collection::vec(edit(), 1..4), 1..4);
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let tested = runner.run(&edits, |rounds| {
        let mut scene = Scene::new();
        scene.job("in.jsonl", "out.jsonl", if with_ids { "input.id = \"id\"\n" } else { "" });
        let first: Vec<Row> = (0..6).map(|number| (number, number)).collect();
        let (mut rows, mut fresh, mut bought) = (first.clone(), 100, Bought::default());
        run(&mut scene, &rows, &mut bought);
        for round in rounds {
            round.iter().for_each(|edit| apply(&mut rows, edit, &first, &mut fresh));
            run(&mut scene, &rows, &mut bought);
        }
        Ok(())
    });
    tested.expect("every edit sends the difference");
}

#[test]
fn any_edit_of_rows_without_ids_sends_the_difference() {
    edited(false);
}

#[test]
fn any_edit_of_rows_with_ids_sends_the_difference() {
    edited(true);
}

#[test]
fn each_edit_is_reported_as_what_it_is() {
    for with_ids in [false, true] {
        let mut scene = Scene::new();
        scene.job("in.jsonl", "out.jsonl", if with_ids { "input.id = \"id\"\n" } else { "" });
        let mut told = |numbers: &[usize], says: &str| {
            scene.write(
                "in.jsonl",
                numbers.iter().map(|number| format!("{}\n", row(*number))).collect::<String>(),
            );
            scene.judge.texts = Some(numbers.iter().map(|number| text(*number)).collect());
            scene.run_job(&["job.toml"]).expect_code(0).says(says);
            scene.witness().len()
        };
        assert_eq!(told(&[0, 1, 2, 3], "4 rows: new 4"), 4);
        assert_eq!(told(&[9, 0, 1, 2, 3], "kept 0 · moved 4 · changed 0 · new 1"), 5);
        assert_eq!(told(&[9, 0, 1, 8, 2, 3], "kept 3 · moved 2 · changed 0 · new 1"), 6);
        assert_eq!(told(&[9, 0, 1, 8, 2, 3, 7], "kept 6 · moved 0 · changed 0 · new 1"), 7);
        assert_eq!(told(&[9, 0], "kept 2 · moved 0 · changed 0 · new 0"), 7);
        assert_eq!(told(&[0, 9], "kept 0 · moved 2 · changed 0 · new 0"), 7);
        assert_eq!(told(&[0, 1, 2, 3, 7, 8, 9], "new 0"), 7);
    }
}

#[test]
fn a_changed_prompt_sends_every_row_and_the_old_one_none() {
    for with_ids in [false, true] {
        let mut scene = Scene::new();
        scene.rows_and_job(6, if with_ids { "input.id = \"id\"\n" } else { "" });
        scene.run_job(&["job.toml"]).expect_code(0);
        let changed = ["job.toml", "--prompt", "In short: {{ text }}"];
        scene.run_job(&changed).expect_code(0).says("kept 0 · moved 0 · changed 6 · new 0");
        assert_eq!(scene.witness().len(), 12);
        scene.run_job(&["job.toml"]).expect_code(0);
        scene.run_job(&changed).expect_code(0);
        scene.run_job(&["job.toml", "--set", "request.temperature=0.1"]).expect_code(0);
        assert_eq!(scene.witness().len(), 18);
        scene.run_job(&["job.toml", "--concurrency", "1", "--timeout", "9s"]).expect_code(0);
        assert_eq!(scene.witness().len(), 18);
    }
}

/// The number of requests in the output of `preview`, which it says twice.
fn foretold(scene: &Scene) -> usize {
    let shown = scene.run(&["preview", "job.toml"]).expect_code(0).stdout;
    let line = shown.lines().find_map(|line| line.strip_prefix("to send: ")).expect("what is to be sent");
    let told = line.split(' ').next().expect("a number").parse().expect("a number");
    let json = scene.run(&["preview", "job.toml", "--json"]).expect_code(0).stdout;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let number = |key: &str| json[key].as_f64().unwrap_or_else(|| panic!("no {key} in {json}"));
    assert_eq!(json["to_send"].as_u64(), Some(told as u64), "{json}");
    // Nothing costs nothing, and anything costs something, at most more.
    assert_eq!(told == 0, number("expected") == 0.0, "{json}");
    assert!(number("expected") <= number("most"), "{json}");
    told
}

#[test]
fn run_sends_exactly_the_rows_that_preview_announces() {
    let edits = prop::collection::vec(prop::collection::vec(edit(), 1..5), 1..4);
    let each =
        "input.id = \"id\"\neach.lang = [\"French\", \"German\"]\nrequest.user = \"{{ each.lang }}\"\n";
    for more in ["", "input.id = \"id\"\n", "input.duplicates = \"share\"\n", each] {
        let mut runner = TestRunner::new(Config { cases: 6, failure_persistence: None, ..Config::default() });
        let tested = runner.run(&edits, |rounds| {
            let scene = Scene::new();
            scene.job(
                "in.jsonl",
                "out.jsonl",
                &format!("input.on_bad_row = \"skip\"\nprice = {{ input = 1.0, output = 2.0 }}\n{more}"),
            );
            let first: Vec<Row> = (0..7).map(|number| (number, number)).collect();
            let (mut rows, mut fresh) = (first.clone(), 100);
            for round in [vec![]].into_iter().chain(rounds) {
                round.iter().for_each(|edit| apply(&mut rows, edit, &first, &mut fresh));
                // One in three cannot be read.
                let line = |(name, says): &Row| match says % 3 {
                    1 => format!("{{\"id\":\"n{name}\",\"text\":{says}!}}\n"),
                    _ => format!("{{\"id\":\"n{name}\",\"text\":\"text {says}.\"}}\n"),
                };
                scene.write("in.jsonl", rows.iter().map(line).collect::<String>());
                let (told, before) = (foretold(&scene), scene.witness_count());
                scene.run(&["run", "job.toml"]);
                prop_assert_eq!(told, scene.witness_count() - before, "{:?}", rows);
                prop_assert_eq!(foretold(&scene), 0);
            }
            Ok(())
        });
        tested.expect("what is foretold is sent");
    }
}

#[test]
fn preview_tells_of_rows_that_moved_cannot_be_sent_or_share_an_answer() {
    let scene = Scene::new();
    let more = "input.on_bad_row = \"skip\"\ninput.duplicates = \"share\"\n";
    scene.job("in.jsonl", "out.jsonl", more);
    let bad = |number: usize| format!("{{\"text\":{number}!}}\n");
    let old: String = (0..18).map(|n| if n % 6 == 5 { bad(n) } else { format!("{}\n", row(n)) }).collect();
    scene.write("in.jsonl", &old);
    scene.run(&["run", "job.toml"]).expect_code(3).says("3 rows cannot be sent and are recorded as failed");
    let new = format!("{0}\n{0}\n{1}\n{2}", row(50), row(51), bad(52));
    scene.write("in.jsonl", format!("{new}{old}"));
    let shown = scene.run(&["preview", "job.toml"]).expect_code(0).stdout;
    assert!(shown.contains("to send: 2 requests, "), "{shown}");
    let rest = "; 1 row shares another row's answer; 1 row cannot be sent\n";
    assert!(shown.contains(rest), "{shown}");
    scene.run(&["run", "job.toml"]).expect_code(3).says("1 row cannot be sent and is recorded as failed");
    assert_eq!(scene.witness_count(), 15 + 2);
}

#[test]
fn a_header_that_lost_its_last_comma_makes_rows_too_long_as_it_does_in_a_new_job() {
    let scene = Scene::new();
    scene.write("in.csv", "text,\nfirst,\nsecond,\n");
    scene.job("in.csv", "out.jsonl", "");
    scene.run(&["run", "job.toml"]).expect_code(0);
    scene.write("in.csv", "text\nfirst,\nsecond,\n");
    for output in ["out.jsonl", "new.jsonl"] {
        let arguments = ["run", "job.toml", "--output", output];
        scene.run(&arguments).expect_code(1).says("in.csv:2: has 2 cells where the header has 1 column");
    }
}
