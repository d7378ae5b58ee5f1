//! Parquet: input columns keep their Arrow types, answer columns get the types of their kinds.

mod builder;
mod columnar;
pub(super) mod decimals;
pub(super) mod lines;
mod runs;

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::answered::Answered;
use super::cells::CellReader;
use super::columns::{ColumnSource, Layout};
use super::encoder::Encoder;
use super::error::WriteError;
use crate::outcome::RowResult;
use crate::row::{Column, ColumnKind, Item};

use builder::ColumnBuilder;
use runs::Runs;

/// How many rows are converted to columns at once.
const BATCH_ROWS: usize = 8192;
/// The approximate bytes of values after which fewer rows are converted at once.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// The maximum rows of a row group: a unit that suits readers that process a file in parallel.
const GROUP_ROWS: usize = 128 * 1024;
/// The approximate encoded bytes of a row group, which is held in memory until it is complete.
const GROUP_BYTES: usize = 64 * 1024 * 1024;
/// The fastest level of zstd: about as quick as snappy on text, which it compresses a good third smaller; all readers of
/// Parquet have supported it for years.
const ZSTD_LEVEL: i32 = 1;

/// Writes rows as Parquet.
pub(super) struct ParquetWriter {
    file: ArrowWriter<Encoder>,
    schema: SchemaRef,
    path: PathBuf,
    columns: Vec<PendingColumn>,
    /// Rows of the input's batches, for columns that keep their Arrow type.
    runs: Runs,
    /// Whether there are such columns.
    has_runs: bool,
    /// The other input columns.
    cells: CellReader,
    layout: Layout,
    pending_rows: usize,
    /// The approximate bytes of values in the pending rows.
    pending_bytes: usize,
}

/// The pending values of one column of the output.
enum PendingColumn {
    /// Taken from the input's batches, by the column's name there.
    Batch(String),
    /// Taken from the row's cell at this index.
    Cell(usize, ColumnBuilder),
    /// Any other column.
    Answer(ColumnSource, ColumnBuilder),
}

impl ParquetWriter {
    /// Begins the file. All columns are nullable, whatever the input's schema says: a row that could not be read is in the
    /// output too, and that is known only long after the schema is fixed.
    pub(super) fn new(output: Encoder, layout: Layout) -> Result<Self, WriteError> {
        let path = output.path().to_path_buf();
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        let mut cell_names = Vec::new();
        for column in &layout.columns {
            let (pending, field) = match column.source {
                ColumnSource::Input(index) => {
                    input_column(&layout.inputs[index], &column.name, &mut cell_names)
                }
                answer => {
                    let builder = ColumnBuilder::of_answer(layout.kind(answer));
                    let field = Field::new(&column.name, builder.data_type(), true);
                    (PendingColumn::Answer(answer, builder), field)
                }
            };
            columns.push(pending);
            fields.push(field);
        }
        let schema = Arc::new(Schema::new(fields));
        let file = columnar::options(&schema, properties())
            .and_then(|options| ArrowWriter::try_new_with_options(output, schema.clone(), options))
            .map_err(|error| parquet_error(path.clone(), error))?;
        let is_json =
            |column: &PendingColumn| matches!(column, PendingColumn::Cell(_, ColumnBuilder::Json(_)));
        let as_spelled = columns.iter().any(is_json);
        Ok(Self {
            file,
            schema,
            path,
            has_runs: columns.iter().any(|column| matches!(column, PendingColumn::Batch(_))),
            columns,
            runs: Runs::default(),
            cells: CellReader::new(cell_names.iter().map(String::as_str), as_spelled),
            layout,
            pending_rows: 0,
            pending_bytes: 0,
        })
    }

    /// Adds one row, and writes the pending ones when there are many.
    pub(super) fn write(&mut self, item: &Item, result: &RowResult) -> Result<(), WriteError> {
        if self.has_runs {
            self.pending_bytes += self.runs.push(item)?;
        }
        let cells = self.cells.read(item)?;
        let answered = Answered::read(result, &self.layout);
        for (column, field) in self.columns.iter_mut().zip(self.schema.fields()) {
            self.pending_bytes += match column {
                PendingColumn::Batch(_) => 0,
                PendingColumn::Answer(source, builder) => builder.push_answer(answered.value(*source)),
                PendingColumn::Cell(index, builder) => {
                    builder.push_cell(cells[*index]).ok_or_else(|| misfit(item, field))?
                }
            };
        }
        self.pending_rows += 1;
        if self.pending_rows >= BATCH_ROWS || self.pending_bytes >= BATCH_BYTES {
            self.write_pending()?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<super::atomic::ByteSink, WriteError> {
        self.write_pending()?;
        let path = self.path;
        let output = self.file.into_inner().map_err(|error| parquet_error(path.clone(), error))?;
        output.finish().map_err(|source| WriteError::writing(&path, source))
    }

    /// Passes the pending rows to the file, which writes row groups as they fill.
    fn write_pending(&mut self) -> Result<(), WriteError> {
        if self.pending_rows == 0 {
            return Ok(());
        }
        let batch = self.pending_batch().map_err(|error| encoding(self.path.clone(), error.into()))?;
        self.file.write(&batch).map_err(|error| parquet_error(self.path.clone(), error))?;
        self.runs.clear();
        self.pending_rows = 0;
        self.pending_bytes = 0;
        Ok(())
    }

    fn pending_batch(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for (column, field) in self.columns.iter_mut().zip(self.schema.fields()) {
            arrays.push(match column {
                PendingColumn::Batch(name) => self.runs.column(name, field.data_type())?,
                PendingColumn::Cell(_, builder) | PendingColumn::Answer(_, builder) => builder.finish(),
            });
        }
        RecordBatch::try_new(self.schema.clone(), arrays)
    }
}

/// An input column of the output. The name of one that is not in Arrow form is added to `cell_names`.
fn input_column(input: &Column, name: &str, cell_names: &mut Vec<String>) -> (PendingColumn, Field) {
    let builder = match &input.kind {
        ColumnKind::Arrow(field) => {
            let field = field.as_ref().clone().with_name(name).with_nullable(true);
            return (PendingColumn::Batch(input.name.clone()), field);
        }
        ColumnKind::Text => ColumnBuilder::of_text(),
        ColumnKind::Json(kind) => ColumnBuilder::of_json(*kind),
    };
    cell_names.push(input.name.clone());
    let field = Field::new(name, builder.data_type(), true);
    (PendingColumn::Cell(cell_names.len() - 1, builder), field)
}

fn properties() -> WriterProperties {
    let zstd = ZstdLevel::try_new(ZSTD_LEVEL).unwrap_or_default();
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(zstd))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_max_row_group_bytes(Some(GROUP_BYTES))
        .build()
}

fn misfit(item: &Item, field: &Field) -> WriteError {
    let expected = match field.data_type() {
        DataType::Boolean => "true or false",
        DataType::Int64 | DataType::UInt64 => "a whole number",
        DataType::Float64 => "a number",
        _ => "text",
    };
    WriteError::row(item, format!("the column `{}` does not hold {expected}, as it should", field.name()))
}

/// The `WriteError` for an error of the Parquet library, usually a failure to write the file.
fn parquet_error(path: PathBuf, error: ParquetError) -> WriteError {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(source) => WriteError::writing(&path, *source),
            Err(cause) => encoding(path, cause),
        },
        other => encoding(path, other.into()),
    }
}

fn encoding(path: PathBuf, source: Box<dyn Error + Send + Sync>) -> WriteError {
    WriteError::Encoding { path, source }
}

#[cfg(test)]
mod tests;
