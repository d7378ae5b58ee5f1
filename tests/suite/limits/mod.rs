//! Rates, caps, hours and costs.

mod bottleneck;
mod caps;
mod cost;
mod hours_and_schedule;
mod priced_region;
mod rates;
