//! What is known of the rows of an input as a whole: so that rows that have not changed need not be read again to know
//! which columns they have.

use rusqlite::{Connection, OptionalExtension, params};

use super::JournalError;
use super::handle::Journal;
use super::reader::Reader;

/// What the pass over an input has found that a journal was last brought to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Identifies everything besides the rows that decides requests.
    pub job: String,
    /// Identifies its files in the state that they had; `None` where that is not possible.
    pub files: Option<String>,
    /// How many rows it had, from the first on.
    pub rows: u64,
    /// Their columns, in the caller's own notation.
    pub columns: String,
    /// Whether the rows have each of these columns: some may have gone.
    pub exact: bool,
    /// Whether all rows that were sent since are the ones that it has seen.
    pub holds: bool,
}

/// Keeps a survey in the place of the one before.
pub(super) fn keep(connection: &Connection, survey: Option<&Survey>) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM survey", [])?;
    let Some(Survey { job, files, rows, columns, exact, holds }) = survey else { return Ok(()) };
    connection
        .execute(
            "INSERT INTO survey VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![job, files, rows, columns, exact, holds],
        )
        .map(drop)
}

impl Reader {
    /// What is known of the rows that the journal was last brought to.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn survey(&self) -> Result<Option<Survey>, JournalError> {
        let survey = self.connection().query_row(
            "SELECT job, files, rows, columns, exact, holds FROM survey",
            [],
            |row| {
                Ok(Survey {
                    job: row.get(0)?,
                    files: row.get(1)?,
                    rows: row.get(2)?,
                    columns: row.get(3)?,
                    exact: row.get(4)?,
                    holds: row.get(5)?,
                })
            },
        );
        survey.optional().map_err(self.failed())
    }
}

impl Journal {
    /// Keeps that all rows that were sent are the ones that the survey has seen.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn survey_holds(&self) -> Result<(), JournalError> {
        self.connection().execute("UPDATE survey SET holds = 1", []).map(drop).map_err(self.broke())
    }
}
