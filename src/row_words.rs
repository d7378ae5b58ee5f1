//! What messages call the rows of a job, and its requests.

/// What a job's rows are: of a table or documents, asked once or several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowWords {
    /// Whether its rows are documents.
    pub documents: bool,
    /// Whether they are cut into pieces, each of which is a request.
    pub pieces: bool,
    /// Whether each is asked for several combinations.
    pub each: bool,
}

impl RowWords {
    /// The noun for a row of the input.
    pub fn row(self) -> &'static str {
        if self.documents { "document" } else { "row" }
    }

    /// The noun for what is asked once: a row, or a part of one.
    pub fn request(self) -> &'static str {
        match self {
            Self { each: true, .. } => "request",
            Self { pieces: true, .. } => "piece",
            _ => self.row(),
        }
    }

    /// The noun for what ends when a request is answered, of which packs have several in one request of the service.
    pub fn answer(self) -> &'static str {
        if self.each { "answer" } else { self.request() }
    }

    /// Whether a row may have several requests.
    pub fn several(self) -> bool {
        self.pieces || self.each
    }
}
