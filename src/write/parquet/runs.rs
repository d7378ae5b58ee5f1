//! Rows that stay in their batches: neighbours are sliced together, not converted.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, new_null_array};
use arrow::compute::concat;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use crate::row::{Item, Origin};
use crate::write::error::WriteError;

/// The pending rows, as pieces of the input's batches.
#[derive(Default)]
pub(super) struct Runs {
    runs: Vec<RowRun>,
    /// The average bytes of a row in the last run's batch.
    row_bytes: usize,
}

/// Neighbouring rows.
enum RowRun {
    Slice { batch: Arc<RecordBatch>, start: usize, rows: usize },
    Nulls(usize),
}

impl Runs {
    /// Adds a row, and returns its approximate bytes.
    ///
    /// # Errors
    ///
    /// The row did not come from an Arrow batch.
    pub(super) fn push(&mut self, item: &Item) -> Result<usize, WriteError> {
        let Some(row) = item.row() else {
            match self.runs.last_mut() {
                Some(RowRun::Nulls(rows)) => *rows += 1,
                _ => self.runs.push(RowRun::Nulls(1)),
            }
            return Ok(0);
        };
        let Origin::Columnar(source, index) = &row.origin else {
            return Err(WriteError::row(
                item,
                "the row does not come from a Parquet file, as its columns should",
            ));
        };
        match self.runs.last_mut() {
            Some(RowRun::Slice { batch, start, rows })
                if Arc::ptr_eq(batch, source) && *start + *rows == *index =>
            {
                *rows += 1;
            }
            _ => {
                self.row_bytes = source.get_array_memory_size() / source.num_rows().max(1);
                self.runs.push(RowRun::Slice { batch: source.clone(), start: *index, rows: 1 });
            }
        }
        Ok(self.row_bytes)
    }

    /// The pending rows of a column, by its name in the input. Null where a batch does not have it.
    ///
    /// # Errors
    ///
    /// A batch has the column in a type that cannot be converted to `data_type`.
    pub(super) fn column(&self, name: &str, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
        let pieces =
            self.runs.iter().map(|run| run.column(name, data_type)).collect::<Result<Vec<_>, _>>()?;
        match pieces.as_slice() {
            [] => Ok(new_null_array(data_type, 0)),
            [piece] => Ok(piece.clone()),
            _ => concat(&pieces.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>()),
        }
    }

    /// Drops the rows, and with them their batches.
    pub(super) fn clear(&mut self) {
        self.runs.clear();
    }
}

impl RowRun {
    fn column(&self, name: &str, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
        let (array, rows) = match self {
            Self::Nulls(rows) => (None, *rows),
            Self::Slice { batch, start, rows } => {
                (batch.column_by_name(name).map(|array| array.slice(*start, *rows)), *rows)
            }
        };
        match array {
            None => Ok(new_null_array(data_type, rows)),
            Some(array) if array.data_type() == data_type => Ok(array),
            // Several input files may have different types for the same values, such as Utf8 and LargeUtf8. A value that
            // would be lost is an error.
            Some(array) => {
                cast_with_options(&array, data_type, &CastOptions { safe: false, ..CastOptions::default() })
            }
        }
    }
}
