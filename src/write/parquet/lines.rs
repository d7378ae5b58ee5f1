//! Rows of Arrow batches as lines of JSON, for text outputs.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::json::LineDelimitedWriter;

/// How many rows are converted at once, so that a batch of large rows is never in memory twice.
const WINDOW_ROWS: usize = 1024;

/// Converts rows one window at a time, and keeps the last window.
pub(in crate::write) struct BatchLines {
    /// The names of the needed columns.
    columns: Vec<String>,
    batch: Option<Arc<RecordBatch>>,
    /// The window's first row in its batch.
    first: usize,
    text: String,
    /// The range of each of the window's lines in `text`.
    lines: Vec<Range<usize>>,
}

impl BatchLines {
    pub(in crate::write) fn new(columns: Vec<String>) -> Self {
        Self { columns, batch: None, first: 0, text: String::new(), lines: Vec::new() }
    }

    /// The needed columns of a batch's row, as a JSON object. Nulls may be left out.
    ///
    /// # Errors
    ///
    /// JSON cannot represent a column's type, or the batch has no such row.
    pub(in crate::write) fn line(
        &mut self,
        batch: &Arc<RecordBatch>,
        row: usize,
    ) -> Result<&str, ArrowError> {
        let known = self.batch.as_ref().is_some_and(|known| Arc::ptr_eq(known, batch));
        if !(known && (self.first..self.first + self.lines.len()).contains(&row)) {
            self.convert(batch, row)?;
        }
        let line = self.lines.get(row - self.first).cloned();
        line.map(|line| &self.text[line])
            .ok_or_else(|| ArrowError::InvalidArgumentError(format!("the batch has no row {row}")))
    }

    /// Moves the window to begin at `row`.
    fn convert(&mut self, batch: &Arc<RecordBatch>, row: usize) -> Result<(), ArrowError> {
        self.batch = None;
        self.lines.clear();
        self.first = row;
        let rows = batch.num_rows().saturating_sub(row).min(WINDOW_ROWS);
        let wanted: Vec<usize> =
            self.columns.iter().filter_map(|name| batch.schema_ref().index_of(name).ok()).collect();
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        bytes.clear();
        let mut writer = LineDelimitedWriter::new(bytes);
        writer.write(&batch.project(&wanted)?.slice(row.min(batch.num_rows()), rows))?;
        writer.finish()?;
        self.text = String::from_utf8(writer.into_inner())
            .map_err(|error| ArrowError::JsonError(format!("not UTF-8: {error}")))?;
        // Line breaks within values are escaped, so every one of these ends a row.
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            self.lines.push(start..start + line.len());
            start += line.len();
        }
        self.batch = Some(batch.clone());
        Ok(())
    }
}
