//! Rows that cannot be sent: their code, and what is said of them before anything is.

use std::collections::BTreeMap;

use super::PipelineError;
use crate::diagnostic::Diagnostic;
use crate::row::Item;
use crate::text::{count, counted};

/// After this many bad rows, planning ends for a job that does not skip them. Documents are all counted: they have been read.
const ROWS_COUNTED: u64 = 1000;

/// How many documents are named.
const DOCUMENTS_NAMED: usize = 20;

/// The code of a row that cannot be read or rendered, and was not sent. A document that cannot be read has one of its own.
pub const BAD_ROW: &str = "bad_row";

/// The code of a row that cannot be sent.
pub(super) fn code_of(item: &Item) -> &str {
    match item {
        Item::Bad(bad) => bad.code.as_deref().unwrap_or(BAD_ROW),
        Item::Row(_) => BAD_ROW,
    }
}

/// The rows that cannot be sent, in a job that does not skip them.
#[derive(Default)]
pub(super) struct BadRows {
    count: u64,
    /// The number of the last one: a row may have several bad requests, and counts once.
    last: Option<u64>,
    /// Where the first one is, and why it cannot be sent.
    first: Option<(String, String)>,
    /// The first documents that cannot be read, a line each.
    named: Vec<String>,
    /// The others, by code.
    others: BTreeMap<String, u64>,
}

impl BadRows {
    /// Adds a request of a row, by the row's number. False when there are enough rows.
    pub(super) fn add(&mut self, row: u64, item: &Item, problem: &Diagnostic) -> bool {
        if self.last.replace(row) == Some(row) {
            return true;
        }
        self.count += 1;
        self.first.get_or_insert_with(|| (item.place().to_string(), problem.to_string()));
        let code = code_of(item);
        match self.named.len() < DOCUMENTS_NAMED {
            true => self.named.push(format!("{}: {code}: {}", item.place(), problem.in_a_line())),
            false => *self.others.entry(code.to_owned()).or_default() += 1,
        }
        self.count < ROWS_COUNTED || code != BAD_ROW
    }

    /// Refuses the input when there is one.
    ///
    /// # Errors
    ///
    /// What there is to say of the rows.
    pub(super) fn refuse(self, is_of_documents: bool) -> Result<(), PipelineError> {
        let Some((place, problem)) = self.first else { return Ok(()) };
        if !is_of_documents {
            return Err(PipelineError::BadRow { place, problem, others: others(self.count - 1) });
        }
        let others: Vec<String> =
            self.others.iter().map(|(code, rows)| format!("{} {code}", count(*rows))).collect();
        let rest = match self.others.values().sum::<u64>() {
            0 => String::new(),
            more => format!("\n  and {} more: {}", count(more), others.join(", ")),
        };
        let named: String = self.named.iter().map(|line| format!("\n  {line}")).collect();
        Err(PipelineError::BadDocuments { documents: counted(self.count, "document"), list: named + &rest })
    }
}

/// A sentence about the bad rows after the first one.
fn others(count: u64) -> String {
    match count {
        0 => String::new(),
        1 => "\n  = one more row is bad".to_owned(),
        _ if count + 1 >= ROWS_COUNTED => format!("\n  = {count} more rows are bad, or still more"),
        _ => format!("\n  = {count} more rows are bad"),
    }
}
