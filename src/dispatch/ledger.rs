//! The dispatcher's interface to the journal: it writes events, and receives them again once they are on disk.

use crate::note::JournalEvent;

/// Takes events, and returns them once they are on disk.
pub trait Ledger {
    type Error;

    /// Passes an event to the journal.
    fn write(&mut self, note: JournalEvent);

    /// The next group of events that are on disk, in the order of writing. Dropping the future loses none of them.
    fn committed(&mut self) -> impl Future<Output = Result<Vec<JournalEvent>, Self::Error>>;
}
