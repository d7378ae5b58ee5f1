//! Rows by provider batches: files of requests are written, submitted and waited for, and their replies taken in.
//!
//! A run in batches is a loop: each batch is brought as far as it goes at the moment, replies that were downloaded are judged in a
//! round like any other, what has no answer goes into new batches, and then the run waits for the next look, or ends.
//!
//! - `run` is the loop; `driver` performs the next step of each batch, as `crate::batch::step` decides it: `submitting` until the
//!   provider has it, `collecting` from there on. `memory` is what a run remembers of a batch.
//! - `filler` divides the rows without an answer among files, and `file` is one of them, beside the journal.
//! - `replies` reads output and error files into the journal, line by line.
//! - `line_feed` finds the rows of replies, for the round that judges them; `lines` knows which rows are in a batch.
//! - `prices` is what a request costs in a batch.
//!
//! Laws of this room, beside those of `crate::batch`:
//!
//! - A reply is in the journal before it is judged, and judged before the files that it came from are deleted.
//! - A row goes into a batch only if no open line asks the same for it.
//! - Packs are for requests that are sent at once: in a batch each row has its own line, because requests are not what is limited.

mod collecting;
mod driver;
mod file;
mod filler;
pub(super) mod line_feed;
pub(super) mod lines;
mod memory;
#[cfg(not(main_alone))]
mod none;
pub(super) mod prices;
mod replies;
mod run;
mod submitting;

#[cfg(not(main_alone))]
pub use none::NoBatchService;
pub(super) use run::run;

#[cfg(test)]
mod tests;
