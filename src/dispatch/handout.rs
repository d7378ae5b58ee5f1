//! How far ahead of sending the journal records which rows may be sent: as many as can be sent before the next record.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::work::Work;

/// How far ahead in time, if a rate determines the number of rows.
const AHEAD: Duration = Duration::from_millis(100);

/// The maximum number of rows handed out ahead, unless there are more places: it limits the rows that a kill leaves in
/// doubt, and the rows in memory.
const MOST_ROWS: usize = 512;

/// How far packs reach: a request may take many rows at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct PackReach {
    /// Rows of one request.
    pub(super) rows: usize,
    /// How many rows, from the first unsent one on, the next pack has among them.
    pub(super) needs: usize,
}

impl PackReach {
    /// Each row goes alone.
    pub(super) const ALONE: Self = Self { rows: 1, needs: 0 };

    /// The fewest rows to record, so that the next pack can be full.
    fn least(self) -> usize {
        if self.rows > 1 { 2 * self.rows } else { 1 }
    }
}

/// What the journal has recorded about rows not yet sent in this pass.
#[derive(Debug)]
pub(super) struct Handout {
    /// Rows below this position may be sent: the journal has recorded it.
    known: u64,
    /// The position sent to the journal.
    announced: u64,
    announced_at: Instant,
    /// How long the journal took last time.
    commit: Duration,
    /// When the journal last recorded a position, and the rows first sent since then.
    known_at: Instant,
    sent: usize,
    rows: usize,
}

impl Handout {
    /// Before a pass begins.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            known: 0,
            announced: 0,
            announced_at: now,
            commit: Duration::ZERO,
            known_at: now,
            sent: 0,
            rows: 0,
        }
    }

    /// Whether the row at a position may be sent.
    pub(super) fn allows(&self, position: u64) -> bool {
        position < self.known
    }

    /// A row was sent for the first time.
    pub(super) fn sent(&mut self) {
        self.sent += 1;
    }

    /// How many rows should be ready to be sent, so that a commit delays nobody.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// How many requests can be sent before the next record; any number if nothing limits them.
    pub(super) fn within_a_moment(&self, rate: Option<f64>) -> usize {
        match rate {
            // Twice the time of a commit, so that a slow disk does not reduce the rate.
            Some(rate) => (rate * AHEAD.max(self.commit * 2).as_secs_f64()).ceil() as usize,
            None => usize::MAX,
        }
    }

    /// Whether a position was sent to the journal and is not yet recorded.
    pub(super) fn is_pending(&self) -> bool {
        self.announced > self.known
    }

    /// The position below which the journal should record that rows may be sent, if it is time. `rate`: requests per
    /// second, if something limits them.
    /// `packs`: how many rows travel in each.
    pub(super) fn announce(
        &mut self,
        now: Instant,
        fresh: &VecDeque<Work>,
        places: usize,
        rate: Option<f64>,
        packs: PackReach,
    ) -> Option<u64> {
        let most = (places * packs.rows).max(self.rows);
        let rate = rate.map(|rate| rate * packs.rows as f64);
        let rows = self.within_a_moment(rate).clamp(1, most).max(packs.needs).max(packs.least());
        let below = fresh.get(rows.min(fresh.len()).checked_sub(1)?)?.row.position + 1;
        // A record for each row would mean one commit per row; half of the rows is a good point for the next.
        let known = fresh.partition_point(|work| self.allows(work.row.position));
        (below > self.announced && (known <= rows / 2 || known < packs.needs)).then(|| {
            (self.announced, self.announced_at) = (below, now);
            below
        })
    }

    /// The journal has recorded that rows below a position may be sent.
    pub(super) fn on_disk(&mut self, below: u64) {
        self.known = below;
        self.commit = self.announced_at.elapsed();
        // When half is used up, twice as many as are sent during a commit should be left.
        let share =
            self.commit.as_secs_f64() / self.known_at.elapsed().max(self.commit).as_secs_f64().max(1e-9);
        let rows = (self.sent as f64 * share * 4.0).ceil() as usize;
        // A period with few recorded rows does not show how many could have been sent.
        self.rows = rows.max(self.rows / 2).min(MOST_ROWS);
        (self.known_at, self.sent) = (Instant::now(), 0);
    }
}
