//! Why the answer to a pack is not used.

use std::fmt;

/// Why the answer to a pack is not used. Rows are counted from 1, as in its marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackRefusal {
    /// It ended for another reason than that the model had finished.
    Ended(String),
    /// Its marks are not those from the first to the last, in order, with nothing before them.
    Marks,
    /// Nothing is under a mark.
    Blank(usize),
    /// The same is under two marks, and their texts differ. Where other marks are between them, this is about these two rows alone.
    Doubled(usize, usize),
    /// What is under a mark is much too short or too long for its text.
    Length(usize),
    /// Something that stays as it is, is in the translation of another text than its own.
    Strayed(usize, String),
    /// What is under a mark has words of another row's text, and not of its own.
    Crossed(usize, usize),
    /// The lengths fit the texts better when the parts are shifted.
    Shifted,
}

impl PackRefusal {
    /// A short stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ended(_) => "pack_cut",
            Self::Marks => "pack_marks",
            Self::Blank(_) => "pack_blank",
            Self::Doubled(..) => "pack_doubled",
            Self::Length(_) => "pack_length",
            Self::Strayed(..) => "pack_strayed",
            Self::Crossed(..) => "pack_crossed",
            Self::Shifted => "pack_shifted",
        }
    }
}

impl fmt::Display for PackRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(reason) => write!(f, "the answer to the pack ended with `{reason}`"),
            Self::Marks => write!(f, "the marks of the pack did not come back one for one"),
            Self::Blank(row) => write!(f, "nothing came back under mark {row} of the pack"),
            Self::Doubled(one, other) => {
                write!(f, "marks {one} and {other} of the pack have the same answer")
            }
            Self::Length(row) => {
                write!(f, "the answer under mark {row} of the pack has an odd length for its text")
            }
            Self::Strayed(row, literal) => {
                write!(f, "`{literal}` is missing under mark {row} of the pack, and is under another")
            }
            Self::Crossed(row, other) => {
                write!(f, "the answer under mark {row} of the pack has the words of text {other}")
            }
            Self::Shifted => write!(f, "the answers of the pack seem to be shifted"),
        }
    }
}
