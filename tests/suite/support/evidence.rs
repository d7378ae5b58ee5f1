//! What a scenario leaves behind, as the judge reads it: the witness log and the journal.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

/// One request that the simulator received.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Unix seconds.
    pub at: f64,
    /// Identifies the body: equal requests have equal values.
    pub body: String,
    /// The request id in the reply.
    pub request_id: String,
    pub status: Option<u64>,
    pub fault: Option<String>,
    pub total_tokens: u64,
    /// Whether it is a line of a batch, and was answered in the provider's own time.
    pub in_a_batch: bool,
    /// The text of all turns.
    pub text: String,
}

impl Seen {
    /// The requests to a model among some lines of the witness log. Calls about files and batches are none.
    pub fn of_all(lines: &[Value]) -> Vec<Self> {
        let is_a_call = |line: &&Value| {
            let path = line["path"].as_str().unwrap_or_default();
            !path.contains("/files") && !path.contains("/batches")
        };
        lines.iter().filter(is_a_call).map(Self::of).collect()
    }

    /// A line of the witness log.
    pub fn of(line: &Value) -> Self {
        let word = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let turns = line["body"]["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let texts: Vec<&str> = turns.iter().filter_map(|turn| turn["content"].as_str()).collect();
        Self {
            at: line["at"].as_f64().expect("a time"),
            body: word("body_hash"),
            request_id: word("request_id"),
            status: line["status"].as_u64(),
            fault: line["fault"].as_str().map(str::to_owned),
            total_tokens: line["total_tokens"].as_u64().unwrap_or(0),
            in_a_batch: line["batch"].is_string(),
            text: texts.join("\n"),
        }
    }
}

/// Faults of the script that damage the answer to several numbered texts.
pub const MISPACKINGS: [&str; 13] = [
    "drop_mark",
    "merge_texts",
    "double_text",
    "renumber_marks",
    "reorder_texts",
    "note_before",
    "space_mark",
    "translate_mark",
    "blank_text",
    "drop_last",
    "add_text",
    "shift_texts",
    "cut_texts",
];

/// Faults of the script whose reply is a whole answer all the same, with something missing from its text.
const MISTRANSLATIONS: [&str; 8] = [
    "drop_blank_lines",
    "eat_placeholders",
    "eat_repeated",
    "translate_tags",
    "merge_paragraphs",
    "untranslated",
    "echo_instruction",
    "explain",
];

impl Seen {
    /// Whether its reply was an answer that the journal must have, once it has arrived.
    pub fn is_answered(&self) -> bool {
        let is_whole =
            |fault: &str| MISTRANSLATIONS.iter().chain(&MISPACKINGS).any(|action| fault.ends_with(action));
        self.status == Some(200) && self.fault.as_deref().is_none_or(is_whole)
    }
}

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub number: i64,
    /// `None` when no row of the input claims it at present.
    pub position: Option<i64>,
    pub row_id: Option<String>,
    pub fingerprint: Vec<u8>,
    /// 0 pending, 1 ok, 2 failed, 3 set aside.
    pub status: String,
}

/// A journal at a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Book {
    pub entries: Vec<Entry>,
    /// The fingerprint behind each request id that the journal knows.
    pub fingerprints: HashMap<String, Vec<u8>>,
    /// The request ids of paid answers that did not end their row, and after which another request follows.
    pub in_between: HashSet<String>,
    /// How many answers to a request did not pass a check, after which the same request may follow.
    pub unchecked: HashMap<Vec<u8>, i64>,
}

impl Book {
    /// Reads a journal; a missing one is empty.
    pub fn read(path: &Path) -> Self {
        if !path.exists() {
            return Self::default();
        }
        let connection =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a journal");
        let sql = "SELECT entry, position, row_id, fingerprint, status FROM entries";
        let mut statement = connection.prepare(sql).expect("the journal's tables");
        let entries = statement.query_map([], |row| {
            Ok(Entry {
                number: row.get(0)?,
                position: row.get(1)?,
                row_id: row.get(2)?,
                fingerprint: row.get(3)?,
                status: row.get(4)?,
            })
        });
        let entries = entries.and_then(Iterator::collect).expect("entries");
        let sql = "SELECT x.request_id, e.fingerprint FROM (SELECT entry, request_id FROM steps UNION ALL
                       SELECT entry, request_id FROM faults) x JOIN entries e ON e.entry = x.entry
                   WHERE x.request_id IS NOT NULL";
        let mut statement = connection.prepare(sql).expect("the journal's tables");
        let known = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let fingerprints = known.and_then(Iterator::collect).expect("request ids");
        let sql = "SELECT request_id FROM steps WHERE next <> 'check' AND request_id IS NOT NULL";
        let in_between = match connection.prepare(sql) {
            Ok(mut statement) => {
                let ids = statement.query_map([], |row| row.get(0));
                ids.and_then(Iterator::collect).expect("request ids")
            }
            // A journal of the first version has no such steps.
            Err(_) => HashSet::new(),
        };
        let sql = "SELECT e.fingerprint, count(*) FROM steps s JOIN entries e ON e.entry = s.entry
                   WHERE s.next = 'check' GROUP BY 1";
        let unchecked = match connection.prepare(sql) {
            Ok(mut statement) => {
                let counts = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
                counts.and_then(Iterator::collect).expect("counts")
            }
            Err(_) => HashMap::new(),
        };
        Self { entries, fingerprints, in_between, unchecked }
    }

    /// The entries that rows of the input claim.
    pub fn claimed(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.position.is_some())
    }

    /// The journal's fingerprint of each body that the witness saw and the journal knows.
    pub fn bodies(&self, seen: &[Seen]) -> HashMap<String, Vec<u8>> {
        let known = |seen: &Seen| Some((seen.body.clone(), self.fingerprints.get(&seen.request_id)?.clone()));
        seen.iter().filter_map(known).collect()
    }
}
