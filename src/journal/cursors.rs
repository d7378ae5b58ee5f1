//! Cursors over the entries in the order of the input: the state of each row, and its result.

use std::collections::VecDeque;

use rusqlite::params;

use super::JournalError;
use super::codec::{read_texts, usage};
use super::reader::Reader;
use super::seal::{bound, result_is_whole};
use crate::note::EntryPart;
use crate::outcome::{Answer, RowResult, Status, Usage};
use crate::request::Fingerprint;
use crate::row::{RecordHash, RowId};

impl Reader {
    /// What the journal says of each row, asked in the order of position.
    pub fn entries(self) -> EntryCursor {
        EntryCursor { pages: Pages::new(ENTRIES, |_| 0), reader: self }
    }

    /// The results of the rows, asked in the order of position, for an input that the journal was brought to.
    pub fn results(&self) -> Results<'_> {
        Results::new(self, "", None)
    }

    /// The results of the rows, asked in the order of position, for an input that was only matched, on this
    /// connection: what was found elsewhere counts, what stands in place for another request does not.
    pub fn results_as_matched(&self) -> Results<'_> {
        let still = "AND NOT EXISTS (SELECT 1 FROM temp.loose_entries l WHERE l.entry = e.entry)";
        Results::new(self, still, Some("temp.claims c JOIN entries e ON e.entry = c.entry"))
    }
}

impl Reader {
    /// The result of an entry by its number, wherever it is.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read, or has no such entry.
    pub fn result_of(&self, entry: i64) -> Result<RowResult, JournalError> {
        let sql = result_sql("e.entry", "entries e", "AND e.entry = ?1");
        let mut statement = self.connection().prepare_cached(&sql).map_err(self.failed())?;
        let found = statement.query_row(params![entry, 1], result).map_err(self.failed())?;
        let StoredResult { mut result, whole, .. } = found;
        if !whole {
            return Err(self.damaged(format!("the record of entry {entry} is not what was stored")));
        }
        if self.has_steps_in_between()? {
            self.used_in_between(entry)?.add_to(&mut result);
        }
        Ok(result)
    }
}

/// Entries fetched at once.
const ENTRIES: usize = 2048;

/// Results fetched at once, at most.
const RESULTS: usize = 512;

/// Bytes of results after which fewer are: an answer can be long.
const RESULT_BYTES: usize = 256 * 1024;

/// What the journal says of a row in its place, short: enough to match the row, and to decide whether it is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number in the journal.
    pub number: i64,
    /// Its place among all requests.
    pub position: u64,
    /// Which of its row's requests it is.
    pub part: EntryPart,
    /// The identifier of its row.
    pub id: Option<RowId>,
    /// The request it belongs to.
    pub fingerprint: Fingerprint,
    /// What became of it so far.
    pub status: Status,
    /// Tries that count against the row's allowance.
    pub tries: u32,
    /// Whether the service cut the last answer: in one piece it would be cut again.
    pub cut: bool,
    /// What its row is known by as it is written.
    pub(super) record: Option<[u8; 16]>,
}

impl Entry {
    /// Whether it is that of a row as it is written: then its request is the row's, and nothing need be rendered to know.
    pub fn is_of(&self, record: RecordHash) -> bool {
        self.record == Some(bound(record, self.fingerprint))
    }
}

/// A cursor over the entries.
#[derive(Debug)]
pub struct EntryCursor {
    reader: Reader,
    pages: Pages<Entry>,
}

impl EntryCursor {
    /// What the journal says of the row at a position; `None` when it says nothing. Positions are asked for in
    /// ascending order.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn at(&mut self, position: u64) -> Result<Option<Entry>, JournalError> {
        let sql = "SELECT position, fingerprint, status, tries, error_code IS 'cut_by_server', entry, row_id, record,
                       part, parts
                   FROM entries WHERE position >= ?1 ORDER BY position LIMIT ?2";
        self.pages.at(&self.reader, position, sql, |row| {
            Ok(Entry {
                position: row.get(0)?,
                fingerprint: Fingerprint(row.get(1)?),
                status: row.get(2)?,
                tries: row.get(3)?,
                cut: row.get(4)?,
                number: row.get(5)?,
                id: row.get::<_, Option<String>>(6)?.map(RowId::from_text),
                record: row.get(7)?,
                part: EntryPart { number: row.get(8)?, count: row.get(9)? },
            })
        })
    }
}

/// A cursor over the results.
#[derive(Debug)]
pub struct Results<'r> {
    reader: &'r Reader,
    in_place: Pages<StoredResult>,
    in_place_sql: String,
    claimed: Option<(Pages<StoredResult>, String)>,
    /// Whether a row may have used more than its answer did; asked when the first row is.
    in_between: Option<bool>,
}

/// A result, the entry it is of, and whether it is as it was stored.
#[derive(Debug)]
struct StoredResult {
    entry: i64,
    result: RowResult,
    whole: bool,
    fingerprint: Fingerprint,
}

/// What a result is read from, for the entry `e` at a position.
fn result_sql(position: &str, from: &str, condition: &str) -> String {
    format!(
        "SELECT {position}, e.status, e.attempts, e.cost, e.error_code, e.error, s.latency_ms, s.prompt_tokens,
             s.completion_tokens, s.total_tokens, s.cached_tokens, s.reasoning_tokens, s.finish_reason, s.model,
             s.request_id, s.tool_calls, s.reasoning, s.response, s.step, e.shares, e.entry, {},
             coalesce(s.simulated, 0), e.fingerprint, s.packed
         FROM {from} LEFT JOIN entries o ON o.entry = e.shares LEFT JOIN steps s ON s.step = coalesce(e.answer, o.answer)
         WHERE {position} >= ?1 {condition} ORDER BY 1 LIMIT ?2",
        result_is_whole(),
    )
}

impl<'r> Results<'r> {
    fn new(reader: &'r Reader, condition: &str, claimed: Option<&str>) -> Self {
        let pages = || Pages::new(RESULTS, bytes_of);
        let claimed = claimed.map(|from| (pages(), result_sql("c.position", from, "")));
        let in_place_sql = result_sql("e.position", "entries e", condition);
        Self { reader, in_place: pages(), in_place_sql, claimed, in_between: None }
    }

    /// The journal that they are of.
    pub fn reader(&self) -> &'r Reader {
        self.reader
    }

    /// The result of the row at a position; `None` when the journal has none. Positions are asked for in ascending
    /// order.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn at(&mut self, position: u64) -> Result<Option<RowResult>, JournalError> {
        Ok(self.belonging(position)?.map(|(_, result)| result))
    }

    /// The same, with the request that it belongs to.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn belonging(&mut self, position: u64) -> Result<Option<(Fingerprint, RowResult)>, JournalError> {
        let reader = self.reader;
        let found = self.in_place.at(reader, position, &self.in_place_sql, result)?;
        let found = match (found, &mut self.claimed) {
            (None, Some((claimed, sql))) => claimed.at(reader, position, sql, result)?,
            (found, _) => found,
        };
        let Some(StoredResult { entry, mut result, whole, fingerprint }) = found else {
            return Ok(None);
        };
        if !whole {
            return Err(reader.not_as_stored(position));
        }
        let in_between = match self.in_between {
            Some(known) => known,
            None => *self.in_between.insert(reader.has_steps_in_between()?),
        };
        if in_between {
            reader.used_in_between(entry)?.add_to(&mut result);
        }
        Ok(Some((fingerprint, result)))
    }
}

fn result(row: &rusqlite::Row<'_>) -> rusqlite::Result<StoredResult> {
    // A word that is none is found by the check of the whole, which says which row it is of.
    let status: Status = row.get(1).unwrap_or_default();
    let shared = row.get::<_, Option<i64>>(19)?.is_some();
    let answered = row.get::<_, Option<i64>>(18)?.is_some();
    // The tokens of a shared answer were paid for by the row it was given to.
    let usage = if shared { Some(Usage::NOTHING) } else { usage(row, 7)? };
    let answer = Answer {
        response: row.get(17)?,
        reasoning: row.get(16)?,
        tool_calls: row.get(15)?,
        finish_reason: row.get(12)?,
        usage,
        model: row.get(13)?,
        request_id: row.get(14)?,
        simulated: row.get(22)?,
        miscounted: false,
        flaw: None,
        warnings: Vec::new(),
    };
    let attempts: u32 = row.get(2)?;
    let result = RowResult {
        answer: match status {
            Status::Ok => answered.then_some(answer),
            // What it used is shown; its text is no answer of the row's.
            Status::Failed => {
                answered.then_some(Answer { response: None, reasoning: None, tool_calls: None, ..answer })
            }
            Status::Pending | Status::SetAside | Status::Dropped | Status::Skipped => None,
        },
        cost: if shared { Some(0.0) } else { row.get(3)? },
        attempts: (attempts > 0 || shared).then_some(attempts),
        latency_ms: row.get(6)?,
        packed: row.get(24)?,
        status,
        error_code: if status == Status::Failed { row.get(4)? } else { None },
        error: if status == Status::Failed { row.get(5)? } else { None },
        warnings: if status == Status::Ok { read_texts(row.get(5)?) } else { Vec::new() },
        ..RowResult::default()
    };
    Ok(StoredResult {
        entry: row.get(20)?,
        result,
        whole: row.get(21)?,
        fingerprint: Fingerprint(row.get(23)?),
    })
}

/// About the bytes that a result holds.
fn bytes_of(found: &StoredResult) -> usize {
    found.result.answer.as_ref().map_or(0, Answer::text_bytes)
}

/// Entries in the order of position, fetched a page at a time.
#[derive(Debug)]
struct Pages<T> {
    /// Entries of a page, at most.
    size: usize,
    /// The bytes that an entry counts.
    bytes_of: fn(&T) -> usize,
    page: VecDeque<(u64, T)>,
    next: Option<u64>,
}

impl<T> Pages<T> {
    fn new(size: usize, bytes_of: fn(&T) -> usize) -> Self {
        Self { size, bytes_of, page: VecDeque::new(), next: Some(0) }
    }

    fn at(
        &mut self,
        reader: &Reader,
        position: u64,
        sql: &str,
        read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, JournalError> {
        loop {
            match self.page.front() {
                Some((at, _)) if *at > position => return Ok(None),
                Some((at, _)) if *at == position => return Ok(self.page.pop_front().map(|(_, item)| item)),
                Some(_) => drop(self.page.pop_front()),
                None => match self.next {
                    None => return Ok(None),
                    Some(next) => self.fetch(reader, next.max(position), sql, &read)?,
                },
            }
        }
    }

    fn fetch(
        &mut self,
        reader: &Reader,
        from: u64,
        sql: &str,
        read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<(), JournalError> {
        let mut statement = reader.connection().prepare_cached(sql).map_err(reader.failed())?;
        let mut rows = statement.query(params![from, self.size]).map_err(reader.failed())?;
        let mut bytes = 0;
        self.next = None;
        while let Some(row) = rows.next().map_err(reader.failed())? {
            let position: u64 = row.get(0).map_err(reader.failed())?;
            let entry = read(row).map_err(reader.failed())?;
            bytes += (self.bytes_of)(&entry);
            self.page.push_back((position, entry));
            if self.page.len() == self.size || bytes >= RESULT_BYTES {
                self.next = Some(position + 1);
                break;
            }
        }
        Ok(())
    }
}
