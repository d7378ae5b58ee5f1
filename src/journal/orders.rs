//! Orders to a run under way: they are left in its journal by another process, and are taken up by the run.

use std::time::Duration;

use rusqlite::params;

use super::JournalError;
use super::handle::Journal;
use super::reader::Reader;
use crate::clock;
use crate::config::orders::Order;
use crate::epoch::{seconds, time};
use crate::history::PastOrder;

/// How long a look at the orders may wait for the journal; it comes again in a moment.
const PATIENCE: Duration = Duration::from_millis(20);

impl Journal {
    /// Leaves orders for the run that holds the journal, all or none. Gives the numbers of the first and the last.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn give(&self, orders: &[Order]) -> Result<(i64, i64), JournalError> {
        let enter = || {
            let transaction = self.connection().unchecked_transaction()?;
            let mut numbers = Vec::new();
            for order in orders {
                let sql = "INSERT INTO orders (key, value, given_at) VALUES (?1, ?2, ?3)";
                transaction.execute(sql, params![order.key, order.value, seconds(clock::now())])?;
                numbers.push(transaction.last_insert_rowid());
            }
            transaction.commit()?;
            Ok((numbers.first().copied().unwrap_or(0), numbers.last().copied().unwrap_or(0)))
        };
        enter().map_err(self.broke())
    }
}

impl Reader {
    /// The number of the last order there is. A run takes only those that come once it has the journal; earlier ones were for
    /// the run before.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn last_order(&self) -> Result<i64, JournalError> {
        let last =
            self.connection().query_row("SELECT coalesce(max(number), 0) FROM orders", [], |row| row.get(0));
        last.map_err(self.failed())
    }

    /// Where the run of this number looks for orders, for those with numbers above `after`.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn inbox(&self, run: i64, after: i64) -> Result<Inbox, JournalError> {
        let reader = Self::beside(self.path())?;
        reader.connection().busy_timeout(PATIENCE).map_err(reader.failed())?;
        Ok(Inbox { reader, run, after, seen: None })
    }

    /// Whether a run has taken up the orders of these numbers.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn are_taken(&self, (first, last): (i64, i64)) -> Result<bool, JournalError> {
        let sql = "SELECT count(*) FROM orders WHERE number BETWEEN ?1 AND ?2 AND taken_at IS NULL";
        let open: i64 =
            self.connection().query_row(sql, [first, last], |row| row.get(0)).map_err(self.failed())?;
        Ok(open == 0)
    }

    /// What a run was told, in order.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn orders_of(&self, run: i64) -> Result<Vec<Order>, JournalError> {
        let sql = "SELECT key, value FROM orders WHERE run = ?1 ORDER BY number";
        self.all(sql, [run], |row| Ok(Order { key: row.get(0)?, value: row.get(1)? }))
    }

    /// What somebody told the job while it ran: the last orders, the first of them first.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn past_orders(&self, most: u32) -> Result<Vec<PastOrder>, JournalError> {
        let sql = "SELECT key, value, given_at, run FROM (SELECT * FROM orders ORDER BY number DESC LIMIT ?1)
                   ORDER BY number";
        self.all(sql, [most], |row| {
            let given_at = time(row.get(2)?);
            Ok(PastOrder { key: row.get(0)?, value: row.get(1)?, given_at, run: row.get(3)? })
        })
    }
}

/// Where a run looks for orders.
#[derive(Debug)]
pub struct Inbox {
    reader: Reader,
    run: i64,
    after: i64,
    seen: Option<i64>,
}

impl Inbox {
    /// All that the run was told so far, and from which place on it is new, at the first look and whenever there is anything
    /// new; that is entered as taken up by then.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read or written. The orders are there at the next look.
    pub fn look(&mut self) -> Result<Option<(Vec<Order>, usize)>, JournalError> {
        let failed = self.reader.failed();
        // A number in shared memory; the journal itself is looked into only when somebody has written to it.
        let now = self.reader.connection().pragma_query_value(None, "data_version", |row| row.get(0));
        let now = now.map_err(&failed)?;
        if self.seen == Some(now) {
            return Ok(None);
        }
        let (orders, last) = self.read().map_err(&failed)?;
        let new = orders.iter().position(|(_, is_new)| *is_new);
        if new.is_some() {
            self.take(last)?;
        }
        // What the run was told before its input was planned anew still holds.
        let is_first = self.seen.replace(now).is_none() && !orders.is_empty();
        let new = new.or_else(|| is_first.then_some(orders.len()));
        Ok(new.map(|new| (orders.into_iter().map(|(order, _)| order).collect(), new)))
    }

    /// The orders for this run, each with whether it is new; and the number of the last.
    fn read(&self) -> rusqlite::Result<(Vec<(Order, bool)>, i64)> {
        let sql = "SELECT number, key, value, run IS NULL FROM orders
                   WHERE number > ?1 AND (run IS NULL OR run = ?2) ORDER BY number";
        let mut statement = self.reader.connection().prepare_cached(sql)?;
        let mut rows = statement.query([self.after, self.run])?;
        let (mut orders, mut last) = (Vec::new(), self.after);
        while let Some(row) = rows.next()? {
            last = row.get(0)?;
            orders.push((Order { key: row.get(1)?, value: row.get(2)? }, row.get(3)?));
        }
        Ok((orders, last))
    }

    fn take(&self, last: i64) -> Result<(), JournalError> {
        let journal = Journal::open_again(self.reader.path())?;
        let sql =
            "UPDATE orders SET run = ?1, taken_at = ?2 WHERE number > ?3 AND number <= ?4 AND run IS NULL";
        let values = params![self.run, seconds(clock::now()), self.after, last];
        journal.connection().execute(sql, values).map(drop).map_err(journal.broke())
    }
}
