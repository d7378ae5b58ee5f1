//! Documents as an input: the files of a folder become rows, and what was read is kept.
//!
//! `find` (over `walk`) lists the documents of an input, by path; `spec` says what counts as one. `keep` brings the file of kept
//! texts, `OUT.documents`, to them: `earlier` knows what was read before, `one` reads a document by the [`DocumentReader`] that is
//! passed in, on several threads (`pool`), `log` holds what was read until all are, and then writes the file. `line` is the form
//! of one line there, and `rows` reads them as the rows of the input. `file_name` makes text of paths.
//! `own_outputs` knows the files of the job's own answers.
//!
//! Laws:
//!
//! - **A text that was read stays what it was**, as long as its file, or at least the content of its file, does.
//! - **Reading is not lost**: the file of kept texts appears whole or not at all, and what a killed reading has read is in the log.
//! - **Memory does not grow with texts**: a record of some hundred bytes a document, and the documents in the threads' hands.

mod earlier;
mod file_name;
mod find;
mod input;
mod keep;
mod line;
mod log;
mod one;
mod own_outputs;
mod pool;
mod reader;
mod rows;
mod shown;
mod span;
mod spec;
#[cfg(test)]
mod tests;
mod walk;
mod watch;

pub use file_name::path_of;
pub use input::{bring_up_to_date, has_kept_texts};
pub(in crate::read) use line::columns;
pub use log::own_files;
pub use own_outputs::OwnOutputs;
pub use reader::{DocumentFault, DocumentReader, DocumentText, ReaderName};
pub(in crate::read) use rows::DocumentRows;
pub use shown::{ShownDocuments, show};
pub use spec::DocumentsSpec;
pub use watch::ReadingWatch;
