//! The ways in which a text's structure is read.

use super::frame::Frame;
use super::span::{Span, SpanKind};
use super::{markdown, plain, subtitles};

/// How the structure of a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitBy {
    /// Not at all: the text is one span.
    None,
    /// Paragraphs, between blank lines.
    Text,
    Markdown,
    /// Every line by itself.
    Lines,
    /// SubRip (srt) or WebVTT.
    Subtitles,
}

impl Frame {
    /// Reads a text; a mark of byte order at its beginning is skeleton.
    pub fn new(text: &str, by: SplitBy) -> Self {
        let mut frame = Self::default();
        let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        match by {
            SplitBy::None => {
                frame.push(text, Span { range: start..text.len(), kind: SpanKind::Whole, rank: 0 })
            }
            SplitBy::Text => plain::paragraphs(text, start, &mut frame),
            SplitBy::Lines => plain::each_line(text, start, &mut frame),
            SplitBy::Markdown => markdown::blocks(text, start, &mut frame),
            SplitBy::Subtitles => subtitles::cues(text, start, &mut frame),
        }
        frame
    }
}
