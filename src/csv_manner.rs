//! How a file of CSV or TSV is written, besides its cells.

/// The delimiter of a file's cells, and whether it begins with a byte order mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvManner {
    /// Between two cells.
    pub delimiter: u8,
    /// Whether its program shows by a mark which encoding it is in, or needs one to know: text that is not UTF-8 comes from a
    /// program that would read UTF-8 without a mark as its own encoding.
    pub is_marked: bool,
}
