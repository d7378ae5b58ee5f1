//! `[pack]`, settled: how many short rows may travel in one request.

/// How rows are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackSettings {
    /// The most rows of one request.
    pub rows: PackRows,
    /// The most tokens of one request, in and out, estimated.
    pub max_tokens: u64,
}

/// The most rows of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackRows {
    /// As many as use up requests and tokens together.
    Auto,
    /// Not more than these, and at least two.
    AtMost(u32),
}

impl Default for PackSettings {
    /// What `rows = "auto"` alone means.
    fn default() -> Self {
        Self { rows: PackRows::Auto, max_tokens: Self::MAX_TOKENS }
    }
}

impl PackSettings {
    /// The tokens of a request when the job does not say: with them, rows of 50 tokens use up 60 requests and 100,000 tokens a
    /// minute together.
    pub const MAX_TOKENS: u64 = 1_600;

    /// The most rows of one request: a longer list is one in which models lose count.
    pub const MOST_ROWS: u32 = 100;
}
