//! The last stage: input rows and their results, joined into an output that appears whole or not at all.
//!
//! A [`Layout`] settles the output's columns once for all formats (`columns`; `answer` for the columns of an answer, `expanded` for
//! the fields of one that is JSON). A [`Writer`] then takes one row after the other: `cells` finds the input's values, `jsonl`,
//! `csv` and `parquet` write them, `encoder` packs the bytes and `atomic` holds the file until it can take its place.
//!
//! Laws of this room:
//!
//! - **The old output is there until the new one is whole**: written beside it, synced, renamed, and the folder synced. A temporary
//!   file is locked by whoever writes it, so that the next run clears away what a dead one left and nothing else.
//! - **What was read is what is written**: rows of JSONL keep their text, Parquet goes to Parquet without a conversion, and
//!   decimals keep their digits.
//! - **Rows are somebody's data and written as they are**; files of our own words ([`write_atomic`], [`replace_unsynced`]) pass the
//!   gate that takes secrets out.
//! - **Every format passes the same tests** (`conformance`).

mod answer;
mod atomic;
mod cells;
mod columns;
#[cfg(test)]
mod conformance;
mod csv;
mod encoder;
mod error;
mod expanded;
mod json;
mod jsonl;
mod parquet;

use std::io::Write;
use std::path::Path;

use crate::format::{Compression, Format};
use crate::outcome::RowResult;
use crate::row::Item;
use crate::secrets::hide;

pub use answer::ANSWER_COLUMNS;
pub use atomic::{Manner, Target, check_own_target, check_target, follow_links as followed};
pub use columns::{Layout, LayoutError, OutputSpec};
pub use error::WriteError;

use atomic::ByteSink;
use csv::CsvWriter;
use encoder::Encoder;
use jsonl::JsonlWriter;
use parquet::ParquetWriter;

/// Writes the output, a row at a time, in the order it is given them.
///
/// Dropped without [`Writer::finish`], it leaves the old output file as it was.
pub struct Writer(FormatWriter);

enum FormatWriter {
    Jsonl(Box<JsonlWriter>),
    Csv(Box<CsvWriter>),
    Parquet(Box<ParquetWriter>),
}

impl Writer {
    /// Opens the output. `compression` is for text formats; Parquet compresses its own pages.
    ///
    /// # Errors
    ///
    /// When the target cannot be written to, or the layout leaves the input's columns open and the format has to
    /// know them (all but JSONL).
    pub fn create(
        target: Target,
        format: Format,
        compression: Compression,
        layout: Layout,
    ) -> Result<Self, WriteError> {
        if layout.is_open() && format != Format::Jsonl {
            return Err(WriteError::ColumnsUnknown { format });
        }
        let sink = ByteSink::open(target, Manner::AS_NAMED)?;
        let path = sink.path().to_path_buf();
        let compression = if format == Format::Parquet { Compression::Plain } else { compression };
        let output = Encoder::new(sink, compression).map_err(|source| WriteError::writing(&path, source))?;
        Ok(Self(match format {
            Format::Jsonl => FormatWriter::Jsonl(Box::new(JsonlWriter::new(output, layout))),
            Format::Csv => FormatWriter::Csv(Box::new(CsvWriter::new(output, b',', layout)?)),
            Format::Tsv => FormatWriter::Csv(Box::new(CsvWriter::new(output, b'\t', layout)?)),
            Format::Parquet => FormatWriter::Parquet(Box::new(ParquetWriter::new(output, layout)?)),
        }))
    }

    /// Writes one row. The input's columns are null where they could not be read.
    ///
    /// # Errors
    ///
    /// When the output cannot be written, a row brings a column that is called like an answer column, or a value
    /// is not of the kind its column was said to be. The output is not to be finished after an error.
    pub fn write(&mut self, item: &Item, result: &RowResult) -> Result<(), WriteError> {
        match &mut self.0 {
            FormatWriter::Jsonl(rows) => rows.write(item, result),
            FormatWriter::Csv(rows) => rows.write(item, result),
            FormatWriter::Parquet(rows) => rows.write(item, result),
        }
    }

    /// Writes what is still held back, and puts the file in its place: synced, renamed, and its folder synced.
    ///
    /// # Errors
    ///
    /// When one of these steps fails; but for the last of them, the old file is still there.
    pub fn finish(self) -> Result<(), WriteError> {
        let sink = match self.0 {
            FormatWriter::Jsonl(rows) => rows.finish(),
            FormatWriter::Csv(rows) => rows.finish(),
            FormatWriter::Parquet(rows) => rows.finish(),
        }?;
        sink.commit()
    }
}

/// Writes a small file as a whole: synced, renamed, and its folder synced.
///
/// # Errors
///
/// When one of these steps fails; but for the last of them, the old file is still there.
pub fn write_atomic(path: &Path, bytes: &[u8], manner: Manner) -> Result<(), WriteError> {
    let mut sink = ByteSink::open(Target::File(path.to_owned()), manner)?;
    let hidden = hide_in(bytes);
    let bytes = hidden.as_deref().unwrap_or(bytes);
    sink.write_all(bytes).map_err(|source| WriteError::writing(path, source))?;
    sink.commit()
}

/// Writes a file that is written again in a moment: whole or not at all to whoever reads it, and not held against a power
/// cut.
///
/// # Errors
///
/// When it cannot be written.
pub fn replace_unsynced(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let hidden = hide_in(bytes);
    atomic::replace_unsynced(path, hidden.as_deref().unwrap_or(bytes))
}

/// The bytes of a file that is all our own words, without the secrets; `None` when there were none. Rows are somebody's data, and
/// are written as they are.
fn hide_in(bytes: &[u8]) -> Option<Vec<u8>> {
    hide(&String::from_utf8_lossy(bytes)).map(String::into_bytes)
}
