//! What of a span is not sent as it is: the ends of its lines, and the targets of its links.

use std::borrow::Cow;
use std::ops::Range;

/// A stretch inside a span that is sent as something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Swap {
    pub(super) range: Range<usize>,
    pub(super) with: SwapWith,
}

/// What is sent instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SwapWith {
    /// The end of a line, and what the next one begins with: a blank.
    Blank,
    /// The same between characters of Chinese or Japanese, which have no blanks.
    Nothing,
    /// The address of a link, in its parentheses: a number.
    Address,
    /// The label of a link (`[label]`, after its text), or nothing where the text is the label: a number in parentheses.
    /// The range is the label's own.
    Label(Range<usize>),
}

impl Swap {
    /// The swaps of a span, of those of the whole document.
    pub(super) fn within<'s>(swaps: &'s [Swap], span: &Range<usize>) -> &'s [Swap] {
        let start = swaps.partition_point(|swap| swap.range.end <= span.start);
        let end = start + swaps[start..].partition_point(|swap| swap.range.end <= span.end);
        &swaps[start..end]
    }

    /// What is sent; `target` is the number of the link before.
    pub(super) fn sent(&self, target: &mut usize) -> Cow<'static, str> {
        match self.with {
            SwapWith::Blank => Cow::Borrowed(" "),
            SwapWith::Nothing => Cow::Borrowed(""),
            SwapWith::Address => {
                *target += 1;
                Cow::Owned(target.to_string())
            }
            SwapWith::Label(_) => {
                *target += 1;
                Cow::Owned(format!("({target})"))
            }
        }
    }

    /// For a link: what comes after its text in the document.
    pub(super) fn restored(&self, text: &str) -> Option<String> {
        match &self.with {
            SwapWith::Blank | SwapWith::Nothing => None,
            SwapWith::Address => Some(format!("({})", &text[self.range.clone()])),
            SwapWith::Label(label) => Some(format!("[{}]", &text[label.clone()])),
        }
    }
}
