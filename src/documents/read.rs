//! Reads one document, by the way that its name and the settings show.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::read_document::{ReadDocument, Unreadable, UnreadableReason};
use super::{child, command, text};
use crate::document_format::DocumentFormat;
use crate::job::documents::DocumentSettings;
use crate::job::units::size_shown;
use crate::regular;
use crate::text::bytes;

/// Reads the text of a file. Text formats are read in this process, all others in one of their own, which may take up to
/// [`DocumentSettings::timeout`]. May be called from several threads at once.
///
/// A command reads the endings that it is set for, without the `hidden` variables in its environment: those with the API key.
/// `format` is what the user says that the file is; otherwise its ending is the hint.
///
/// # Errors
///
/// Why the file has no text.
pub fn read(
    path: &Path,
    format: Option<DocumentFormat>,
    settings: &DocumentSettings,
    hidden: &[OsString],
) -> Result<ReadDocument, Unreadable> {
    let not_given = |error: io::Error| Unreadable::today(UnreadableReason::Unreadable, error.to_string());
    let file = regular::open(path).map_err(not_given)?;
    let length = file.metadata().map_err(not_given)?.len();
    if length > settings.max_bytes {
        let (length, most) = (bytes(length), size_shown(settings.max_bytes));
        let message = format!("the file has {length}, more than `max_document` ({most})");
        return Err(Unreadable::because(UnreadableReason::TooLarge, message));
    }
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if let Some(words) = settings.readers.get(&ending) {
        return command::read(file, words, settings, hidden);
    }
    match format.or_else(|| DocumentFormat::of_ending(&ending)) {
        Some(format) if format.is_text() => {
            let bytes = bytes_of(file, settings.max_bytes).map_err(not_given)?;
            text::read(&bytes, format, settings.encoding.as_deref())
        }
        Some(format) => child::read(file, format, settings),
        None => {
            let message = "its ending is not that of a document: set `format`, or `readers` for the ending";
            Err(Unreadable::because(UnreadableReason::Malformed, message))
        }
    }
}

/// The bytes of a file. One that has grown since it was measured is cut, and then is not UTF-8 or another file at the next look.
fn bytes_of(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
