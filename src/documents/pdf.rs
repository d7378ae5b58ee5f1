//! PDF as Markdown, in reading order. A PDF says where each letter is and little more, so what is doubtful is a warning.

use unpdf::render::{RenderOptions, to_markdown};
use unpdf::{Document, Error, Page, ParseOptions, parse_bytes_with_options};

use super::read_document::{ReadDocument, Unreadable, UnreadableReason};
use super::text::check_not_blank;
use crate::text::count;

/// From one in this many characters without a meaning on, a text is garbled.
const GARBLED: usize = 50;

/// How many page numbers a warning lists.
const LISTED: usize = 20;

/// Reads a PDF; one that needs no password to be opened is not encrypted to its reader.
pub(super) fn read(bytes: &[u8]) -> Result<ReadDocument, Unreadable> {
    let options = ParseOptions::new().lenient().sequential();
    let document = parse_bytes_with_options(bytes, options).map_err(unreadable)?;
    let markdown = to_markdown(&document, &RenderOptions::default()).map_err(unreadable)?;
    if check_not_blank(&markdown).is_err() {
        return Err(without_text(&document));
    }
    let mut read = ReadDocument::of_text(format!("{}\n", markdown.trim_end()), "pdf");
    read.title = document.metadata.title.clone().filter(|title| !title.trim().is_empty());
    read.pages = Some(document.pages.len() as u64);
    read.warnings = warnings(&document);
    Ok(read)
}

fn unreadable(error: Error) -> Unreadable {
    match error {
        Error::Encrypted | Error::InvalidPassword => {
            Unreadable::because(UnreadableReason::Encrypted, "it needs a password")
        }
        other => Unreadable::because(UnreadableReason::Malformed, other.to_string()),
    }
}

/// Why a PDF has no text: its pages are images, its letters are unknown, or there is nothing on them.
fn without_text(document: &Document) -> Unreadable {
    let no_text = |message: &str| Unreadable::because(UnreadableReason::NoText, message);
    if document.pages.iter().any(|page| page.suppressed_text_runs > 0 || page.ocr_text_suppressed) {
        return no_text(
            "garbled: it does not say what its letters mean; set `readers` to a command that recognises them (OCR)",
        );
    }
    if document.pages.iter().any(shows_something) {
        return no_text(
            "its pages have no text, as in a scan: set `readers` to a command that recognises it (OCR)",
        );
    }
    let quality = &document.extraction_quality;
    if document.pages.is_empty() || quality.pages_incomplete || quality.undecodable_content_streams > 0 {
        return Unreadable::because(UnreadableReason::Malformed, "none of its pages can be read");
    }
    Unreadable::because(UnreadableReason::Empty, "there is nothing on its pages")
}

/// Whether a page shows something that is not text: images, or letters that were drawn or are unknown.
fn shows_something(page: &Page) -> bool {
    page.image_op_count > 0
        || page.form_op_count > 0
        || page.fill_op_count > 0
        || page.suppressed_text_runs > 0
        || page.ocr_text_suppressed
        || page.undecoded_text_codes > 0
}

fn warnings(document: &Document) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(pages) = pages_that(document, |page| page.elements.is_empty() && shows_something(page)) {
        warnings.push(format!("{pages} no text"));
    }
    let is_partly_unknown = |page: &Page| page.suppressed_text_runs > 0 && !page.elements.is_empty();
    if let Some(pages) = pages_that(document, is_partly_unknown) {
        warnings.push(format!("garbled: {pages} letters of unknown meaning, which are left out"));
    }
    let quality = &document.extraction_quality;
    if quality.pages_incomplete || quality.undecodable_content_streams > 0 {
        warnings.push("parts of the file are damaged and could not be read".into());
    }
    let text = document.plain_text();
    let letters = text.chars().filter(|letter| !letter.is_whitespace()).count();
    let strange = text.chars().filter(|letter| is_without_meaning(*letter)).count();
    if strange * GARBLED > letters {
        warnings.push("garbled: it does not say what some of its letters mean".into());
    }
    warnings
}

/// The pages of a kind, with a verb: `page 3 has`, `pages 3, 7 have`.
fn pages_that(document: &Document, are: impl Fn(&Page) -> bool) -> Option<String> {
    let numbers: Vec<String> =
        document.pages.iter().filter(|page| are(page)).map(|page| page.number.to_string()).collect();
    match numbers.as_slice() {
        [] => None,
        [page] => Some(format!("page {page} has")),
        pages if pages.len() > LISTED => {
            let more = count((pages.len() - LISTED) as u64);
            Some(format!("pages {} and {more} more have", pages[..LISTED].join(", ")))
        }
        pages => Some(format!("pages {} have", pages.join(", "))),
    }
}

/// Characters that a font has made up, and those for what could not be decoded.
fn is_without_meaning(letter: char) -> bool {
    matches!(letter, '\u{e000}'..='\u{f8ff}' | '\u{fffd}' | '\u{f0000}'..='\u{10ffff}')
        || (letter.is_control() && !letter.is_whitespace())
}
