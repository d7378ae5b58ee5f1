//! How far ahead of the sending the journal is told which rows may be sent: as many rows as can go until it is told again.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::work::Work;

/// How far ahead in time, where a rate says how many rows can go.
const AHEAD: Duration = Duration::from_millis(100);

/// Rows that are handed out ahead at most where there are fewer places: what a kill leaves in doubt is bounded, and so are
/// the rows that are held.
const MOST_ROWS: usize = 512;

/// What the journal knows of the rows that were never sent in this pass.
#[derive(Debug)]
pub(super) struct Handout {
    /// Rows below this position may be sent: the journal knows of it.
    known: u64,
    /// What the journal has been told.
    told: u64,
    told_at: Instant,
    /// How long the journal took for that the last time.
    commit: Duration,
    /// When the journal last knew, and the rows sent for the first time since.
    known_at: Instant,
    sent: usize,
    rows: usize,
}

impl Handout {
    /// Of a pass that has not begun.
    pub(super) fn new(now: Instant) -> Self {
        Self { known: 0, told: 0, told_at: now, commit: Duration::ZERO, known_at: now, sent: 0, rows: 0 }
    }

    /// Whether the row at a position may be sent.
    pub(super) fn allows(&self, position: u64) -> bool {
        position < self.known
    }

    /// A row was sent for the first time.
    pub(super) fn sent(&mut self) {
        self.sent += 1;
    }

    /// Rows that are to be there, ready to be sent, so that a commit holds nobody up.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Requests that can leave before the journal is told again; any number where nothing limits them.
    pub(super) fn within_a_moment(&self, rate: Option<f64>) -> usize {
        match rate {
            // As far as a commit takes, twice, so that a slow disk does not hold the rate back.
            Some(rate) => (rate * AHEAD.max(self.commit * 2).as_secs_f64()).ceil() as usize,
            None => usize::MAX,
        }
    }

    /// Whether the journal was told, and has not said yet that it knows.
    pub(super) fn is_told(&self) -> bool {
        self.told > self.known
    }

    /// The position below which the journal is to be told that rows may be sent, if it is time to tell it. `rate`: requests
    /// per second, where something limits them.
    pub(super) fn tell(
        &mut self,
        now: Instant,
        fresh: &VecDeque<Work>,
        places: usize,
        rate: Option<f64>,
    ) -> Option<u64> {
        let most = places.max(self.rows);
        let rows = self.within_a_moment(rate).clamp(1, most);
        let below = fresh.get(rows.min(fresh.len()).checked_sub(1)?)?.row.position + 1;
        // Asking for each row anew would be one commit per row; a half used up is a good time to ask.
        let known = fresh.partition_point(|work| self.allows(work.row.position));
        (below > self.told && known <= rows / 2).then(|| {
            (self.told, self.told_at) = (below, now);
            below
        })
    }

    /// The journal knows that rows below a position may be sent.
    pub(super) fn on_disk(&mut self, below: u64) {
        self.known = below;
        self.commit = self.told_at.elapsed();
        // Twice what leaves within a commit is to be left by the next time, when half is used up.
        let share =
            self.commit.as_secs_f64() / self.known_at.elapsed().max(self.commit).as_secs_f64().max(1e-9);
        let rows = (self.sent as f64 * share * 4.0).ceil() as usize;
        // A moment at which few rows were known says little of how many could have left.
        self.rows = rows.max(self.rows / 2).min(MOST_ROWS);
        (self.known_at, self.sent) = (Instant::now(), 0);
    }
}
