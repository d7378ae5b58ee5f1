//! The hash of a row as it is written: who has met the record before need not parse it again.

use crate::row::RecordHash;

/// What hashes of records are keyed with: all that decides, besides the record itself, what is made of it.
#[derive(Debug, Clone, Copy)]
pub struct RecordKey([u8; 32]);

impl RecordKey {
    /// A key of a text that tells one way to read and use rows from another.
    pub fn of(text: &str) -> Self {
        Self(*blake3::hash(text.as_bytes()).as_bytes())
    }

    /// The key for the records of one file, of which a text says what a record alone does not.
    pub(super) fn of_file(self, text: &str) -> Self {
        Self(*blake3::keyed_hash(&self.0, text.as_bytes()).as_bytes())
    }

    /// The hash of a record that is one piece of text.
    pub(super) fn hash(&self, record: &[u8]) -> RecordHash {
        short(&blake3::keyed_hash(&self.0, record))
    }

    /// The hash of a record of cells, which end at these bytes.
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
    fn records_are_told_by_their_text_their_cells_and_the_key() {
        let key = RecordKey::of("a job");
        assert_eq!(key.hash(b"x"), key.hash(b"x"));
        assert_ne!(key.hash(b"x"), key.hash(b"y"));
        assert_ne!(key.hash(b"x"), RecordKey::of("another job").hash(b"x"));
        assert_ne!(key.hash(b"x"), key.of_file("day=1").hash(b"x"));
        assert_ne!(key.hash_cells(b"abc", &[1, 3]), key.hash_cells(b"abc", &[2, 3]));
    }
}
