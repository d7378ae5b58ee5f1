//! The stage that yields the input's rows: JSONL, CSV, TSV and Parquet, from files, globs and standard input.
//!
//! A [`Source`] is opened once: paths are resolved, formats settled, headers compared, standard input kept.
//! Each call of [`Source::rows`] is then a fresh pass from the top, a few rows at a time; what a pass holds in
//! memory is one record of a text file, or one batch of a Parquet file, however long the input is.
//!
//! A row that cannot be read is data ([`crate::row::Item::Bad`]) and has its position; an error means that the
//! rows after it cannot be told apart any more. Whether a row is bad does not depend on what is [`Projection`].

mod below;
mod bytes;
mod cells;
mod columns;
#[cfg(test)]
mod conformance;
mod csv;
mod error;
mod files;
mod folders;
mod formats;
mod header;
mod input_file;
mod intervals;
mod jsonl;
mod object;
mod parquet;
mod pass;
mod record;
mod records;
mod rows;
mod source;
mod spec;
mod spool;

use std::path::Path;

pub use error::ReadError;
pub use record::RecordKey;
pub use rows::Rows;
pub use source::{Source, Stamp, file_mark};
pub use spec::{DEFAULT_EXPANSION, DEFAULT_MAX_RECORD_BYTES, Expansion, InputSpec, Projection, STDIN_NAME};

/// The path or glob of an input by which `file` is read, or will be once it is there.
pub fn reads<'a>(spec: &'a InputSpec, file: &Path) -> Option<&'a str> {
    files::that_reads(spec, file)
}
