//! Outputs as other programs read them: every cell of a spreadsheet, and of CSV for one.

use serde_json::{Map, Value, json};

use crate::support::harness::Scene;
use crate::support::spreadsheet_programs::{COMMA, Programs};
use crate::support::tables;

const COLUMNS: &str = "output.select = [\"id\", \"odd\", \"number\", \"flag\", \"list\", \"status\"]\n";

/// Texts that look like something else, and those that are hard to write.
fn odd() -> Vec<String> {
    let odd = "007|1e5|1,000|1/2|=SUM(A1)|+A1|-1|@x|'quoted|true|TRUE|nan|None|null|#N/A|2026-11-30|12:00|<&>\"'|]]>|&#10;\
               |_x0008_|_xD83D_|_X0041_|__x0041_| lead|trail |  |🎉👨\u{200d}👩\u{200d}👧 family|合同条款|שלום עולם 123|مرحبا\
               |e\u{301}|\u{feff}mark|\u{200f}\u{202e} right|\u{7f}\u{85}\u{2028}|a,b;c";
    let breaks = [
        "\t",
        " \n ",
        "a\nb",
        "line\n\n\nline\n",
        "a\r\nb",
        "a\rb",
        "a\u{8}b\u{b}c",
        "\u{1f}",
        "\u{fffe}\u{ffff}",
    ];
    let longest = ["x".repeat(32_767), "é".repeat(32_767), "🎉".repeat(16_383), String::new()];
    odd.split('|').chain(breaks).map(str::to_owned).chain(longest).collect()
}

/// The cells of an input, with its header: an odd text in each row, and numbers, flags and nulls beside it.
fn cells() -> Vec<Vec<Value>> {
    let numbers = json!([0, 1, -7, 1.5, 0.1, 1e-7, 999_999_999_999_999_i64, 1e20, 1e300]);
    let numbers = numbers.as_array().expect("a list").iter().cycle();
    let flags = [json!(true), json!(false), Value::Null];
    let row = |(id, ((odd, number), flag)): (usize, ((String, &Value), &Value))| {
        vec![json!(id), json!(odd), number.clone(), flag.clone(), json!([id, {"x": null}]), json!("ok")]
    };
    let rows = odd().into_iter().zip(numbers).zip(flags.iter().cycle()).enumerate().map(row);
    let header = ["id", "odd", "number", "flag", "list", "status"].map(Value::from).to_vec();
    std::iter::once(header).chain(rows).collect()
}

/// A scene that has run a job over these cells.
fn run(cells: &[Vec<Value>], output: &str) -> Scene {
    let name = |value: &Value| value.as_str().expect("a name").to_owned();
    let line = |row: &Vec<Value>| {
        let text = ("text".to_owned(), json!(format!("text {}", row[0])));
        let fields: Map<String, Value> =
            cells[0].iter().map(name).zip(row.iter().cloned()).take(5).chain([text]).collect();
        Value::Object(fields).to_string() + "\n"
    };
    let mut scene = Scene::new();
    scene.write("in.jsonl", cells[1..].iter().map(line).collect::<String>());
    scene.job("in.jsonl", output, COLUMNS);
    scene.judge.output = output.to_owned();
    scene.run_job(&["job.toml"]).expect_code(0);
    scene
}

/// Compares what a program found with what was written, cell by cell. `change` says how the program sees a cell.
fn compare(program: &str, found: &[Vec<Value>], written: &[Vec<Value>], change: impl Fn(&Value) -> Value) {
    assert_eq!(found.len(), written.len(), "rows in {program}");
    for (row, (found, written)) in found.iter().zip(written).enumerate() {
        assert_eq!(found.len(), written.len(), "columns in row {row} of {program}");
        for (found, written) in found.iter().zip(written) {
            let expected = change(written);
            let same = match (found.as_f64(), expected.as_f64()) {
                (Some(found), Some(expected)) => found.to_bits() == expected.to_bits(),
                _ => *found == expected,
            };
            assert!(same, "{program}, row {row}: {found:.99} and not {expected:.99}");
        }
    }
}

/// A cell of an output: nested values are JSON, and empty texts are empty cells.
fn cell(value: &Value) -> Value {
    match value {
        Value::Array(_) => Value::from(value.to_string()),
        Value::String(text) if text.is_empty() => Value::Null,
        other => other.clone(),
    }
}

/// The same for a program that shows empty cells as empty texts.
fn shown(value: &Value) -> Value {
    match cell(value) {
        Value::Null => Value::from(""),
        other => other,
    }
}

/// A value as CSV has it.
fn text(value: &Value) -> Value {
    match value {
        Value::String(_) => value.clone(),
        Value::Null => Value::from(""),
        other => Value::from(other.to_string()),
    }
}

/// LibreOffice makes one line break of two signs.
fn with_one_break(row: &[Value]) -> Vec<Value> {
    let with_one = |value: &Value| match value {
        Value::String(text) => Value::from(text.replace("\r\n", "\n").replace('\r', "\n")),
        other => other.clone(),
    };
    row.iter().map(with_one).collect()
}

/// Compares what LibreOffice saved as a spreadsheet. It saves what looks like an escape without care, though it reads it well.
fn compare_saved(found: &[Vec<Value>], written: &[Vec<Value>]) {
    assert_eq!(found.len(), written.len(), "rows in what LibreOffice saved");
    let is_odd = |row: &Vec<Value>| row.iter().filter_map(Value::as_str).any(|text| text.contains("_x00"));
    let pairs = found.iter().zip(written).filter(|(_, row)| !is_odd(row));
    let (found, written): (Vec<_>, Vec<_>) =
        pairs.map(|(found, written)| (with_one_break(found), with_one_break(written))).unzip();
    compare("LibreOffice", &found, &written, cell);
}

#[test]
fn openpyxl_pandas_and_libreoffice_find_every_cell_of_a_spreadsheet() {
    let Some(programs) = Programs::find() else { return };
    let written = cells();
    let scene = run(&written, "out.xlsx");
    compare("openpyxl", &programs.openpyxl(&scene.path("out.xlsx")), &written, cell);
    compare("pandas", &programs.pandas(&scene.path("out.xlsx"), None), &written, shown);
    let saved = programs.save_as(&scene, "out.xlsx", "xlsx", None);
    let found = programs.openpyxl(&saved);
    compare_saved(&found, &written);
    let saved = programs.save_as(&scene, "out.xlsx", &format!("csv:{COMMA}"), None);
    let found = programs.pandas(&saved, Some(","));
    let found: Vec<_> = found.iter().map(|row| with_one_break(&row[..2])).collect();
    let texts: Vec<_> = written.iter().map(|row| with_one_break(&[text(&row[0]), text(&row[1])])).collect();
    compare("CSV from LibreOffice", &found, &texts, shown);
}

#[test]
fn pandas_and_libreoffice_find_every_cell_of_csv() {
    let Some(programs) = Programs::find() else { return };
    let odd = odd();
    let ids: Vec<String> = (0..odd.len()).map(|id| format!("{id:03}")).collect();
    let records = ids.iter().zip(&odd).map(|(id, odd)| vec![id.as_str(), "text", odd]);
    let records: Vec<Vec<&str>> = std::iter::once(vec!["id", "text", "odd"]).chain(records).collect();
    let written: Vec<Vec<Value>> =
        records.iter().map(|row| [row[0], row[2]].map(Value::from).to_vec()).collect();
    let semicolons = tables::csv(b';', &records);
    let of_excel = String::from_utf8(tables::csv(b'\t', &records)).expect("text");
    let of_excel = format!("\u{feff}{of_excel}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (separator, sign, bytes) in [
        (";", 59, semicolons.clone()),
        (";", 59, [b"\xef\xbb\xbf", semicolons.as_slice()].concat()),
        ("\t", 9, of_excel),
        (",", 44, tables::csv(b',', &records)),
    ] {
        let mut scene = Scene::new();
        scene.write("in.csv", bytes);
        scene.job("in.csv", "out.csv", "output.select = [\"id\", \"odd\"]\n");
        scene.judge.output = "out.csv".to_owned();
        scene.run_job(&["job.toml"]).expect_code(0);
        compare("pandas", &programs.pandas(&scene.path("out.csv"), Some(separator)), &written, shown);
        let all_text = format!("Text - txt - csv (StarCalc):{sign},34,76,1,1/2/2/2");
        let found = programs.openpyxl(&programs.save_as(&scene, "out.csv", "xlsx", Some(&all_text)));
        compare_saved(&found, &written);
    }
}
