//! Rows of Parquet: the rows of its Arrow batches.

mod chosen;
mod file;
pub(super) mod types;

use std::iter::repeat_n;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray, new_null_array};
use arrow::datatypes::{Field, FieldRef, IntervalUnit, Schema, SchemaRef};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use serde_json::{Map, Value};

use super::cells::{JsonRows, is_supported};
use super::error::ReadError;
use super::input_file::InputFile;
use super::intervals;
use super::pass::{ReadPass, raw};
use super::spec::Projection;
use crate::row::{Item, Origin, Place, PlaceUnit};

use chosen::{Chosen, Values};
pub(super) use file::header;
use file::{batch_rows, damaged, open, reader, unpanicked};

/// The rows of one Parquet file.
pub(super) struct ParquetRows {
    file: Arc<str>,
    reader: ParquetRecordBatchReader,
    /// The indices of the INTERVAL columns among the reader's, and a reader of their months.
    intervals: Option<(Vec<usize>, ParquetRecordBatchReader)>,
    /// How many rows there are according to the file's row groups.
    promised: u64,
    /// The columns that are read, in this file's types.
    own: SchemaRef,
    /// The same columns in the types of the whole input.
    whole: SchemaRef,
    /// Whether these differ.
    is_joined: bool,
    /// Where the values of each of these columns are.
    values: Vec<Values>,
    /// The indices in `own` of the columns that become fields.
    shown: Vec<usize>,
    batch: Arc<RecordBatch>,
    /// The columns `shown`, in this file's types, and their JSON.
    fields: RecordBatch,
    json: JsonRows,
    /// The next row of `batch`.
    next: usize,
    /// How many rows have been read.
    number: u64,
}

impl ParquetRows {
    /// Opens the file at its first row.
    ///
    /// # Errors
    /// The file is damaged, lacks the columns of the whole input, or has a requested column that JSON cannot represent.
    pub(super) fn open(input: &InputFile, pass: &ReadPass) -> Result<Self, ReadError> {
        let InputFile { file, path, folders, .. } = input;
        let (builder, header) = open(file, path)?;
        let file_schema = builder.schema().clone();
        let Chosen { own, whole, values, roots } = Chosen::new(&file_schema, header, folders, pass)?;
        let shown = shown(file, &own, pass)?;

        let groups = builder.metadata().row_groups();
        let promised = groups.iter().map(|group| u64::try_from(group.num_rows()).unwrap_or_default()).sum();
        let batch_rows = batch_rows(&builder);
        let reader = |roots: &[usize], unit| reader(file, path, &file_schema, (roots, unit), batch_rows);
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

        let batch = RecordBatch::new_empty(whole.clone());
        let fields =
            RecordBatch::new_empty(own.clone()).project(&shown).map_err(|error| damaged(file, &error))?;
        Ok(Self {
            file: file.clone(),
            reader,
            intervals,
            promised,
            is_joined: own != whole,
            own,
            whole,
            values,
            shown,
            batch: Arc::new(batch),
            fields,
            json: JsonRows::default(),
            next: 0,
            number: 0,
        })
    }

    /// Moves to the next row. False at the end of the file.
    ///
    /// # Errors
    /// The file is damaged.
    pub(super) fn advance(&mut self) -> Result<bool, ReadError> {
        self.next += 1;
        while self.next > self.batch.num_rows() {
            if !self.advance_batch().map_err(|error| damaged(&self.file, &error))? {
                return self.counted().map(|()| false);
            }
            self.next = 1;
        }
        self.number += 1;
        Ok(true)
    }

    /// The current row, which is at `position` of the whole input.
    ///
    /// # Errors
    /// The file is damaged.
    pub(super) fn item(&mut self, position: u64, pass: &ReadPass) -> Result<Item, ReadError> {
        let index = self.next - 1;
        let place = Place { file: self.file.clone(), number: self.number, unit: PlaceUnit::Row };
        let fields = self.fields(index).map_err(|error| damaged(&self.file, &error))?;
        let origin = Origin::Columnar(self.batch.clone(), index);
        Ok(pass.item(position, place, Ok((fields, origin)), |fields| nameless(fields, pass)))
    }

    /// Compares the number of rows read with the number given by the row groups.
    fn counted(&self) -> Result<(), ReadError> {
        if self.number == self.promised {
            return Ok(());
        }
        let reason = format!(
            "its row groups declare {} rows, but {} can be read; write it again with another program",
            self.promised, self.number
        );
        Err(ReadError::Parquet { file: self.file.to_string(), reason })
    }

    /// Reads the next batch. False at the end of the file.
    fn advance_batch(&mut self) -> Result<bool, ArrowError> {
        let Some(batch) = unpanicked(|| self.reader.next().transpose())? else { return Ok(false) };
        let mut read = batch.columns().to_vec();
        if let Some((ranks, reader)) = &mut self.intervals {
            let months = unpanicked(|| reader.next().transpose())?
                .ok_or_else(|| ArrowError::ParquetError("its INTERVAL columns end too early".to_owned()))?;
            for (rank, months) in ranks.iter().zip(months.columns()) {
                read[*rank] = intervals::joined(months, &read[*rank])?;
            }
        }
        let (rows, fields) = (batch.num_rows(), self.own.fields());
        let own = self.values.iter().zip(fields).map(|(values, field)| match values {
            Values::Read(index) => read[*index].clone(),
            Values::Constant(None) => new_null_array(field.data_type(), rows),
            Values::Constant(Some(text)) => Arc::new(StringArray::from_iter_values(repeat_n(text, rows))),
        });
        // Given explicitly, because a batch without columns still has rows.
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let own = RecordBatch::try_new_with_options(self.own.clone(), own.collect(), &options)?;
        self.fields = own.project(&self.shown)?;
        self.batch = Arc::new(self.joined(own)?);
        self.json.clear();
        Ok(true)
    }

    /// The rows in the types of the whole input.
    fn joined(&self, own: RecordBatch) -> Result<RecordBatch, ArrowError> {
        if !self.is_joined {
            return Ok(own);
        }
        let column = |(array, field): (&ArrayRef, &FieldRef)| {
            types::brought(array, field.data_type()).map_err(|error| no_fit(field, &error))
        };
        let columns = own.columns().iter().zip(self.whole.fields()).map(column).collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(own.num_rows()));
        RecordBatch::try_new_with_options(self.whole.clone(), columns, &options)
    }

    fn fields(&mut self, index: usize) -> Result<Map<String, Value>, ArrowError> {
        if self.shown.is_empty() { Ok(Map::new()) } else { self.json.fields(&self.fields, index) }
    }
}

/// The error for a column with values that do not fit the common type of the input's files.
fn no_fit(field: &Field, error: &ArrowError) -> ArrowError {
    let reason = match error {
        ArrowError::CastError(reason) | ArrowError::ComputeError(reason) => reason.clone(),
        other => other.to_string(),
    };
    let (name, data_type) = (field.name(), types::shown(field.data_type()));
    ArrowError::SchemaError(format!(
        "column `{name}` is {data_type} in other files of the input, but not every value here is: {reason}; \
         give the column one type in all files"
    ))
}

/// The indices of the columns of `schema` that become fields.
fn shown(file: &str, schema: &Schema, pass: &ReadPass) -> Result<Vec<usize>, ReadError> {
    let mut shown = Vec::new();
    for (index, field) in schema.fields().iter().enumerate() {
        let is_shown = match pass.wanted {
            Projection::Origin => pass.is_id(field.name()),
            Projection::Fields | Projection::Only(_) | Projection::Checked(_) => pass.keeps(field.name()),
        };
        if !is_shown {
            continue;
        }
        if !is_supported(field) {
            let reason = format!(
                "column `{}` is of type {}, which has no form in JSON; remove it from the prompt, or convert it",
                field.name(),
                field.data_type()
            );
            return Err(ReadError::columns(file, reason));
        }
        shown.push(index);
    }
    Ok(shown)
}

/// What is kept of a row without an id: only its id column, since not every pass reads the others.
fn nameless(fields: &Map<String, Value>, pass: &ReadPass) -> Vec<u8> {
    let id = fields.iter().filter(|(name, _)| pass.is_id(name));
    let id = id.map(|(name, value)| (name.clone(), value.clone())).collect();
    raw(Value::Object(id).to_string().as_bytes())
}
