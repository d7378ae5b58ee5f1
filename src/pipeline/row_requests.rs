//! What a row asks: a request for each combination of `[each]` and each piece of its text.
//!
//! This is the one place that knows how many requests a row has, and what each is made of. All other stages count them.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::prefetch::Weight;
use super::split_row::{CutText, Splitter};
use crate::job::each::{Combination, Each};
use crate::render::Renderer;
use crate::row::{BadRow, EACH, Item, Origin, PIECE, Row, RowId};

/// Decides what rows ask.
#[derive(Debug, Clone, Default)]
pub(super) struct Requester {
    /// How texts are cut into pieces, in a job that does so.
    pub(super) splitter: Option<Splitter>,
    /// What each row is asked for, in a job with `[each]`.
    pub(super) each: Option<Arc<Combinations>>,
    /// Recognises blank texts, in a job that does not send them.
    pub(super) blank: Option<Arc<Renderer>>,
}

/// What a row asks.
pub(super) enum Asking {
    /// It could not be read, which is reported instead of its requests.
    Bad(BadRow),
    /// Nothing.
    Nothing(Item),
    /// One request: the row.
    Once(Item),
    /// A request for each of its combinations and pieces that has a text; perhaps none.
    Several(RowRequests),
}

/// The combinations of `[each]`, the first name slowest.
#[derive(Debug)]
pub(super) struct Combinations {
    pub(super) all: Vec<Combination>,
    /// Each as templates see it.
    fields: Vec<Map<String, Value>>,
}

impl Combinations {
    pub(super) fn new(each: &Each) -> Self {
        let all = each.combinations();
        let fields = all.iter().map(|combination| each.fields(combination)).collect();
        Self { all, fields }
    }

    /// The columns of a row as templates see them for a combination, by its number.
    pub(super) fn put(&self, number: usize, fields: &mut Map<String, Value>) {
        fields.insert(EACH.to_owned(), Value::Object(self.fields[number].clone()));
    }
}

impl Requester {
    /// Whether every row is one request, whatever it holds.
    pub(super) fn asks_once(&self) -> bool {
        self.asks_at_most_once() && self.blank.is_none()
    }

    /// Whether no row is more than one request.
    pub(super) fn asks_at_most_once(&self) -> bool {
        self.splitter.is_none() && self.each.is_none()
    }

    /// What a row asks. A row that has no text to cut is a bad one.
    pub(super) fn asked(&self, item: Item) -> Asking {
        let row = match item {
            Item::Row(row) => row,
            Item::Bad(bad) if self.asks_at_most_once() => return Asking::Once(Item::Bad(bad)),
            Item::Bad(bad) => return Asking::Bad(bad),
        };
        if self.asks_at_most_once() {
            let is_blank = self.is_blank(&row);
            return if is_blank { Asking::Nothing(Item::Row(row)) } else { Asking::Once(Item::Row(row)) };
        }
        let cut = match self.splitter.as_ref().map(|splitter| splitter.cut(&row)).transpose() {
            Ok(cut) => cut,
            Err(bad) => return Asking::Bad(bad),
        };
        let pieces = cut.as_ref().map_or(1, CutText::count);
        let of_combination = |combination| (0..pieces).map(move |piece| AskedFor { combination, piece });
        let asked = (0..self.combinations()).flat_map(of_combination).collect();
        let mut requests = RowRequests { row: Arc::new(row), cut, each: self.each.clone(), asked };
        if let Some(renderer) = &self.blank {
            requests.leave_out_blank(renderer);
        }
        Asking::Several(requests)
    }

    /// Whether a row, or a part of one, has a blank text, in a job that does not send such.
    fn is_blank(&self, row: &Row) -> bool {
        self.blank.as_ref().is_some_and(|renderer| renderer.is_blank(row))
    }

    /// How many combinations there are; one in a job without `[each]`.
    pub(super) fn combinations(&self) -> usize {
        self.each.as_ref().map_or(1, |each| each.all.len())
    }
}

/// A row with its requests.
#[derive(Debug)]
pub(super) struct RowRequests {
    pub(super) row: Arc<Row>,
    /// Its text in pieces, in a job that cuts rows.
    pub(super) cut: Option<CutText>,
    /// The combinations, in a job with `[each]`.
    each: Option<Arc<Combinations>>,
    /// In the order of their numbers: the combinations one after another, and in each its pieces.
    asked: Vec<AskedFor>,
}

/// What a request is made of, besides the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct AskedFor {
    /// The combination, by its number from 0; 0 in a job without `[each]`.
    combination: usize,
    /// The piece, by its number from 0; 0 in a job that does not cut rows.
    piece: u32,
}

impl RowRequests {
    /// Leaves out the requests that have a blank text.
    fn leave_out_blank(&mut self, renderer: &Renderer) {
        let is_blank: Vec<bool> = match &self.cut {
            Some(_) => {
                let request = |number| renderer.is_blank(&self.request(number, self.row.position));
                (0..self.count()).map(request).collect()
            }
            // The columns are the same for all combinations.
            None => {
                let mut fields = self.row.fields.clone();
                let blank = |asked: &AskedFor| {
                    self.each.iter().for_each(|each| each.put(asked.combination, &mut fields));
                    renderer.is_blank_for(&fields, &self.row.fields)
                };
                self.asked.iter().map(blank).collect()
            }
        };
        let mut is_blank = is_blank.into_iter();
        self.asked.retain(|_| !is_blank.next().unwrap_or(false));
    }

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

    /// Where the row is and which of its requests this is, for people: `in.csv:3, French, piece 2 of 7`.
    pub(super) fn place(&self, number: u32) -> String {
        let mut place = self.row.place.to_string();
        let Some(asked) = self.asked.get(number as usize) else { return place };
        if let Some(each) = &self.each {
            place.push_str(&format!(", {}", each.all[asked.combination].shown()));
        }
        if let Some(count) = self.cut.as_ref().map(CutText::count).filter(|count| *count > 1) {
            place.push_str(&format!(", piece {} of {count}", asked.piece + 1));
        }
        place
    }

    /// The combination of a request by its number; 0 in a job without `[each]`.
    pub(super) fn combination(&self, number: u32) -> usize {
        self.asked.get(number as usize).map_or(0, |asked| asked.combination)
    }

    /// The piece of a request by its number, counted from 1; `None` in a job that does not cut rows.
    pub(super) fn piece(&self, number: u32) -> Option<u32> {
        let asked = self.asked.get(number as usize);
        self.cut.as_ref().and(asked).map(|asked| asked.piece + 1)
    }

    /// The results of the requests, by their combination. One that asks nothing has none.
    pub(super) fn by_combination<R>(&self, results: impl IntoIterator<Item = R>) -> Vec<Vec<R>> {
        let count = self.each.as_ref().map_or(1, |each| each.all.len());
        let mut grouped: Vec<Vec<R>> = (0..count).map(|_| Vec::new()).collect();
        for (asked, result) in self.asked.iter().zip(results) {
            grouped[asked.combination].push(result);
        }
        grouped
    }

    /// The columns of the row as templates see them for a combination.
    pub(super) fn fields_for(&self, combination: usize) -> Map<String, Value> {
        let mut fields = self.row.fields.clone();
        self.each.iter().for_each(|each| each.put(combination, &mut fields));
        fields
    }

    /// The identifier of the row's requests for a combination: its own, with what the combination adds.
    pub(super) fn id_for(&self, combination: usize) -> Option<String> {
        let each = self.each.as_ref().map(|each| format!("#{}", each.all[combination].id()));
        self.row.id.as_ref().map(|id| format!("{id}{}", each.unwrap_or_default()))
    }

    /// A request as the row that its templates see.
    pub(super) fn request(&self, number: u32, position: u64) -> Row {
        let AskedFor { combination, piece } = self.asked[number as usize];
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
        self.each.iter().for_each(|each| each.put(combination, &mut fields));
        if let Some(cut) = cut {
            fields.insert(PIECE.to_owned(), cut.piece(piece));
        }
        let part = cut.map(|_| format!("#{}", piece + 1)).unwrap_or_default();
        Row {
            position,
            place: self.row.place.clone(),
            id: self.id_for(combination).map(|id| RowId::from_text(format!("{id}{part}"))),
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
