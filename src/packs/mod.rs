//! Several short rows in one request, and its answer taken apart again.
//!
//! Where a service limits requests, and rows are short, most of its tokens stay unused: rows that are asked alike may travel
//! together. `text` says which may: their bodies differ only in the text of the user's turn, and in the `glossary`, of which they then
//! have all terms. `body` makes them one request, with each text under a numbered mark on a line of its own (`marks`); `filling`
//! says how many fit. `apart` takes the answer apart, unless it is doubtful that it is one for one (`doubts`, `lengths`), and
//! `shares` divides its usage. `health` says when packs fail too often.
//!
//! Laws of this room:
//!
//! - **Pure**: no clock, no files, no network.
//! - **A pack is a way of sending.** Each row keeps its own request and its identity; nothing here is stored in its place.
//! - **What is doubtful is refused**, all of it: a wrong pairing looks like an answer, and nobody would ever find it. Two equal answers that
//!   are not neighbours leave the others where they are: these two rows are asked alone.
//! - **Nothing gets lost in a division**: the shares of tokens add up to what the service counted.

mod apart;
mod body;
mod doubts;
mod figures;
mod filling;
mod glossary;
mod health;
mod lengths;
mod marks;
mod refusal;
pub mod shares;
#[cfg(test)]
mod tests;
mod text;

pub use apart::{PackPart, taken_apart};
pub use body::packed;
pub use figures::PackFigures;
pub use filling::{PackForecast, PackRoom, RowSize, forecast};
pub use glossary::SharedGlossary;
pub use health::{PackHealth, PackTrouble};
pub use refusal::PackRefusal;
pub use text::{PackKey, PackText};
