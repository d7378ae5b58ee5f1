//! What to read and how: the files, their form and bounds, and what a pass needs of each row.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::format::Format;

/// The longest record of a text file that is read, unless the job says otherwise: 16 MiB.
pub const DEFAULT_MAX_RECORD_BYTES: u64 = 16 << 20;

/// How far a compressed file may expand, unless the job says otherwise: a thousand times its size, and 256 MiB
/// in any case. gzip reaches 1032 times at most, which only a file made to do harm comes near.
pub const DEFAULT_EXPANSION: Expansion = Expansion { ratio: 1000, free_bytes: 256 << 20 };

/// The name that standard input has in places and messages.
pub const STDIN_NAME: &str = "<stdin>";

/// What to read, and how.
#[derive(Debug, Clone)]
pub struct InputSpec {
    /// Paths, folders or globs, in order; `-` is standard input.
    pub paths: Vec<String>,
    /// The format of every file; without it each file's ending tells.
    pub format: Option<Format>,
    /// The column that names a row.
    pub id: Option<String>,
    /// The delimiter of CSV and TSV; without it a tab for TSV, and for CSV what the header line shows.
    pub delimiter: Option<u8>,
    /// The longest line of JSONL or record of CSV that is read, in bytes.
    pub max_record_bytes: u64,
    /// How far a compressed file may expand.
    pub expansion: Expansion,
    /// Where standard input is kept, so that it can be read again.
    pub spool: PathBuf,
    /// Files of the job's own that no glob finds.
    pub own: Vec<PathBuf>,
    /// Whether another file holds no rows but what some job keeps, so that no glob finds it either.
    pub is_kept: fn(&Path) -> bool,
}

impl InputSpec {
    /// Files to read with every option at its default.
    pub fn new(paths: impl IntoIterator<Item = impl Into<String>>, spool: impl Into<PathBuf>) -> Self {
        Self {
            paths: paths.into_iter().map(Into::into).collect(),
            format: None,
            id: None,
            delimiter: None,
            max_record_bytes: DEFAULT_MAX_RECORD_BYTES,
            expansion: DEFAULT_EXPANSION,
            spool: spool.into(),
            own: Vec::new(),
            is_kept: |_| false,
        }
    }
}

/// How far a compressed file may expand before it is taken for a decompression bomb: the larger of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expansion {
    /// Times its size on disk.
    pub ratio: u64,
    /// Bytes that any file may expand to, however small it is.
    pub free_bytes: u64,
}

impl Expansion {
    /// The most bytes that a file of `compressed` bytes may expand to.
    pub(super) fn most(self, compressed: u64) -> u64 {
        compressed.saturating_mul(self.ratio).max(self.free_bytes)
    }
}

/// What a pass needs of each row.
#[derive(Debug, Clone)]
pub enum Projection {
    /// All columns as JSON values in `fields`.
    Fields,
    /// Only these columns, and the id column, in `fields`. Names that are no column are passed over. The batch
    /// of a Parquet row's origin then holds just these columns too (or the first, if there are none of them), since
    /// the others are not read from disk.
    Only(BTreeSet<String>),
    /// As `Only`, with every other column of a Parquet file decoded too, so that one that cannot be is found now.
    Checked(BTreeSet<String>),
    /// The row as it is written again. In Parquet that is its Arrow form, so `fields` holds the id column at
    /// most; in text formats `fields` holds all columns.
    Origin,
}
