//! The whole input: its files, its columns, and whether it changed.

use std::fs;
use std::io::{IsTerminal, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::bytes::TextFile;
use super::columns::{self, Header};
use super::csv;
use super::documents;
use super::error::ReadError;
use super::file_stamp::FileStamp;
use super::files::{self, Listed};
use super::folders;
use super::formats;
use super::input_file::InputFile;
use super::parquet;
use super::pass::ReadPass;
use super::record::RecordKey;
use super::rows::Rows;
use super::sheet;
use super::spec::{InputSpec, Projection, STDIN_NAME};
use super::spool;
use crate::csv_manner::CsvManner;
use crate::format::Format;
use crate::row::Column;

/// The open input: it can be read from the start any number of times.
#[derive(Debug)]
pub struct Source {
    spec: InputSpec,
    inputs: Vec<InputFile>,
    names: Vec<String>,
    /// The columns of all files; empty when no file has a header. `None` for JSONL.
    columns: Option<Vec<Column>>,
    spool_reused: bool,
    notices: Vec<String>,
    lacking: Vec<(String, String)>,
    csv_manner: Option<CsvManner>,
}

/// The current state of the files: sizes, modification and change times, and inode numbers. If two stamps are equal, no
/// file was written or replaced in between. Only changes within one tick of the clock can go unnoticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(Vec<FileStamp>);

impl Source {
    /// Resolves paths and globs, saves standard input, determines formats, and reads the headers.
    ///
    /// # Errors
    /// A path matches no file, a file cannot be read or is not of its format, the files differ in format, a column has
    /// types that cannot be joined, or the id column does not exist.
    pub fn open(spec: InputSpec) -> Result<Self, ReadError> {
        let stdin = std::io::stdin();
        let is_terminal = stdin.is_terminal();
        Self::open_with(spec, stdin, is_terminal)
    }

    /// Like [`Source::open`], but leaves standard input alone and reads what a run saved of it.
    ///
    /// # Errors
    /// As for [`Source::open`], and when standard input is named but nothing was saved.
    pub fn reopen(spec: InputSpec) -> Result<Self, ReadError> {
        if spec.paths.iter().any(|path| path == "-") && !spec.spool.is_file() {
            let reason = format!("the saved standard input is missing: {}", spec.spool.display());
            return Err(ReadError::NoFile { path: STDIN_NAME.to_owned(), reason });
        }
        Self::open_with(spec, std::io::empty(), true)
    }

    /// The source of documents whose texts are in `kept`. `spec` has their paths, and notices are as [`Source::notices`].
    ///
    /// # Errors
    /// Documents have no column of the id's name.
    pub fn of_documents(spec: InputSpec, kept: &Path, notices: Vec<String>) -> Result<Self, ReadError> {
        let file: Arc<str> = kept.to_string_lossy().into();
        let columns = documents::columns();
        if let Some(id) = &spec.id {
            columns::require(id, &Header::new(file.clone(), columns.clone()))?;
        }
        let folders = Arc::new([]);
        let input =
            InputFile { file, path: kept.to_owned(), format: Format::Jsonl, is_documents: true, folders };
        // A file in a folder is no input because of its place alone.
        let is_file = |path: &String| !files::is_glob(path) && !Path::new(path).is_dir();
        let paths: Vec<String> = spec.paths.into_iter().filter(is_file).collect();
        Ok(Self {
            names: paths.clone(),
            spec: InputSpec { paths, ..spec },
            inputs: vec![input],
            columns: Some(columns),
            spool_reused: false,
            notices,
            lacking: Vec::new(),
            csv_manner: None,
        })
    }

    /// Whether the rows are documents.
    pub fn is_of_documents(&self) -> bool {
        self.inputs.iter().any(|input| input.is_documents)
    }

    /// Like [`Source::open`], with another standard input.
    pub(super) fn open_with(spec: InputSpec, stdin: impl Read, is_terminal: bool) -> Result<Self, ReadError> {
        check_delimiter(&spec)?;
        let (listed, mut notices) = files::list(&spec)?;
        let mut spool_reused = false;
        if listed.iter().any(|file| file.name == STDIN_NAME) {
            spool_reused = spool::keep(stdin, is_terminal, &spec.spool)?;
        }
        let inputs = listed.into_iter().map(|file| input(file, &spec)).collect::<Result<Vec<_>, _>>()?;
        formats::agree(&inputs.iter().map(|input| (&*input.file, input.format)).collect::<Vec<_>>())?;
        let names = inputs.iter().map(|input| input.file.to_string()).collect();

        let mut headers = Vec::new();
        for input in &inputs {
            headers.extend(header(input, &spec)?);
        }
        if let Some(id) = &spec.id {
            headers.iter().try_for_each(|header| columns::require(id, header))?;
        }
        let joined = columns::of_all(&headers)?;
        notices.extend(joined.notices);
        let csv_manner = headers.iter().find_map(|header| header.manner);
        let is_jsonl = inputs.iter().any(|input| input.format == Format::Jsonl);
        let columns = (!is_jsonl).then_some(joined.columns);
        Ok(Self { spec, inputs, names, columns, spool_reused, notices, lacking: joined.lacking, csv_manner })
    }

    /// The columns of all files, in the order of their first appearance. `None` for JSONL, which has none; empty when every
    /// CSV file is empty.
    pub fn columns(&self) -> Option<&[Column]> {
        self.columns.as_deref()
    }

    /// The files in the order in which they are read, as the user named them; for a glob, its matches.
    pub fn files(&self) -> &[String] {
        &self.names
    }

    /// The path or glob, as the user gave it, by which this input reads `file`, or will once it exists.
    pub fn reads(&self, file: &Path) -> Option<&str> {
        files::that_reads(&self.spec, file)
    }

    /// Whether standard input is a terminal, and what an earlier run saved is read instead.
    pub fn spool_reused(&self) -> bool {
        self.spool_reused
    }

    /// Notices, one line each, about files that are read differently from what their bytes suggest.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// How the first CSV or TSV file with a header is written.
    pub fn csv_manner(&self) -> Option<CsvManner> {
        self.csv_manner
    }

    /// The columns that some files lack, by name, each with a phrase for those files.
    pub fn lacking(&self) -> &[(String, String)] {
        &self.lacking
    }

    /// A fresh pass over all rows, from the start.
    ///
    /// # Errors
    /// The first file cannot be opened any more, or its columns have changed; or a requested Parquet column has a type that
    /// JSON cannot represent. The other files are opened when they are reached.
    pub fn rows(&self, wanted: Projection) -> Result<Rows, ReadError> {
        self.rows_with(wanted, None)
    }

    /// The same, with a key for the hashes of records.
    ///
    /// # Errors
    /// As [`Source::rows`].
    pub fn rows_with(&self, wanted: Projection, key: Option<RecordKey>) -> Result<Rows, ReadError> {
        let pass = ReadPass {
            wanted,
            id: self.spec.id.clone(),
            columns: self.columns.clone().unwrap_or_default(),
            delimiter: self.spec.delimiter,
            encoding: self.spec.encoding.clone(),
            sheet: self.spec.sheet.clone(),
            max_record_bytes: self.spec.max_record_bytes,
            expansion: self.spec.expansion,
            key,
        };
        Rows::open(self.inputs.clone(), pass)
    }

    /// The current state of the files.
    ///
    /// # Errors
    /// A file no longer exists, or its metadata cannot be read.
    pub fn stamp(&self) -> Result<Stamp, ReadError> {
        let stamps = self.inputs.iter().map(|input| {
            let metadata =
                fs::metadata(&input.path).map_err(|error| ReadError::unreadable(&input.file, error))?;
            Ok(FileStamp::of(&metadata))
        });
        stamps.collect::<Result<_, _>>().map(Stamp)
    }

    /// Identifies these files in their current state, to be stored and compared later. `None` for files without metadata,
    /// and for files changed just before `now`: the next change may have the same time.
    pub fn mark(&self, now: SystemTime) -> Option<String> {
        let marks = self.inputs.iter().map(|input| {
            let metadata = fs::metadata(&input.path).ok()?;
            let stamp = FileStamp::of(&metadata);
            stamp.is_settled(now).then(|| {
                // Renaming a folder does not change the files in it.
                format!("{} {:?}\n", stamp.mark(), input.folders)
            })
        });
        marks.collect()
    }
}

/// Identifies a file in its current state; `None` when it does not exist, and for a pipe or a device, which keeps nothing of
/// what is written to it.
pub fn file_mark(path: &Path) -> Option<String> {
    let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(FileStamp::of(&found).mark())
}

fn check_delimiter(spec: &InputSpec) -> Result<(), ReadError> {
    match spec.delimiter {
        Some(delimiter @ (b'"' | b'\r' | b'\n' | 0x80..)) => {
            let shown = delimiter.escape_ascii();
            let reason = format!("`{shown}` cannot delimit cells; use one ASCII character, such as `;`");
            Err(ReadError::format(&spec.paths.join(", "), reason))
        }
        _ => Ok(()),
    }
}

fn input(file: Listed, spec: &InputSpec) -> Result<InputFile, ReadError> {
    let format = formats::settle(&file, spec)?;
    let folders = if file.name == STDIN_NAME { Arc::new([]) } else { folders::of_path(&file.path) };
    Ok(InputFile { file: file.name.into(), path: file.path, format, is_documents: false, folders })
}

/// The header of a file, if its format has one. `None` for JSONL, and for CSV without a record.
fn header(input: &InputFile, spec: &InputSpec) -> Result<Option<Header>, ReadError> {
    let with_folders = |header: Header| {
        let further = folders::columns(&input.folders, &header.columns, input.format == Format::Parquet);
        Header { columns: [header.columns, further].concat(), ..header }
    };
    if input.format == Format::Parquet {
        return parquet::header(&input.file, &input.path).map(with_folders).map(Some);
    }
    if input.format == Format::Xlsx {
        return Ok(sheet::header(input, spec)?.map(with_folders));
    }
    // Opened for JSONL too, so that a damaged file is reported before the first row.
    let text = TextFile::open(&input.file, &input.path, spec.expansion, spec.encoding.as_deref())?;
    if input.format == Format::Jsonl {
        return Ok(None);
    }
    let table = csv::open(text, input.format, spec.delimiter, spec.max_record_bytes)?;
    Ok(table.header.map(with_folders))
}
