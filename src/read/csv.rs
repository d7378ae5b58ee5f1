//! Rows of CSV and TSV: one record each, under a header.

use std::io::BufRead;

use serde_json::{Map, Value};

use super::bytes::TextFile;
use super::columns::Header;
use super::error::ReadError;
use super::field_source::{FieldSource, kept};
use super::folders::{self, FolderColumn};
use super::header;
use super::pass::{ReadPass, catch_panic};
use super::record::RecordKey;
use super::records::{Cells, Records};
use crate::format::Format;
use crate::row::{Item, Origin, RecordHash};

/// A text file as records, after its header.
pub(super) struct CsvTable {
    records: Records,
    /// `None` for a file without any record.
    pub(super) header: Option<Header>,
    /// The delimiter, if it was guessed from the header.
    guessed: Option<u8>,
}

/// Opens a text file as records, and reads its header.
pub(super) fn open(
    mut text: TextFile,
    format: Format,
    delimiter: Option<u8>,
    max_record_bytes: u64,
) -> Result<CsvTable, ReadError> {
    let named = header::named_delimiter(text.head());
    if let Some((_, bytes)) = named {
        text.consume(bytes);
    }
    let (delimiter, is_guessed) = match (delimiter, named, format) {
        (Some(delimiter), ..) | (None, Some((delimiter, _)), _) => (delimiter, false),
        (None, None, Format::Tsv) => (b'\t', false),
        (None, None, _) => (header::delimiter(text.head()), true),
    };
    let mut records = Records::new(text, delimiter, max_record_bytes);
    if named.is_some() {
        records.begin_at(2);
    }
    let header = header::read(&mut records, delimiter)?;
    if header.as_ref().is_some_and(|header| header.columns.len() + header.unnamed.len() == 1) {
        records.count_blank_lines();
    }
    Ok(CsvTable { records, header, guessed: is_guessed.then_some(delimiter) })
}

/// The rows of one CSV or TSV file.
pub(super) struct CsvRows {
    records: Records,
    /// The columns to keep, in the order of the whole input.
    kept: Vec<(String, FieldSource)>,
    /// The names of the file's columns, in its own order; empty for those without a name.
    names: Vec<String>,
    /// The indices of the columns without a name.
    unnamed: Vec<usize>,
    /// How many cells a record has at least: the columns without a name at the end may be missing.
    width: usize,
    /// The delimiter, where it was guessed.
    guessed: Option<u8>,
}

impl CsvRows {
    /// Reads `text` from its header on. Its `folders` give further columns.
    ///
    /// # Errors
    /// The header does not match that of the whole input.
    pub(super) fn new(
        text: TextFile,
        format: Format,
        folders: &[FolderColumn],
        pass: &ReadPass,
    ) -> Result<Self, ReadError> {
        let CsvTable { records, header, guessed } =
            open(text, format, pass.delimiter, pass.max_record_bytes)?;
        let Some(mut header) = header else {
            return Ok(Self {
                records,
                kept: Vec::new(),
                names: Vec::new(),
                unnamed: Vec::new(),
                width: 0,
                guessed,
            });
        };
        let named = header.columns.iter().map(|column| column.name.clone());
        let (names, at) = with_unnamed(named, &header.unnamed);
        header.columns.extend(folders::columns(folders, &header.columns, false));
        let kept = kept(&header, &at, folders, pass)?;
        let width = at.last().map_or(0, |last| last + 1);
        Ok(Self { records, kept, names, unnamed: header.unnamed, width, guessed })
    }

    /// Moves to the next row. False at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read, or the record does not end.
    pub(super) fn advance(&mut self) -> Result<bool, ReadError> {
        self.records.advance()
    }

    /// The names of its columns, in its own order; empty for those without a name.
    pub(super) fn header(&self) -> &[String] {
        &self.names
    }

    /// The hash of the current row.
    pub(super) fn record(&self, key: &RecordKey) -> RecordHash {
        self.records.hash(key)
    }

    /// The current row, which is at `position` of the whole input.
    ///
    /// # Errors
    /// An unnamed column has a value.
    pub(super) fn item(&self, position: u64, pass: &ReadPass) -> Result<Item, ReadError> {
        if !self.unnamed.is_empty() {
            self.hold_unnamed()?;
        }
        let place = self.records.place();
        let read = catch_panic(|| Ok((self.fields(self.cells()?), Origin::Record)));
        Ok(pass.item(position, place, read, |_| self.records.raw().to_vec()))
    }

    /// An unnamed column must have no values.
    fn hold_unnamed(&self) -> Result<(), ReadError> {
        // Cells that are not UTF-8 are reported with their row.
        let Ok(cells) = self.records.cells() else { return Ok(()) };
        let has_value = |index: &&usize| **index < self.records.count() && !cells.get(**index).is_empty();
        match self.unnamed.iter().find(has_value) {
            None => Ok(()),
            Some(index) => {
                let reason =
                    format!("column {} has a value here, but no name in the header; give it one", index + 1);
                Err(ReadError::columns(&self.records.place().to_string(), reason))
            }
        }
    }

    /// The cells of the record, or the problem with it.
    fn cells(&self) -> Result<Cells<'_>, String> {
        let count = self.records.count();
        if count < self.width || count > self.names.len() {
            return Err(self.misfit(count, self.width));
        }
        self.records.cells().map_err(|index| {
            let name = self.names.get(index).map_or("", String::as_str);
            let (encoding, advice) = self.records.text().encoding_advice();
            format!("column `{name}` is not {encoding}; {advice}")
        })
    }

    fn misfit(&self, count: usize, width: usize) -> String {
        let reason = format!("has {} where the header has {}", cells_of(count), columns_of(width));
        match self.guessed {
            None => reason,
            Some(delimiter) => format!(
                "{reason}; cells are split at `{}`, as detected from the header: if that is wrong, set \
                 `delimiter` under [input]",
                delimiter.escape_ascii()
            ),
        }
    }

    fn fields(&self, cells: Cells<'_>) -> Map<String, Value> {
        let mut fields = Map::with_capacity(self.kept.len());
        for (name, cell) in &self.kept {
            let value = match cell {
                FieldSource::Read(index) => Value::String(cells.get(*index).to_owned()),
                FieldSource::Constant(value) => value.clone(),
            };
            fields.insert(name.clone(), value);
        }
        fields
    }
}

/// The names with an empty one at each of the indices `unnamed`, and the indices of the others.
fn with_unnamed(named: impl Iterator<Item = String>, unnamed: &[usize]) -> (Vec<String>, Vec<usize>) {
    let (mut names, mut at) = (Vec::new(), Vec::new());
    let mut unnamed = unnamed.iter().peekable();
    for name in named {
        while unnamed.next_if(|index| **index == names.len()).is_some() {
            names.push(String::new());
        }
        at.push(names.len());
        names.push(name);
    }
    names.extend(unnamed.map(|_| String::new()));
    (names, at)
}

fn cells_of(count: usize) -> String {
    if count == 1 { "1 cell".to_owned() } else { format!("{count} cells") }
}

fn columns_of(count: usize) -> String {
    if count == 1 { "1 column".to_owned() } else { format!("{count} columns") }
}
