//! The last stage: joins input rows and their results into an output that appears whole or not at all.
//!
//! A [`Layout`] determines the output's columns once for all formats (`columns`; `answer` for the columns of an answer, `answered` for
//! their values in a row). A [`Writer`] then takes one row after another: `cells` finds the input's values, `jsonl`,
//! `csv`, `parquet` and `sheet` write them, `encoder` compresses the bytes, and `atomic` holds the file until it can replace the old one.
//!
//! Laws of this room:
//!
//! - **The old output remains until the new one is whole**: the file is written next to it, synced and renamed, and the folder is
//!   synced. Its writer locks a temporary file, so that the next run removes those of dead runs and no others.
//! - **Rows are written as they were read**: JSONL lines keep their text, Parquet goes to Parquet without a conversion, and
//!   decimals keep their digits.
//! - **Rows belong to the user and are written unchanged**; files with our own text ([`write_atomic`], [`replace_unsynced`]) pass
//!   through the gate that removes secrets.
//! - **Every format passes the same tests** (`conformance`).

mod answer;
mod answered;
mod atomic;
mod cells;
mod columns;
#[cfg(test)]
mod conformance;
mod csv;
mod each;
mod encoder;
mod error;
mod json;
mod jsonl;
mod parquet;
mod plain;
mod sheet;

use std::io::Write;
use std::path::Path;

use crate::format::{Compression, Format};
use crate::outcome::RowResult;
use crate::row::Item;
use crate::secrets::hide;

pub use answer::{FurtherColumns, PieceColumns};
pub use atomic::{Manner, Target, check_own_target, check_target, follow_links as followed};
pub use columns::{Layout, LayoutError, OutputSpec};
pub use each::EachColumns;
pub use error::WriteError;
pub use plain::{PlainFile, write_text};

use atomic::ByteSink;
use csv::CsvWriter;
use encoder::Encoder;
use jsonl::JsonlWriter;
use parquet::ParquetWriter;
use sheet::SheetWriter;

/// Writes the output one row at a time, in the order of the calls.
///
/// Dropped without [`Writer::finish`], it leaves the old output file as it was.
pub struct Writer(FormatWriter);

enum FormatWriter {
    Jsonl(Box<JsonlWriter>),
    Csv(Box<CsvWriter>),
    Parquet(Box<ParquetWriter>),
    Sheet(Box<SheetWriter>),
}

impl Writer {
    /// Opens the output. `compression` is for text formats; the others compress their own parts.
    ///
    /// # Errors
    ///
    /// The target cannot be written to, or the layout leaves the input's columns open and the format needs them (all except
    /// JSONL).
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
        let is_text = !matches!(format, Format::Parquet | Format::Xlsx);
        let compression = if is_text { compression } else { Compression::Plain };
        let output = Encoder::new(sink, compression).map_err(|source| WriteError::writing(&path, source))?;
        Ok(Self(match format {
            Format::Jsonl => FormatWriter::Jsonl(Box::new(JsonlWriter::new(output, layout))),
            Format::Csv => FormatWriter::Csv(Box::new(CsvWriter::new(output, layout, b',')?)),
            Format::Tsv => FormatWriter::Csv(Box::new(CsvWriter::new(output, layout, b'\t')?)),
            Format::Parquet => FormatWriter::Parquet(Box::new(ParquetWriter::new(output, layout)?)),
            Format::Xlsx => FormatWriter::Sheet(Box::new(SheetWriter::new(output, layout)?)),
        }))
    }

    /// Writes one row. The input's columns are null where they could not be read.
    ///
    /// # Errors
    ///
    /// The output cannot be written, a row brings a column named like an answer column, or a value does not have its
    /// column's kind. The output must not be finished after an error.
    pub fn write(&mut self, item: &Item, result: &RowResult) -> Result<(), WriteError> {
        match &mut self.0 {
            FormatWriter::Jsonl(rows) => rows.write(item, result),
            FormatWriter::Csv(rows) => rows.write(item, result),
            FormatWriter::Parquet(rows) => rows.write(item, result),
            FormatWriter::Sheet(rows) => rows.write(item, result),
        }
    }

    /// Writes what is still buffered, and moves the file to its destination: synced, renamed, and its folder synced.
    ///
    /// # Errors
    ///
    /// One of these steps fails; unless it is the last, the old file is still there.
    pub fn finish(self) -> Result<(), WriteError> {
        let sink = match self.0 {
            FormatWriter::Jsonl(rows) => rows.finish(),
            FormatWriter::Csv(rows) => rows.finish(),
            FormatWriter::Parquet(rows) => rows.finish(),
            FormatWriter::Sheet(rows) => rows.finish(),
        }?;
        sink.commit()
    }
}

/// Writes a small file as a whole: synced, renamed, and its folder synced.
///
/// # Errors
///
/// One of these steps fails; unless it is the last, the old file is still there.
pub fn write_atomic(path: &Path, bytes: &[u8], manner: Manner) -> Result<(), WriteError> {
    let mut sink = ByteSink::open(Target::File(path.to_owned()), manner)?;
    let hidden = hide_in(bytes);
    let bytes = hidden.as_deref().unwrap_or(bytes);
    sink.write_all(bytes).map_err(|source| WriteError::writing(path, source))?;
    sink.commit()
}

/// Writes a file that is soon written again: readers see it whole or not at all, but it may not survive a power cut.
///
/// # Errors
///
/// The file cannot be written.
pub fn replace_unsynced(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let hidden = hide_in(bytes);
    atomic::replace_unsynced(path, hidden.as_deref().unwrap_or(bytes))
}

/// The bytes of a file with only our own text, without secrets; `None` when there were none. Rows belong to the user, and
/// are written as they are.
fn hide_in(bytes: &[u8]) -> Option<Vec<u8>> {
    hide(&String::from_utf8_lossy(bytes)).map(String::into_bytes)
}
