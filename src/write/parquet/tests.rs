//! The types and row groups of Parquet outputs.

use std::fs::File;
use std::path::Path;

use arrow::array::types::Int32Type;
use arrow::array::{DictionaryArray, LargeStringArray, TimestampMicrosecondArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::format::Format;
use crate::row::{JsonKind, Origin};
use crate::write::conformance::sample::{answered, line, read, row, write};
use crate::write::{Layout, OutputSpec, Target};

fn schema_of(path: &Path) -> SchemaRef {
    let file = File::open(path).expect("the output");
    ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file").schema().clone()
}

fn layout(columns: &[Column]) -> Layout {
    Layout::new(Some(columns), &OutputSpec::default()).expect("a layout")
}

fn columns_of(batch: &RecordBatch) -> Vec<Column> {
    let column =
        |field: &Arc<Field>| Column { name: field.name().clone(), kind: ColumnKind::Arrow(field.clone()) };
    batch.schema().fields().iter().map(column).collect()
}

#[test]
fn arrow_columns_keep_their_types_and_values() {
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![1, 2, 3]).with_timezone("+00:00"));
    let words: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::from_iter(["a", "b", "a"]));
    let batch = RecordBatch::try_from_iter([("time", times), ("word", words)]).expect("a batch");
    let batch = Arc::new(batch);
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("out.parquet");
    // Not in the batch's order, so that the rows include neighbours and others.
    let rows = [0, 1, 2, 0]
        .map(|index| (row(index, json!({}), Origin::Columnar(batch.clone(), index)), answered("A")));
    write(&path, Format::Parquet, layout(&columns_of(&batch)), &rows);

    let schema = schema_of(&path);
    for name in ["time", "word"] {
        let field = schema.field_with_name(name).expect("a column");
        assert_eq!(field.data_type(), batch.schema().field_with_name(name).expect("a column").data_type());
    }
    let words = read(&path, Format::Parquet);
    assert_eq!(words.column("word"), [Some("a"), Some("b"), Some("a"), Some("a")]);
}

#[test]
fn columns_of_text_and_json_get_the_types_of_their_kinds() {
    let kinds = [
        ("bool", JsonKind::Bool, DataType::Boolean),
        ("integer", JsonKind::Integer, DataType::Int64),
        ("number", JsonKind::Number, DataType::Float64),
        ("text", JsonKind::Text, DataType::Utf8),
        ("mixed", JsonKind::Mixed, DataType::Utf8),
        ("null", JsonKind::Null, DataType::Utf8),
    ];
    let columns: Vec<_> = kinds
        .iter()
        .map(|(name, kind, _)| Column { name: (*name).into(), kind: ColumnKind::Json(*kind) })
        .collect();
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("out.parquet");
    let text = r#"{"bool":true,"integer":-7,"number":2,"text":"\u00e9","mixed":"a","null":null}"#;
    let rows = [(line(0, text), answered("A")), (line(1, r#"{"mixed": [1, "b"]}"#), answered("B"))];
    write(&path, Format::Parquet, layout(&columns), &rows);

    let schema = schema_of(&path);
    for (name, _, data_type) in &kinds {
        assert_eq!(schema.field_with_name(name).expect("a column").data_type(), data_type, "{name}");
    }
    for (name, data_type) in [
        ("response", DataType::Utf8),
        ("attempts", DataType::Int64),
        ("total_tokens", DataType::Int64),
        ("latency_ms", DataType::Int64),
        ("cost", DataType::Float64),
        ("status", DataType::Utf8),
    ] {
        assert_eq!(schema.field_with_name(name).expect("a column").data_type(), &data_type, "{name}");
    }
    let table = read(&path, Format::Parquet);
    let first = |name| table.column(name)[0];
    assert_eq!([first("bool"), first("integer"), first("number")], [Some("true"), Some("-7"), Some("2.0")]);
    assert_eq!([first("text"), first("mixed"), first("null")], [Some("é"), Some("\"a\""), None]);
    assert_eq!(table.column("mixed")[1], Some("[1, \"b\"]"));
}

#[test]
fn a_value_that_is_not_of_its_columns_kind_is_named_by_row_and_column() {
    let columns = [Column { name: "n".into(), kind: ColumnKind::Json(JsonKind::Integer) }];
    let folder = TempDir::new().expect("a folder");
    let sink = super::super::atomic::ByteSink::open(
        Target::File(folder.path().join("out")),
        super::super::atomic::Manner::AS_NAMED,
    )
    .expect("a sink");
    let output = Encoder::new(sink, crate::format::Compression::Plain).expect("an encoder");
    let mut writer = ParquetWriter::new(output, layout(&columns)).expect("a writer");
    let error = writer.write(&line(4, r#"{"n": "seven"}"#), &answered("A")).expect_err("not a number");
    let text = error.to_string();
    assert!(text.starts_with("in.jsonl:5: the column `n` does not hold a whole number"), "{text}");
}

#[test]
fn batches_that_spell_a_type_in_another_way_are_brought_to_the_first_ones() {
    let strings: ArrayRef = Arc::new(arrow::array::StringArray::from(vec!["a"]));
    let large: ArrayRef = Arc::new(LargeStringArray::from(vec!["b"]));
    let batches = [strings, large]
        .map(|array| Arc::new(RecordBatch::try_from_iter([("text", array)]).expect("a batch")));
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("out.parquet");
    let rows = [0, 1].map(|n| (row(n, json!({}), Origin::Columnar(batches[n].clone(), 0)), answered("A")));
    write(&path, Format::Parquet, layout(&columns_of(&batches[0])), &rows);
    assert_eq!(read(&path, Format::Parquet).column("text"), [Some("a"), Some("b")]);
}

#[test]
fn a_row_group_ends_when_it_has_rows_or_bytes_enough() {
    let columns = [Column { name: "text".into(), kind: ColumnKind::Text }];
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("out.parquet");
    let groups = || {
        let file = File::open(&path).expect("the output");
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file");
        builder.metadata().row_groups().iter().map(|group| group.num_rows()).collect::<Vec<_>>()
    };
    let small = (row(0, json!({ "text": "a" }), Origin::Record), answered("A"));
    write(&path, Format::Parquet, layout(&columns), &vec![small; GROUP_ROWS + 1]);
    assert_eq!(groups(), [GROUP_ROWS as i64, 1]);

    // Rows of a megabyte that cannot be compressed, so that their encoded size is known.
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b' ' + (state >> 58) as u8)
    };
    let rows = (0..120).map(|n| {
        let text: String = (0..1 << 20).map(|_| noise()).collect();
        (row(n, json!({ "text": text }), Origin::Record), answered("A"))
    });
    write(&path, Format::Parquet, layout(&columns), &rows.collect::<Vec<_>>());
    assert!(groups().len() > 1, "{:?}", groups());
    assert_eq!(groups().iter().sum::<i64>(), 120);
}
