//! Rows in every form in which they are read, and outputs read back with the formats' own libraries.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::array_value_to_string;
use calamine::{Data, Reader, Xlsx, open_workbook};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};

use crate::format::{Compression, Format};
use crate::outcome::{Answer, RowResult, Status, Usage};
use crate::row::{BadRow, Column, ColumnKind, Item, JsonKind, Origin, Place, PlaceUnit, Row};
use crate::write::{Layout, OutputSpec, Target, Writer};

pub(in crate::write) const FORMATS: [Format; 5] =
    [Format::Jsonl, Format::Csv, Format::Tsv, Format::Parquet, Format::Xlsx];

/// A row of two columns, `id` and `text`.
pub(in crate::write) type Sample = (i64, Option<&'static str>);

/// One input: its columns and rows.
pub(in crate::write) struct Input {
    pub(in crate::write) form: &'static str,
    pub(in crate::write) columns: Vec<Column>,
    pub(in crate::write) items: Vec<Item>,
}

/// The same rows as lines of JSONL, records of CSV, and rows of Arrow batches with and without their fields.
pub(in crate::write) fn inputs(samples: &[Sample]) -> Vec<Input> {
    let kinds = |id: ColumnKind, text: ColumnKind| {
        vec![Column { name: "id".into(), kind: id }, Column { name: "text".into(), kind: text }]
    };
    let object = |sample: &Sample| json!({ "id": sample.0, "text": sample.1 });
    let lines = samples.iter().enumerate().map(|(n, sample)| line(n, &object(sample).to_string()));
    let records = samples.iter().enumerate().map(|(n, sample)| {
        let fields = json!({ "id": sample.0.to_string(), "text": sample.1.unwrap_or_default() });
        row(n, fields, Origin::Record)
    });
    // Two batches, so that slices must be joined.
    let (early, late) = samples.split_at(samples.len() / 2);
    let (early, late) = (batch(early), batch(late));
    let columnar = |with_fields: bool| {
        let places =
            (0..early.num_rows()).map(|n| (&early, n)).chain((0..late.num_rows()).map(|n| (&late, n)));
        let rows = places.zip(samples).enumerate().map(|(n, ((batch, index), sample))| {
            let fields = if with_fields { object(sample) } else { json!({}) };
            row(n, fields, Origin::Columnar(batch.clone(), index))
        });
        rows.collect()
    };
    let json = kinds(ColumnKind::Json(JsonKind::Integer), ColumnKind::Json(JsonKind::Text));
    let text = kinds(ColumnKind::Text, ColumnKind::Text);
    let schema = early.schema();
    let arrow =
        kinds(ColumnKind::Arrow(schema.fields()[0].clone()), ColumnKind::Arrow(schema.fields()[1].clone()));
    vec![
        Input { form: "lines", columns: json, items: lines.collect() },
        Input { form: "records", columns: text, items: records.collect() },
        Input { form: "batches", columns: arrow.clone(), items: columnar(false) },
        Input { form: "batches with fields", columns: arrow, items: columnar(true) },
    ]
}

fn batch(samples: &[Sample]) -> Arc<RecordBatch> {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(samples.iter().map(|sample| sample.0)));
    let texts: ArrayRef = Arc::new(StringArray::from_iter(samples.iter().map(|sample| sample.1)));
    let fields = vec![Field::new("id", DataType::Int64, false), Field::new("text", DataType::Utf8, true)];
    Arc::new(RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![ids, texts]).expect("a batch"))
}

/// A line of JSONL, read.
pub(in crate::write) fn line(position: usize, text: &str) -> Item {
    row(position, serde_json::from_str(text).expect("an object"), Origin::Line(text.into()))
}

pub(in crate::write) fn row(position: usize, fields: Value, origin: Origin) -> Item {
    let Value::Object(fields) = fields else { panic!("a row is an object") };
    Item::Row(Row {
        position: position as u64,
        place: place(position),
        id: None,
        fields,
        origin,
        whole: None,
    })
}

pub(in crate::write) fn bad(position: usize) -> Item {
    Item::Bad(BadRow {
        position: position as u64,
        place: place(position),
        reason: "not an object".into(),
        code: None,
        raw: b"{".to_vec(),
        row: None,
    })
}

fn place(position: usize) -> Place {
    Place { file: "in.jsonl".into(), number: position as u64 + 1, unit: PlaceUnit::Line }
}

/// The result of an answered row, with a value in every column except those of errors.
pub(in crate::write) fn answered(response: &str) -> RowResult {
    let usage = Usage {
        prompt_tokens: Some(12),
        completion_tokens: Some(5),
        total_tokens: Some(17),
        cached_tokens: Some(4),
        reasoning_tokens: None,
        ..Usage::default()
    };
    RowResult {
        answer: Some(Answer {
            response: Some(response.into()),
            reasoning: None,
            tool_calls: Some("[{\"id\": \"a\"}]".into()),
            finish_reason: Some("stop".into()),
            usage: Some(usage),
            model: Some("qwen-plus".into()),
            request_id: Some("r-1".into()),
            simulated: false,
            miscounted: false,
            flaw: None,
            warnings: Vec::new(),
        }),
        cost: Some(0.25),
        attempts: Some(2),
        latency_ms: Some(1200),
        status: Status::Ok,
        warnings: vec!["a: one".into(), "b: two, \"three\"".into()],
        ..RowResult::default()
    }
}

pub(in crate::write) fn failed(error: &str) -> RowResult {
    RowResult {
        status: Status::Failed,
        error_code: Some("bad_row".into()),
        error: Some(error.into()),
        ..RowResult::default()
    }
}

/// The layout of an input for a format, as in a run.
pub(in crate::write) fn layout(input: &Input, format: Format, spec: &OutputSpec) -> Layout {
    let known = !(input.form == "lines" && format == Format::Jsonl);
    Layout::new(known.then_some(input.columns.as_slice()), spec).expect("a layout")
}

/// Writes a whole output into `path`.
pub(in crate::write) fn write(path: &Path, format: Format, layout: Layout, rows: &[(Item, RowResult)]) {
    let compression = Compression::of_path(&path.to_string_lossy());
    let mut writer =
        Writer::create(Target::File(path.into()), format, compression, layout).expect("a writer");
    for (item, result) in rows {
        writer.write(item, result).expect("a row is written");
    }
    writer.finish().expect("the output is finished");
}

/// An output read back: the names of its columns, and the text of every cell, with `None` for null and for empty cells in
/// CSV.
pub(in crate::write) struct Table {
    pub(in crate::write) names: Vec<String>,
    pub(in crate::write) rows: Vec<Vec<Option<String>>>,
}

impl Table {
    pub(in crate::write) fn column(&self, name: &str) -> Vec<Option<&str>> {
        let index = self.names.iter().position(|other| other == name).expect("a column of that name");
        self.rows.iter().map(|row| row[index].as_deref()).collect()
    }
}

pub(in crate::write) fn read(path: &Path, format: Format) -> Table {
    match format {
        Format::Jsonl => read_jsonl(path),
        Format::Csv => read_csv(path, b','),
        Format::Tsv => read_csv(path, b'\t'),
        Format::Parquet => read_parquet(path),
        Format::Xlsx => read_sheet(path),
    }
}

pub(in crate::write) fn text_of(path: &Path) -> String {
    let bytes = fs::read(path).expect("the output");
    let mut text = String::new();
    match Compression::of_path(&path.to_string_lossy()) {
        Compression::Plain => text = String::from_utf8(bytes).expect("UTF-8"),
        Compression::Gzip => {
            flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).expect("gzip");
        }
        Compression::Zstd => {
            zstd::Decoder::new(&bytes[..])
                .and_then(|mut bytes| bytes.read_to_string(&mut text))
                .expect("zstd");
        }
    }
    text
}

fn read_jsonl(path: &Path) -> Table {
    let text = text_of(path);
    let objects: Vec<Map<String, Value>> =
        text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let names = objects.iter().map(|object| object.keys().cloned().collect()).max_by_key(Vec::len);
    let names: Vec<String> = names.unwrap_or_default();
    let cell = |value: Option<&Value>| match value {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    };
    let rows = objects.iter().map(|object| names.iter().map(|name| cell(object.get(name))).collect());
    Table { rows: rows.collect(), names: names.clone() }
}

fn read_csv(path: &Path, delimiter: u8) -> Table {
    let text = text_of(path);
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
    let names = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    let cell = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let rows = reader.records().map(|record| record.expect("a record").iter().map(cell).collect());
    Table { names, rows: rows.collect() }
}

fn read_parquet(path: &Path) -> Table {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).expect("the output"));
    let builder = builder.expect("a Parquet file");
    let names = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut rows = Vec::new();
    for batch in builder.build().expect("a reader") {
        let batch = batch.expect("a batch");
        let cell = |array: &ArrayRef, row| {
            array.is_valid(row).then(|| array_value_to_string(array, row).expect("text"))
        };
        let row = |row| batch.columns().iter().map(|array| cell(array, row)).collect();
        rows.extend((0..batch.num_rows()).map(row));
    }
    Table { names, rows }
}

fn read_sheet(path: &Path) -> Table {
    let mut workbook: Xlsx<_> = open_workbook(path).expect("a spreadsheet");
    let range = workbook.worksheet_range("Sheet1").expect("a sheet");
    let text = |cell: &Data| match cell {
        Data::Empty => None,
        other => Some(other.to_string()),
    };
    let mut rows = range.rows().map(|row| row.iter().map(text).collect::<Vec<_>>());
    let names = rows.next().expect("a header").into_iter().map(Option::unwrap_or_default).collect();
    Table { names, rows: rows.collect() }
}
