//! What messages call the rows of a job, and its requests.

/// What a job's rows are: of a table or documents, whole or cut into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowWords {
    /// Whether its rows are documents.
    pub documents: bool,
    /// Whether they are cut into pieces, each of which is a request.
    pub pieces: bool,
}

impl RowWords {
    /// The noun for a row of the input.
    pub fn row(self) -> &'static str {
        if self.documents { "document" } else { "row" }
    }

    /// The noun for what is asked once: a row, or a piece of one.
    pub fn request(self) -> &'static str {
        if self.pieces { "piece" } else { self.row() }
    }
}
