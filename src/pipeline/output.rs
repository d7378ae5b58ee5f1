//! The last stage: answers join the input again, in input order.

use std::path::PathBuf;

use super::plan::Plan;
use super::{Opened, PipelineError};
use crate::dispatch::stop::{Stop, Urgency};
use crate::format::{Compression, Format};
use crate::journal::cursors::Results;
use crate::outcome::Status;
use crate::read::Wanted;
use crate::write::{Target, Writer};

/// Where an output goes, and in what form.
pub struct Destination {
    /// The place.
    pub target: Target,
    /// The format.
    pub format: Format,
    /// The compression.
    pub compression: Compression,
}

impl Destination {
    /// The destination that a path names.
    pub fn file(path: PathBuf, format: Format) -> Self {
        let compression = Compression::of_path(&path.to_string_lossy());
        Self { target: Target::File(path), format, compression }
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows that are answered.
    pub ok: u64,
    /// Rows that have failed.
    pub failed: u64,
    /// Rows without an answer yet.
    pub pending: u64,
}

impl Written {
    /// All rows.
    pub fn rows(&self) -> u64 {
        self.ok + self.failed + self.pending
    }
}

/// Writes every row of the input with its result. The journal may be written to meanwhile. `None` when the files are not
/// as they were planned: answers are found by the rows' positions, and an output of before is untouched then.
///
/// # Errors
///
/// When input, journal or output fail, or when the run is told to stop at once; an output of before is untouched then.
pub fn write(
    opened: &Opened,
    plan: &Plan,
    mut results: Results<'_>,
    destination: Destination,
    stop: &Stop,
) -> Result<Option<Written>, PipelineError> {
    let layout = opened.layout(Some(&plan.columns), destination.format)?;
    let wanted = match destination.format {
        Format::Parquet => Wanted::Origin,
        Format::Jsonl | Format::Csv | Format::Tsv => Wanted::Fields,
    };
    let mut writer = Writer::create(destination.target, destination.format, destination.compression, layout)?;
    let mut written = Written::default();
    for item in opened.rows_ahead(wanted)? {
        let item = item?;
        if *stop.borrow() == Urgency::Now {
            return Err(PipelineError::Interrupted);
        }
        let result = results.at(item.position())?.unwrap_or_default();
        match result.status {
            Status::Ok => written.ok += 1,
            Status::Failed => written.failed += 1,
            Status::Pending => written.pending += 1,
        }
        writer.write(&item, &result)?;
    }
    if opened.source.stamp()? != plan.stamp {
        return Ok(None);
    }
    writer.finish()?;
    Ok(Some(written))
}
