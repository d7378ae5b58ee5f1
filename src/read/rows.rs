//! One pass over the rows of all files.

use super::bytes::TextFile;
use super::csv::CsvRows;
use super::documents::DocumentRows;
use super::error::ReadError;
use super::folders::FolderColumn;
use super::input_file::InputFile;
use super::jsonl::JsonlRows;
use super::parquet::ParquetRows;
use super::pass::ReadPass;
use super::record::RecordKey;
use super::sheet::SheetRows;
use crate::format::Format;
use crate::row::{Item, RecordHash};

/// One pass over the rows of all files, in order, with positions counted from 0. It ends after an error.
///
/// As an iterator it returns every row. To skip rows that are known by their records, go step by step: [`Rows::advance`],
/// then [`Rows::record`], then [`Rows::item`] for rows that must be parsed.
pub struct Rows {
    inputs: std::vec::IntoIter<InputFile>,
    pass: ReadPass,
    reader: Option<FormatReader>,
    /// The key for the hashes of the current file's records.
    key: Option<RecordKey>,
    /// How many rows have been passed.
    count: u64,
}

/// The file being read, by its format.
enum FormatReader {
    Jsonl(JsonlRows),
    Documents(Box<DocumentRows>),
    Csv(Box<CsvRows>),
    Parquet(Box<ParquetRows>),
    Sheet(Box<SheetRows>),
}

impl Rows {
    /// Opens the first file; the others are opened when they are reached.
    pub(super) fn open(inputs: Vec<InputFile>, pass: ReadPass) -> Result<Self, ReadError> {
        let mut rows = Self { inputs: inputs.into_iter(), pass, reader: None, key: None, count: 0 };
        rows.open_next()?;
        Ok(rows)
    }

    /// Opens the next file. False when there is none.
    fn open_next(&mut self) -> Result<bool, ReadError> {
        let Some(input) = self.inputs.next() else { return Ok(false) };
        let reader = FormatReader::open(&input, &self.pass)?;
        self.key = self.pass.key.as_ref().map(|key| reader.key(key, &input.folders));
        self.reader = Some(reader);
        Ok(true)
    }

    /// The position of the next row, if there is one.
    pub fn next_position(&self) -> u64 {
        self.count
    }

    /// Moves to the next row without parsing it. False after the last one.
    ///
    /// # Errors
    ///
    /// The rows from here on cannot be read.
    pub fn advance(&mut self) -> Result<bool, ReadError> {
        let advanced = self.advance_to_file();
        match advanced {
            Ok(true) => self.count += 1,
            _ => self.end(),
        }
        advanced
    }

    fn advance_to_file(&mut self) -> Result<bool, ReadError> {
        loop {
            if let Some(reader) = &mut self.reader
                && reader.advance(&self.pass)?
            {
                return Ok(true);
            }
            if !self.open_next()? {
                return Ok(false);
            }
        }
    }

    fn end(&mut self) {
        self.reader = None;
        self.inputs = Vec::new().into_iter();
    }

    /// The hash of the current row's record; `None` if the pass has no key, or the row cannot be identified by its record.
    pub fn record(&self) -> Option<RecordHash> {
        self.reader.as_ref()?.record(self.key.as_ref()?)
    }

    /// The current row, with the columns that the pass needs. `None` when there is none.
    ///
    /// # Errors
    ///
    /// The rows from here on cannot be read.
    pub fn item(&mut self) -> Result<Option<Item>, ReadError> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        let item = reader.item(self.count.saturating_sub(1), &self.pass);
        if item.is_err() {
            self.end();
        }
        item.map(Some)
    }

    /// The current row, with as few columns as its format allows: for JSONL, only its line.
    ///
    /// # Errors
    ///
    /// The rows from here on cannot be read.
    pub fn bare_item(&mut self) -> Result<Option<Item>, ReadError> {
        match &self.reader {
            Some(FormatReader::Jsonl(rows)) => {
                Ok(Some(rows.item(self.count.saturating_sub(1), &self.pass.of_nothing())))
            }
            _ => self.item(),
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Item, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Ok(true) => self.item().transpose(),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl FormatReader {
    fn open(input: &InputFile, pass: &ReadPass) -> Result<Self, ReadError> {
        let text = || TextFile::open(&input.file, &input.path, pass.expansion, pass.encoding.as_deref());
        if input.is_documents {
            return Ok(Self::Documents(Box::new(DocumentRows::open(&input.file, &input.path, pass)?)));
        }
        Ok(match input.format {
            Format::Jsonl => Self::Jsonl(JsonlRows::new(text()?, input.folders.clone())),
            Format::Csv | Format::Tsv => {
                Self::Csv(Box::new(CsvRows::new(text()?, input.format, &input.folders, pass)?))
            }
            Format::Parquet => Self::Parquet(Box::new(ParquetRows::open(input, pass)?)),
            Format::Xlsx => Self::Sheet(Box::new(SheetRows::open(input, pass)?)),
        })
    }

    /// The key for the hashes of a file's records: the same text in another file may be another row.
    fn key(&self, key: &RecordKey, folders: &[FolderColumn]) -> RecordKey {
        match self {
            Self::Jsonl(_) | Self::Documents(_) | Self::Parquet(_) => key.of_file(&format!("{folders:?}")),
            Self::Csv(rows) => key.of_file(&format!("{folders:?} {:?}", rows.header())),
            Self::Sheet(rows) => key.of_file(&format!("{folders:?} {:?}", rows.header())),
        }
    }

    fn advance(&mut self, pass: &ReadPass) -> Result<bool, ReadError> {
        match self {
            Self::Jsonl(rows) => rows.advance(pass),
            Self::Documents(rows) => rows.advance(),
            Self::Csv(rows) => rows.advance(),
            Self::Parquet(rows) => rows.advance(),
            Self::Sheet(rows) => rows.advance(),
        }
    }

    fn record(&self, key: &RecordKey) -> Option<RecordHash> {
        match self {
            Self::Jsonl(rows) => rows.record(key),
            Self::Documents(rows) => Some(rows.record(key)),
            Self::Csv(rows) => Some(rows.record(key)),
            Self::Sheet(rows) => Some(rows.record(key)),
            // Parquet columns are always decoded, and have no single written form.
            Self::Parquet(_) => None,
        }
    }

    fn item(&mut self, position: u64, pass: &ReadPass) -> Result<Item, ReadError> {
        match self {
            Self::Jsonl(rows) => Ok(rows.item(position, pass)),
            Self::Documents(rows) => Ok(rows.item(position, pass)),
            Self::Csv(rows) => rows.item(position, pass),
            Self::Parquet(rows) => rows.item(position, pass),
            Self::Sheet(rows) => rows.item(position, pass),
        }
    }
}
