//! The journal's tables: an append-only list of migrations. A shipped migration is never edited.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};

use super::seal;
use crate::failpoint::meet;

/// Marks a SQLite file as a fanfold journal (`FANF`).
pub(super) const APPLICATION_ID: i32 = 0x4641_4e46;

/// Each brings the journal from the version of its index to the next one.
const MIGRATIONS: [&str; 6] = [VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5, VERSION_6];

/// The version this program writes.
pub(super) const VERSION: i32 = MIGRATIONS.len() as i32;

/// `entries`: one row for each request that a row of the input has led to. `position` is the row's present place in
///   the input, counted from 0; null for an entry that no row claims at present, which is kept all the same: the row
///   may come back. `status`: 0 pending, 1 ok, 2 failed, 3 set aside for one more pass. `out`: 1 while the row may be on
///   its way, of a row that had an entry before. `tries`: what counts against the row's allowance; `attempts`: requests sent.
///   `answer` is the step that holds the answer; `shares` the entry whose answer a duplicate shares.
/// `steps`: every paid answer. `faults`: every request that brought none.
/// `runs`: `handed_out` is the first position of the present pass that has certainly not been sent; `last_at` the
///   time of the last commit; `in_doubt` counts the rows that were out when the run before this one was killed.
/// Times are seconds since 1970.
const VERSION_1: &str = "
CREATE TABLE entries (
    entry INTEGER PRIMARY KEY,
    position INTEGER UNIQUE,
    row_id TEXT,
    fingerprint BLOB NOT NULL,
    status INTEGER NOT NULL DEFAULT 0,
    out INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    cost REAL,
    answer INTEGER,
    shares INTEGER,
    error_code TEXT,
    error TEXT
) STRICT;
CREATE TABLE steps (
    step INTEGER PRIMARY KEY,
    entry INTEGER NOT NULL,
    sent_at REAL NOT NULL,
    latency_ms INTEGER NOT NULL,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    total_tokens INTEGER,
    cached_tokens INTEGER,
    reasoning_tokens INTEGER,
    finish_reason TEXT,
    model TEXT,
    request_id TEXT,
    tool_calls TEXT,
    reasoning TEXT,
    response TEXT
) STRICT;
CREATE TABLE faults (
    fault INTEGER PRIMARY KEY,
    entry INTEGER NOT NULL,
    sent_at REAL NOT NULL,
    latency_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    status INTEGER,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    request_id TEXT,
    total_tokens INTEGER,
    evidence BLOB
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
    cost REAL NOT NULL DEFAULT 0
) STRICT;
";

/// Rows that take several requests. Of `steps`: `next` is why the row went on after the answer (null: it ended the row),
///   `results` what that adds to the next request, as a JSON array of texts. `cost` is that of the one request, so that
///   costs can be told by the day; the costs of steps of before are those of their rows.
const VERSION_2: &str = "
ALTER TABLE steps ADD COLUMN next TEXT;
ALTER TABLE steps ADD COLUMN results TEXT;
ALTER TABLE steps ADD COLUMN cost REAL;
ALTER TABLE faults ADD COLUMN cost REAL;
CREATE INDEX steps_in_between ON steps (entry) WHERE next IS NOT NULL;
UPDATE steps SET cost = e.cost FROM entries e WHERE e.entry = steps.entry AND e.answer = steps.step;
";

/// `steps.seal`: the hash over the other columns and the request the step belongs to (`seal.rs`).
const VERSION_3: &str = "
ALTER TABLE steps ADD COLUMN seal BLOB;
UPDATE steps AS s SET seal = sealed(e.fingerprint, s.entry, s.sent_at, s.latency_ms, s.prompt_tokens,
    s.completion_tokens, s.total_tokens, s.cached_tokens, s.reasoning_tokens, s.finish_reason, s.model, s.request_id,
    s.tool_calls, s.reasoning, s.response, s.cost, s.next, s.results) FROM entries e WHERE e.entry = s.entry;
";

/// `entries.placed`: the seal over the entry's place and its request, by which an output can tell that a place is as it was
///   given; null where no row claims the entry.
/// `held`: for how many seconds of a minute (counted from 1970) what held a run back, of minutes in which something did.
/// `settled`: the input and the requests that the positions of the entries were last brought to; of an input whose columns
///   are known of its rows alone, those too. Nothing while they may not be as they were.
/// `orders`: what somebody told a job while it ran: a key and its value, the run that took it up, and when.
const VERSION_4: &str = "
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
CREATE TABLE settled (mark TEXT NOT NULL, columns TEXT) STRICT;
ALTER TABLE entries ADD COLUMN placed BLOB;
UPDATE entries SET placed = substr(sealed(position, fingerprint), 1, 8) WHERE position IS NOT NULL;
";

/// `entries.gone_at`: since when no row of the input claims the entry, as far as runs have looked; null while one does. Of what
///   was gone before, since now: nobody knows. An entry whose `status` is 4 was dropped when it had been gone for long
///   (`pruning.rs`): it has no answer any more, and is kept for what its steps and faults say of spending.
const VERSION_5: &str = "
ALTER TABLE entries ADD COLUMN gone_at REAL;
UPDATE entries SET gone_at = (julianday('now') - 2440587.5) * 86400.0 WHERE position IS NULL;
";

/// `simulated`: 1 where fanfold's simulator has said it, and no service: of a step, of a fault; of an entry that holds one of
///   these; of a run that heard of any, or knew before. A step says so under its seal, which is that of before where it does not.
/// `reserved_cost` and `reserved_tokens`: what a request may have cost beyond what is known of it; null where all is known. Of
///   `runs` the sums of both. `runs.out_cost`, `out_tokens`: the most that requests may cost whose ends the run has not stored
///   (yet). Of requests before, nothing is set aside: nobody knows what they could have cost. `runs.longest_answer` is that of
///   the run in tokens; of runs before, that of all.
/// `runs.seal`, `faults.seal`: as `steps.seal`, over what sums are made of.
const VERSION_6: &str = "
ALTER TABLE entries ADD COLUMN record BLOB;
CREATE TABLE survey (job TEXT NOT NULL, files TEXT, rows INTEGER NOT NULL, columns TEXT NOT NULL,
    exact INTEGER NOT NULL, holds INTEGER NOT NULL) STRICT;
CREATE TABLE output (job TEXT NOT NULL, file TEXT NOT NULL, results BLOB NOT NULL, rows INTEGER NOT NULL,
    simulated INTEGER NOT NULL) STRICT;
ALTER TABLE steps ADD COLUMN simulated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE faults ADD COLUMN simulated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE entries ADD COLUMN simulated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN simulated INTEGER NOT NULL DEFAULT 0;
CREATE INDEX entries_simulated ON entries (entry) WHERE simulated <> 0;
ALTER TABLE steps ADD COLUMN reserved_cost REAL;
ALTER TABLE steps ADD COLUMN reserved_tokens INTEGER;
ALTER TABLE faults ADD COLUMN reserved_cost REAL;
ALTER TABLE faults ADD COLUMN reserved_tokens INTEGER;
ALTER TABLE faults ADD COLUMN seal BLOB;
ALTER TABLE runs ADD COLUMN reserved_cost REAL NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN reserved_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN out_cost REAL NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN out_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN longest_answer INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN seal BLOB;
UPDATE faults SET seal = sealed(entry, sent_at, latency_ms, kind, status, code, message, total_tokens, cost,
    simulated, reserved_cost, reserved_tokens);
UPDATE runs SET longest_answer = (SELECT coalesce(max(completion_tokens), 0) FROM steps);
UPDATE runs SET seal = sealed(run, started_at, last_at, ended_at, handed_out, in_doubt, requests, answers, throttled, faults,
    prompt_tokens, completion_tokens, total_tokens, cost, reserved_cost, reserved_tokens, out_cost, out_tokens,
    longest_answer, simulated);
";

/// Brings a journal to the present version, each step in a transaction of its own.
///
/// # Errors
///
/// When SQLite cannot.
pub(super) fn migrate(connection: &Connection) -> rusqlite::Result<()> {
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(version.max(0) as usize) {
        let transaction = connection.unchecked_transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", index as i32 + 1)?;
        meet("journal.migrate.inside");
        transaction.commit()?;
    }
    Ok(())
}

/// Brings a journal in memory to a version.
fn make(version: i32) -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    seal::register(&connection)?;
    let mut migrations = MIGRATIONS.iter().take(version.max(0) as usize);
    migrations.try_for_each(|migration| connection.execute_batch(migration))?;
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

/// The tables and indexes of a journal of a version. A run opens its journal several times, and makes them once.
fn expected(version: i32) -> rusqlite::Result<Arc<[SchemaObject]>> {
    static MADE: Mutex<BTreeMap<i32, Arc<[SchemaObject]>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(objects) = made.get(&version) {
        return Ok(objects.clone());
    }
    let objects: Arc<[SchemaObject]> = objects(&make(version)?)?.into();
    made.insert(version, objects.clone());
    Ok(objects)
}

/// What a journal has in its schema that no fanfold has put there, and that would act when the journal is used: a trigger, a
/// table that is not word for word as the migrations make it (a check, a conflict clause, a generated column), or one that
/// holds ours to its own keys, or an index that may refuse a row. What somebody added to look at the rows is no matter.
pub(super) fn stranger(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let trigger = "SELECT name FROM sqlite_schema WHERE type = 'trigger' LIMIT 1";
    let trigger: Option<String> = connection.query_row(trigger, [], |row| row.get(0)).optional()?;
    if let Some(name) = trigger {
        return Ok(Some(format!(
            "its trigger `{name}` would change what is stored; no fanfold has created it"
        )));
    }
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let (ours, found) = (expected(version)?, objects(connection)?);
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
