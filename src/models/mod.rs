//! The model table: what fanfold knows of each model, as data, and how a name finds its facts.
//!
//! The data is `table.toml`, with the date of the facts and how sure they are. A file of the user's own in the
//! same form can add to it and override it. Facts differ by [`Region`], and the host of the base URL says which
//! region a key belongs to; a [`Scope`] of `any` is for servers that belong to none. The table only informs: a model it does not know can be used all the same.

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
