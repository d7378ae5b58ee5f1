//! The model table: facts about each model, as data, and how a name finds its facts.
//!
//! The data is `table.toml`, with the date, source and certainty of each fact. A user's own file in the same form is laid
//! over it (`table.rs`). `lookup.rs` turns a name into a [`ModelEntry`]: the model, how the name was matched (as a name, a
//! variant, a dated snapshot, `-latest`, `-us`, or by a pattern), and its limits and price in one [`Region`], which the host
//! of the base URL determines (`region.rs`). `catalog.rs` turns that into the job's own types: prices and tiers are
//! `job::price`, a model's abilities are `job::facts`, and nothing is copied from one form into another on the way.
//! `routes.rs` adds the slower routes to a model, which cost less.
//! `languages.toml` holds the languages of the translation models, `lengths.toml` how long texts and answers are in tokens.
//!
//! Laws of this room:
//!
//! - An unknown fact is absent, never 0 and never a guess. Each fact, limit and price has a date.
//! - Limits and prices belong to a region. For a server in no region, only those that the user's own table gives for `any`
//!   address are known; this service's shares for cached input do not apply there.
//! - The limits of a stable name apply to no other name of it; its prices do.
//! - The table only informs: an unknown or retired model can still be used. Only a tier that is known not
//!   to have a model is refused, by `config`.

mod catalog;
mod languages;
mod lengths;
mod lookup;
mod model;
mod pattern;
mod price;
mod region;
mod retired;
mod routes;
mod table;

pub use lookup::{ModelEntry, NameMatch};
pub use model::{Model, Offer, RateLimits};
pub use price::CacheShares;
pub use region::{Region, is_plan_host};
pub use retired::Retirement;
pub use table::ModelTable;

#[cfg(test)]
mod facts_tests;
