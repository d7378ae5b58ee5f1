//! Who watches the reading of documents, and may end it.

/// Who watches the reading of documents, and may end it.
pub struct ReadingWatch<'a> {
    /// Whether to stop.
    pub is_stopped: &'a dyn Fn() -> bool,
    /// Is called after each document with how many are done, and how many there are.
    pub progress: &'a dyn Fn(u64, u64),
}
