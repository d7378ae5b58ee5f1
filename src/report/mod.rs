//! The side room that makes one page of a journal's figures: HTML that is complete in itself and runs nothing.
//!
//! Whoever has a journal gathers [`Figures`] record by record, and makes the [`page()`] of them. Nothing grows with the
//! number of rows.

pub mod alike;
mod chart;
mod figures;
mod markup;
mod page;
mod sections;
mod spread;
mod timeline;
mod verdict;

pub use figures::{Figures, TOLD, Told};
pub use page::{About, Rows, page};

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The local day at a time in seconds since 1970: `2026-07-02`.
fn day(seconds: f64, zone: &TimeZone) -> String {
    written(seconds, zone, "%F")
}

/// The local time at a time in seconds since 1970: `2026-07-02 23:05:10`.
fn moment(seconds: f64, zone: &TimeZone) -> String {
    written(seconds, zone, "%F %T")
}

fn written(seconds: f64, zone: &TimeZone, form: &str) -> String {
    let since = Duration::try_from_secs_f64(seconds).ok();
    let time = since.and_then(|since| Timestamp::from_second(i64::try_from(since.as_secs()).ok()?).ok());
    time.map_or_else(|| "?".to_owned(), |time| time.to_zoned(zone.clone()).strftime(form).to_string())
}
