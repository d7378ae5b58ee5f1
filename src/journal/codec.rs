//! How values are written in the columns of a journal, and read from them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::Row;
use rusqlite::types::{FromSqlError, ValueRef};

use crate::outcome::Usage;

/// The most tokens that a journal adds up to, so that no sum of them is more than a number of SQLite holds.
pub(super) const MOST_TOKENS: i64 = 1 << 61;

/// Tokens as they are kept.
pub(super) fn tokens_kept(tokens: u64) -> i64 {
    i64::try_from(tokens).map_or(MOST_TOKENS, |tokens| tokens.min(MOST_TOKENS))
}

/// A time as it is kept: seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// The time that is kept as so many seconds; 1970 for what is no time.
pub(super) fn time(seconds: f64) -> SystemTime {
    let since = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// The tokens of a step, in five columns from this one on; `None` when the service did not say.
pub(super) fn usage(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Usage>> {
    let usage = Usage {
        prompt_tokens: row.get(first)?,
        completion_tokens: row.get(first + 1)?,
        total_tokens: row.get(first + 2)?,
        cached_tokens: row.get(first + 3)?,
        reasoning_tokens: row.get(first + 4)?,
        cache_written_tokens: None,
    };
    let said = [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens].iter().any(Option::is_some);
    Ok(said.then_some(usage))
}

/// A text that is only looked at; `None` where there is none, or where it is no UTF-8.
pub(super) fn text<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<Option<&'r str>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        ValueRef::Text(bytes) => Ok(std::str::from_utf8(bytes).ok()),
        value => {
            let kind = value.data_type();
            Err(rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(FromSqlError::InvalidType)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_comes_back_as_it_was_kept_and_what_is_no_time_is_1970() {
        let kept = UNIX_EPOCH + Duration::from_millis(1_800_000_000_250);
        assert_eq!(time(seconds(kept)), kept);
        for wrong in [-7.0, f64::NAN, f64::INFINITY, f64::MAX] {
            assert_eq!(time(wrong), UNIX_EPOCH, "{wrong}");
        }
    }
}
