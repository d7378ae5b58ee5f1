//! The second stage's other door: the bytes of one file become text with a few facts about it.
//!
//! `read` takes a path and gives a [`ReadDocument`], or says in an [`Unreadable`] why there is none; it knows nothing of rows,
//! folders or the run. A file becomes one row elsewhere, and its text is kept, so that a document is read once.
//!
//! Its parts:
//!
//! - `text` reads text files in this process: `encoding` (a noun) decodes them, and what is binary or blank is refused.
//! - `child` starts this program once more for any other format and waits for its answer; `reader` is that process from the
//!   inside, `briefing` what passes between the two, `process` how a process is run, bounded and ended.
//! - `detect` tells formats by content; `html`, `email`, `office` and `pdf` read them. The last two are the cargo feature `documents`.
//! - `command` is the user's own reader for an ending.
//!
//! Its laws:
//!
//! 1. **A file costs its own row, nothing else.** Parsers of foreign formats run in a process with limits of memory, time and
//!    files, without the environment, hence without the API key. When it dies, its death is the document's result.
//! 2. **A text file in UTF-8 stays as it is**, byte for byte, with its byte order mark and its line ends.
//! 3. **No document is nothing without a word.** Blank text, pages that are images, a password: each has its code.
//! 4. **The content decides, the name is a hint.** A page that is called `.doc` is read as a page.

mod briefing;
pub mod child;
mod command;
mod detect;
mod email;
mod html;
#[cfg(feature = "documents")]
mod office;
#[cfg(feature = "documents")]
mod pdf;
mod process;
mod read;
mod read_document;
pub mod reader;
mod text;

pub use read::read;
#[cfg(not(main_alone))]
pub use read_document::UnreadableReason;
pub use read_document::{ReadDocument, Unreadable};
