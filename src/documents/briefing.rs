//! What the reader's process gets, and what it answers: the only things that pass between the two.
//!
//! The briefing is the process's argument, the file its standard input. Its standard output is a header in JSON and a text,
//! each after its length in eight bytes. The text is raw, because JSON would make it up to six times longer.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::read_document::{ReadDocument, Unreadable};
use crate::document_format::DocumentFormat;

/// The largest header: a title, warnings, or an error.
const HEADER_BYTES: usize = 1 << 20;

/// How one file is to be read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ReaderBriefing {
    /// The name of the format that the file's name shows.
    pub(super) format: String,
    /// The encoding that the user has set.
    pub(super) encoding: Option<String>,
    /// The largest file, and the longest text, in bytes.
    pub(super) max_document: u64,
    /// The process's memory, in bytes of address space.
    pub(super) memory: u64,
    /// The process's time on a processor, in seconds.
    pub(super) seconds: u64,
}

/// The header of an answer.
#[derive(Serialize, Deserialize)]
enum AnswerHeader {
    Read {
        format: String,
        title: Option<String>,
        pages: Option<u64>,
        encoding: Option<String>,
        warnings: Vec<String>,
    },
    Unreadable(Unreadable),
}

/// The longest answer to this briefing, in bytes.
pub(super) fn longest_answer(max_document: u64) -> u64 {
    max_document.saturating_add(HEADER_BYTES as u64 + 16)
}

/// Writes an answer.
///
/// # Errors
///
/// When nobody reads it.
pub(super) fn write_answer(answer: Result<ReadDocument, Unreadable>, to: &mut impl Write) -> io::Result<()> {
    let (header, text) = match answer {
        Ok(ReadDocument { text, format, title, pages, encoding, warnings }) => {
            let format = format.to_owned();
            (AnswerHeader::Read { format, title, pages, encoding, warnings }, text)
        }
        Err(unreadable) => (AnswerHeader::Unreadable(unreadable), String::new()),
    };
    for part in [serde_json::to_vec(&header)?.as_slice(), text.as_bytes()] {
        to.write_all(&(part.len() as u64).to_le_bytes())?;
        to.write_all(part)?;
    }
    to.flush()
}

/// Parses an answer; `None` if it is not one. The process that wrote it may have been taken over by its file.
pub(super) fn parse_answer(answer: &[u8]) -> Option<Result<ReadDocument, Unreadable>> {
    let (header, rest) = part(answer)?;
    let (text, rest) = part(rest)?;
    if header.len() > HEADER_BYTES || !rest.is_empty() {
        return None;
    }
    Some(match serde_json::from_slice(header).ok()? {
        AnswerHeader::Unreadable(unreadable) => Err(unreadable),
        AnswerHeader::Read { format, title, pages, encoding, warnings } => {
            let text = String::from_utf8(text.to_vec()).ok()?;
            let format = DocumentFormat::named(&format)?.name();
            Ok(ReadDocument { text, format, title, pages, encoding, warnings })
        }
    })
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::read_document::UnreadableReason;

    fn written(answer: Result<ReadDocument, Unreadable>) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_answer(answer, &mut bytes).expect("written");
        bytes
    }

    #[test]
    fn answers_arrive_as_they_were_given() {
        let document = ReadDocument {
            title: Some("Titel \"ü\"".into()),
            pages: Some(3),
            warnings: vec!["one".into()],
            ..ReadDocument::of_text("text \0 \u{1}".into(), "docx")
        };
        let bytes = written(Ok(document.clone()));
        assert_eq!(parse_answer(&bytes), Some(Ok(document)));
        let unreadable = Unreadable::because(UnreadableReason::NoText, "why");
        assert_eq!(parse_answer(&written(Err(unreadable.clone()))), Some(Err(unreadable)));
    }

    #[test]
    fn anything_else_is_no_answer() {
        let whole = written(Ok(ReadDocument::of_text("text".into(), "pdf")));
        for cut in 0..whole.len() {
            assert_eq!(parse_answer(&whole[..cut]), None, "{cut}");
        }
        assert_eq!(parse_answer(&[&whole[..], b"more"].concat()), None);
        assert_eq!(parse_answer(&[0xff; 64]), None);
    }
}
