//! Which format a file has, by its content; its name is only a hint.

use crate::document_format::DocumentFormat;

/// How far into a file its beginning may be: after a byte order mark, blank lines, an XML declaration, a comment.
const BEGINNING: usize = 1024;

const PDF: &[u8] = b"%PDF-";

/// The format of a file. Its content decides where it tells, otherwise the name's format holds.
pub(super) fn format_of(bytes: &[u8], named: DocumentFormat) -> DocumentFormat {
    let beginning = &bytes[..bytes.len().min(BEGINNING)];
    // Bytes before it are allowed; a page or an e-mail may write about PDF.
    let is_prose = matches!(named, DocumentFormat::Html | DocumentFormat::Eml);
    if beginning.starts_with(PDF) || (!is_prose && beginning.windows(PDF.len()).any(|window| window == PDF)) {
        return DocumentFormat::Pdf;
    }
    if beginning.starts_with(b"{\\rtf") {
        return DocumentFormat::Rtf;
    }
    // An e-mail may contain a page, and a page that is sent begins as an e-mail does.
    if named != DocumentFormat::Eml && begins_as_a_page(beginning) {
        return DocumentFormat::Html;
    }
    named
}

fn begins_as_a_page(beginning: &[u8]) -> bool {
    let text = String::from_utf8_lossy(beginning).to_ascii_lowercase();
    let text = text.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
    text.starts_with("<!doctype html")
        || text.starts_with("<html")
        || (text.starts_with("<?xml") && text.contains("<html"))
}
