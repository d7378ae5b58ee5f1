//! Spreadsheets as an output: types, texts that look like something else, limits, and the file as a whole.

use std::fs;

use serde_json::{Value, json};

use crate::support::harness::{Scene, rows};
use crate::support::sheets::{Cell, Sheet, workbook};
use crate::support::tables::Table;

/// Runs a job over this input.
fn run(input: &str, bytes: impl AsRef<[u8]>, more: &str) -> Scene {
    let mut scene = Scene::new();
    scene.write(input, bytes);
    scene.job(input, "out.xlsx", more);
    scene.judge.output = "out.xlsx".to_owned();
    scene.run_job(&["job.toml"]).expect_code(0);
    scene.run(&["verify", "job.toml"]).expect_code(0);
    scene
}

/// The text of a part of the output.
fn part(scene: &Scene, name: &str) -> String {
    let file = fs::File::open(scene.path("out.xlsx")).expect("an output");
    let mut archive = zip::ZipArchive::new(file).expect("an archive");
    std::io::read_to_string(archive.by_name(name).expect("a part")).expect("text")
}

#[test]
fn cells_of_a_workbook_keep_their_types_and_dates_stay_dates() {
    let text = |text: &str| Cell::of(Some(text));
    let cells = [
        [Cell::Number(1.0), text("007"), Cell::Flag(true), Cell::Date(46_356.0), Cell::Number(0.1)],
        [Cell::Number(2.0), text("=SUM(A1)"), Cell::Flag(false), Cell::Date(46_356.5), Cell::Number(1e20)],
    ];
    let input = workbook(&[Sheet::new("A", &["id", "text", "flag", "day", "n"], &cells)]);
    let more = "output.select = [\"id\", \"text\", \"flag\", \"day\", \"n\", \"total_tokens\"]\n";
    let scene = run("in.xlsx", input, more);
    let sheet = part(&scene, "xl/worksheets/sheet1.xml");
    for cell in [
        "<c r=\"A2\"><v>1</v></c>",
        "<c r=\"B2\" t=\"inlineStr\"><is><t xml:space=\"preserve\">007</t></is></c>",
        "<c r=\"B3\" t=\"inlineStr\"><is><t xml:space=\"preserve\">=SUM(A1)</t></is></c>",
        "<c r=\"C2\" t=\"b\"><v>1</v></c>",
        "<c r=\"D2\" s=\"2\"><v>46356</v></c>",
        "<c r=\"D3\" s=\"3\"><v>46356.5</v></c>",
        "<c r=\"E2\"><v>0.1</v></c>",
    ] {
        assert!(sheet.contains(cell), "{cell} in {sheet}");
    }
    assert!(sheet.contains("state=\"frozen\"") && sheet.contains("<autoFilter ref=\"A1:F3\"/>"));
    scene.run(&["export", "job.toml", "--output", "copy.jsonl"]).expect_code(0);
    let copy = Table::read(&scene.path("copy.jsonl"));
    assert_eq!(copy.rows[1]["day"], "2026-11-30T12:00:00");
}

#[test]
fn any_text_survives_and_what_looks_like_a_number_or_an_escape_is_text() {
    let texts = [
        "007",
        "1e5",
        "=1+1",
        "+A1",
        "a\u{8}b\u{b}\r\n",
        "_x0008_",
        " lead\t",
        "<&>\"'",
        "🎉\u{fffe}",
        "true",
    ];
    let lines = texts.iter().enumerate().map(|(id, text)| format!("{}\n", json!({"id": id, "text": text})));
    let scene = run("in.jsonl", lines.collect::<String>(), "");
    let table = Table::read(&scene.path("out.xlsx"));
    assert_eq!(table.texts("text"), texts);
    assert!(table.rows.iter().all(|row| row["text"].is_string() && row["id"].is_number()));
    assert!(!part(&scene, "xl/worksheets/sheet1.xml").contains("<f>"));
}

#[test]
fn numbers_that_a_spreadsheet_would_round_and_nested_values_are_text() {
    let line =
        "{\"id\":12345678901234567890,\"text\":\"a\",\"list\":[1,{\"x\":null}],\"price\":1.50,\"no\":null}\n";
    let scene = run("in.jsonl", line, "");
    let row = &Table::read(&scene.path("out.xlsx")).rows[0];
    let found: Vec<&Value> = ["id", "list", "price", "no"].iter().map(|name| &row[*name]).collect();
    let expected = [json!("12345678901234567890"), json!("[1,{\"x\":null}]"), json!(1.5), Value::Null];
    assert_eq!(found, expected.iter().collect::<Vec<_>>());
}

#[test]
fn the_same_rows_make_the_same_bytes() {
    let scene = run("in.jsonl", rows(0..50), "");
    let before = fs::read(scene.path("out.xlsx")).expect("an output");
    scene.run(&["export", "job.toml", "--output", "copy.xlsx"]).expect_code(0);
    assert!(fs::read(scene.path("copy.xlsx")).expect("a copy") == before);
    scene.run(&["export", "job.toml", "--output", "-"]).expect_code(0).says("");
}

#[test]
fn more_than_a_sheet_holds_is_an_error_before_anything_is_sent() {
    let scene = Scene::new();
    let long = "x".repeat(40_000);
    scene.write("in.csv", format!("id,text\n1,short\n2,{long}\n"));
    scene.job("in.csv", "out.xlsx", "");
    let refused = scene.run(&["run", "job.toml"]).expect_code(1);
    refused
        .says("in.csv:3: the text of column `text` has 40000 characters, and a cell of a spreadsheet holds 32767")
        .says("out.csv");
    assert!(scene.witness().is_empty());
    let select = "output.select=[\"id\", \"response\"]";
    scene.run(&["run", "job.toml", "--set", select]).expect_code(0);
    assert_eq!(Table::read(&scene.path("out.xlsx")).texts("id"), ["1", "2"]);
    scene.run(&["export", "job.toml", "--output", "out.csv"]).expect_code(0);
    assert_eq!(Table::read(&scene.path("out.csv")).texts("text")[1].len(), 40_000);
}

#[test]
fn a_killed_run_leaves_the_old_workbook() {
    for point in ["write.sync.before", "write.sync.after"] {
        let mut scene = Scene::new();
        scene.write("in.jsonl", rows(0..5));
        scene.write("out.xlsx", "the old output");
        scene.job("in.jsonl", "out.xlsx", "");
        scene.judge.output = "out.xlsx".to_owned();
        scene.die_at(point, 1);
        assert_eq!(scene.read("out.xlsx"), "the old output");
        scene.run_job(&["job.toml"]).expect_code(0);
        assert_eq!(Table::read(&scene.path("out.xlsx")).rows.len(), 5);
    }
}
