//! The hash of a row's text: a row whose record is known need not be parsed again.

use crate::row::RecordHash;

/// The key of record hashes: everything besides the record itself that affects how it is used.
#[derive(Debug, Clone, Copy)]
pub struct RecordKey([u8; 32]);

impl RecordKey {
    /// A key from a text that identifies one way to read and use rows.
    pub fn of(text: &str) -> Self {
        Self(*blake3::hash(text.as_bytes()).as_bytes())
    }

    /// The key for the records of one file; `text` adds what the records themselves do not contain.
    pub(super) fn of_file(self, text: &str) -> Self {
        Self(*blake3::keyed_hash(&self.0, text.as_bytes()).as_bytes())
    }

    /// The hash of a record that is a single text.
    pub(super) fn hash(&self, record: &[u8]) -> RecordHash {
        short(&blake3::keyed_hash(&self.0, record))
    }

    /// The hash of a record of cells, given the end of each.
    pub(super) fn hash_cells(&self, cells: &[u8], ends: &[usize]) -> RecordHash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(cells);
        for end in ends {
            hasher.update(&(*end as u64).to_le_bytes());
        }
        short(&hasher.finalize())
    }
}

fn short(hash: &blake3::Hash) -> RecordHash {
    let mut short = [0; 16];
    short.copy_from_slice(&hash.as_bytes()[..16]);
    RecordHash(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_differ_by_text_by_cells_and_by_key() {
        let key = RecordKey::of("a job");
        assert_eq!(key.hash(b"x"), key.hash(b"x"));
        assert_ne!(key.hash(b"x"), key.hash(b"y"));
        assert_ne!(key.hash(b"x"), RecordKey::of("another job").hash(b"x"));
        assert_ne!(key.hash(b"x"), key.of_file("day=1").hash(b"x"));
        assert_ne!(key.hash_cells(b"abc", &[1, 3]), key.hash_cells(b"abc", &[2, 3]));
    }
}
