//! Seals: a hash over every stored answer and the request it was given for. SQLite keeps no sums over its pages, so that
//! without them an answer that a disk has changed would look like the one that was paid for.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension};

use crate::note::RowKey;
use crate::request::Fingerprint;
use crate::row::RecordHash;

/// More rows than any input has.
const MOST_ROWS: &str = "1000000000";

/// How long a seal is.
const SEAL_BYTES: usize = 16;

/// Room for what is usually sealed at once.
const SEALED_BYTES: usize = 2048;

/// The seal of the step `s` of the entry `e`, with the results of its tools as they are given last.
macro_rules! seal_sql {
    ($results:literal) => {
        concat!(
            "sealed(e.fingerprint, s.entry, s.sent_at, s.latency_ms, s.prompt_tokens, s.completion_tokens,
                 s.total_tokens, s.cached_tokens, s.reasoning_tokens, s.finish_reason, s.model, s.request_id,
                 s.tool_calls, s.reasoning, s.response, s.cost, s.next, ",
            $results,
            ", s.simulated, s.reserved_cost, s.reserved_tokens, s.packed, s.batch)"
        )
    };
}

/// The seal of a fault: over what sums and reports are made of.
const SEAL_OF_FAULT: &str =
    "sealed(entry, sent_at, latency_ms, kind, status, code, message, total_tokens, cost, simulated,
         reserved_cost, reserved_tokens, packed, batch)";

/// The seal of a run.
const SEAL_OF_RUN: &str =
    "sealed(run, started_at, last_at, ended_at, handed_out, in_doubt, requests, answers, throttled, faults, prompt_tokens,
         completion_tokens, total_tokens, cost, reserved_cost, reserved_tokens, out_cost, out_tokens, longest_answer, simulated)";

/// The seal of a provider's batch.
pub(super) const SEAL_OF_BATCH: &str =
    "sealed(batch, tag, phase, run, base_url, model, lines, file_bytes, file_hash, window_hours, planned_at, asked_at, input_file,
         provider_id, state, created_at, started_at, expires_at, ended_at, closed_at, completed, failed, output_file, error_file,
         replies, unknown, doubled)";

/// The seal of a line of one.
pub(super) const SEAL_OF_LINE: &str =
    "sealed(batch, line, entry, fingerprint, state, reserved_cost, reserved_tokens, reply)";

/// Seals a run anew, whose number is given.
pub(super) fn seal_run(connection: &Connection, run: i64) -> rusqlite::Result<()> {
    let sql = format!("UPDATE runs SET seal = {SEAL_OF_RUN} WHERE run = ?1");
    connection.prepare_cached(&sql)?.execute([run]).map(drop)
}

/// What an entry keeps of its row as it is written: bound to the request that was made of it, so that neither can be
/// exchanged alone.
pub(super) fn bound(record: RecordHash, fingerprint: Fingerprint) -> [u8; SEAL_BYTES] {
    let mut both = [0; 2 * SEAL_BYTES];
    both[..SEAL_BYTES].copy_from_slice(&record.0);
    both[SEAL_BYTES..].copy_from_slice(&fingerprint.0);
    let mut short = [0; SEAL_BYTES];
    short.copy_from_slice(&blake3::hash(&both).as_bytes()[..SEAL_BYTES]);
    short
}

/// The same of a row that has just been read.
pub(super) fn record_of(row: &RowKey) -> Option<[u8; SEAL_BYTES]> {
    row.record.map(|record| bound(record, row.fingerprint))
}

/// Stores what the tools gave (`?2`) that the last step of the row at a position (`?1`) calls, and seals it anew.
pub(super) const STORE_RESULTS: &str = concat!(
    "UPDATE steps AS s SET results = ?2,
         seal = (SELECT ",
    seal_sql!("?2"),
    " FROM entries e WHERE e.entry = s.entry)
     WHERE s.step = (SELECT max(s.step) FROM steps s JOIN entries e ON e.entry = s.entry
                     WHERE e.position = ?1 AND s.next IS NOT NULL)"
);

/// Seals anew the steps of entries whose texts have just been dropped.
pub(super) const RESEAL_DROPPED: &str = concat!(
    "UPDATE steps AS s SET seal = ",
    seal_sql!("s.results"),
    " FROM entries e WHERE e.entry = s.entry AND s.entry IN (SELECT entry FROM temp.dropped)"
);

/// Makes the function `sealed` known to a connection. No schema may call it.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("sealed", -1, flags, |values| Ok(sealed(values)))
}

/// A hash over many values, each with its kind and its length before it.
#[derive(Default)]
pub(super) struct Digest {
    hasher: blake3::Hasher,
    piece: Vec<u8>,
}

impl Digest {
    /// Adds a value.
    pub(super) fn add(&mut self, value: ValueRef<'_>) {
        add_value(&mut self.piece, value);
        if self.piece.len() >= SEALED_BYTES {
            self.hasher.update(&self.piece);
            self.piece.clear();
        }
    }

    /// The hash over all of them.
    pub(super) fn finish(mut self) -> [u8; SEAL_BYTES] {
        let mut short = [0; SEAL_BYTES];
        let hash = self.hasher.update(&self.piece).finalize();
        short.copy_from_slice(&hash.as_bytes()[..SEAL_BYTES]);
        short
    }
}

fn add_value(piece: &mut Vec<u8>, value: ValueRef<'_>) {
    let mut add = |kind: u8, bytes: &[u8]| {
        piece.push(kind);
        piece.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        piece.extend_from_slice(bytes);
    };
    match value {
        ValueRef::Null => add(0, &[]),
        ValueRef::Integer(number) => add(1, &number.to_le_bytes()),
        ValueRef::Real(number) => add(2, &number.to_bits().to_le_bytes()),
        ValueRef::Text(text) => add(3, text),
        ValueRef::Blob(blob) => add(4, blob),
    }
}

/// The hash of some values, each with its kind and its length before it. They are hashed in one piece: so many small ones
/// would cost more than the hash does.
fn sealed(values: &Context<'_>) -> Vec<u8> {
    let mut piece = Vec::with_capacity(SEALED_BYTES);
    for index in 0..values.len() {
        add_value(&mut piece, values.get_raw(index));
    }
    blake3::hash(&piece).as_bytes()[..SEAL_BYTES].to_vec()
}

/// Whether the step `s` of the entry `e` is as it was stored, as SQL.
pub(super) const STEP_IS_WHOLE: &str = concat!("s.seal IS ", seal_sql!("s.results"));

/// Whether a run is as it was stored, as SQL: its numbers can be, and are those that were sealed.
pub(super) fn run_is_whole() -> String {
    format!(
        "coalesce(min(handed_out, in_doubt, requests, answers, throttled, faults, prompt_tokens, completion_tokens,
             total_tokens, reserved_tokens, out_tokens, longest_answer) >= 0
         AND max(handed_out, in_doubt) <= {MOST_ROWS} AND cost BETWEEN 0 AND 1e300
         AND reserved_cost BETWEEN 0 AND 1e300 AND out_cost BETWEEN 0 AND 1e300 AND seal IS {SEAL_OF_RUN}, 0)"
    )
}

/// Looks for a run, a fault, a batch or a line of one that is not as it was stored, and says which.
pub(super) fn broken_sum(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let runs = format!("SELECT run FROM runs WHERE NOT {} LIMIT 1", run_is_whole());
    let faults = format!(
        "SELECT fault FROM faults WHERE NOT coalesce(coalesce(total_tokens, 0) >= 0
             AND coalesce(cost, 0) BETWEEN 0 AND 1e300 AND coalesce(reserved_tokens, 0) >= 0
             AND coalesce(reserved_cost, 0) BETWEEN 0 AND 1e300 AND seal IS {SEAL_OF_FAULT}, 0) LIMIT 1"
    );
    let batches = format!("SELECT batch FROM batches WHERE NOT coalesce(seal IS {SEAL_OF_BATCH}, 0) LIMIT 1");
    let lines = format!(
        "SELECT batch FROM batch_lines WHERE NOT coalesce(reserved_cost BETWEEN 0 AND 1e300 AND reserved_tokens >= 0
             AND seal IS {SEAL_OF_LINE}, 0) LIMIT 1"
    );
    for (name, sql) in [("run", runs), ("fault", faults), ("batch", batches), ("a line of batch", lines)] {
        let found: Option<i64> = connection.query_row(&sql, [], |row| row.get(0)).optional()?;
        if let Some(number) = found {
            return Ok(Some(format!("the record of {name} {number} is not what was stored")));
        }
    }
    Ok(None)
}

/// Whether the entry `e` says what can be, as SQL: `s` is the step that holds its answer, `o` the entry whose answer it
/// shares. It is a simulator's when its answer is.
const ENTRY_CAN_BE: &str = "CASE e.status
         WHEN 'ok' THEN s.entry = coalesce(e.shares, e.entry) AND (e.answer IS NULL) = (e.shares IS NOT NULL)
             AND (e.shares IS NULL OR o.fingerprint = e.fingerprint)
         WHEN 'failed' THEN e.error_code IS NOT NULL
             AND (s.entry = coalesce(e.shares, e.entry) OR e.answer IS NULL AND s.step IS NULL)
         WHEN 'dropped' THEN e.position IS NULL AND e.answer IS NULL AND e.shares IS NULL
         ELSE e.status IN ('pending', 'set_aside') AND (e.answer IS NULL OR s.entry = e.entry) END
     AND coalesce(s.simulated <= e.simulated, 1)";

/// Whether the result of the entry `e` is as it was stored, as SQL.
pub(super) fn result_is_whole() -> String {
    format!("coalesce({ENTRY_CAN_BE} AND (s.step IS NULL OR {STEP_IS_WHOLE}), 0)")
}

/// Looks for an entry that is not as it was stored.
pub(super) fn broken_entry(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let entries = format!(
        "SELECT e.entry FROM entries e LEFT JOIN entries o ON o.entry = e.shares
         LEFT JOIN steps s ON s.step = coalesce(e.answer, o.answer) WHERE NOT coalesce({ENTRY_CAN_BE}, 0) LIMIT 1"
    );
    let steps = format!(
        "SELECT s.entry FROM steps s LEFT JOIN entries e ON e.entry = s.entry
         WHERE NOT coalesce(e.entry IS NOT NULL AND coalesce(s.total_tokens, 0) >= 0
             AND coalesce(s.cost, 0) BETWEEN 0 AND 1e300 AND {STEP_IS_WHOLE}, 0) LIMIT 1"
    );
    for sql in [entries, steps] {
        let found = connection.query_row(&sql, [], |row| row.get(0)).optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
