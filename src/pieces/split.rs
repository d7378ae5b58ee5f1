//! A document in pieces: runs of neighbouring spans that fit a budget.

use std::ops::Range;

use super::cut::cut;
use super::edges;
use super::frame::Frame;
use super::sentences::last_sentences;
use super::span::{Span, SpanKind};
use super::swap::Swap;

/// What is between the spans of a piece, and between the parts of an answer.
pub const SEPARATOR: &str = "\n\n";

/// A document's pieces, with the spans that they are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SplitText {
    pub pieces: Vec<DocumentPiece>,
    pub(super) spans: Vec<Span>,
    pub(super) swaps: Vec<Swap>,
}

/// One request's part of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentPiece {
    /// Its spans, of all spans of the document.
    pub spans: Range<usize>,
    /// The spans as they are sent, with blank lines between them.
    pub text: String,
    /// The heading that its first span is, or is below.
    pub heading: Option<String>,
}

impl Frame {
    /// The pieces of at most `budget` tokens each. A piece of a single character, or of a text that is not to be split, may
    /// take more.
    pub fn pieces(&self, text: &str, budget: u64, tokens: &dyn Fn(&str) -> u64) -> SplitText {
        let (spans, sizes) = self.sized(text, budget, tokens);
        let strengths = edges::strengths(text, spans.iter().map(|span| (span.rank, span.range.clone())));
        let mut split = SplitText { pieces: vec![], spans, swaps: self.swaps.clone() };
        for group in edges::groups(&sizes, &strengths, tokens(SEPARATOR), budget) {
            split.push(text, group, budget, tokens);
        }
        split.name(text);
        split
    }

    /// The spans, cut where they are too long, and their tokens.
    fn sized(&self, text: &str, budget: u64, tokens: &dyn Fn(&str) -> u64) -> (Vec<Span>, Vec<u64>) {
        let mut spans = Vec::with_capacity(self.spans.len());
        let mut sizes = Vec::with_capacity(self.spans.len());
        let excess = |part: &str| {
            let size = tokens(part);
            (size > budget).then(|| size as f64 / budget as f64)
        };
        for span in &self.spans {
            let size = tokens(&span.sent(text, &self.swaps));
            if size <= budget || span.kind == SpanKind::Whole {
                spans.push(span.clone());
                sizes.push(size);
                continue;
            }
            let from = spans.len();
            cut(text, span, &self.swaps, &excess, &mut spans);
            sizes.extend(spans[from..].iter().map(|span| tokens(&span.sent(text, &self.swaps))));
        }
        (spans, sizes)
    }
}

impl SplitText {
    /// Adds a piece; in two if the tokens of its text are more than those of its spans together.
    fn push(&mut self, text: &str, spans: Range<usize>, budget: u64, tokens: &dyn Fn(&str) -> u64) {
        let sent = self.sent(text, &spans);
        if spans.len() > 1 && tokens(&sent) > budget {
            let half = spans.start + spans.len() / 2;
            self.push(text, spans.start..half, budget, tokens);
            self.push(text, half..spans.end, budget, tokens);
        } else {
            self.pieces.push(DocumentPiece { spans, text: sent, heading: None });
        }
    }

    fn sent(&self, text: &str, spans: &Range<usize>) -> String {
        let [first, .., last] = &self.spans[spans.clone()] else {
            return self.spans[spans.start].sent(text, &self.swaps).into_owned();
        };
        let mut sent = String::with_capacity(last.range.end - first.range.start);
        for (index, span) in self.spans[spans.clone()].iter().enumerate() {
            if index > 0 {
                sent.push_str(SEPARATOR);
            }
            sent.push_str(&span.sent(text, &self.swaps));
        }
        sent
    }

    /// Gives each piece its heading.
    pub(super) fn name(&mut self, text: &str) {
        let mut heading = None;
        for piece in &mut self.pieces {
            let first = piece.spans.start;
            if matches!(self.spans[first].kind, SpanKind::Heading(_)) {
                heading = Some(first);
            }
            piece.heading = heading.map(|at| self.spans[at].sent(text, &self.swaps).into_owned());
            let last =
                piece.spans.clone().rev().find(|at| matches!(self.spans[*at].kind, SpanKind::Heading(_)));
            heading = last.or(heading);
        }
    }

    /// The last `sentences` sentences of the piece before a piece; empty before the first.
    pub fn before(&self, piece: usize, sentences: usize) -> &str {
        let before = piece.checked_sub(1).and_then(|before| self.pieces.get(before));
        before.map_or("", |before| last_sentences(&before.text, sentences))
    }

    /// The spans of the document, cut where they were too long.
    #[cfg(not(main_alone))]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }
}
