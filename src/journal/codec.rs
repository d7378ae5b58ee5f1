//! How numbers are written in the columns of a journal.

use std::time::{SystemTime, UNIX_EPOCH};

/// The most tokens that a journal adds up to, so that no sum of them is more than a number of SQLite holds.
pub(super) const MOST_TOKENS: i64 = 1 << 61;

/// Tokens as they are kept.
pub(super) fn tokens_kept(tokens: u64) -> i64 {
    i64::try_from(tokens).map_or(MOST_TOKENS, |tokens| tokens.min(MOST_TOKENS))
}

/// Seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
