//! The bytes that a row has in memory, as far as they count for how many are read ahead.

use super::prefetch::Weight;
use crate::row::{Item, Origin, Row};

impl<T: Weight, E> Weight for Result<T, E> {
    fn bytes(&self) -> usize {
        self.as_ref().map_or(0, Weight::bytes)
    }
}

impl Weight for Item {
    /// The bytes of a row's values. A row of a Parquet batch shares that with its neighbours.
    fn bytes(&self) -> usize {
        let of_row = |row: &Row| match &row.origin {
            Origin::Line(line) => line.len(),
            _ => row.fields.values().filter_map(|value| value.as_str()).map(str::len).sum(),
        };
        match self {
            Self::Row(row) => of_row(row),
            Self::Bad(bad) => bad.raw.len() + bad.row.as_deref().map_or(0, of_row),
        }
    }
}
