//! A quota that several processes keep together, so that runs which know nothing of each other exceed nothing.
//!
//! [`open`] gives the door of the dispatcher, [`SharedQuota`], over one of two stores: `host`, a file in the user's state
//! folder, for the processes of one machine; and `redis`, for those of many. Both keep a [`schedule`](schedule::TurnSchedule), in
//! Rust and as a script. `name` says which runs share a quota, and `neighbours` finds the runs that use one without sharing it.
//!
//! Laws of this room:
//!
//! - **Requests, tokens and the brake are one**: a turn passes all of them, or none is charged.
//! - **Time is the store's own**: the clock of the server, or one of the host that nobody can set. A worker's clock is never
//!   compared with another's.
//! - **Nobody holds anything**: turns are moments, which pass. A worker that dies has lost at most the few it had asked for,
//!   and only the list of the living has to forget it.
//! - **The key is never stored**, only a hash of it with the address and the model.

mod boot;
mod error;
mod host;
pub mod name;
pub mod neighbours;
mod redis_store;
mod schedule;
mod script;

use std::path::Path;

use crate::shared_quota::SharedQuota;
pub use error::ShareError;
use host::HostQuota;
use name::QuotaName;
use redis_store::RedisQuota;

/// Opens the quota of this name in a file of the folder, for the processes of this host.
///
/// # Errors
///
/// When the folder cannot be written.
pub fn open_on_host(folder: &Path, name: &QuotaName) -> Result<Box<dyn SharedQuota>, ShareError> {
    Ok(Box::new(HostQuota::open(folder, name)?))
}

/// Opens the quota of this name at a Redis or Valkey server.
///
/// # Errors
///
/// When the server does not answer, or refuses.
pub async fn open_at_server(address: &str, name: &QuotaName) -> Result<Box<dyn SharedQuota>, ShareError> {
    Ok(Box::new(RedisQuota::open(address, name).await?))
}

#[cfg(test)]
mod tests;
