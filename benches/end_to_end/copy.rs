//! The bare copy: reads an exported file and writes it again with the same crates, and nothing else. Any further cost of an
//! export is fanfold's own.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value};

/// As in `write/parquet.rs`, so that both compress alike.
const GROUP_ROWS: usize = 128 * 1024;
const GROUP_BYTES: usize = 64 * 1024 * 1024;
const ZSTD_LEVEL: i32 = 1;

/// Bytes that go to the file at once, as in an export.
const BUFFER_BYTES: usize = 256 * 1024;

/// Copies a file of one of the formats, synced like an output.
pub(crate) fn run(input: &str, output: &str) {
    let file = File::create(output).expect("the output");
    let synced = file.try_clone().expect("a handle");
    let output = BufWriter::with_capacity(BUFFER_BYTES, file);
    let input_file = File::open(input).expect("the input");
    match Path::new(input).extension().and_then(|ending| ending.to_str()) {
        Some("jsonl") => jsonl(BufReader::with_capacity(BUFFER_BYTES, input_file), output),
        Some("csv") => csv(input_file, output),
        _ => parquet(input_file, output),
    }
    synced.sync_all().expect("synced");
}

fn jsonl(input: impl BufRead, mut output: impl Write) {
    for line in input.lines() {
        let row: Map<String, Value> = serde_json::from_str(&line.expect("a line")).expect("JSON");
        serde_json::to_writer(&mut output, &row).expect("written");
        output.write_all(b"\n").expect("written");
    }
    output.flush().expect("written");
}

fn csv(input: File, output: impl Write) {
    let mut rows =
        csv::ReaderBuilder::new().buffer_capacity(BUFFER_BYTES).has_headers(false).from_reader(input);
    let mut writer = csv::Writer::from_writer(output);
    let mut row = csv::StringRecord::new();
    while rows.read_record(&mut row).expect("a row") {
        writer.write_record(&row).expect("written");
    }
    writer.flush().expect("written");
}

fn parquet(input: File, output: impl Write + Send) {
    let rows = ParquetRecordBatchReaderBuilder::try_new(input).expect("Parquet");
    let level = ZstdLevel::try_new(ZSTD_LEVEL).expect("a level");
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_max_row_group_bytes(Some(GROUP_BYTES));
    let mut writer =
        ArrowWriter::try_new(output, rows.schema().clone(), Some(properties.build())).expect("a writer");
    for batch in rows.build().expect("rows") {
        writer.write(&batch.expect("a batch")).expect("written");
    }
    writer.close().expect("written");
}
