//! The dispatcher's door to the journal: what it hands over, and what comes back once it is on disk.

use crate::note::JournalEvent;

/// Where notes go, and come back from once they are on disk.
pub trait Ledger {
    /// What the ledger fails with.
    type Error;

    /// Hands a note over.
    fn write(&mut self, note: JournalEvent);

    /// The next group of notes that is on disk, in the order of their writing. Dropping the future loses none of them.
    fn committed(&mut self) -> impl Future<Output = Result<Vec<JournalEvent>, Self::Error>>;
}
