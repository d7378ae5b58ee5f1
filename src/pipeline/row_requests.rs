//! What a row asks: one request, or one for each piece of its text.
//!
//! This is the one place that knows how many requests a row has, and what each is made of. All other stages count them.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::prefetch::Weight;
use super::split_row::{CutText, Splitter};
use crate::row::{BadRow, Item, Origin, PIECE, Row, RowId};

/// Decides what rows ask.
#[derive(Debug, Clone, Default)]
pub(super) struct Requester {
    /// How texts are cut into pieces, in a job that does so.
    pub(super) splitter: Option<Splitter>,
}

impl Requester {
    /// Whether every row is one request, whatever it holds.
    pub(super) fn asks_once(&self) -> bool {
        self.splitter.is_none()
    }

    /// What a row asks. A row that has no text to cut is a bad one.
    pub(super) fn asked(&self, item: Item) -> Result<RowRequests, BadRow> {
        let row = match item {
            Item::Row(row) => row,
            Item::Bad(bad) => return Err(bad),
        };
        let cut = self.splitter.as_ref().map(|splitter| splitter.cut(&row)).transpose()?;
        let pieces = cut.as_ref().map_or(1, CutText::count);
        let asked = (0..pieces).map(|piece| Asked { piece }).collect();
        Ok(RowRequests { row: Arc::new(row), cut, asked })
    }
}

/// A row with its requests.
#[derive(Debug)]
pub(super) struct RowRequests {
    pub(super) row: Arc<Row>,
    /// Its text in pieces, in a job that cuts rows.
    pub(super) cut: Option<CutText>,
    asked: Vec<Asked>,
}

/// What a request is made of, besides the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    /// The piece, by its number from 0.
    piece: u32,
}

impl RowRequests {
    /// How many requests there are.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.asked.len()).unwrap_or(u32::MAX)
    }

    /// The row as it was read.
    pub(super) fn item(&self) -> Item {
        Item::Row(Row::clone(&self.row))
    }

    /// The text that is cut, in a job that cuts rows.
    pub(super) fn text(&self) -> &str {
        let column = self.cut.as_ref().map(|cut| &*cut.column);
        column.and_then(|column| self.row.fields.get(column)).and_then(Value::as_str).unwrap_or_default()
    }

    /// The text of a request's piece, as templates see it.
    pub(super) fn text_of_piece(&self, number: u32) -> Option<&str> {
        self.cut.as_ref()?.text_of_piece(self.asked.get(number as usize)?.piece)
    }

    /// How messages name a request: `piece 2 of 7`.
    pub(super) fn name(&self, number: usize) -> String {
        let asked = self.asked.get(number);
        let piece = asked.zip(self.cut.as_ref()).map(|(asked, cut)| cut.name(asked.piece as usize));
        piece.unwrap_or_default()
    }

    /// A request as the row that its templates see.
    pub(super) fn request(&self, number: u32, position: u64) -> Row {
        let Asked { piece } = self.asked[number as usize];
        let mut fields = Map::new();
        let cut = self.cut.as_ref();
        let text = cut.and_then(|cut| Some((&*cut.column, cut.text_of_piece(piece)?)));
        for (name, value) in &self.row.fields {
            let value = match text {
                Some((column, text)) if name == column => Value::from(text),
                _ => value.clone(),
            };
            fields.insert(name.clone(), value);
        }
        if let Some(cut) = cut {
            fields.insert(PIECE.to_owned(), cut.piece(piece));
        }
        let part = cut.map(|_| format!("#{}", piece + 1)).unwrap_or_default();
        Row {
            position,
            place: self.row.place.clone(),
            id: self.row.id.as_ref().map(|id| RowId::from_text(format!("{id}{part}"))),
            fields,
            origin: Origin::Record,
            whole: Some(Arc::clone(&self.row)),
        }
    }
}

impl Weight for RowRequests {
    fn bytes(&self) -> usize {
        // The text, its pieces, and what else the row has.
        size_of::<Self>() + 2 * self.text().len()
    }
}
