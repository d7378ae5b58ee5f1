//! Spreadsheets that other programs wrote, as an input: each kind of cell, both calendars, and what stays of them in an output.

use serde_json::{Map, Value, json};

use crate::support::harness::Scene;
use crate::support::spreadsheet_programs::Programs;
use crate::support::tables::Table;

const COLUMNS: [&str; 8] = ["id", "text", "when", "number", "flag", "formula", "money", "span"];

/// The rows of the spreadsheet that openpyxl writes. The values of formulas are known once LibreOffice has saved it.
fn expected(is_computed: bool) -> Vec<Value> {
    let of = |value: Value| if is_computed { value } else { Value::Null };
    let (three, text, flag) = (of(json!(3)), of(json!("007x")), of(json!(true)));
    vec![
        json!([1, "007", "2026-11-30", 1.5, true, three, 1234.5, "36:30:00"]),
        json!([2, "  lead", "2026-11-30T14:30:00", -3, false, text, -1, "00:00:01"]),
        json!([3, "a\nb\tc", "09:05:07", 1e-7, null, null, 0, null]),
        json!([4, "plain bold end", "1999-12-31T23:59:59", 999_999_999_999_999_i64, true, flag, null, null]),
        json!([5, "merged", "1950-01-01", null, null, null, null, null]),
        json!([6, null, null, null, null, null, null, null]),
        json!([7, "hidden 🎉", null, null, null, null, null, null]),
        json!([8, "שלום", null, null, null, null, null, null]),
    ]
}

/// What openpyxl is to find in an output: dates are dates, and time spans are time spans.
fn in_a_spreadsheet(row: &Value) -> Value {
    let mut row = row.as_array().expect("a row").clone();
    for value in &mut row[2..3] {
        if let Some(text) = value.as_str() {
            let midnight = if text.len() == 10 { "T00:00:00" } else { "" };
            *value = json!({"time": format!("{text}{midnight}")});
        }
    }
    row[7] = match row[7].as_str() {
        Some("36:30:00") => json!({"seconds": 131_400.0}),
        Some("00:00:01") => json!({"seconds": 1.0}),
        _ => Value::Null,
    };
    Value::from(row)
}

#[test]
fn what_openpyxl_and_libreoffice_wrote_is_read_with_its_types_and_dates_stay_dates() {
    let Some(programs) = Programs::find() else { return };
    for (calendar, is_saved) in [("1900", false), ("1904", false), ("1900", true), ("1904", true)] {
        let what = format!("days from {calendar}, saved by LibreOffice: {is_saved}");
        let mut scene = Scene::new();
        let mut input = scene.path("in.xlsx");
        programs.write(&input, calendar);
        if is_saved {
            input = programs.save_as(&scene, "in.xlsx", "xlsx", None);
        }
        scene.job(&input.display().to_string(), "out.jsonl", "");
        let finished = scene.run_job(&["job.toml"]).expect_code(0);
        let is_said = finished.stderr.contains("5 formulas without a stored value (F2)");
        assert_eq!(is_said, !is_saved, "{what}: {}", finished.stderr);
        let rows = Table::read(&scene.path("out.jsonl")).rows;
        let values = |row: &Map<String, Value>| COLUMNS.iter().map(|name| row[*name].clone()).collect();
        let found: Vec<Value> = rows.iter().map(values).collect();
        assert_eq!(found, expected(is_saved), "{what}");
        let select = format!("output.select={COLUMNS:?}");
        let export = ["export", "job.toml", "--output", "out.xlsx", "--set", &select];
        scene.run(&export).expect_code(0);
        let cells = programs.openpyxl(&scene.path("out.xlsx"));
        assert_eq!(cells[0], COLUMNS, "{what}");
        let found: Vec<Value> = cells[1..].iter().cloned().map(Value::from).collect();
        let kept: Vec<Value> = expected(is_saved).iter().map(in_a_spreadsheet).collect();
        assert_eq!(found, kept, "{what}");
    }
}
