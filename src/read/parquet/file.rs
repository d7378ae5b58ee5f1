//! A Parquet file before its rows: its footer, its columns, and readers for them.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, IntervalUnit, Schema};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Compression;

use crate::read::bytes::ENCRYPTED_MAGIC;
use crate::read::columns::{Header, refuse_twins};
use crate::read::error::ReadError;
use crate::read::intervals;
use crate::regular;
use crate::row::{Column, ColumnKind};

/// The maximum number of rows decoded at a time.
const BATCH_ROWS: usize = 1024;
/// The approximate number of bytes decoded at a time.
const BATCH_BYTES: i64 = 16 << 20;

/// Reads the columns of a Parquet file from its footer.
///
/// # Errors
/// The file is damaged, or two of its columns have the same name.
pub(in crate::read) fn header(file: &Arc<str>, path: &Path) -> Result<Header, ReadError> {
    Ok(open(file, path)?.1)
}

pub(super) type Builder = ParquetRecordBatchReaderBuilder<File>;

pub(super) fn open(file: &Arc<str>, path: &Path) -> Result<(Builder, Header), ReadError> {
    let builder = builder(file, path, ArrowReaderOptions::new())?;
    let mut notices = Vec::new();
    let column = |field: &Arc<Field>| {
        let field = match field {
            field if intervals::is_interval(field) => intervals::joined_field(field),
            field if intervals::hides_interval(field) => {
                let name = field.name();
                notices.push(format!(
                    "column `{name}` has an INTERVAL inside, which cannot be read, and is null"
                ));
                Arc::new(Field::new(name, DataType::Null, true))
            }
            field => field.clone(),
        };
        Column { name: field.name().clone(), kind: ColumnKind::Arrow(field) }
    };
    let columns = builder.schema().fields().iter().map(column).collect();
    let header = Header { notices, ..Header::new(file.clone(), columns) };
    refuse_twins(&header)?;
    Ok((builder, header))
}

fn builder(file: &Arc<str>, path: &Path, options: ArrowReaderOptions) -> Result<Builder, ReadError> {
    let opened = regular::open(path).map_err(|error| ReadError::unreadable(file, error))?;
    if is_encrypted(&opened) {
        let reason = "is encrypted Parquet, which cannot be read; write it without encryption";
        return Err(ReadError::format(file, reason));
    }
    let builder = unpanicked(|| Ok(Builder::try_new_with_options(opened, options)?));
    let builder = builder.map_err(|error| damaged(file, &error))?;
    refuse_codecs(file, &builder)?;
    Ok(builder)
}

/// Whether the footer itself is encrypted, which the last bytes show.
fn is_encrypted(file: &File) -> bool {
    let mut magic = [0; 4];
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    length.checked_sub(4).is_some_and(|at| file.read_exact_at(&mut magic, at).is_ok())
        && magic == ENCRYPTED_MAGIC
}

/// Reports an unsupported codec, which is not damage.
fn refuse_codecs(file: &str, builder: &Builder) -> Result<(), ReadError> {
    let chunks = builder.metadata().row_groups().iter().flat_map(|group| group.columns());
    match chunks.into_iter().find(|chunk| chunk.compression() == Compression::LZO) {
        None => Ok(()),
        Some(chunk) => {
            let (codec, column) = (chunk.compression(), chunk.column_path().string());
            let reason = format!(
                "column `{column}` is compressed with {codec}, which cannot be read; write it with zstd or snappy"
            );
            Err(ReadError::columns(file, reason))
        }
    }
}

/// A reader of some columns of a file, with its INTERVAL columns in one unit.
pub(super) fn reader(
    file: &Arc<str>,
    path: &Path,
    schema: &Schema,
    (roots, unit): (&[usize], IntervalUnit),
    batch_rows: usize,
) -> Result<ParquetRecordBatchReader, ReadError> {
    let has_intervals = schema.fields().iter().any(|field| intervals::is_interval(field));
    let options = match has_intervals {
        true => ArrowReaderOptions::new().with_schema(intervals::in_unit(schema, unit)),
        false => ArrowReaderOptions::new(),
    };
    let builder = builder(file, path, options)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots.iter().copied());
    unpanicked(|| Ok(builder.with_projection(mask).with_batch_size(batch_rows).build()?))
        .map_err(|error| damaged(file, &error))
}

/// Reads fewer rows per batch where rows are long, to limit memory.
pub(super) fn batch_rows(builder: &Builder) -> usize {
    let longest = builder
        .metadata()
        .row_groups()
        .iter()
        .map(|group| group.total_byte_size().max(0) / group.num_rows().max(1))
        .max()
        .unwrap_or(0);
    usize::try_from(BATCH_BYTES / longest.max(1)).unwrap_or(BATCH_ROWS).clamp(1, BATCH_ROWS)
}

pub(super) fn damaged(file: &str, error: &ArrowError) -> ReadError {
    if let ArrowError::SchemaError(reason) = error {
        return ReadError::columns(file, reason.clone());
    }
    let reason = error.to_string();
    // A readable footer leaves out required fields of an encrypted column.
    if reason.contains("Required field") {
        let advice = "it may have encrypted columns, which cannot be read, or be damaged; write it again without encryption";
        return ReadError::format(file, format!("is not a readable Parquet file: {reason}; {advice}"));
    }
    ReadError::Parquet { file: file.to_owned(), reason }
}

/// Decodes, and turns a panic into an error: the decoder panics on some damaged files.
pub(super) fn unpanicked<T>(decode: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    // The state left by a panic is not used again: an error ends the pass.
    panic::catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        Err(ArrowError::ParquetError(text.unwrap_or("the decoder gave up").to_owned()))
    })
}
