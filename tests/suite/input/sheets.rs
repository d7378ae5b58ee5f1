//! Spreadsheets as an input, through the whole program.

use serde_json::{Value, json};

use crate::support::harness::{Finished, Scene};
use crate::support::sheets::{Cell, Sheet, workbook};
use crate::support::tables::Table;

/// A scene whose job asks by `text` over this workbook.
fn scene(sheets: &[Sheet], output: &str, more: &str) -> Scene {
    let mut scene = Scene::new();
    scene.write("in.xlsx", workbook(sheets));
    scene.job("in.xlsx", output, more);
    scene.judge.output = output.to_owned();
    scene
}

fn text(text: &str) -> Cell {
    Cell::of(Some(text))
}

fn catalogue() -> Sheet {
    let rows = [
        [Cell::Number(1.0), text("chair"), Cell::Number(19.9), Cell::Flag(true), Cell::Date(46_356.0)],
        [
            Cell::Number(2.0),
            text("=SUM(A1)"),
            Cell::Formula("C2*2", Some(39.8)),
            Cell::Empty,
            Cell::Date(46_356.75),
        ],
        [Cell::Number(3.0), text("007"), Cell::Formula("C2*3", None), Cell::Flag(false), Cell::Error],
    ];
    Sheet::new("Products", &["id", "text", "price", "stock", "since"], &rows)
}

const INPUTS: &str = "output.select = [\"id\", \"text\", \"price\", \"stock\", \"since\", \"status\"]\n";

fn catalogue_rows() -> [Value; 3] {
    [
        json!({"id": 1, "text": "chair", "price": 19.9, "stock": true, "since": "2026-11-30", "status": "ok"}),
        json!({"id": 2, "text": "=SUM(A1)", "price": 39.8, "stock": null, "since": "2026-11-30T18:00:00", "status": "ok"}),
        json!({"id": 3, "text": "007", "price": null, "stock": false, "since": null, "status": "ok"}),
    ]
}

#[test]
fn a_sheet_of_an_input_that_is_no_spreadsheet_is_refused() {
    let scene = scene(&[catalogue()], "out.jsonl", "input.sheet = \"Products\"\n");
    scene.write("in.csv", "id,text\n1,x\n");
    let refused = scene.run(&["run", "job.toml", "--input", "in.csv"]).expect_code(1);
    refused.says("`sheet` names a sheet of a spreadsheet (.xlsx), and the input is csv").says("job.toml:");
    scene.run(&["run", "job.toml"]).expect_code(0);
}

#[test]
fn a_workbook_is_read_with_the_types_of_its_cells() {
    for output in ["out.jsonl", "out.parquet"] {
        let scene = scene(&[catalogue()], output, INPUTS);
        let finished = scene.run(&["run", "job.toml"]).expect_code(0);
        finished
            .says("in.xlsx: 1 formula without a stored value (C4): null here")
            .says("in.xlsx: 1 error (#N/A in E4): null here");
        let rows: Vec<Value> = Table::read(&scene.path(output)).rows.into_iter().map(Value::Object).collect();
        assert_eq!(rows, catalogue_rows(), "{output}");
        scene.run(&["verify", "job.toml"]).expect_code(0);
    }
    let scene = scene(&[catalogue()], "out.csv", INPUTS);
    scene.run(&["run", "job.toml"]).expect_code(0);
    let expected = "id,text,price,stock,since,status\n1,chair,19.9,true,2026-11-30,ok\n\
                    2,=SUM(A1),39.8,,2026-11-30T18:00:00,ok\n3,007,,false,,ok\n";
    assert_eq!(scene.read("out.csv"), expected);
}

#[test]
fn empty_columns_before_and_after_those_with_names_are_dropped_with_a_notice() {
    let row = [Cell::Empty, Cell::Number(1.0), text("chair"), Cell::Empty];
    let scene = scene(&[Sheet::new("A", &["", "id", "text", " "], &[row])], "out.csv", "");
    let finished = scene.run(&["run", "job.toml"]).expect_code(0);
    finished.says("in.xlsx: 2 columns such as A have no names and no values, and are ignored");
    assert!(scene.read("out.csv").starts_with("id,text,response,"), "{}", scene.read("out.csv"));
}

#[test]
fn a_finished_job_sends_only_the_rows_that_changed() {
    let rows = |texts: &[&str]| {
        let row = |(index, word): (usize, &&str)| [Cell::Number(index as f64), text(word)];
        workbook(&[Sheet::new("A", &["id", "text"], &texts.iter().enumerate().map(row).collect::<Vec<_>>())])
    };
    for id in ["", "input.id = \"id\"\n"] {
        let mut scene = Scene::new();
        scene.write("in.xlsx", rows(&["one", "two", "three"]));
        scene.job("in.xlsx", "out.jsonl", id);
        scene.run_job(&["job.toml"]).expect_code(0);
        scene.run_job(&["job.toml"]).expect_code(0).says("kept 3 · moved 0 · changed 0 · new 0");
        scene.write("in.xlsx", rows(&["one", "other", "three", "four"]));
        scene.run_job(&["job.toml"]).expect_code(0).says("kept 2");
        assert_eq!(scene.witness_count(), 5);
        scene.run(&["verify", "job.toml"]).expect_code(0);
    }
}

#[test]
fn the_job_names_a_sheet() {
    let sheets = || {
        let of = |name, word| Sheet::new(name, &["id", "text"], &[[Cell::Number(1.0), text(word)]]);
        [of("Notes", "one").hidden(), of("Products", "two"), of("Old", "three")]
    };
    for (more, expected) in [
        ("", "two"),
        ("input.sheet = \"old\"\n", "three"),
        ("input.sheet = 1\n", "one"),
        ("input.sheet = \"Notes\"\n", "one"),
    ] {
        let mut scene = scene(&sheets(), "out.jsonl", more);
        let finished: Finished = scene.run_job(&["job.toml"]).expect_code(0);
        assert_eq!(Table::read(&scene.path("out.jsonl")).texts("text"), [expected]);
        if more.is_empty() {
            finished
                .says("the sheet `Products` is read, and not `Old`; name another with `sheet` under [input]");
        }
    }
    let mut scene = scene(&sheets(), "out.jsonl", "input.sheet = \"None\"\n");
    let refused = scene.run_job(&["job.toml"]).expect_code(1);
    refused.says("there is no sheet `None`; the sheets are 1 `Notes` (hidden), 2 `Products`, 3 `Old`");
    for wrong in ["0", "-1", "\"\"", "true"] {
        let set = format!("input.sheet={wrong}");
        scene
            .run(&["run", "job.toml", "--set", &set])
            .expect_code(1)
            .says("`sheet` must be a name, or a number");
    }
}

#[test]
fn workbooks_are_read_with_csv_by_globs_and_folders_and_limited() {
    let sheet = |from: usize| {
        let row = |index: usize| [Cell::Number(index as f64), text(&format!("text {index}"))];
        workbook(&[Sheet::new("A", &["id", "text"], &(from..from + 2).map(row).collect::<Vec<_>>())])
    };
    for input in ["data/*", "data"] {
        let mut scene = Scene::new();
        scene.write("data/1.xlsx", sheet(1));
        scene.write("data/2.csv", "id,note,text\n3,new,text 3\n");
        scene.write("data/3.xlsx", sheet(4));
        scene.job(input, "out.csv", "");
        scene.judge.output = "out.csv".to_owned();
        scene.run_job(&["job.toml"]).expect_code(0).says("`note` is null in the rows of data/1.xlsx");
        let table = Table::read(&scene.path("out.csv"));
        assert_eq!(table.texts("id"), ["1", "2", "3", "4", "5"]);
        assert_eq!(table.texts("note"), ["", "", "new", "", ""]);
    }
    let mut scene = scene(&[catalogue()], "out.jsonl", "input.limit = 2\n");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(Table::read(&scene.path("out.jsonl")).texts("id"), ["1", "2"]);
}

#[test]
fn preview_and_init_read_a_workbook() {
    let scene = scene(&[catalogue()], "out.jsonl", "");
    let shown = scene.run(&["preview", "job.toml"]).expect_code(0).stdout;
    assert!(shown.contains("chair"), "{shown}");
    std::fs::remove_file(scene.path("job.toml")).expect("a job");
    scene.run(&["init", "new", "--input", "in.xlsx"]).expect_code(0);
    assert!(scene.read("new/job.toml").contains("in.xlsx"));
}

#[test]
fn other_kinds_of_spreadsheets_say_how_to_convert_them() {
    let mut scene = Scene::new();
    for (name, bytes, words) in [
        ("in.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".as_slice(), "soffice --headless --convert-to xlsx"),
        ("in.ods", b"PK\x03\x04", "save it as .xlsx"),
        ("in.xlsm", b"PK\x03\x04", "format = \"xlsx\""),
        ("in.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "of the old kind (.xls)"),
        ("in.xlsx", b"id,text\n", "is not an .xlsx file"),
        ("in.xlsx", b"PK\x03\x04", "is not a readable .xlsx file"),
    ] {
        scene.write(name, bytes);
        scene.job(name, "out.jsonl", "");
        scene.run_job(&["job.toml"]).expect_code(1).says(words);
        assert!(scene.witness().is_empty());
    }
}
