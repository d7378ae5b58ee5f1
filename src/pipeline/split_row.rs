//! The text of a row cut into pieces, each of which is asked by itself.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::job::split::{Combine, SplitUnit};
use crate::pieces::{Frame, SplitBy, SplitText};
use crate::row::{BadRow, Row};
use crate::text::short;

/// The column that says what kind of text a document is.
pub(super) const FORMAT: &str = "format";

/// How rows are cut.
#[derive(Debug, Clone)]
pub(super) struct Splitter {
    /// The column that is cut.
    pub(super) column: Arc<str>,
    /// What it is cut at.
    pub(super) by: SplitUnit,
    /// How the answers become one.
    pub(super) combine: Combine,
    /// The largest piece, in estimated tokens.
    pub(super) budget: u64,
    /// How many sentences before a piece its template sees.
    pub(super) context: usize,
    /// Estimates the tokens of a text.
    pub(super) tokens: fn(&str) -> u64,
}

/// The text of a row in pieces.
#[derive(Debug)]
pub(super) struct CutText {
    pub(super) split: SplitText,
    /// The column that was cut.
    pub(super) column: Arc<str>,
    context: usize,
}

impl Splitter {
    /// Cuts the text of a row. A row that has no text to cut is a bad one.
    pub(super) fn cut(&self, row: &Row) -> Result<CutText, BadRow> {
        let text = match row.fields.get(&*self.column) {
            Some(Value::String(text)) => text.as_str(),
            Some(Value::Null) => "",
            None => return Err(self.no_text(row, "is missing here")),
            Some(_) => return Err(self.no_text(row, "is no text here")),
        };
        let frame = Frame::new(text, self.by(row));
        let split = match self.combine {
            Combine::Join => frame.pieces(text, self.budget, &self.tokens),
            // What is asked about a text is asked about all of it.
            Combine::Merge | Combine::Rows => frame.slices(text, self.budget, &self.tokens),
        };
        let (column, context) = (Arc::clone(&self.column), self.context);
        Ok(CutText { split, column, context })
    }

    fn no_text(&self, row: &Row, why: &str) -> BadRow {
        let reason = format!("column `{}` is to be cut into pieces, and {why}", self.column);
        let raw =
            serde_json::to_vec(row.fields.get(&*self.column).unwrap_or(&Value::Null)).unwrap_or_default();
        let (position, place) = (row.position, row.place.clone());
        BadRow { position, place, reason, code: None, raw, row: Some(Box::new(row.clone())) }
    }

    /// What the text of a row is cut at, by the job or by the row's own format.
    fn by(&self, row: &Row) -> SplitBy {
        match self.by {
            SplitUnit::Text => SplitBy::Text,
            SplitUnit::Markdown => SplitBy::Markdown,
            SplitUnit::Lines => SplitBy::Lines,
            SplitUnit::None => SplitBy::None,
            SplitUnit::Auto => match row.fields.get(FORMAT).and_then(Value::as_str) {
                None | Some("text") => SplitBy::Text,
                Some("srt" | "vtt") => SplitBy::Subtitles,
                // Everything else that is read comes as Markdown.
                Some(_) => SplitBy::Markdown,
            },
        }
    }
}

impl CutText {
    /// How many pieces there are.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.split.pieces.len()).unwrap_or(u32::MAX)
    }

    /// How messages name a piece, by its index: its number, and the heading that it is under.
    pub(super) fn name(&self, index: usize) -> String {
        let heading = self.split.pieces.get(index).and_then(|piece| piece.heading.as_deref());
        let heading = heading.map(|heading| format!(" ({})", short(heading, 60))).unwrap_or_default();
        format!("piece {} of {}{heading}", index + 1, self.count())
    }

    /// The text of a piece, as templates see it.
    pub(super) fn text_of_piece(&self, number: u32) -> Option<&str> {
        self.split.pieces.get(number as usize).map(|piece| piece.text.as_str())
    }

    /// A piece as templates see it, under its name.
    pub(super) fn piece(&self, number: u32) -> Value {
        let index = number as usize;
        let piece = &self.split.pieces[index];
        let before = match self.context {
            0 => "",
            sentences => self.split.before(index, sentences),
        };
        let mut about = Map::new();
        about.insert("text".to_owned(), Value::from(piece.text.as_str()));
        about.insert("number".to_owned(), Value::from(number + 1));
        about.insert("count".to_owned(), Value::from(self.count()));
        about.insert("heading".to_owned(), Value::from(piece.heading.as_deref()));
        about.insert("before".to_owned(), Value::from(before));
        Value::Object(about)
    }
}
