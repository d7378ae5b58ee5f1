//! Rows of a spreadsheet (.xlsx): those of one of its sheets, under the first row that has a value.
//!
//! `package` looks at the file before anything else does: a password, another kind of file, a decompression bomb. `workbook` finds
//! the sheet, `stream` reads it on a thread of its own, `named` has its header, `value` says what a cell is, and `survey` reads the whole sheet once to
//! learn the kinds of its columns, and what is to be said about it. `listing` has the sheets to choose from.

mod listing;
mod named;
mod package;
mod stream;
mod survey;
mod value;
mod workbook;

use std::sync::Arc;

use serde_json::{Map, Value};

use super::error::ReadError;
use super::field_source::{FieldSource, kept};
use super::folders;
use super::input_file::InputFile;
use super::pass::{ReadPass, catch_panic, raw};
use super::record::RecordKey;
use crate::row::{Item, Origin, Place, PlaceUnit, RecordHash};

pub use listing::{SheetSize, sheet_sizes};
use named::{header_of, hold_named, named};
pub(super) use package::ZIP_MAGIC;
use stream::{SheetRow, SheetStream};
pub(super) use survey::header;
use value::SheetValue;

/// The rows of one spreadsheet.
pub(super) struct SheetRows {
    file: Arc<str>,
    stream: SheetStream,
    /// The columns to keep, in the order of the whole input.
    kept: Vec<(String, FieldSource)>,
    /// The names of the sheet's columns, each with its index.
    named: Vec<(usize, String)>,
    /// The row of the header.
    header_row: u64,
    /// The current row; one without any value has no cells.
    row: SheetRow,
    /// The next row that has values.
    next: Option<SheetRow>,
}

impl SheetRows {
    /// Opens the file after its header.
    ///
    /// # Errors
    /// The file is not a spreadsheet, is damaged, lacks the sheet, or does not match the header of the whole input.
    pub(super) fn open(input: &InputFile, pass: &ReadPass) -> Result<Self, ReadError> {
        let InputFile { file, path, folders, .. } = input;
        let workbook = workbook::open(file, path)?;
        let sheet = workbook::chosen(file, &workbook, pass.sheet.as_ref())?;
        let mut stream = SheetStream::start(file.clone(), workbook, sheet.name, pass.max_record_bytes);
        let first = stream.next()?.unwrap_or_default();
        let named = named(&first);
        let mut header = header_of(file, &named)?;
        header.columns.extend(folders::columns(folders, &header.columns, false));
        let at: Vec<usize> = named.iter().map(|(index, _)| *index).collect();
        let kept = kept(&header, &at, folders, pass)?;
        let row = SheetRow { number: first.number, ..SheetRow::default() };
        Ok(Self { file: file.clone(), stream, kept, named, header_row: first.number, row, next: None })
    }

    /// Moves to the next row. False after the last one that has a value: an empty row before that is a row.
    ///
    /// # Errors
    /// The file is damaged.
    pub(super) fn advance(&mut self) -> Result<bool, ReadError> {
        if self.next.is_none() {
            self.next = self.stream.next()?;
        }
        let number = self.row.number + 1;
        let Some(next) = self.next.take_if(|next| next.number == number) else {
            self.row = SheetRow { number, ..SheetRow::default() };
            return Ok(self.next.is_some());
        };
        self.row = next;
        Ok(true)
    }

    /// The names of the sheet's columns, each with its index.
    pub(super) fn header(&self) -> &[(usize, String)] {
        &self.named
    }

    /// The hash of the current row: of what its cells say, and not of how the file spells it.
    pub(super) fn record(&self, key: &RecordKey) -> RecordHash {
        let (mut cells, mut ends) = (Vec::new(), Vec::with_capacity(self.named.len()));
        for (index, _) in &self.named {
            if let Some(value) = self.row.value(*index) {
                cells.push(value.sign());
                cells.extend_from_slice(value.text().as_bytes());
            }
            ends.push(cells.len());
        }
        key.hash_cells(&cells, &ends)
    }

    /// The current row, which is at `position` of the whole input.
    ///
    /// # Errors
    /// A column without a name has a value.
    pub(super) fn item(&self, position: u64, pass: &ReadPass) -> Result<Item, ReadError> {
        hold_named(&self.file, &self.row, &self.named, self.header_row)?;
        let place = Place { file: self.file.clone(), number: self.row.number, unit: PlaceUnit::Row };
        let read = catch_panic(|| Ok((self.fields(), self.origin())));
        Ok(pass.item(position, place, read, |_| self.raw()))
    }

    /// What is kept of a row without an id: whatever a pass needs of it, all of its values.
    fn raw(&self) -> Vec<u8> {
        let value = |index| self.row.value(index).map_or(Value::Null, SheetValue::json);
        let values: Map<String, Value> =
            self.named.iter().map(|(index, name)| (name.clone(), value(*index))).collect();
        raw(Value::Object(values).to_string().as_bytes())
    }

    fn fields(&self) -> Map<String, Value> {
        let value = |source: &FieldSource| match source {
            FieldSource::Read(index) => self.row.value(*index).map_or(Value::Null, SheetValue::json),
            FieldSource::Constant(value) => value.clone(),
        };
        self.kept.iter().map(|(name, source)| (name.clone(), value(source))).collect()
    }

    /// The dates among the fields, which are only text there.
    fn origin(&self) -> Origin {
        let times = self.kept.iter().filter_map(|(name, source)| match source {
            FieldSource::Read(index) => match self.row.value(*index)? {
                SheetValue::Time(time) => Some((name.as_str().into(), *time)),
                _ => None,
            },
            FieldSource::Constant(_) => None,
        });
        Origin::Sheet(times.collect())
    }
}
