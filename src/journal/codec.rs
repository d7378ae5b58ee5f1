//! How values are written in the columns of a journal, and read from them.

use rusqlite::Row;
use rusqlite::types::{FromSqlError, ValueRef};

use crate::outcome::Usage;

/// The most tokens that a journal adds up to, so that no sum of them is more than a number of SQLite holds.
pub(super) const MOST_TOKENS: i64 = 1 << 61;

/// Tokens as they are kept.
pub(super) fn tokens_kept(tokens: u64) -> i64 {
    i64::try_from(tokens).map_or(MOST_TOKENS, |tokens| tokens.min(MOST_TOKENS))
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

/// Texts as a JSON array.
pub(super) fn written_texts(texts: &[String]) -> String {
    serde_json::Value::from(texts).to_string()
}

/// The warnings of an answer as its entry keeps them, in the column for errors; null if there are none.
pub(super) fn written_warnings(warnings: &[String]) -> Option<String> {
    (!warnings.is_empty()).then(|| written_texts(warnings))
}

/// The texts of a JSON array that the journal has written; none if there is nothing.
pub(super) fn read_texts(written: Option<String>) -> Vec<String> {
    written.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}
