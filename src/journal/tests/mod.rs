//! Tests of the journal, by subject, and what they share.

mod damage;
mod doubt;
mod duplicates;
mod edits;
mod lock;
mod matching;
mod naming;
mod orders;
mod reading;
mod shipped;
mod steps;
mod writing;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

use super::ballast::Ballast;
use super::handle::Journal;
use super::matching::{MatchError, MatchRules, Matched};
use super::reader::Reader;
use super::runs::RunRecord;
use super::writer::{Committed, EventSender, JournalWriter};
use crate::beside::with_ending;
use crate::note::{EntryPart, JournalEvent, Outcome, PackPlace, RequestEnd, RowKey, SendTime};
use crate::outcome::{Answer, Fault, FaultKind, Usage};
use crate::request::Fingerprint;
use crate::reserve::Reserve;
use crate::row::RowId;

/// A journal in a folder of its own.
struct Desk {
    folder: TempDir,
    path: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.journal");
        Self { folder, path }
    }

    fn open(&self) -> Journal {
        Journal::open(&self.path).unwrap()
    }

    fn reader(&self) -> Reader {
        Reader::open(&self.path).unwrap()
    }

    /// Stores notes as one run that ends by a kill: the run has no end.
    fn killed_run(&self, notes: Vec<JournalEvent>) {
        let journal = self.open();
        let run = start_run(&journal);
        let (_, committed) = store(journal, run, notes.clone());
        assert_eq!(committed, notes);
    }

    /// Matches rows with the journal as a run would.
    fn matched(&self, rows: &[RowKey], with_ids: bool) -> Matched {
        matched(self.open().reader(), rows, with_ids, false, true).unwrap()
    }
}

fn start_run(journal: &Journal) -> i64 {
    let record =
        RunRecord { program: "0.1.0".to_owned(), job: "{}".to_owned(), in_doubt: 0, simulated: false };
    journal.begin_run(&record).unwrap()
}

/// A writer at work, with a ballast, in a place that nobody looks after.
fn start_writer(journal: Journal, run: i64) -> (JournalWriter, EventSender, Committed) {
    let ballast = Ballast::beside(journal.path());
    journal.writer(run, ballast)
}

/// Gives notes to a writer and waits for its end.
fn store(journal: Journal, run: i64, notes: Vec<JournalEvent>) -> (Journal, Vec<JournalEvent>) {
    let (writer, events, mut committed) = start_writer(journal, run);
    notes.into_iter().for_each(|note| events.write(note));
    drop(events);
    let journal = writer.finish().unwrap();
    let mut back = Vec::new();
    while let Some(group) = committed.blocking_recv() {
        back.extend(group.unwrap());
    }
    (journal, back)
}

fn matched(
    reader: &Reader,
    rows: &[RowKey],
    with_ids: bool,
    limited: bool,
    apply: bool,
) -> Result<Matched, MatchError> {
    let mut matcher = reader.matcher(MatchRules { with_ids, ..MatchRules::default() })?;
    let mut entries = Reader::beside(reader.path()).unwrap().entries();
    for row in rows {
        matcher.row(row, true, entries.at(row.position)?.as_ref())?;
    }
    matcher.finish(limited, apply)
}

/// A row by its position and the content its request is made of.
fn row(position: u64, content: u8) -> RowKey {
    RowKey {
        row: position,
        position,
        part: EntryPart::WHOLE,
        over: None,
        id: None,
        fingerprint: Fingerprint([content; 16]),
        record: None,
    }
}

/// Rows without ids, by their contents.
fn rows(contents: &[u8]) -> Vec<RowKey> {
    contents.iter().zip(0..).map(|(content, position)| row(position, *content)).collect()
}

/// Rows with ids, by id and content.
fn named(rows: &[(&str, u8)]) -> Vec<RowKey> {
    let key = |((id, content), position): (&(&str, u8), u64)| RowKey {
        id: Some(RowId::from_text(*id)),
        ..row(position, *content)
    };
    rows.iter().zip(0..).map(key).collect()
}

fn sent_at(second: u64) -> SendTime {
    let at = UNIX_EPOCH + Duration::from_secs(second);
    SendTime {
        at,
        latency: Duration::from_millis(1500),
        worst: Reserve::NOTHING,
        pack: PackPlace::ALONE,
        line: None,
    }
}

fn ended(row: &RowKey, ending: Outcome) -> JournalEvent {
    let sent = Some(sent_at(1_800_000_000));
    let (row, cost, reserved) = (row.clone(), Some(0.25), Reserve::NOTHING);
    JournalEvent::Ended(Box::new(RequestEnd { row, sent, tries: 1, cost, reserved, ending }))
}

fn answer(text: &str) -> Answer {
    let usage = Usage {
        prompt_tokens: Some(10),
        completion_tokens: Some(5),
        total_tokens: Some(15),
        cached_tokens: Some(4),
        reasoning_tokens: None,
        ..Usage::default()
    };
    Answer {
        response: Some(text.to_owned()),
        finish_reason: Some("stop".to_owned()),
        usage: Some(usage),
        model: Some("qwen-mt-plus".to_owned()),
        request_id: Some("r-1".to_owned()),
        ..Answer::default()
    }
}

fn answered(row: &RowKey, text: &str) -> JournalEvent {
    ended(row, Outcome::Answered(answer(text)))
}

fn failed(row: &RowKey) -> JournalEvent {
    let fault = Fault::new(FaultKind::RowRefused, "data_inspection_failed", "Input may be inappropriate");
    ended(row, Outcome::Failed(Fault { status: Some(400), ..fault }))
}

fn throttled(row: &RowKey) -> JournalEvent {
    let fault = Fault::new(FaultKind::Throttled, "limit_requests", "slow down");
    ended(row, Outcome::Retry(Fault { status: Some(429), ..fault }))
}

fn set_aside(row: &RowKey) -> JournalEvent {
    ended(row, Outcome::SetAside(Fault::new(FaultKind::Transient, "timeout", "no answer within 330s")))
}

/// The text of the answer at each of the first positions.
fn answers(reader: &Reader, rows: u64) -> Vec<Option<String>> {
    let mut results = reader.results();
    (0..rows).map(|position| results.at(position).unwrap()?.answer?.response).collect()
}

/// Everything a query gives.
fn dump(connection: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|column| row.get(column)).collect());
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

fn number(connection: &Connection, sql: &str) -> i64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// The files of a folder, with their bytes.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths.map(|path| (path.clone(), fs::read(&path).unwrap())).collect();
    files.sort();
    files
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}
