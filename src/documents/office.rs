//! Word, OpenDocument, RTF, EPUB and slides, as Markdown. Tracked changes count as accepted.

mod package;

use anydoc::{ConvertError, Format, to_markdown_bytes};

use super::read_document::{ReadDocument, Unreadable, UnreadableReason};
use super::text::check_not_blank;
use crate::document_format::DocumentFormat;
use package::PackageFacts;

/// Reads an office document; `named` is the format that its name shows.
pub(super) fn read(bytes: &[u8], named: DocumentFormat) -> Result<ReadDocument, Unreadable> {
    let malformed = |message: &str| Err(Unreadable::because(UnreadableReason::Malformed, message));
    let format = match Format::from_bytes(bytes) {
        Some(found) => match of_content(found) {
            Some(format) => format,
            None => {
                return malformed(
                    "it is a spreadsheet, which is a table: save it as .csv, and make a job of it",
                );
            }
        },
        None => named,
    };
    let Some(parser) = parser_of(format) else {
        return malformed("its content is that of no document");
    };
    let facts = PackageFacts::of(bytes, format);
    if facts.is_encrypted {
        return Err(unreadable(ConvertError::Encrypted));
    }
    let text = to_markdown_bytes(bytes, parser).map_err(unreadable)?;
    check_not_blank(&text)?;
    let mut document = ReadDocument::of_text(text, format.name());
    if facts.has_tracked_changes {
        document.warnings.push("tracked changes accepted".into());
    }
    Ok(ReadDocument { title: facts.title, pages: facts.pages, ..document })
}

/// The format of what a file contains; `None` for a spreadsheet.
fn of_content(found: Format) -> Option<DocumentFormat> {
    Some(match found {
        Format::Doc => DocumentFormat::Doc,
        Format::Docx => DocumentFormat::Docx,
        Format::Odt => DocumentFormat::Odt,
        Format::Odp => DocumentFormat::Odp,
        Format::Ppt => DocumentFormat::Ppt,
        Format::Pptx => DocumentFormat::Pptx,
        Format::Rtf => DocumentFormat::Rtf,
        Format::Epub => DocumentFormat::Epub,
        Format::Pdf => DocumentFormat::Pdf,
        Format::Excel | Format::Ods | Format::Csv => return None,
    })
}

/// The parser of a format; `None` if it is not one of an office.
fn parser_of(format: DocumentFormat) -> Option<Format> {
    Some(match format {
        DocumentFormat::Doc => Format::Doc,
        DocumentFormat::Docx => Format::Docx,
        DocumentFormat::Odt => Format::Odt,
        DocumentFormat::Odp => Format::Odp,
        DocumentFormat::Ppt => Format::Ppt,
        DocumentFormat::Pptx => Format::Pptx,
        DocumentFormat::Rtf => Format::Rtf,
        DocumentFormat::Epub => Format::Epub,
        _ => return None,
    })
}

fn unreadable(error: ConvertError) -> Unreadable {
    let (reason, message) = match error {
        ConvertError::Encrypted => (UnreadableReason::Encrypted, "it is encrypted".to_owned()),
        ConvertError::ResourceLimit { limit, detail } => {
            (UnreadableReason::TooLarge, format!("unpacked, it is too large ({limit}): {detail}"))
        }
        other => (UnreadableReason::Malformed, other.to_string()),
    };
    Unreadable::because(reason, message)
}
