//! The model table: what fanfold knows of each model, as data, and how a name finds its facts.
//!
//! The data is `table.toml`, with the date of each fact, its source, and how sure it is. A file of the user's own in the same
//! form is laid over it (`table.rs`). `lookup.rs` leads from a name to a [`ModelEntry`]: the model, how the name led to it
//! (as a name, a variant, a dated snapshot, `-latest`, `-us`, or by a pattern), and the limits and the price that hold for
//! it in one [`Region`], which the host of the base URL tells (`region.rs`). `catalog.rs` makes of it what a job is told, in
//! the job's own types: the price and its tiers are `job::price`, what a model can do is `job::facts`, and nothing is
//! copied from one form into another on the way. `languages.toml` holds the languages of the translation models.
//!
//! What holds here:
//!
//! - A fact that is not known is absent, never 0 and never a guess. Each fact, limit and price has a date.
//! - Limits and prices belong to a region. Of a server in no region only what the user's own table gives for `any` address
//!   is known, and this service's shares for cached input say nothing of another's.
//! - The limits of a stable name hold for no other name of it; its prices do.
//! - The table only informs: a model that it does not know, or knows to be retired, can be used all the same.

mod catalog;
mod languages;
mod lookup;
mod model;
mod pattern;
mod price;
mod region;
mod retired;
mod table;

pub use languages::Translates;
pub use lookup::{ModelEntry, NameMatch};
pub use model::{Model, Offer, RateLimits, Variant};
pub use price::CacheShares;
pub use region::{Region, Scope, UnknownRegion, UnknownScope, is_plan_host};
pub use retired::Retirement;
pub use table::{ModelTable, TableError};

#[cfg(test)]
mod facts_tests;
