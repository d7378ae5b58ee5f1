//! The journal's tables, and what else may be in its file.

use std::sync::OnceLock;

use rusqlite::{Connection, OptionalExtension};

use super::seal;
use crate::failpoint::meet;

/// Marks a SQLite file as a fanfold journal (`FANF`).
pub(super) const APPLICATION_ID: i32 = 0x4641_4e46;

/// The version of these tables: one that was in a release is never edited. An addition raises the version, brings older
/// journals to it, and adds a journal of the new version to `tests/data`.
pub(super) const VERSION: i32 = 1;

/// `entries`: one for each request that a row of the input has led to. `position` is the request's present place in the input,
///   counted from 0 over the requests of all rows; null for an entry that no row claims at present, which is kept all the
///   same: the row may come back. Of the requests of one row, which follow one another, it is number `part` of `parts`. `over`: what a request over other answers is: merge, digest. It has a
///   place only while it is sent, behind all others, and is found by its fingerprint.
///   `gone_at`: since when that is so, as far as runs have looked. `record`: what the row is known by as it is written, bound to
///   its request. `status`: pending, ok, failed, set_aside (for one more pass), or dropped
///   when it had been gone for long (`pruning.rs`): it has no answer any more, and is kept for what its steps and faults say of
///   spending. `error`: why it has failed; of an answer, its warnings as a JSON array. `out`: 1 while the row may be in flight, of a row that had an entry before. `tries`: what counts against the
///   row's allowance; `attempts`: requests sent. `answer` is the step that holds the answer; `shares` the entry whose answer a
///   duplicate shares.
/// `steps`: every paid answer. Of a request with `packed` rows each has its own, with its share of what was used; a fault is with the
///   first of them alone. `next` is why the row continued after it (null: it ended the row), `results` what that adds to the
///   next request, as a JSON array of texts; of an answer to a piece, what it lacks: a code and its words. `faults`: every request that brought none. Of both, `cost` is that of the one
///   request, the row's share where it had several; `reserved_cost` and `reserved_tokens` what it may have cost beyond what is known; null where all is known.
/// `runs`: `handed_out` is the first position of the present pass that has certainly not been sent; `last_at` the time of the
///   last commit; `in_doubt` counts the rows that were out when the run before this one was killed; `out_cost` and `out_tokens`
///   are the most that requests may cost whose ends the run has not stored (yet); `longest_answer` is in tokens.
/// `simulated`: 1 where fanfold's simulator has said it, and no service: of a step, of a fault; of an entry that holds one of
///   these; of a run that heard of any, or knew before.
/// `held`: for how many seconds of a minute (counted from 1970) what held a run back, of minutes in which something did.
/// `survey`: what is known of the rows of the input as a whole (`survey.rs`). `output`: what the output was last written from
///   (`output_state.rs`).
/// `orders`: what somebody told a job while it ran: a key and its value, the run that took it up, and when.
/// `batches`: a provider's batch, from before it was made: `phase` says how far it is (`batch/phase.rs`), `state` the provider's own
///   word; `asked_at` since when it may have been made although nobody has said so. `batch_lines`: its requests. `entry` is the
///   one that a line was made for; `state`: 0 without a reply, 1 with one in `reply` that waits for its row, 2 taken,
///   3 for ever without one. What a line may cost stays set aside until it is 2. Of steps and faults, `batch` is the one by which they came.
/// `seal`: the hash over the other columns (`seal.rs`). Times are seconds since 1970.
const TABLES: &str = "
CREATE TABLE entries (
    entry INTEGER PRIMARY KEY,
    position INTEGER UNIQUE,
    part INTEGER NOT NULL DEFAULT 0,
    parts INTEGER NOT NULL DEFAULT 1,
    over TEXT,
    row_id TEXT,
    fingerprint BLOB NOT NULL,
    record BLOB,
    gone_at REAL,
    status TEXT NOT NULL DEFAULT 'pending',
    out INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    cost REAL,
    answer INTEGER,
    shares INTEGER,
    simulated INTEGER NOT NULL DEFAULT 0,
    error_code TEXT,
    error TEXT
) STRICT;
CREATE INDEX entries_simulated ON entries (entry) WHERE simulated <> 0;
CREATE INDEX entries_over ON entries (fingerprint) WHERE over IS NOT NULL;
CREATE TABLE steps (
    step INTEGER PRIMARY KEY,
    entry INTEGER NOT NULL,
    sent_at REAL NOT NULL,
    latency_ms INTEGER NOT NULL,
    packed INTEGER NOT NULL DEFAULT 1,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    total_tokens INTEGER,
    cached_tokens INTEGER,
    reasoning_tokens INTEGER,
    cost REAL,
    reserved_cost REAL,
    reserved_tokens INTEGER,
    simulated INTEGER NOT NULL DEFAULT 0,
    finish_reason TEXT,
    model TEXT,
    request_id TEXT,
    tool_calls TEXT,
    reasoning TEXT,
    response TEXT,
    next TEXT,
    results TEXT,
    batch INTEGER,
    seal BLOB
) STRICT;
CREATE INDEX steps_in_between ON steps (entry) WHERE next IS NOT NULL;
CREATE TABLE faults (
    fault INTEGER PRIMARY KEY,
    entry INTEGER NOT NULL,
    sent_at REAL NOT NULL,
    latency_ms INTEGER NOT NULL,
    packed INTEGER NOT NULL DEFAULT 1,
    kind TEXT NOT NULL,
    status INTEGER,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    request_id TEXT,
    total_tokens INTEGER,
    cost REAL,
    reserved_cost REAL,
    reserved_tokens INTEGER,
    simulated INTEGER NOT NULL DEFAULT 0,
    evidence BLOB,
    batch INTEGER,
    seal BLOB
) STRICT;
CREATE INDEX faults_by_entry ON faults (entry);
CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    started_at REAL NOT NULL,
    last_at REAL NOT NULL,
    ended_at REAL,
    reason TEXT,
    program TEXT NOT NULL,
    job TEXT NOT NULL,
    handed_out INTEGER NOT NULL DEFAULT 0,
    in_doubt INTEGER NOT NULL DEFAULT 0,
    requests INTEGER NOT NULL DEFAULT 0,
    answers INTEGER NOT NULL DEFAULT 0,
    throttled INTEGER NOT NULL DEFAULT 0,
    faults INTEGER NOT NULL DEFAULT 0,
    prompt_tokens INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0,
    total_tokens INTEGER NOT NULL DEFAULT 0,
    longest_answer INTEGER NOT NULL DEFAULT 0,
    cost REAL NOT NULL DEFAULT 0,
    reserved_cost REAL NOT NULL DEFAULT 0,
    reserved_tokens INTEGER NOT NULL DEFAULT 0,
    out_cost REAL NOT NULL DEFAULT 0,
    out_tokens INTEGER NOT NULL DEFAULT 0,
    simulated INTEGER NOT NULL DEFAULT 0,
    seal BLOB
) STRICT;
CREATE TABLE held (
    run INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    cause TEXT NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (run, minute, cause)
) STRICT, WITHOUT ROWID;
CREATE TABLE orders (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    given_at REAL NOT NULL,
    run INTEGER,
    taken_at REAL
) STRICT;
CREATE TABLE survey (
    job TEXT NOT NULL,
    files TEXT,
    rows INTEGER NOT NULL,
    columns TEXT NOT NULL,
    exact INTEGER NOT NULL,
    holds INTEGER NOT NULL
) STRICT;
CREATE TABLE output (
    job TEXT NOT NULL,
    file TEXT NOT NULL,
    results BLOB NOT NULL,
    rows INTEGER NOT NULL,
    simulated INTEGER NOT NULL
) STRICT;
CREATE TABLE batches (
    batch INTEGER PRIMARY KEY,
    tag TEXT NOT NULL,
    phase TEXT NOT NULL,
    run INTEGER NOT NULL,
    base_url TEXT NOT NULL,
    model TEXT NOT NULL,
    lines INTEGER NOT NULL,
    file_bytes INTEGER NOT NULL,
    file_hash BLOB NOT NULL,
    window_hours INTEGER NOT NULL,
    planned_at REAL NOT NULL,
    asked_at REAL,
    input_file TEXT,
    provider_id TEXT,
    state TEXT,
    created_at REAL,
    started_at REAL,
    expires_at REAL,
    ended_at REAL,
    closed_at REAL,
    completed INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    output_file TEXT,
    error_file TEXT,
    replies INTEGER NOT NULL DEFAULT 0,
    unknown INTEGER NOT NULL DEFAULT 0,
    doubled INTEGER NOT NULL DEFAULT 0,
    seal BLOB
) STRICT;
CREATE TABLE batch_lines (
    number INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL,
    line INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    reserved_cost REAL NOT NULL,
    reserved_tokens INTEGER NOT NULL,
    reply BLOB,
    seal BLOB,
    UNIQUE (batch, line)
) STRICT;
CREATE INDEX batch_lines_open ON batch_lines (fingerprint) WHERE state < 2;
CREATE INDEX batch_lines_of_entry ON batch_lines (entry) WHERE state < 2;
";

/// Makes the tables in an empty database, all or none.
///
/// # Errors
///
/// When SQLite cannot.
pub(super) fn make(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    meet("journal.make.inside");
    transaction.commit()
}

/// An empty journal in memory.
pub(super) fn in_memory() -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    seal::register(&connection)?;
    make(&connection)?;
    Ok(connection)
}

/// A table or an index, as it was made.
#[derive(Debug, PartialEq, Eq)]
struct SchemaObject {
    kind: String,
    name: String,
    made_by: String,
}

/// The tables and indexes of a schema, but those that SQLite makes by itself.
fn objects(connection: &Connection) -> rusqlite::Result<Vec<SchemaObject>> {
    let sql = "SELECT type, name, sql FROM sqlite_schema
               WHERE type IN ('table', 'index') AND sql IS NOT NULL AND name NOT LIKE 'sqlite@_%' ESCAPE '@'";
    let mut statement = connection.prepare(sql)?;
    let objects = statement.query_map([], |row| {
        let made_by: String = row.get(2)?;
        // Line breaks and indents say nothing.
        let made_by = made_by.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(SchemaObject { kind: row.get(0)?, name: row.get(1)?, made_by })
    })?;
    objects.collect()
}

/// The tables and indexes of a journal. A run opens its journal several times, and makes them once.
fn expected() -> rusqlite::Result<&'static [SchemaObject]> {
    static MADE: OnceLock<Vec<SchemaObject>> = OnceLock::new();
    if let Some(made) = MADE.get() {
        return Ok(made);
    }
    let objects = objects(&in_memory()?)?;
    Ok(MADE.get_or_init(|| objects))
}

/// What a journal has in its schema that no fanfold has put there, and that would act when the journal is used: a trigger, a
/// table that is not word for word as it is made here (a check, a conflict clause, a generated column), or one that
/// holds ours to its own keys, or an index that may refuse a row. What somebody added to look at the rows is no matter.
pub(super) fn stranger(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let trigger = "SELECT name FROM sqlite_schema WHERE type = 'trigger' LIMIT 1";
    let trigger: Option<String> = connection.query_row(trigger, [], |row| row.get(0)).optional()?;
    if let Some(name) = trigger {
        return Ok(Some(format!(
            "its trigger `{name}` would change what is stored; no fanfold has created it"
        )));
    }
    let (ours, found) = (expected()?, objects(connection)?);
    if let Some(SchemaObject { kind, name, .. }) = ours.iter().find(|object| !found.contains(object)) {
        return Ok(Some(format!("its {kind} `{name}` was not created by fanfold")));
    }
    let tables: Vec<&str> =
        ours.iter().filter(|object| object.kind == "table").map(|object| object.name.as_str()).collect();
    for object in found.iter().filter(|object| !ours.contains(object)) {
        let acts = match object.kind.as_str() {
            "index" => may_refuse(connection, &object.name, &tables)?,
            _ => holds_to_its_keys(connection, &object.name, &tables)?,
        };
        if acts {
            let SchemaObject { kind, name, .. } = object;
            return Ok(Some(format!(
                "its {kind} `{name}` could reject what is stored; no fanfold has created it"
            )));
        }
    }
    Ok(None)
}

/// Whether an index on one of our tables can refuse a row, or fail on one: it is unique, partial, over an expression, or in an
/// order that SQLite does not know by itself.
fn may_refuse(connection: &Connection, index: &str, tables: &[&str]) -> rusqlite::Result<bool> {
    let table = "SELECT tbl_name FROM sqlite_schema WHERE name = ?1";
    let table: String = connection.query_row(table, [index], |row| row.get(0))?;
    let is_plain = "SELECT EXISTS (SELECT 1 FROM pragma_index_list(?1) WHERE name = ?2 AND NOT \"unique\" AND NOT partial)
                        AND NOT EXISTS (SELECT 1 FROM pragma_index_xinfo(?2)
                                        WHERE cid = -2 OR coll NOT IN ('BINARY', 'NOCASE', 'RTRIM'))";
    let is_plain: bool = connection.query_row(is_plain, [table.as_str(), index], |row| row.get(0))?;
    Ok(!is_plain && tables.iter().any(|ours| ours.eq_ignore_ascii_case(&table)))
}

/// Whether a table of somebody else's refers to one of ours, so that rows there cannot change as they have to.
fn holds_to_its_keys(connection: &Connection, table: &str, tables: &[&str]) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare("SELECT \"table\" FROM pragma_foreign_key_list(?1)")?;
    let mut referred = statement.query([table])?;
    while let Some(row) = referred.next()? {
        let referred: String = row.get(0)?;
        if tables.iter().any(|ours| ours.eq_ignore_ascii_case(&referred)) {
            return Ok(true);
        }
    }
    Ok(false)
}
