//! Brings the file of kept texts to the present documents: what is as it was keeps its text, everything else is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::earlier::Earlier;
use super::find::FoundDocument;
use super::line::{DocumentLine, KeptMark, renewed, written};
use super::log::ReadingLog;
use super::one::{OneRead, read_one};
use super::pool::in_order;
use super::reader::DocumentReader;
use super::span::{LineFiles, LineSpan};
use super::spec::DocumentsSpec;
use super::watch::ReadingWatch;
use crate::clock;
use crate::read::error::ReadError;

/// What was kept and what was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeptCounts {
    /// Documents.
    pub(super) documents: u64,
    /// Documents whose text was read now.
    pub(super) read: u64,
    /// Documents that cannot be read, by code.
    pub(super) unread: BTreeMap<String, u64>,
    /// Texts that another reader made than the one that the job has now.
    pub(super) of_another_reader: u64,
}

/// What became of a document.
enum DocumentFate {
    /// Its line is as it was.
    Same { span: LineSpan, code: Option<String>, is_of_another: bool },
    /// It has a new line.
    New { line: Vec<u8>, code: Option<String>, is_read: bool, is_of_another: bool },
    /// It has no line: it is gone, or beyond the rows that are read.
    None,
}

impl DocumentFate {
    fn bytes(&self) -> usize {
        match self {
            Self::New { line, .. } => line.len(),
            Self::Same { .. } | Self::None => 0,
        }
    }
}

/// Brings the file of kept texts to these documents. Memory does not grow with their texts.
///
/// # Errors
/// Somebody stopped it, or the file cannot be written; the old one is untouched then, and what was read is not lost.
pub(super) fn keep(
    documents: Vec<FoundDocument>,
    spec: &DocumentsSpec,
    reader: Arc<dyn DocumentReader>,
    watch: &ReadingWatch<'_>,
) -> Result<KeptCounts, ReadError> {
    let mut log = ReadingLog::take(&spec.kept)?;
    let unreadable = |error| ReadError::unreadable(&spec.kept.display().to_string(), error);
    let earlier = Earlier::load(&log.files).map_err(unreadable)?;
    let files = log.files.again().map_err(unreadable)?;
    let count = documents.len();
    let (max_bytes, reread, limit) = (spec.max_bytes, spec.reread, spec.limit);
    let one = move |index: usize| {
        let document = &documents[index];
        let keeper = DocumentKeeper { earlier: &earlier, files: &files, reader: &*reader, max_bytes };
        match index as u64 {
            // Others keep what they have.
            index if index >= limit => keeper.as_it_was(document),
            _ => keeper.brought_up_to_date(document, reread),
        }
    };
    let mut counts = KeptCounts::default();
    let mut lines = Vec::with_capacity(count);
    let all = in_order(count, one, DocumentFate::bytes, watch.is_stopped, |index, fate| {
        (watch.progress)(index as u64 + 1, count as u64);
        lines.extend(counts.entered(fate, &mut log)?);
        Ok(())
    })?;
    if !all {
        return Err(ReadError::Interrupted);
    }
    log.finish(&lines)?;
    Ok(counts)
}

impl KeptCounts {
    /// Counts a document, and gives its line.
    fn entered(&mut self, fate: DocumentFate, log: &mut ReadingLog) -> Result<Option<LineSpan>, ReadError> {
        let (span, code, is_of_another) = match fate {
            DocumentFate::None => return Ok(None),
            DocumentFate::Same { span, code, is_of_another } => (span, code, is_of_another),
            DocumentFate::New { line, code, is_read, is_of_another } => {
                self.read += u64::from(is_read && code.is_none());
                (log.add(&line)?, code, is_of_another)
            }
        };
        self.documents += 1;
        self.of_another_reader += u64::from(is_of_another);
        if let Some(code) = code {
            *self.unread.entry(code).or_default() += 1;
        }
        Ok(Some(span))
    }
}

/// What is needed to read a document, or to know that it need not be read.
struct DocumentKeeper<'a> {
    earlier: &'a Earlier,
    files: &'a LineFiles,
    reader: &'a dyn DocumentReader,
    max_bytes: u64,
}

impl DocumentKeeper<'_> {
    /// The line that a document has, whatever its file is now.
    fn as_it_was(&self, document: &FoundDocument) -> DocumentFate {
        match self.earlier.of(document) {
            Some(line) => DocumentFate::Same {
                span: line.span,
                code: line.code.as_deref().map(str::to_owned),
                is_of_another: false,
            },
            None => DocumentFate::None,
        }
    }

    /// The line of a document as it is now.
    fn brought_up_to_date(&self, document: &FoundDocument, reread: bool) -> DocumentFate {
        let now = clock::now();
        let name = self.reader.name(&document.ending, document.format);
        let known = |stamp: &_, content: Option<&str>| {
            let found = match content {
                _ if reread => None,
                None => self.earlier.same(document, stamp, &name),
                Some(content) => self.earlier.with_content(document, content, &name),
            }?;
            let code = found.code.as_deref().map(str::to_owned);
            let is_of_another = code.is_none() && found.is_of_another(&name);
            let Some(content) = content else {
                return Some(DocumentFate::Same { span: found.span, code, is_of_another });
            };
            let line = self.files.read(found.span).ok()?;
            let line = renewed(&line, document, stamp, content, now)?;
            Some(DocumentFate::New { line, code, is_read: false, is_of_another })
        };
        match read_one(document, self.max_bytes, self.reader, known) {
            OneRead::Known(fate) => fate,
            OneRead::Gone => DocumentFate::None,
            OneRead::Read { stamp, content, read } => {
                let mut mark = KeptMark::new(document, name);
                // A fault that may pass is not recognised again.
                if read.as_ref().err().is_none_or(|fault| !fault.may_pass) {
                    mark = mark.of_file(stamp.as_ref(), content, now);
                }
                let code = read.as_ref().err().map(|fault| fault.code.clone());
                let line = DocumentLine { document, stamp: stamp.as_ref(), read };
                // A map of texts and numbers is always JSON.
                let line = written(&line.columns(), &mark).unwrap_or_default();
                DocumentFate::New { line, code, is_read: true, is_of_another: false }
            }
        }
    }
}
