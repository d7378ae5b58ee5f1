//! Rows of Parquet: one row each of its Arrow batches.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, IntervalUnit, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use serde_json::{Map, Value};

use super::cells::{JsonRows, is_supported};
use super::columns::{self, Header, refuse_twins};
use super::intervals;
use super::pass::{Pass, raw};
use super::{ReadError, Wanted};
use crate::row::{Column, ColumnKind, Item, Origin, Place, PlaceUnit};

/// How many rows are decoded at a time, at most.
const BATCH_ROWS: usize = 1024;
/// How many bytes are decoded at a time, about.
const BATCH_BYTES: i64 = 16 << 20;

/// Reads the columns of a Parquet file from its footer.
///
/// # Errors
/// When the file is damaged, or two of its columns have the same name.
pub(super) fn header(file: &Arc<str>, path: &Path) -> Result<Header, ReadError> {
    Ok(open(file, path)?.1)
}

type Builder = ParquetRecordBatchReaderBuilder<File>;

fn open(file: &Arc<str>, path: &Path) -> Result<(Builder, Header), ReadError> {
    let builder = builder(file, path, ArrowReaderOptions::new())?;
    if let Some(field) = builder.schema().fields().iter().find(|field| intervals::hides_interval(field)) {
        let name = field.name();
        let reason = format!(
            "column `{name}` has an INTERVAL inside, of which the months cannot be read; write it as text"
        );
        return Err(ReadError::columns(file, reason));
    }
    let column = |field: &Arc<arrow_schema::Field>| {
        let is_interval = intervals::is_interval(field);
        let field = if is_interval { intervals::joined_field(field) } else { field.clone() };
        Column { name: field.name().clone(), kind: ColumnKind::Arrow(field) }
    };
    let columns = builder.schema().fields().iter().map(column).collect();
    let header = Header { file: file.clone(), columns };
    refuse_twins(&header)?;
    Ok((builder, header))
}

fn builder(file: &Arc<str>, path: &Path, options: ArrowReaderOptions) -> Result<Builder, ReadError> {
    let opened = File::open(path).map_err(|error| ReadError::unreadable(file, error))?;
    unpanicked(|| Ok(Builder::try_new_with_options(opened, options)?)).map_err(|error| damaged(file, &error))
}

/// The rows of one Parquet file.
pub(super) struct ParquetRows {
    file: Arc<str>,
    reader: ParquetRecordBatchReader,
    /// The INTERVAL columns among the reader's, by their indices, and a reader of their months.
    intervals: Option<(Vec<usize>, ParquetRecordBatchReader)>,
    /// How many rows the file's row groups say that they have.
    promised: u64,
    /// The columns that are read, as the whole input has them.
    schema: SchemaRef,
    /// Of each column of `schema`, its index in the reader's batches.
    order: Vec<usize>,
    /// Of the columns that rows have as fields, their indices in `schema`.
    shown: Vec<usize>,
    batch: Arc<RecordBatch>,
    /// The columns `shown` of `batch`, and their JSON.
    fields: RecordBatch,
    json: JsonRows,
    /// The next row of `batch`.
    next: usize,
    /// How many rows were read.
    number: u64,
}

impl ParquetRows {
    /// Opens the file at its first row.
    ///
    /// # Errors
    /// When it is damaged, has not the columns of the whole input, or a column that is wanted as JSON has none.
    pub(super) fn open(file: &Arc<str>, path: &Path, pass: &Pass) -> Result<Self, ReadError> {
        let (builder, header) = open(file, path)?;
        let roots = columns::places(&pass.columns, &pass.columns_from, &header)?;
        let mut read: Vec<(&Column, usize)> = pass.columns.iter().zip(roots).collect();
        if !matches!(pass.wanted, Wanted::Origin | Wanted::Checked(_)) {
            let is_kept = |(column, _): &(&Column, usize)| pass.keeps(&column.name);
            // One column is read in any case: without any, the rows would be as many as the footer claims,
            // which in a damaged file is any number.
            let first = read.first().copied();
            read.retain(is_kept);
            read.extend(first.filter(|_| read.is_empty()));
        }
        let schema = schema_of(read.iter().map(|(column, _)| *column));
        let shown = shown(file, &schema, pass)?;

        // The reader gives its columns in the order of the file, whatever order they are asked for.
        let ranks: BTreeMap<usize, usize> =
            read.iter().map(|(_, root)| *root).collect::<BTreeSet<_>>().into_iter().zip(0..).collect();
        let order = read.iter().map(|(_, root)| ranks[root]).collect();
        let roots: Vec<usize> = ranks.into_keys().collect();
        let groups = builder.metadata().row_groups();
        let promised = groups.iter().map(|group| u64::try_from(group.num_rows()).unwrap_or_default()).sum();
        let batch_rows = batch_rows(&builder);
        let file_schema = builder.schema().clone();
        let reader = |roots: &[usize], unit| {
            let has_intervals = file_schema.fields().iter().any(|field| intervals::is_interval(field));
            let options = match has_intervals {
                true => ArrowReaderOptions::new().with_schema(intervals::in_unit(&file_schema, unit)),
                false => ArrowReaderOptions::new(),
            };
            let builder = self::builder(file, path, options)?;
            let mask = ProjectionMask::roots(builder.parquet_schema(), roots.iter().copied());
            unpanicked(|| Ok(builder.with_projection(mask).with_batch_size(batch_rows).build()?))
                .map_err(|error| damaged(file, &error))
        };
        let is_interval = |rank: &usize| intervals::is_interval(file_schema.field(roots[*rank]));
        let interval_ranks: Vec<usize> = (0..roots.len()).filter(is_interval).collect();
        let intervals = match interval_ranks.as_slice() {
            [] => None,
            ranks => {
                let roots: Vec<usize> = ranks.iter().map(|rank| roots[*rank]).collect();
                Some((interval_ranks.clone(), reader(&roots, IntervalUnit::YearMonth)?))
            }
        };
        let reader = reader(&roots, IntervalUnit::DayTime)?;

        let batch = RecordBatch::new_empty(schema.clone());
        let fields = batch.project(&shown).map_err(|error| damaged(file, &error))?;
        let (batch, json) = (Arc::new(batch), JsonRows::default());
        Ok(Self {
            file: file.clone(),
            reader,
            intervals,
            promised,
            schema,
            order,
            shown,
            batch,
            fields,
            json,
            next: 0,
            number: 0,
        })
    }

    /// The next row, which is at `position` of the whole input. `None` at the end of the file.
    ///
    /// # Errors
    /// When the file is damaged.
    pub(super) fn next(&mut self, position: u64, pass: &Pass) -> Result<Option<Item>, ReadError> {
        while self.next == self.batch.num_rows() {
            if !self.advance().map_err(|error| damaged(&self.file, &error))? {
                return self.counted().map(|()| None);
            }
        }
        let index = self.next;
        self.next += 1;
        self.number += 1;
        let place = Place { file: self.file.clone(), number: self.number, unit: PlaceUnit::Row };
        let fields = self.fields(index).map_err(|error| damaged(&self.file, &error))?;
        let origin = Origin::Columnar(self.batch.clone(), index);
        Ok(Some(pass.item(position, place, Ok((fields, origin)), |fields| nameless(fields, pass))))
    }

    /// Holds the rows that were read against those that the row groups say they have.
    fn counted(&self) -> Result<(), ReadError> {
        if self.number == self.promised {
            return Ok(());
        }
        let reason = format!(
            "its row groups say they have {} rows, and {} can be read; write it again with another program",
            self.promised, self.number
        );
        Err(ReadError::Parquet { file: self.file.to_string(), reason })
    }

    /// Reads the next batch. False at the end of the file.
    fn advance(&mut self) -> Result<bool, ArrowError> {
        let Some(batch) = unpanicked(|| self.reader.next().transpose())? else { return Ok(false) };
        let mut read = batch.columns().to_vec();
        if let Some((ranks, reader)) = &mut self.intervals {
            let months = unpanicked(|| reader.next().transpose())?
                .ok_or_else(|| ArrowError::ParquetError("its INTERVAL columns end too early".to_owned()))?;
            for (rank, months) in ranks.iter().zip(months.columns()) {
                read[*rank] = intervals::joined(months, &read[*rank])?;
            }
        }
        let columns = self.order.iter().map(|index| read[*index].clone()).collect();
        // Given apart, because a batch of no columns has rows all the same.
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?;
        self.fields = batch.project(&self.shown)?;
        self.batch = Arc::new(batch);
        self.json.clear();
        self.next = 0;
        Ok(true)
    }

    fn fields(&mut self, index: usize) -> Result<Map<String, Value>, ArrowError> {
        if self.shown.is_empty() { Ok(Map::new()) } else { self.json.fields(&self.fields, index) }
    }
}

fn schema_of<'a>(columns: impl Iterator<Item = &'a Column>) -> SchemaRef {
    let field = |column: &Column| match &column.kind {
        ColumnKind::Arrow(field) => Some(field.clone()),
        ColumnKind::Text | ColumnKind::Json(_) => None,
    };
    Arc::new(Schema::new(columns.filter_map(field).collect::<Vec<_>>()))
}

/// Which columns of `schema` rows have as fields.
fn shown(file: &str, schema: &Schema, pass: &Pass) -> Result<Vec<usize>, ReadError> {
    let mut shown = Vec::new();
    for (index, field) in schema.fields().iter().enumerate() {
        let is_shown = match pass.wanted {
            Wanted::Origin => pass.is_id(field.name()),
            Wanted::Fields | Wanted::Only(_) | Wanted::Checked(_) => pass.keeps(field.name()),
        };
        if !is_shown {
            continue;
        }
        if !is_supported(field) {
            let reason = format!(
                "column `{}` is of type {}, which has no form in JSON; leave it out of the prompt, or convert it",
                field.name(),
                field.data_type()
            );
            return Err(ReadError::columns(file, reason));
        }
        shown.push(index);
    }
    Ok(shown)
}

/// Fewer rows a batch where rows are long, so that a batch does not outgrow memory.
fn batch_rows(builder: &Builder) -> usize {
    let longest = builder
        .metadata()
        .row_groups()
        .iter()
        .map(|group| group.total_byte_size().max(0) / group.num_rows().max(1))
        .max()
        .unwrap_or(0);
    usize::try_from(BATCH_BYTES / longest.max(1)).unwrap_or(BATCH_ROWS).clamp(1, BATCH_ROWS)
}

/// What is kept of a row without a name: its id column alone, since other columns are not read in every pass.
fn nameless(fields: &Map<String, Value>, pass: &Pass) -> Vec<u8> {
    let id = fields.iter().filter(|(name, _)| pass.is_id(name));
    let id = id.map(|(name, value)| (name.clone(), value.clone())).collect();
    raw(Value::Object(id).to_string().as_bytes())
}

fn damaged(file: &str, error: &ArrowError) -> ReadError {
    ReadError::Parquet { file: file.to_owned(), reason: error.to_string() }
}

/// Decodes, and makes a panic an error: the decoder panics on some damaged files.
fn unpanicked<T>(decode: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    // What a panic leaves behind is not used again: an error ends the pass.
    panic::catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        Err(ArrowError::ParquetError(text.unwrap_or("the decoder gave up").to_owned()))
    })
}
