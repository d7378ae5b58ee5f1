//! One pass over the rows of all files.

use std::path::PathBuf;
use std::sync::Arc;

use super::ReadError;
use super::bytes::TextFile;
use super::csv::CsvRows;
use super::folders::FolderColumn;
use super::jsonl::JsonlRows;
use super::parquet::ParquetRows;
use super::pass::ReadPass;
use crate::format::Format;
use crate::row::Item;

/// A file of the input, its format settled.
#[derive(Debug, Clone)]
pub(super) struct InputFile {
    /// As the user named it, or `<stdin>`.
    pub(super) file: Arc<str>,
    /// Where its bytes are.
    pub(super) path: PathBuf,
    /// Its format.
    pub(super) format: Format,
    /// What the folders of its path tell of its rows.
    pub(super) folders: Arc<[FolderColumn]>,
}

/// One pass over the rows of all files, in order, with positions counted from 0. It ends after an error.
pub struct Rows {
    inputs: std::vec::IntoIter<InputFile>,
    pass: ReadPass,
    reader: Option<FormatReader>,
    position: u64,
}

/// The file being read, by its format.
enum FormatReader {
    Jsonl(JsonlRows),
    Csv(Box<CsvRows>),
    Parquet(Box<ParquetRows>),
}

impl Rows {
    /// Opens the first file, the others as their turn comes.
    pub(super) fn open(inputs: Vec<InputFile>, pass: ReadPass) -> Result<Self, ReadError> {
        let mut inputs = inputs.into_iter();
        let reader = inputs.next().map(|input| FormatReader::open(&input, &pass)).transpose()?;
        Ok(Self { inputs, pass, reader, position: 0 })
    }

    /// The position of the next row, if there is one.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Goes past the next row without parsing it. False behind the last one.
    ///
    /// # Errors
    ///
    /// As for a row that is read, but for what is wrong with this row alone.
    pub fn skip_over(&mut self) -> Result<bool, ReadError> {
        let passed = self.advance(|reader, position, pass| {
            Ok(match reader {
                FormatReader::Jsonl(rows) => rows.skip_over(pass)?.then_some(()),
                FormatReader::Csv(rows) => rows.skip_over()?.then_some(()),
                // A batch of Parquet is decoded whole in any case.
                FormatReader::Parquet(rows) => rows.next(position, pass)?.map(drop),
            })
        });
        Ok(passed?.is_some())
    }

    /// What is taken of the next row, from the file that has it.
    fn advance<T>(
        &mut self,
        take: impl Fn(&mut FormatReader, u64, &ReadPass) -> Result<Option<T>, ReadError>,
    ) -> Result<Option<T>, ReadError> {
        let taken = self.advance_to_file(take);
        if !matches!(taken, Ok(Some(_))) {
            self.reader = None;
            self.inputs = Vec::new().into_iter();
        }
        taken
    }

    fn advance_to_file<T>(
        &mut self,
        take: impl Fn(&mut FormatReader, u64, &ReadPass) -> Result<Option<T>, ReadError>,
    ) -> Result<Option<T>, ReadError> {
        loop {
            if let Some(reader) = &mut self.reader
                && let Some(taken) = take(reader, self.position, &self.pass)?
            {
                self.position += 1;
                return Ok(Some(taken));
            }
            let Some(input) = self.inputs.next() else { return Ok(None) };
            self.reader = Some(FormatReader::open(&input, &self.pass)?);
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Item, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance(|reader, position, pass| reader.next(position, pass)).transpose()
    }
}

impl FormatReader {
    fn open(input: &InputFile, pass: &ReadPass) -> Result<Self, ReadError> {
        let text = || TextFile::open(&input.file, &input.path, pass.expansion);
        Ok(match input.format {
            Format::Jsonl => Self::Jsonl(JsonlRows::new(text()?, input.folders.clone())),
            Format::Csv | Format::Tsv => {
                Self::Csv(Box::new(CsvRows::new(text()?, input.format, &input.folders, pass)?))
            }
            Format::Parquet => Self::Parquet(Box::new(ParquetRows::open(input, pass)?)),
        })
    }

    fn next(&mut self, position: u64, pass: &ReadPass) -> Result<Option<Item>, ReadError> {
        match self {
            Self::Jsonl(rows) => rows.next(position, pass),
            Self::Csv(rows) => rows.next(position, pass),
            Self::Parquet(rows) => rows.next(position, pass),
        }
    }
}
