//! The stage that yields the input's rows: JSONL, CSV, TSV and Parquet, from files, globs and standard input.
//!
//! A [`Source`] is opened once: paths are resolved (`files`, `below`), formats settled (`formats`), columns joined over all files
//! (`columns`, `header`, `folders`), standard input kept (`spool`). Each call of [`Source::rows`] is then a fresh `pass` from the
//! top. [`Rows`] goes from file to file; `jsonl`, `csv` (over `records`, which splits without a parser's guesses) and `parquet`
//! (with `cells`, `intervals`) read one file each, `bytes` opens it and unpacks it, `object` takes the wanted columns from a
//! line, `record` hashes it as it is written. `spec` says what is to be read and how.
//!
//! Laws of this room:
//!
//! - **A row that cannot be read is data** ([`crate::row::Item::Bad`]) and has its position; an error means that the rows after it
//!   cannot be told apart any more. Whether a row is bad does not depend on the [`Projection`].
//! - **A pass holds one record of a text file, or one batch of a Parquet file**, however long the input is. How long a record may
//!   be and how far a compressed file may expand is bounded.
//! - **A row keeps its own form** ([`crate::row::Origin`]), so that what is written again is what was read, digit by digit.
//! - **Every format passes the same tests** (`conformance`): order, nulls, Unicode, damage, headers, folders.

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
