//! Reads one document, by the way that its name and the settings show.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::read_document::{ReadDocument, Unreadable, UnreadableReason};
use super::settings::ReaderSettings;
use super::{child, text};
use crate::document_format::DocumentFormat;
use crate::regular;
use crate::text::bytes as size;

/// Reads the text of a file. Text formats are read in this process, all others in one of their own, which may take up to
/// [`ReaderSettings::timeout`]. May be called from several threads at once.
///
/// `format` is what the user says that the file is; otherwise its ending is the hint.
///
/// # Errors
///
/// Why the file has no text.
pub fn read(
    path: &Path,
    format: Option<DocumentFormat>,
    settings: &ReaderSettings,
) -> Result<ReadDocument, Unreadable> {
    let not_given = |error: io::Error| Unreadable::today(UnreadableReason::Unreadable, error.to_string());
    let file = regular::open(path).map_err(not_given)?;
    let length = file.metadata().map_err(not_given)?.len();
    if length > settings.max_document {
        let (length, most) = (size(length), size(settings.max_document));
        let message = format!("the file has {length}, more than `max_document` ({most})");
        return Err(Unreadable::because(UnreadableReason::TooLarge, message));
    }
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match format.or_else(|| DocumentFormat::of_ending(&ending)) {
        Some(format) if format.is_text() => {
            let bytes = bytes_of(file, settings.max_document).map_err(not_given)?;
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
