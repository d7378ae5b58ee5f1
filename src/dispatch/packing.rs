//! How rows travel together in a run: what the job allows, what limits and failures leave of it, and how far packs reach.

use super::handout::PackReach;
use crate::job::pack::PackSettings;
use crate::packs::{PackHealth, PackRoom, PackTrouble};

/// How rows travel together in a run.
#[derive(Debug)]
pub(super) struct RowPacking {
    settings: PackSettings,
    health: PackHealth,
    /// How far packs reach at present.
    pub(super) reach: PackReach,
}

impl RowPacking {
    /// Before the first pack.
    pub(super) fn new(settings: PackSettings) -> Self {
        Self { settings, health: PackHealth::default(), reach: PackReach::ALONE }
    }

    /// How many rows travel together at present.
    pub(super) fn rows(&self) -> usize {
        self.reach.rows
    }

    /// What was done about packs that failed.
    pub(super) fn trouble(&self) -> PackTrouble {
        self.health.trouble()
    }

    /// Counts a pack that came back, or that was refused.
    pub(super) fn count(&mut self, failed: bool) {
        self.health.count(failed);
    }

    /// The room of a request that may have this many tokens so that requests and tokens are used up together.
    pub(super) fn room(&self, tokens_each: Option<f64>) -> PackRoom {
        let room = PackRoom::new(&self.settings, tokens_each);
        match self.health.trouble() {
            PackTrouble::None => room,
            PackTrouble::Halved => PackRoom { tokens: room.tokens / 2.0, rows: (room.rows / 2).max(1) },
            PackTrouble::Ended => PackRoom::ONE,
        }
    }
}
