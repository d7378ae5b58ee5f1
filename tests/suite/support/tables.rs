//! Inputs made, and outputs read, in every format.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use arrow::json::LineDelimitedWriter;
use arrow::json::writer::{LineDelimited, WriterBuilder};
use calamine::{Data, Reader, Xlsx, open_workbook};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value};

/// The answer columns, in the order of the interface page.
pub const ANSWER_COLUMNS: [&str; 17] = [
    "response",
    "reasoning",
    "tool_calls",
    "finish_reason",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "cost",
    "model",
    "request_id",
    "attempts",
    "latency_ms",
    "status",
    "error_code",
    "error",
];

/// A table: its columns, and its rows as objects. In CSV all values are text.
#[derive(Debug)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Map<String, Value>>,
}

impl Table {
    /// Reads a file by its ending.
    pub fn read(path: &Path) -> Self {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        match name.trim_end_matches(".gz").trim_end_matches(".zst").rsplit('.').next() {
            Some("jsonl") => Self::of_jsonl(&text(path)),
            Some("csv") => Self::of_csv(&text(path), delimiter(&text(path))),
            Some("tsv") => Self::of_csv(&text(path), b'\t'),
            Some("parquet") => Self::of_parquet(path),
            Some("xlsx") => Self::of_sheet(path),
            other => panic!("no table: {other:?}"),
        }
    }

    fn of_jsonl(text: &str) -> Self {
        let rows: Vec<Map<String, Value>> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
        let columns = rows.first().map(|row| row.keys().cloned().collect()).unwrap_or_default();
        Self { columns, rows }
    }

    fn of_csv(text: &str, delimiter: u8) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
        let columns: Vec<String> = reader.headers().expect("a header").iter().map(str::to_owned).collect();
        let row =
            |record: csv::StringRecord| columns.iter().cloned().zip(record.iter().map(Value::from)).collect();
        let rows = reader.records().map(|record| row(record.expect("a record"))).collect();
        Self { columns, rows }
    }

    fn of_parquet(path: &Path) -> Self {
        let (schema, batches) = batches(path);
        let mut out: LineDelimitedWriter<Vec<u8>> =
            WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
        out.write_batches(&batches.iter().collect::<Vec<_>>()).expect("JSON");
        out.finish().expect("JSON");
        let table = Self::of_jsonl(&String::from_utf8(out.into_inner()).expect("text"));
        Self { columns: schema.fields().iter().map(|field| field.name().clone()).collect(), ..table }
    }

    fn of_sheet(path: &Path) -> Self {
        let mut workbook: Xlsx<_> = open_workbook(path).expect("a spreadsheet");
        let range = workbook.worksheet_range_at(0).expect("a sheet").expect("cells");
        let value = |cell: &Data| match cell {
            Data::Empty => Value::Null,
            Data::Bool(flag) => Value::from(*flag),
            Data::Float(number) if number.fract() == 0.0 => Value::from(*number as i64),
            Data::Float(number) => Value::from(*number),
            other => Value::from(other.to_string()),
        };
        let mut rows = range.rows().map(|row| row.iter().map(value).collect::<Vec<_>>());
        let header = rows.next().expect("a header");
        let columns: Vec<String> =
            header.iter().map(|name| name.as_str().expect("a name").to_owned()).collect();
        Self { rows: rows.map(|row| columns.iter().cloned().zip(row).collect()).collect(), columns }
    }

    /// The texts of a column; nulls and absent values are empty.
    pub fn texts(&self, column: &str) -> Vec<String> {
        let text = |row: &Map<String, Value>| match row.get(column) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        self.rows.iter().map(text).collect()
    }
}

/// A Parquet file as Arrow reads it.
pub fn batches(path: &Path) -> (SchemaRef, Vec<RecordBatch>) {
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(File::open(path).expect("a file")).expect("Parquet");
    let schema = builder.schema().clone();
    (schema, builder.build().expect("a reader").map(|batch| batch.expect("a batch")).collect())
}

/// Parquet of these columns.
pub fn parquet(columns: impl IntoIterator<Item = (&'static str, ArrayRef)>) -> Vec<u8> {
    let with_nulls = columns.into_iter().map(|(name, array)| (name, array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(with_nulls).expect("columns of one length");
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.into_inner().expect("whole")
}

/// An Arrow column of texts.
pub fn strings<'a>(texts: impl IntoIterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(texts.into_iter().collect::<arrow::array::StringArray>())
}

/// CSV of these records, with a delimiter.
pub fn csv(delimiter: u8, records: &[Vec<&str>]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    for record in records {
        writer.write_record(record).expect("written");
    }
    writer.into_inner().expect("whole")
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("written");
    encoder.finish().expect("whole")
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("compressed")
}

/// What is between the names of a CSV file's header.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default().as_bytes();
    let count = |sign: &u8| header.iter().filter(|byte| *byte == sign).count();
    b"|\t;,".iter().copied().max_by_key(count).unwrap_or(b',')
}

fn text(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut text = String::new();
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("gz") => {
            flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).expect("gzip");
        }
        Some("zst") => text = String::from_utf8(zstd::decode_all(&bytes[..]).expect("zstd")).expect("text"),
        _ => text = String::from_utf8(bytes).expect("text"),
    }
    text
}
