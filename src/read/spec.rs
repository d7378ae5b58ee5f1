//! What to read and how: the files, their form and bounds, and what a pass needs of each row.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::format::Format;
use crate::job::sheet_choice::SheetChoice;

/// The default maximum record of a text file: 16 MiB.
pub const DEFAULT_MAX_RECORD_BYTES: u64 = 16 << 20;

/// How far a compressed file may expand by default: to a thousand times its size, and to 256 MiB in any case. gzip reaches
/// at most 1032 times, and only a malicious file comes near that.
pub const DEFAULT_EXPANSION: Expansion = Expansion { ratio: 1000, free_bytes: 256 << 20 };

/// The name of standard input in places and messages.
pub const STDIN_NAME: &str = "<stdin>";

/// What to read, and how.
#[derive(Debug, Clone)]
pub struct InputSpec {
    /// Paths, folders or globs, in order; `-` is standard input.
    pub paths: Vec<String>,
    /// The format of every file; by default, each file's extension decides.
    pub format: Option<Format>,
    /// The column that names a row.
    pub id: Option<String>,
    /// The delimiter of CSV and TSV; by default a tab for TSV, and for CSV what the header line shows.
    pub delimiter: Option<u8>,
    /// The encoding of text files by its label; by default UTF-8, or what a byte order mark shows.
    pub encoding: Option<String>,
    /// The sheet of spreadsheets; by default the first.
    pub sheet: Option<SheetChoice>,
    /// The maximum length of a JSONL line, CSV record or row of a sheet, in bytes.
    pub max_record_bytes: u64,
    /// How far a compressed file may expand.
    pub expansion: Expansion,
    /// Where standard input is saved, so that it can be read again.
    pub spool: PathBuf,
    /// The job's own files, which no glob matches.
    pub own: Vec<PathBuf>,
    /// Whether a file is kept by some job and holds no input, so that no glob matches it either.
    pub is_kept: fn(&Path) -> bool,
}

impl InputSpec {
    /// Reads files with every option at its default.
    pub fn new(paths: impl IntoIterator<Item = impl Into<String>>, spool: impl Into<PathBuf>) -> Self {
        Self {
            paths: paths.into_iter().map(Into::into).collect(),
            format: None,
            id: None,
            delimiter: None,
            encoding: None,
            sheet: None,
            max_record_bytes: DEFAULT_MAX_RECORD_BYTES,
            expansion: DEFAULT_EXPANSION,
            spool: spool.into(),
            own: Vec::new(),
            is_kept: |_| false,
        }
    }
}

/// How far a compressed file may expand before it counts as a decompression bomb: the larger of the two limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expansion {
    /// As a multiple of its size on disk.
    pub ratio: u64,
    /// In bytes, for a file of any size.
    pub free_bytes: u64,
}

impl Expansion {
    /// The maximum size to which a file of `compressed` bytes may expand.
    pub(super) fn most(self, compressed: u64) -> u64 {
        compressed.saturating_mul(self.ratio).max(self.free_bytes)
    }
}

/// What a pass needs of each row.
#[derive(Debug, Clone)]
pub enum Projection {
    /// All columns as JSON values in `fields`.
    Fields,
    /// Only these columns, and the id column, in `fields`. Unknown names are ignored. The batch of a Parquet row's origin
    /// then also holds only these columns (or the first column, if there are none), since the others are not read from
    /// disk.
    Only(BTreeSet<String>),
    /// Like `Only`, but with every other column of a Parquet file decoded too, so that a damaged one is found now.
    Checked(BTreeSet<String>),
    /// The row as it is written out again. In Parquet that is its Arrow form, and `fields` holds at most the id column; in
    /// text formats `fields` holds all columns.
    Origin,
}
