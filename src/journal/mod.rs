//! The journal: everything a run has paid for, on disk before it is counted.
//!
//! One SQLite file in WAL mode with full synchronisation. A run has one writer, on a thread of its own; `status`,
//! `export` and `verify` read beside it. The file is never opened other than through SQLite.

pub mod ballast;
mod codec;
mod connection;
pub mod costs;
pub mod cursors;
pub mod duplicates;
mod entries;
mod error;
mod files;
mod handle;
mod header;
mod held;
mod high_water_mark;
mod integrity;
pub mod lock;
pub mod matching;
pub mod neighbours;
pub mod orders;
pub mod output_state;
pub mod ownership;
pub mod past_runs;
pub mod pruning;
pub mod reader;
pub mod recent;
mod requests;
mod rescue;
pub mod revalidation;
pub mod rows;
pub mod runs;
mod schema;
mod seal;
pub mod simulated;
mod states;
mod steps;
mod sums;
pub mod survey;
mod whereabouts;
pub mod writer;

pub use error::JournalError;
pub use files::{files, private_mode};
pub use handle::Journal;
pub use header::is_part_of_one;

#[cfg(test)]
mod tests;
