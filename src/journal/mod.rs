//! The stage that keeps: everything a run has paid for, on disk before it is counted.
//!
//! A journal is one SQLite file in WAL mode with full synchronisation. A run holds it through a [`Journal`], the handle that may
//! write (`lock`, `ownership`, `integrity` decide whether it may); `status`, `export` and `verify` look at it through a
//! [`reader::Reader`]. Before a run sends, `matching` finds the entry of each row, `revalidation` applies changed rules to stored
//! answers, and `duplicates` lets equal requests share one answer. While it sends, `writer` commits events in groups: `entries`
//! stores their ends, `sums` the totals of the run. Afterwards `cursors` go over entries and results in the order of the input,
//! and `past_runs`, `requests`, `rows`, `recent`, `held` and `costs` look back.
//!
//! An **entry is one request of a row**. A row has one today; the pieces of a document, or the languages and columns asked for
//! it, will be several entries of one row, and a merge will be an entry over the answers of entries ("Entries, steps and rows"
//! in ARCHITECTURE.md). The tables (`schema`):
//!
//! | table | a line of it is |
//! | --- | --- |
//! | `entries` | a request of a row: its place, id, fingerprint and state, and the step with its answer |
//! | `steps` | a paid answer, the last of its entry or one before it |
//! | `faults` | a request without an answer |
//! | `runs` | a run: its job, its totals, and how far it has handed rows out |
//! | `batches`, `batch_lines` | a provider's batch, from before it was made, and its requests with their replies |
//! | `held` | a cause that held a run back in a minute, and for how long |
//! | `orders` | a change that a user made to a job while it ran |
//! | `survey`, `output` | one line at most: the input as it was last planned, the output as it was last written |
//!
//! Laws of this room:
//!
//! - **Order of truth**: an event counts once its commit is on disk. After a failed sync nothing is written again on that handle.
//! - **In doubt**: a group of rows is noted before it leaves, so that a kill leaves a bound on the requests that may have been
//!   paid for.
//! - **Seals**: answers, faults and runs carry a hash over their columns (`seal`); an answer's includes its request. A record
//!   that does not match its seal is refused, and never repaired.
//! - **High-water mark**: the number of stored answers is kept outside the journal as well, so that a journal which lost its log,
//!   or was replaced by an older copy, is noticed.
//! - **Ballast**: room is reserved while rows are sent, so that answers in flight can be stored when the disk is full.
//! - **A row is known by its record**: the hash of a row as it is written, bound to its request, spares rendering an unchanged row.
//! - **One file, one way in**: only SQLite opens the journal while a process has it open, because closing any other handle
//!   would drop its locks. Memory does not grow with the number of rows.

pub mod ballast;
mod batch_lines;
pub mod batches;
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
pub mod over;
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
