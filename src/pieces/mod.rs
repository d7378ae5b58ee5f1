//! A long text in pieces, and the answers joined again.
//!
//! A document is a *frame* (`frame`, `by`): *spans* of prose (`span`), and between them the skeleton, which never leaves and so cannot
//! get lost: blank lines, indentation, code, the bars of tables, times of subtitles. A *piece* (`split`) is a run of
//! neighbouring spans that fit a budget, sent with blank lines between them. Its answer has as many paragraphs (`parts`), and
//! `join` puts each where its span was. `mismatch` tells whether an answer is that of its piece, from the two texts alone,
//! because a conversation that is resumed has nothing else.
//!
//! What makes a line of a span is not sent as it is (`swap`): the end of a line inside a paragraph becomes a blank, and the
//! target of a link becomes a number. Of an answer that is the span as it was sent, the document's own bytes are taken.
//!
//! Laws of this room, held by `tests`, by a fuzz target and over real files:
//!
//! - **Pure**: no files, no clock, no network. Where a text is cut follows from the text and the budget alone.
//! - **Identity**: answers equal to their pieces give the document, byte for byte, with its line ends.
//! - **A span is never blank**, has no white space at its ends and no blank line as it is sent, and has letters outside of
//!   code, addresses and placeholders. So paragraphs can be counted, and nothing is paid for that says nothing.
//! - **A span that fits is never cut.** One that does not is cut (`cut`) at ends of sentences, else at blanks, else between
//!   characters.
//! - **Each piece fits the budget**, except a single character that does not.
//! - **Edges between pieces go by content** (`edges`): an edited paragraph changes its own piece, rarely one beside it,
//!   anywhere in a book.

mod by;
mod cut;
mod directives;
mod edges;
mod frame;
mod join;
mod lines;
mod literals;
mod markdown;
mod mismatch;
mod paragraphs;
mod plain;
mod sentences;
mod slices;
mod span;
mod split;
mod subtitles;
mod swap;
#[cfg(test)]
mod tests;

pub use by::SplitBy;
pub use frame::Frame;
#[cfg(not(main_alone))]
pub use join::parts;
pub use literals::{LiteralKind, literals};
pub use mismatch::{Mismatch, halves, mismatch};

pub use split::{SEPARATOR, SplitText};
