//! The frame of a document: where its prose is. Everything else is skeleton, and never leaves.

use std::ops::Range;

use super::lines::{runs_on, trimmed};
use super::literals::{begins_with_word, has_words};
use super::span::{Span, SpanKind};
use super::swap::{Swap, SwapWith};

/// A document's prose, in order: spans that neither overlap nor touch what is skeleton.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    pub(super) spans: Vec<Span>,
    pub(super) swaps: Vec<Swap>,
}

impl Frame {
    /// Adds a span without the blanks around it, if there are words in it. `swaps` of it are there already.
    pub(super) fn push(&mut self, text: &str, mut span: Span) {
        // Whatever a parser says, no byte is in two spans.
        let end = self.spans.last().map_or(0, |last| last.range.end);
        let start = span.range.start.max(end);
        span.range = trimmed(text, start..span.range.end.max(start));
        if span.range.is_empty() {
            return;
        }
        if self.spans.last().is_some_and(|last| matches!(last.kind, SpanKind::Heading(_))) {
            // A heading is not parted from the text below it.
            span.rank = span.rank.max(if matches!(span.kind, SpanKind::Heading(_)) { span.rank } else { 7 });
        }
        if begins_with_word(&text[span.range.clone()]) || has_words(&span.sent(text, &self.swaps)) {
            self.spans.push(span);
        }
    }

    /// What follows is read as the end of a line inside a span.
    pub(super) fn swap_line_end(&mut self, text: &str, gap: Range<usize>) {
        let before = text[..gap.start].chars().next_back();
        let with =
            if runs_on(before, text[gap.end..].chars().next()) { SwapWith::Nothing } else { SwapWith::Blank };
        self.swaps.push(Swap { range: gap, with });
    }
}
