//! The rows of a sheet, read on a thread of their own, in constant memory.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use super::package::damaged;
use super::value::SheetValue;
use super::workbook::Workbook;
use crate::format::{MAX_SHEET_COLUMNS, MAX_SHEET_ROWS};
use crate::read::error::ReadError;
use crate::row::{Place, PlaceUnit};

/// How many rows, or bytes of their texts, are handed on at once.
const BATCH_ROWS: usize = 256;
const BATCH_BYTES: u64 = 256 << 10;

/// How many batches wait for their reader.
const BATCHES: usize = 2;

/// A row with its cells that are not empty, by the index of their column, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct SheetRow {
    /// Counted from 1, as spreadsheets show it; 0 for no row.
    pub(super) number: u64,
    pub(super) cells: Vec<(usize, SheetValue)>,
}

impl SheetRow {
    /// The value in a column.
    pub(super) fn value(&self, index: usize) -> Option<&SheetValue> {
        let at = self.cells.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        Some(&self.cells[at].1)
    }
}

/// What a sheet brings next.
type SheetBatch = Result<Vec<SheetRow>, ReadError>;

/// The rows of a sheet that have a value, in order.
pub(super) struct SheetStream {
    batch: std::vec::IntoIter<SheetRow>,
    /// `None` after the last batch.
    batches: Option<Receiver<SheetBatch>>,
    thread: Option<JoinHandle<()>>,
}

impl SheetStream {
    /// Starts to read the sheet `name`. A row may have up to `limit` bytes.
    pub(super) fn start(file: Arc<str>, workbook: Workbook, name: String, limit: u64) -> Self {
        let (sender, batches) = sync_channel(BATCHES);
        let read = move || {
            let mut reader =
                SheetReader { file: &file, limit, row: SheetRow::default(), bytes: 0, sender: &sender };
            // The library panics on some damaged files. What a panic leaves behind is not used again.
            let read = catch_unwind(AssertUnwindSafe(|| reader.read(workbook, &name)));
            let read = read.unwrap_or_else(|_| Err(damaged(&file, "the decoder gave up")));
            if let Err(error) = read {
                // Nobody waits for it when the pass has ended.
                let _ = sender.send(Err(error));
            }
        };
        let thread = Some(thread::spawn(read));
        Self { batch: Vec::new().into_iter(), batches: Some(batches), thread }
    }

    /// The next row that has a value. `None` after the last one.
    ///
    /// # Errors
    /// The file is damaged, or a row is too long.
    pub(super) fn next(&mut self) -> Result<Option<SheetRow>, ReadError> {
        loop {
            if let Some(row) = self.batch.next() {
                return Ok(Some(row));
            }
            let Some(next) = self.batches.as_ref().and_then(|batches| batches.recv().ok()) else {
                self.end();
                return Ok(None);
            };
            self.batch = next.inspect_err(|_| self.end())?.into_iter();
        }
    }

    fn end(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // It catches its panics.
            let _ = thread.join();
        }
    }
}

impl Drop for SheetStream {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads a sheet and sends its rows.
struct SheetReader<'a> {
    file: &'a Arc<str>,
    limit: u64,
    row: SheetRow,
    /// The bytes of the row's texts.
    bytes: u64,
    sender: &'a SyncSender<SheetBatch>,
}

impl SheetReader<'_> {
    fn read(&mut self, mut workbook: Workbook, name: &str) -> Result<(), ReadError> {
        let is_1904 = workbook.has_1904_epoch();
        let failed = |error: calamine::XlsxError| damaged(self.file, &error.to_string());
        let mut cells = workbook.worksheet_cells_reader(name).map_err(failed)?;
        let (mut batch, mut batch_bytes) = (Vec::new(), 0);
        while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(failed)? {
            let (row, column) = (u64::from(cell.pos.0), cell.pos.1 as usize);
            if row >= MAX_SHEET_ROWS || column >= MAX_SHEET_COLUMNS {
                return Err(damaged(self.file, "a cell is beyond the size of a sheet"));
            }
            let number = row + 1;
            if number < self.row.number {
                return Err(damaged(self.file, "its rows are not in order"));
            }
            let Some(value) = SheetValue::of(cell.value, cell.formula.is_some(), is_1904) else { continue };
            if number > self.row.number {
                batch_bytes += self.bytes;
                self.finish_row(&mut batch, number);
                if batch.len() >= BATCH_ROWS || batch_bytes >= BATCH_BYTES {
                    batch_bytes = 0;
                    if self.sender.send(Ok(std::mem::take(&mut batch))).is_err() {
                        return Ok(());
                    }
                }
            }
            self.bytes += value.bytes();
            if self.bytes > self.limit {
                return Err(self.too_long());
            }
            self.row.cells.push((column, value));
        }
        self.finish_row(&mut batch, 0);
        // Nobody waits for it when the pass has ended.
        let _ = self.sender.send(Ok(batch));
        Ok(())
    }

    /// Ends the row, and begins the one of this number.
    fn finish_row(&mut self, batch: &mut Vec<SheetRow>, number: u64) {
        let next = SheetRow { number, cells: Vec::with_capacity(self.row.cells.len()) };
        let mut row = std::mem::replace(&mut self.row, next);
        self.bytes = 0;
        if row.cells.is_empty() {
            return;
        }
        if !row.cells.is_sorted_by(|(one, _), (other, _)| one < other) {
            // Of a cell that is there twice the last counts.
            row.cells.reverse();
            row.cells.sort_by_key(|(index, _)| *index);
            row.cells.dedup_by_key(|(index, _)| *index);
        }
        batch.push(row);
    }

    fn too_long(&self) -> ReadError {
        let place = Place { file: self.file.clone(), number: self.row.number, unit: PlaceUnit::Row };
        let reason = format!(
            "the row is longer than {} bytes; if it is meant to be this long, raise `max_record` under [input]",
            self.limit
        );
        ReadError::Endless { place, reason }
    }
}
