//! Rows of CSV and TSV: one record each, under a header.

use serde_json::{Map, Value};

use super::ReadError;
use super::bytes::Text;
use super::columns::{self, Header};
use super::header;
use super::pass::{Pass, guarded};
use super::records::{Cells, Records};
use crate::format::Format;
use crate::row::{Item, Origin};

/// Opens a text file as records, and reads its header. `None` for a file with no record at all.
pub(super) fn open(
    text: Text,
    format: Format,
    delimiter: Option<u8>,
    max_record_bytes: u64,
) -> Result<(Records, Option<Header>), ReadError> {
    let delimiter = match (delimiter, format) {
        (Some(delimiter), _) => delimiter,
        (None, Format::Tsv) => b'\t',
        (None, _) => header::delimiter(text.head()),
    };
    let mut records = Records::new(text, delimiter, max_record_bytes);
    let header = header::read(&mut records)?;
    if header.as_ref().is_some_and(|header| header.columns.len() == 1) {
        records.count_blank_lines();
    }
    Ok((records, header))
}

/// The rows of one CSV or TSV file.
pub(super) struct CsvRows {
    records: Records,
    /// The columns to keep, in the order of the whole input, each with its index in this file.
    kept: Vec<(String, usize)>,
    /// Of the columns in this file's order, their names.
    names: Vec<String>,
}

impl CsvRows {
    /// Reads `text` from its header on.
    ///
    /// # Errors
    /// When its header is not that of the whole input.
    pub(super) fn new(text: Text, format: Format, pass: &Pass) -> Result<Self, ReadError> {
        let (records, header) = open(text, format, pass.delimiter, pass.max_record_bytes)?;
        let Some(header) = header else {
            return Ok(Self { records, kept: Vec::new(), names: Vec::new() });
        };
        let places = columns::places(&pass.columns, &pass.columns_from, &header)?;
        let kept = pass.columns.iter().zip(places).filter(|(column, _)| pass.keeps(&column.name));
        let kept = kept.map(|(column, place)| (column.name.clone(), place)).collect();
        let names = header.columns.into_iter().map(|column| column.name).collect();
        Ok(Self { records, kept, names })
    }

    /// The next row, which is at `position` of the whole input. `None` at the end of the file.
    ///
    /// # Errors
    /// When the file cannot be read, or the record does not end.
    pub(super) fn next(&mut self, position: u64, pass: &Pass) -> Result<Option<Item>, ReadError> {
        if !self.records.advance()? {
            return Ok(None);
        }
        let place = self.records.place();
        let read = guarded(|| Ok((self.fields(self.cells()?), Origin::Record)));
        Ok(Some(pass.item(position, place, read, |_| self.records.raw().to_vec())))
    }

    /// Goes past the next row without looking into it. False at the end of the file.
    ///
    /// # Errors
    /// When the file cannot be read, or the record does not end.
    pub(super) fn pass_over(&mut self) -> Result<bool, ReadError> {
        self.records.advance()
    }

    /// The cells of the record, or what is wrong with it.
    fn cells(&self) -> Result<Cells<'_>, String> {
        let (count, width) = (self.records.count(), self.names.len());
        if count != width {
            return Err(format!("has {} where the header has {}", cells_of(count), columns_of(width)));
        }
        self.records.cells().map_err(|index| {
            format!("column `{}` is not UTF-8; convert the file to UTF-8", self.names[index])
        })
    }

    fn fields(&self, cells: Cells<'_>) -> Map<String, Value> {
        let mut fields = Map::with_capacity(self.kept.len());
        for (name, index) in &self.kept {
            fields.insert(name.clone(), Value::String(cells.get(*index).to_owned()));
        }
        fields
    }
}

fn cells_of(count: usize) -> String {
    if count == 1 { "1 cell".to_owned() } else { format!("{count} cells") }
}

fn columns_of(count: usize) -> String {
    if count == 1 { "1 column".to_owned() } else { format!("{count} columns") }
}
