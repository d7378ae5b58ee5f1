//! Seals: a hash over every stored answer and the request it was given for. SQLite keeps no sums over its pages, so that
//! without them an answer that a disk has changed would look like the one that was paid for.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension};

/// The version of the journal that first had seals.
const SINCE: i32 = 3;

/// The version of the journal that first had seals over places.
const PLACED_SINCE: i32 = 4;

/// The version of the journal that first told what a simulator has said.
pub(super) const SIMULATED_SINCE: i32 = 6;

/// How long a seal is.
const SEAL_BYTES: usize = 16;

/// Room for what is usually sealed at once.
const SEALED_BYTES: usize = 2048;

/// The seal of the step `s` of the entry `e`, with the results of its tools as they are given last; and with more values where
/// `s` has more to say than a step of before.
macro_rules! seal_sql {
    ($results:literal) => {
        concat!(
            "CASE s.simulated WHEN 0 THEN ",
            seal_sql!($results, ""),
            " ELSE ",
            seal_sql!($results, ", s.simulated"),
            " END"
        )
    };
    ($results:literal, $more:literal) => {
        concat!(
            "sealed(e.fingerprint, s.entry, s.sent_at, s.latency_ms, s.prompt_tokens, s.completion_tokens,
                 s.total_tokens, s.cached_tokens, s.reasoning_tokens, s.finish_reason, s.model, s.request_id,
                 s.tool_calls, s.reasoning, s.response, s.cost, s.next, ",
            $results,
            $more,
            ")"
        )
    };
}

/// The seal over an entry's place and its request.
macro_rules! placed_sql {
    ($position:literal, $fingerprint:literal) => {
        concat!("substr(sealed(", $position, ", ", $fingerprint, "), 1, 8)")
    };
}
pub(super) use placed_sql;

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

/// The hash of some values, each with its kind and its length before it. They are hashed in one piece: so many small ones
/// would cost more than the hash does.
fn sealed(values: &Context<'_>) -> Vec<u8> {
    let mut piece = Vec::with_capacity(SEALED_BYTES);
    let mut add = |kind: u8, bytes: &[u8]| {
        piece.push(kind);
        piece.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        piece.extend_from_slice(bytes);
    };
    for index in 0..values.len() {
        match values.get_raw(index) {
            ValueRef::Null => add(0, &[]),
            ValueRef::Integer(number) => add(1, &number.to_le_bytes()),
            ValueRef::Real(number) => add(2, &number.to_bits().to_le_bytes()),
            ValueRef::Text(text) => add(3, text),
            ValueRef::Blob(blob) => add(4, blob),
        }
    }
    blake3::hash(&piece).as_bytes()[..SEAL_BYTES].to_vec()
}

/// Whether the step `s` of the entry `e` is as it was stored, as SQL.
pub(super) fn step_is_whole(version: i32) -> &'static str {
    match version {
        SIMULATED_SINCE.. => concat!("s.seal IS ", seal_sql!("s.results")),
        SINCE.. => concat!("s.seal IS ", seal_sql!("s.results", "")),
        _ => "1",
    }
}

/// Whether a simulator gave the step `s`, as SQL: older journals do not know.
pub(super) fn simulated_sql(version: i32) -> &'static str {
    if version >= SIMULATED_SINCE { "coalesce(s.simulated, 0)" } else { "0" }
}

/// Whether the entry `e` says what can be, as SQL: `s` is the step that holds its answer, `o` the entry whose answer it
/// shares.
const ENTRY_CAN_BE: &str = "CASE e.status
         WHEN 1 THEN s.entry = coalesce(e.shares, e.entry) AND (e.answer IS NULL) = (e.shares IS NOT NULL)
             AND (e.shares IS NULL OR o.fingerprint = e.fingerprint)
         WHEN 2 THEN e.error_code IS NOT NULL AND (s.entry = coalesce(e.shares, e.entry) OR e.answer IS NULL AND s.step IS NULL)
         WHEN 4 THEN e.position IS NULL AND e.answer IS NULL AND e.shares IS NULL
         ELSE e.status IN (0, 3) AND (e.answer IS NULL OR s.entry = e.entry) END";

/// Whether the entry `e` says of its answer what that says of itself, as SQL.
fn says_whose(version: i32) -> &'static str {
    match version >= SIMULATED_SINCE {
        true => "coalesce(s.simulated <= e.simulated, 1)",
        false => "1",
    }
}

/// Whether the entry `e` stands where it was put, as SQL.
pub(super) fn stands_in_place(version: i32) -> &'static str {
    match version >= PLACED_SINCE {
        true => concat!("e.placed IS ", placed_sql!("e.position", "e.fingerprint")),
        false => "0",
    }
}

/// Whether the result of the entry `e` is as it was stored, as SQL.
pub(super) fn result_is_whole(version: i32) -> String {
    let whole = step_is_whole(version);
    format!("coalesce({ENTRY_CAN_BE} AND {} AND (s.step IS NULL OR {whole}), 0)", says_whose(version))
}

/// Looks for an entry that is not as it was stored.
pub(super) fn broken_entry(connection: &Connection, version: i32) -> rusqlite::Result<Option<i64>> {
    let entries = format!(
        "SELECT e.entry FROM entries e LEFT JOIN entries o ON o.entry = e.shares
         LEFT JOIN steps s ON s.step = coalesce(e.answer, o.answer) WHERE NOT coalesce({ENTRY_CAN_BE} AND {}, 0) LIMIT 1",
        says_whose(version)
    );
    let steps = format!(
        "SELECT s.entry FROM steps s LEFT JOIN entries e ON e.entry = s.entry
         WHERE NOT coalesce(e.entry IS NOT NULL AND {}, 0) LIMIT 1",
        step_is_whole(version)
    );
    for sql in [entries, steps] {
        let found = connection.query_row(&sql, [], |row| row.get(0)).optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
