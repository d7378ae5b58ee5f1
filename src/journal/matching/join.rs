//! The join of the rows and the entries that did not fit in place: who claims what, and what becomes of the others.

use rusqlite::{OptionalExtension, params};

use super::{DuplicateId, MatchError, Matcher};
use crate::clock;
use crate::epoch::seconds;
use crate::failpoint::meet;
use crate::journal::survey;

/// Whose entries a row may claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Those of its own identifier.
    Own,
    /// Those of its own place; where rows are named, as far as nobody is named in them.
    OwnPlace,
    /// Those of any row.
    Anyones,
}

/// Entries in the order in which they are claimed: no row is sent while an answer to it lies unclaimed, and none
/// takes a failure while there is an answer, nor another's while there is one of its own. Pending entries are worth
/// claiming too: they know the tries.
const CLAIMED_IN_ORDER: [(&str, Whose); 6] = [
    ("status = 'ok'", Whose::OwnPlace),
    ("status = 'ok'", Whose::Anyones),
    ("status = 'failed'", Whose::OwnPlace),
    ("status IN ('pending', 'set_aside')", Whose::OwnPlace),
    ("status = 'failed'", Whose::Anyones),
    ("status IN ('pending', 'set_aside')", Whose::Anyones),
];

/// The same where rows have names. An answer serves whoever asks that very thing; a failure, and tries, are those of the row
/// that had them, and a row of another name is sent.
const CLAIMED_BY_NAME_IN_ORDER: [(&str, Whose); 6] = [
    ("status = 'ok'", Whose::Own),
    ("status = 'ok'", Whose::Anyones),
    ("status = 'failed'", Whose::Own),
    ("status = 'failed'", Whose::OwnPlace),
    ("status IN ('pending', 'set_aside')", Whose::Own),
    ("status IN ('pending', 'set_aside')", Whose::OwnPlace),
];

impl Matcher<'_> {
    /// Joins, counts, and, when that is asked for, applies.
    pub(super) fn join(&mut self, limited: bool, apply: bool) -> Result<(), MatchError> {
        self.check_kept_ids()?;
        let reader = self.reader;
        let failed = reader.failed();
        if limited {
            self.loosen_past_the_last_row().map_err(&failed)?;
        }
        self.batch(
            "CREATE INDEX temp.loose_by_position ON loose_entries (position);
             CREATE INDEX temp.loose_by_row ON loose_entries (row_id)",
        )?;
        let in_order = if self.with_ids { CLAIMED_BY_NAME_IN_ORDER } else { CLAIMED_IN_ORDER };
        for (status, whose) in in_order {
            self.claim(status, whose).map_err(&failed)?;
        }
        let behind = if limited { self.rows } else { i64::MAX as u64 };
        self.count(behind).map_err(&failed)?;
        if apply {
            self.apply(behind).map_err(&failed)?;
        }
        Ok(())
    }

    /// Two rows that fit in place, or one that does and a loose one, can have the same identifier.
    fn check_kept_ids(&self) -> Result<(), MatchError> {
        if !self.with_ids {
            return Ok(());
        }
        let kept =
            "e.position < ?1 AND NOT EXISTS (SELECT 1 FROM temp.loose_entries x WHERE x.entry = e.entry)";
        // A run that goes on meanwhile gives a row that was found loose its entry: that is the same row.
        let loose_and_kept = format!(
            "SELECT e.row_id, min(e.position, l.position), max(e.position, l.position) FROM temp.loose_rows l
             JOIN entries e ON e.row_id = l.row_id WHERE e.position <> l.position AND {kept} LIMIT 1"
        );
        let both_kept = format!(
            "SELECT e.row_id, min(e.position), max(e.position) FROM entries e
             WHERE e.row_id IS NOT NULL AND {kept} GROUP BY e.row_id HAVING count(*) > 1 LIMIT 1"
        );
        for sql in [loose_and_kept, both_kept] {
            let found = self.connection().query_row(&sql, [self.rows], |row| {
                Ok(DuplicateId { id: row.get(0)?, first: row.get(1)?, second: row.get(2)? })
            });
            if let Some(duplicate) = found.optional().map_err(self.reader.failed())? {
                return Err(MatchError::Duplicate(duplicate));
            }
        }
        Ok(())
    }

    /// A row that has come up from behind the limit brings its answer along.
    fn loosen_past_the_last_row(&self) -> rusqlite::Result<()> {
        let sql =
            "INSERT OR IGNORE INTO temp.loose_entries SELECT entry, position, row_id, fingerprint, status FROM entries
             WHERE position >= ?1 AND over IS NULL AND (fingerprint IN (SELECT fingerprint FROM temp.loose_rows)
                 OR row_id IN (SELECT row_id FROM temp.loose_rows))";
        self.connection().execute(sql, [self.rows]).map(drop)
    }

    /// Gives loose rows the loose entries of the same request, first to first. With identifiers, a row takes its own
    /// entries first. What answers are left were paid for all the same: they serve whoever asks that very thing, so that names which
    /// change, or come from another column, cost nothing.
    fn claim(&self, status: &str, whose: Whose) -> rusqlite::Result<()> {
        let (key, on, entries) = match whose {
            Whose::OwnPlace => (
                "position",
                "r.position = e.position AND r.fingerprint = e.fingerprint",
                if self.with_ids {
                    "AND position IS NOT NULL AND row_id IS NULL"
                } else {
                    "AND position IS NOT NULL"
                },
            ),
            Whose::Own => (
                "row_id, fingerprint",
                "r.row_id = e.row_id AND r.fingerprint = e.fingerprint",
                "AND row_id IS NOT NULL",
            ),
            Whose::Anyones => ("fingerprint", "r.fingerprint = e.fingerprint", ""),
        };
        let free = format!(
            "FROM temp.loose_entries e WHERE {status} {entries}
                 AND NOT EXISTS (SELECT 1 FROM temp.claims c WHERE c.entry = e.entry)"
        );
        let some =
            self.connection().query_row(&format!("SELECT 1 {free} LIMIT 1"), [], |_| Ok(())).optional()?;
        if some.is_none() {
            return Ok(());
        }
        // What still stands past a limit is taken last: it may be wanted there. So is what belongs to a row that is still
        // there with another request: it may change back.
        let sql = format!(
            "INSERT INTO temp.claims
             WITH r AS (SELECT position, row_id, fingerprint,
                               row_number() OVER (PARTITION BY {key} ORDER BY position) AS turn
                        FROM temp.loose_rows r
                        WHERE NOT EXISTS (SELECT 1 FROM temp.claims c WHERE c.position = r.position)),
                  e AS (SELECT entry, position, row_id, fingerprint, status,
                               row_number() OVER (PARTITION BY {key} ORDER BY coalesce(position >= ?1, 0),
                                   coalesce(row_id IN (SELECT row_id FROM temp.loose_rows), 0),
                                   position IS NULL, position, entry) AS turn
                        {free})
             SELECT e.entry, r.position, e.status FROM r JOIN e ON {on} AND r.turn = e.turn"
        );
        self.connection().execute(&sql, [self.rows]).map(drop)
    }

    fn count(&mut self, behind: u64) -> rusqlite::Result<()> {
        let one = |sql: &str| self.connection().query_row(sql, [], |row| row.get::<_, u64>(0));
        let claimed = "FROM temp.claims c JOIN temp.loose_entries e ON e.entry = c.entry
             JOIN temp.loose_rows r ON r.position = c.position WHERE c.status IN ('ok', 'failed')";
        // A row that is named otherwise is another row, also where it stands in the same place.
        let is_same =
            "e.position IS c.position AND (r.row_id IS NULL OR e.row_id IS NULL OR e.row_id = r.row_id)";
        let moved = one(&format!("SELECT count(*) {claimed} AND NOT ({is_same})"))?;
        let kept = one(&format!("SELECT count(*) {claimed} AND {is_same}"))?;
        let failed = one("SELECT count(*) FROM temp.claims WHERE status = 'failed'")?;
        let on = match self.with_ids {
            true => "(e.row_id = r.row_id OR e.row_id IS NULL AND e.position = r.position)",
            false => "e.position = r.position",
        };
        let unanswered = "NOT EXISTS (SELECT 1 FROM temp.claims c WHERE c.position = r.position AND c.status IN ('ok', 'failed'))";
        let unclaimed = "e.status IN ('ok', 'failed') AND NOT EXISTS (SELECT 1 FROM temp.claims c WHERE c.entry = e.entry)";
        let loose = format!("FROM temp.loose_rows r WHERE {unanswered}");
        let left = one(&format!("SELECT count(*) {loose}"))?;
        let unsendable = one(&format!("SELECT count(*) {loose} AND NOT r.sendable"))?;
        let to_send = match self.shares {
            false => left - unsendable,
            true => {
                let ask =
                    format!("INSERT OR IGNORE INTO temp.asked SELECT r.fingerprint {loose} AND r.sendable");
                self.connection().execute(&ask, [])?;
                let answered = "DELETE FROM temp.asked
                     WHERE fingerprint IN (SELECT fingerprint FROM entries WHERE status = 'ok')";
                self.connection().execute(answered, [])?;
                one("SELECT count(*) FROM temp.asked")?
            }
        };
        let changed = one(&format!(
            "SELECT count(*) FROM temp.loose_rows r WHERE {unanswered} AND EXISTS (
                 SELECT 1 FROM temp.loose_entries e WHERE {on} AND {unclaimed} AND e.fingerprint <> r.fingerprint)"
        ))?;
        // A row that has changed is still there; so is, where rows have names, one that has changed back.
        let still_there = if self.with_ids { "true" } else { unanswered };
        let gone = one(&format!(
            "SELECT count(*) FROM temp.loose_entries e WHERE e.position < {behind} AND {unclaimed}
                 AND NOT EXISTS (SELECT 1 FROM temp.loose_rows r WHERE {on} AND {still_there})"
        ))?;
        self.matched.kept += kept;
        self.matched.moved += moved;
        self.matched.failed += failed;
        self.matched.changed += changed;
        self.matched.new += left - changed;
        self.matched.gone = gone;
        self.matched.to_send += to_send;
        self.matched.unsendable += unsendable;
        Ok(())
    }

    /// Entries from `behind` on that nobody claims stand where they are.
    fn apply(&self, behind: u64) -> rusqlite::Result<()> {
        let loosen = "UPDATE entries SET position = NULL, record = NULL, out = 0, gone_at = ?2
             WHERE position IS NOT NULL AND entry IN (SELECT entry FROM temp.loose_entries)
                 AND (position < ?1 OR entry IN (SELECT entry FROM temp.claims)
                     OR row_id IN (SELECT row_id FROM temp.loose_rows))";
        self.connection().execute(loosen, params![behind, seconds(clock::now())])?;
        // One that a killed run has left in a place.
        self.connection()
            .execute("UPDATE entries SET position = NULL, out = 0 WHERE over IS NOT NULL", [])?;
        meet("journal.match.loosened");
        let place = "UPDATE entries SET position = c.position, gone_at = NULL,
                 row_id = coalesce(r.row_id, entries.row_id), record = r.record,
                 part = r.part, parts = r.parts
             FROM temp.claims c JOIN temp.loose_rows r ON r.position = c.position WHERE c.entry = entries.entry";
        self.connection().execute(place, [])?;
        let known = "UPDATE entries SET record = n.record, part = n.part, parts = n.parts FROM temp.records n WHERE n.entry = entries.entry";
        self.connection().execute(known, [])?;
        survey::keep(self.connection(), self.survey.as_ref())?;
        Ok(())
    }
}
