//! What arbitrary bytes must not do to fanfold, with one function for each part. A target of `cargo fuzz` feeds each of
//! them with bytes of its own; `tests/corpus.rs` feeds all of them with the corpus.

mod documents;
mod files;
mod prompts;
mod spreadsheets;
mod wire;

pub use documents::pieces;
pub use files::{csv, job, journal, jsonl};
pub use prompts::{glossary, schema, template};
pub use spreadsheets::sheet;
pub use wire::{reply, retry_after, stream};
