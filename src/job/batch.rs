//! `[batch]`, settled: how a job uses the provider's Batch API.

use std::time::Duration;

/// How requests travel in provider batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSettings {
    /// The time that the provider has for a batch, in hours.
    pub window_hours: u32,
    /// How often the provider is asked how a batch is.
    pub poll: Duration,
    /// Whether the run waits for its batches.
    pub wait: bool,
    /// The most lines of one batch.
    pub max_lines: u32,
    /// The most bytes of one batch's file.
    pub max_bytes: u64,
    /// Whether the files stay in the account.
    pub keep_files: bool,
}

impl BatchSettings {
    /// The most lines of one batch that DashScope and OpenAI take.
    pub const MAX_LINES: u32 = 50_000;

    /// The longest file that DashScope takes, in bytes.
    pub const MAX_BYTES: u64 = 500_000_000;

    /// The longest line that DashScope takes, in bytes.
    pub const MAX_LINE_BYTES: u64 = 6_000_000;

    /// The shortest time between two looks.
    pub const SHORTEST_POLL: Duration = Duration::from_millis(100);

    /// The longest window that DashScope takes, in hours.
    pub const LONGEST_WINDOW_HOURS: u32 = 336;

    /// The longest line of this job's files, in bytes.
    pub fn longest_line(&self) -> u64 {
        self.max_bytes.min(Self::MAX_LINE_BYTES)
    }

    /// How long the provider has for a batch.
    pub fn window_length(&self) -> Duration {
        Duration::from_secs(u64::from(self.window_hours) * 3600)
    }
}

impl Default for BatchSettings {
    fn default() -> Self {
        Self {
            window_hours: 24,
            poll: Duration::from_secs(60),
            wait: true,
            max_lines: Self::MAX_LINES,
            max_bytes: Self::MAX_BYTES,
            keep_files: false,
        }
    }
}
