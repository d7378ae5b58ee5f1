//! A folder of input files for tests, with short ways to read them.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;

use super::workbook::{text_row, workbook};
use crate::format::Format;
use crate::read::{InputSpec, Projection, Source};
use crate::row::{Item, Row};

pub(super) const FORMATS: [Format; 5] =
    [Format::Jsonl, Format::Csv, Format::Tsv, Format::Parquet, Format::Xlsx];

/// A folder of input files.
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), content).unwrap();
        self.path(name).display().to_string()
    }

    /// Rows of columns `id` and `text`, where no text is null (an empty cell in CSV).
    pub(super) fn rows(&self, name: &str, format: Format, rows: &[(i64, Option<&str>)]) -> String {
        let quoted = |text: Option<&str>| format!("\"{}\"", text.unwrap_or_default().replace('"', "\"\""));
        let table = |delimiter: &str| {
            let lines = rows.iter().map(|(id, text)| format!("{id}{delimiter}{}\n", quoted(*text)));
            format!("id{delimiter}text\n{}", lines.collect::<String>())
        };
        let content = match format {
            Format::Jsonl => {
                let line = |(id, text): &(i64, Option<&str>)| serde_json::json!({"id": id, "text": text});
                rows.iter().map(|row| format!("{}\n", line(row))).collect::<String>().into_bytes()
            }
            Format::Csv => table(",").into_bytes(),
            Format::Tsv => table("\t").into_bytes(),
            Format::Parquet => parquet_of(rows),
            Format::Xlsx => workbook(&[("Sheet1", "visible", &sheet_rows(rows))], "", ""),
        };
        self.write(&format!("{name}.{format}"), content)
    }

    pub(super) fn spec(&self, paths: &[&str]) -> InputSpec {
        InputSpec::new(paths.iter().copied(), self.path("spool"))
    }
}

/// The XML of a sheet of columns `id` and `text`.
pub(super) fn sheet_rows(rows: &[(i64, Option<&str>)]) -> String {
    let row = |(id, text): &(i64, Option<&str>)| {
        text_row(&[None, *text]).replacen("<c/>", &format!("<c><v>{id}</v></c>"), 1)
    };
    text_row(&[Some("id"), Some("text")]) + &rows.iter().map(row).collect::<String>()
}

pub(super) fn batch_of(rows: &[(i64, Option<&str>)]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(rows.iter().map(|row| Some(row.0)).collect::<Int64Array>());
    let texts: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<StringArray>());
    RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("text", texts, true)]).unwrap()
}

pub(super) fn parquet_of(rows: &[(i64, Option<&str>)]) -> Vec<u8> {
    parquet_file(&batch_of(rows))
}

pub(super) fn parquet_file(batch: &RecordBatch) -> Vec<u8> {
    // Several row groups, so that batches end in the middle of the file.
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1500)).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

pub(super) fn open(spec: InputSpec) -> Result<Source, String> {
    Source::open_with(spec, io::empty(), true).map_err(|error| error.to_string())
}

pub(super) fn read_all(spec: InputSpec, wanted: Projection) -> Result<Vec<Item>, String> {
    let rows = open(spec)?.rows(wanted).map_err(|error| error.to_string())?;
    rows.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

pub(super) fn row(item: &Item) -> &Row {
    match item {
        Item::Row(row) => row,
        Item::Bad(bad) => panic!("{}: {}", bad.place, bad.reason),
    }
}

pub(super) fn reason(item: &Item) -> &str {
    match item {
        Item::Row(row) => panic!("{row:?} was read"),
        Item::Bad(bad) => &bad.reason,
    }
}

pub(super) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 3).unwrap()
}
