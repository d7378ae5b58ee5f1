//! Replaces the crate of this name, which anydoc calls for PDF and cannot be built without. fanfold never asks anydoc for
//! a PDF: it has `unpdf`. Without the stand-in, a release build takes two minutes longer, the program is 9 MB larger, and the
//! tree has a crate that nobody maintains (ttf-parser). It goes when anydoc has a feature for PDF.

use std::io;

/// As there: why a PDF was not read.
#[derive(Debug)]
pub enum PdfError {
    Encrypted,
    Io(io::Error),
    NotAPdf(String),
    InvalidStructure,
    Parse(String),
}

/// As there: what was read.
#[derive(Debug)]
pub struct Processed {
    pub pages_needing_ocr: Vec<u32>,
    pub page_count: u32,
    pub has_encoding_issues: bool,
    pub markdown: Option<String>,
    pub pdf_type: PdfType,
}

/// As there: the kind of a PDF.
#[derive(Debug)]
pub enum PdfType {}

/// As there: the pages that were read.
#[derive(Debug)]
pub struct Pages {
    pub pages_needing_ocr: Vec<u32>,
}

/// Reads nothing.
///
/// # Errors
///
/// Always.
pub fn process_pdf_mem(_: &[u8]) -> Result<Processed, PdfError> {
    Err(PdfError::Parse("PDF is not read in this way".to_owned()))
}

/// Reads nothing.
///
/// # Errors
///
/// Always.
pub fn extract_pages_markdown_mem(_: &[u8], _: Option<&[u32]>) -> Result<Pages, PdfError> {
    Err(PdfError::Parse("PDF is not read in this way".to_owned()))
}
