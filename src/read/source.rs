//! The input as a whole: which files it has, what columns, and whether it changed.

use std::fs;
use std::io::{IsTerminal, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::bytes::TextFile;
use super::columns::{self, Header};
use super::csv;
use super::error::ReadError;
use super::files::{self, Listed};
use super::folders;
use super::formats;
use super::input_file::InputFile;
use super::parquet;
use super::pass::ReadPass;
use super::record::RecordKey;
use super::rows::Rows;
use super::spec::{InputSpec, Projection, STDIN_NAME};
use super::spool;
use crate::format::Format;
use crate::row::Column;

/// The input, open: it can be read from the top any number of times.
#[derive(Debug)]
pub struct Source {
    spec: InputSpec,
    inputs: Vec<InputFile>,
    names: Vec<String>,
    /// The columns of all files; of no column when no file has a header. `None` for JSONL.
    columns: Option<Vec<Column>>,
    spool_reused: bool,
    notices: Vec<String>,
    lacking: Vec<(String, String)>,
}

/// What the files are like now: their sizes, both their times, and their numbers in the file system. Two stamps are equal when no
/// file was written or replaced in between: who sets the time of modification back (`rsync --inplace -t`, `cp -p`) changes the
/// other one, which nobody can set. What is written within one tick of the clock can look alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(Vec<FileStamp>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct FileStamp {
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    device: u64,
    inode: u64,
}

impl FileStamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

impl Source {
    /// Resolves paths and globs, keeps standard input, settles formats, and reads the headers.
    ///
    /// # Errors
    /// When a path leads to no file, a file cannot be read or is not of its format, the files differ in format,
    /// a column is of types that do not go together, or the id column is not among the columns.
    pub fn open(spec: InputSpec) -> Result<Self, ReadError> {
        let stdin = std::io::stdin();
        let is_terminal = stdin.is_terminal();
        Self::open_with(spec, stdin, is_terminal)
    }

    /// As [`Source::open`], but standard input is left alone: what a run kept of it is read.
    ///
    /// # Errors
    /// As [`Source::open`], and when nothing was kept where standard input is named.
    pub fn reopen(spec: InputSpec) -> Result<Self, ReadError> {
        if spec.paths.iter().any(|path| path == "-") && !spec.spool.is_file() {
            let reason = format!("the saved standard input is missing: {}", spec.spool.display());
            return Err(ReadError::NoFile { path: STDIN_NAME.to_owned(), reason });
        }
        Self::open_with(spec, std::io::empty(), true)
    }

    /// As [`Source::open`], but with another standard input.
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
        let is_jsonl = inputs.iter().any(|input| input.format == Format::Jsonl);
        let columns = (!is_jsonl).then_some(joined.columns);
        Ok(Self { spec, inputs, names, columns, spool_reused, notices, lacking: joined.lacking })
    }

    /// The columns of all files, in the order of their first appearance. `None` for JSONL, which has none; empty
    /// when every file of CSV is empty.
    pub fn columns(&self) -> Option<&[Column]> {
        self.columns.as_deref()
    }

    /// The files in the order they are read, as the user named them; globs by their matches.
    pub fn files(&self) -> &[String] {
        &self.names
    }

    /// The path or glob, as the user gave it, by which this input reads `file` or will once it is there.
    pub fn reads(&self, file: &Path) -> Option<&str> {
        files::that_reads(&self.spec, file)
    }

    /// Whether standard input is a terminal, and what an earlier run kept of it is read instead.
    pub fn spool_reused(&self) -> bool {
        self.spool_reused
    }

    /// What of the files is read in another way than their bytes alone would say: a line each.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The columns that some file lacks, by name, each with a word for the files.
    pub fn lacking(&self) -> &[(String, String)] {
        &self.lacking
    }

    /// A fresh pass over all rows, from the top.
    ///
    /// # Errors
    /// When the first file cannot be opened any more, or has changed its columns; or when a Parquet column is
    /// wanted whose type has no form in JSON. The other files are opened as their turn comes.
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
            max_record_bytes: self.spec.max_record_bytes,
            expansion: self.spec.expansion,
            key,
        };
        Rows::open(self.inputs.clone(), pass)
    }

    /// What the files are like now.
    ///
    /// # Errors
    /// When a file is no longer there, or cannot be looked at.
    pub fn stamp(&self) -> Result<Stamp, ReadError> {
        let stamps = self.inputs.iter().map(|input| {
            let metadata =
                fs::metadata(&input.path).map_err(|error| ReadError::unreadable(&input.file, error))?;
            Ok(FileStamp::of(&metadata))
        });
        stamps.collect::<Result<_, _>>().map(Stamp)
    }

    /// What tells these files, as they are, from any others and from any earlier or later state of their own: to be kept,
    /// and held against at another time. `None` for files that cannot be asked, and for such as were changed a moment
    /// before `now`: what is written next may have the same time.
    pub fn mark(&self, now: SystemTime) -> Option<String> {
        let marks = self.inputs.iter().map(|input| {
            let metadata = fs::metadata(&input.path).ok()?;
            let FileStamp { bytes, modified, changed, device, inode } = FileStamp::of(&metadata);
            let is_settled = [modified, changed].iter().all(|time| is_past(*time, now));
            is_settled.then(|| {
                // A folder that gets another name leaves its files as they are.
                format!("{device} {inode} {bytes} {modified:?} {changed:?} {:?}\n", input.folders)
            })
        });
        marks.collect()
    }
}

/// What tells a file, as it is, from any other and from any later state of its own; `None` when there is none.
pub fn file_mark(path: &Path) -> Option<String> {
    let FileStamp { bytes, modified, changed, device, inode } = FileStamp::of(&fs::metadata(path).ok()?);
    Some(format!("{device} {inode} {bytes} {modified:?} {changed:?}"))
}

/// Whether a time that a file system gave is so far back that another change would have another time. Systems that keep
/// whole seconds, or two of them, are given three; the others take the kernel's time, which ticks at least each 10 ms.
fn is_past((seconds, nanoseconds): (i64, i64), now: SystemTime) -> bool {
    let tick = Duration::from_millis(if nanoseconds == 0 { 3_000 } else { 50 });
    let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(seconds), u32::try_from(nanoseconds)) else {
        return false;
    };
    now.duration_since(UNIX_EPOCH + Duration::new(seconds, nanoseconds)).is_ok_and(|age| age >= tick)
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
    let format = formats::settle(&file, spec.format, spec.expansion)?;
    let folders = if file.name == STDIN_NAME { Arc::new([]) } else { folders::of_path(&file.path) };
    Ok(InputFile { file: file.name.into(), path: file.path, format, folders })
}

/// The header of a file whose format has one. `None` for JSONL, and for CSV without a record.
fn header(input: &InputFile, spec: &InputSpec) -> Result<Option<Header>, ReadError> {
    let with_folders = |header: Header| {
        let further = folders::columns(&input.folders, &header.columns, input.format == Format::Parquet);
        Header { columns: [header.columns, further].concat(), ..header }
    };
    if input.format == Format::Parquet {
        return parquet::header(&input.file, &input.path).map(with_folders).map(Some);
    }
    // Opened for JSONL too, so that a damaged file is told before the first row.
    let text = TextFile::open(&input.file, &input.path, spec.expansion)?;
    if input.format == Format::Jsonl {
        return Ok(None);
    }
    let table = csv::open(text, input.format, spec.delimiter, spec.max_record_bytes)?;
    Ok(table.header.map(with_folders))
}
