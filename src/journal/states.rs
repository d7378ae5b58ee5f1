//! The states of a row, as the journal writes them.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

use crate::outcome::Status;

/// Every state with its word.
const WORDS: [(Status, &str); 5] = [
    (Status::Pending, "pending"),
    (Status::Ok, "ok"),
    (Status::Failed, "failed"),
    (Status::SetAside, "set_aside"),
    (Status::Dropped, "dropped"),
];

impl ToSql for Status {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let word = WORDS.iter().find(|(status, _)| status == self).map_or("", |(_, word)| word);
        Ok(word.into())
    }
}

impl FromSql for Status {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        let found = WORDS.iter().find(|(_, known)| *known == word);
        found.map(|(status, _)| *status).ok_or(FromSqlError::InvalidType)
    }
}
