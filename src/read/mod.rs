//! The stage that yields the input's rows: JSONL, CSV, TSV, Parquet and spreadsheets, from files, globs and standard input.
//!
//! A [`Source`] is opened once: it resolves paths (`files`, `below`), determines formats (`formats`), joins the columns of all
//! files (`columns`, `header`, `folders`) and saves standard input (`spool`). Each call of [`Source::rows`] is then a fresh
//! `pass` from the start. [`Rows`] goes from file to file; `jsonl`, `csv` (over `records`, a lenient splitter) and `parquet`
//! (with `cells`, `intervals`) and `sheet` read one file each. `bytes` opens and decompresses it, `object` takes the needed columns from a
//! line, and `record` hashes the text of a row. `spec` defines what to read, and how. [`documents`] makes an input of the files
//! of a folder.
//!
//! Laws of this room:
//!
//! - **A row that cannot be read is data** ([`crate::row::Item::Bad`]) and has its position; an error means that the rows after
//!   it cannot be found any more. Whether a row is bad does not depend on the [`Projection`].
//! - **A pass holds one record of a text file, or one batch of a Parquet file**, however long the input is. The length of a
//!   record and the expansion of a compressed file are limited.
//! - **A row keeps its own form** ([`crate::row::Origin`]), so that it is written as it was read, digit by digit.
//! - **Every format passes the same tests** (`conformance`): order, nulls, Unicode, damage, headers, folders.

mod below;
mod bytes;
mod cells;
mod columns;
#[cfg(test)]
mod conformance;
mod csv;
pub mod documents;
mod error;
mod field_source;
mod file_stamp;
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
mod sheet;
mod source;
mod spec;
mod spool;

use std::path::Path;

pub use error::ReadError;
pub use record::RecordKey;
pub use rows::Rows;
pub use sheet::{SheetSize, sheet_sizes};
pub use source::{Source, Stamp, file_mark};
pub use spec::{Expansion, InputSpec, Projection};

/// The path or glob of an input that matches `file`, or will once it exists.
pub fn reads<'a>(spec: &'a InputSpec, file: &Path) -> Option<&'a str> {
    files::that_reads(spec, file)
}
