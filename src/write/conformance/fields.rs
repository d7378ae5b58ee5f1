//! Columns for fields of the answer: the same values in every format, each in the format's own notation.

use arrow::datatypes::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

use super::sample::{FORMATS, answered, bad, failed, inputs, layout, line, read, text_of, write};
use crate::format::Format;
use crate::outcome::{RowResult, Status};
use crate::row::{Column, ColumnKind};
use crate::schema::{Field, FieldKind};
use crate::write::answer::ANSWER_COLUMNS;
use crate::write::{Layout, OutputSpec};

fn fields() -> Vec<Field> {
    let kinds = [
        ("title", FieldKind::Text),
        ("stars", FieldKind::Integer),
        ("share", FieldKind::Number),
        ("sold", FieldKind::Boolean),
        ("tags", FieldKind::Json),
    ];
    kinds.into_iter().map(|(name, kind)| Field { name: name.into(), kind }).collect()
}

fn spec() -> OutputSpec {
    OutputSpec { fields: fields(), ..OutputSpec::default() }
}

const FULL: &str = "```json\n{\"tags\": [\"a\", {\"b\": null}], \"sold\": true, \"share\": 4, \"stars\": 5.0, \
                    \"title\": \"“Grüße”,\\n\\\"你好\\\"\", \"other\": 1}\n```";
const WRONG: &str =
    r#"{"title": 1, "stars": 12345678901234567890, "share": "4", "sold": "yes", "tags": null}"#;

/// Rows with every field, with fields of the wrong type, without fields, without JSON, and without an answer.
fn results() -> Vec<RowResult> {
    let pending = RowResult { status: Status::Pending, ..answered(FULL) };
    let refused = RowResult { answer: answered(FULL).answer, ..failed("broken") };
    vec![answered(FULL), answered(WRONG), answered("{}"), answered("[1"), pending, refused]
}

#[test]
fn fields_follow_the_answer_columns_and_are_null_where_the_answer_has_none() {
    let folder = TempDir::new().expect("a folder");
    let samples: Vec<_> = (0..6).map(|id| (id, Some("x"))).collect();
    for format in FORMATS {
        for input in inputs(&samples) {
            let path = folder.path().join("out");
            let rows: Vec<_> = input.items.iter().cloned().zip(results()).collect();
            write(&path, format, layout(&input, format, &spec()), &rows);
            let table = read(&path, format);
            let label = format!("{} as {format}", input.form);
            let names: Vec<String> = fields().into_iter().map(|field| field.name).collect();
            assert_eq!(table.names[2..19], ANSWER_COLUMNS, "{label}");
            assert_eq!(table.names[19..], names, "{label}");
            let found: Vec<_> = names.iter().map(|name| table.column(name)[0].expect("a value")).collect();
            let share = if format == Format::Parquet { "4.0" } else { "4" };
            let tags = r#"["a",{"b":null}]"#;
            assert_eq!(found, ["“Grüße”,\n\"你好\"", "5", share, "true", tags], "{label}");
            for name in &names {
                assert!(table.column(name)[1..].iter().all(Option::is_none), "{label}: {name}");
            }
            assert_eq!(table.column("response")[0], Some(FULL), "{label}: the whole answer is kept");
        }
    }
}

#[test]
fn fields_have_types_in_parquet_and_are_json_in_jsonl() {
    let folder = TempDir::new().expect("a folder");
    let input = &inputs(&[(1, Some("x"))])[0];
    let rows = [(input.items[0].clone(), answered(FULL))];
    let path = folder.path().join("out.parquet");
    write(&path, Format::Parquet, layout(input, Format::Parquet, &spec()), &rows);
    let file = std::fs::File::open(&path).expect("the output");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    let kinds: Vec<_> =
        reader.schema().fields()[19..].iter().map(|field| field.data_type().clone()).collect();
    let expected = [DataType::Utf8, DataType::Int64, DataType::Float64, DataType::Boolean, DataType::Utf8];
    assert_eq!(kinds, expected);
    let path = folder.path().join("out.jsonl");
    write(&path, Format::Jsonl, layout(input, Format::Jsonl, &spec()), &rows);
    let text = text_of(&path);
    assert!(
        text.ends_with(",\"stars\":5,\"share\":4,\"sold\":true,\"tags\":[\"a\",{\"b\":null}]}\n"),
        "{text}"
    );
}

#[test]
fn fields_are_chosen_renamed_and_prefixed_like_answer_columns() {
    let folder = TempDir::new().expect("a folder");
    let chosen = OutputSpec {
        select: Some(["x_stars", "tags", "id", "title"].map(String::from).into()),
        rename: vec![("tags".into(), "labels".into())],
        prefix: "x_".into(),
        ..spec()
    };
    for format in FORMATS {
        for input in inputs(&[(1, Some("x"))]) {
            let path = folder.path().join("out");
            let rows = [(input.items[0].clone(), answered(FULL)), (bad(1), failed("no"))];
            write(&path, format, layout(&input, format, &chosen), &rows);
            let table = read(&path, format);
            assert_eq!(table.names, ["x_stars", "labels", "id", "x_title"], "{} as {format}", input.form);
            // A sheet ends with its last value.
            let expected = if format == Format::Xlsx { &[Some("5")][..] } else { &[Some("5"), None] };
            assert_eq!(table.column("x_stars"), expected, "{} as {format}", input.form);
        }
    }
}

#[test]
fn a_spreadsheet_runs_no_field() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("out.csv");
    let fields = vec![
        Field { name: "=t".into(), kind: FieldKind::Text },
        Field { name: "j".into(), kind: FieldKind::Json },
    ];
    let select = Some(["=t", "j"].map(String::from).into());
    let columns = [Column { name: "id".into(), kind: ColumnKind::Text }];
    for (safe, text) in [(true, "'=t,j\n'=1+1,\"\"\"=1\"\"\"\n"), (false, "=t,j\n=1+1,\"\"\"=1\"\"\"\n")] {
        let spec =
            OutputSpec { select: select.clone(), fields: fields.clone(), spreadsheet_safe: safe, ..spec() };
        let layout = Layout::new(Some(&columns), &spec).expect("a layout");
        let rows = [(line(0, r#"{"id": "a"}"#), answered(r#"{"=t": "=1+1", "j": "=1"}"#))];
        write(&path, Format::Csv, layout, &rows);
        assert_eq!(text_of(&path), text);
    }
}
