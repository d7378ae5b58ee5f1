//! One pass over the input and the journal together: each row with its requests, and each request with its entry.
//!
//! Every stage that needs both uses this: planning, sending, bad rows, shared answers, the output. A row whose record is
//! unchanged since its entries were stored, in a job that makes the same requests of it, need not be parsed, cut into
//! pieces or rendered: the hash of its record shows its requests.

use std::collections::VecDeque;
use std::sync::Arc;

use super::prefetch::Weight;
use super::prepare::prepare;
use super::row_requests::{Asking, Requester, RowRequests};
use super::{Opened, PipelineError};
use crate::diagnostic::Diagnostic;
use crate::journal::cursors::{Entry, EntryCursor};
use crate::note::{EntryPart, RowKey};
use crate::read::{Projection, RecordKey, Rows};
use crate::request::ChatRequest;
use crate::row::{BadRow, Item, RecordHash, Row};

/// A request of a row of the input, and its entry. A row that has nothing to ask comes as number 0 of 0.
pub(super) struct Scanned {
    /// The row's place in the input, and the request's among all requests.
    pub(super) place: RequestPlace,
    /// Which of the row's requests it is.
    pub(super) part: EntryPart,
    /// What the request is made of: the row, or a part of it, as far as it was read; `None` for a skipped one.
    pub(super) item: Option<Item>,
    /// The row with its requests, in a job whose rows have several; `None` if the row was not read.
    pub(super) whole: Option<Arc<RowRequests>>,
    /// The hash of the row's record, if requested.
    pub(super) record: Option<RecordHash>,
    /// The journal's entry for the request that was at its position.
    pub(super) entry: Option<Entry>,
    /// Whether the entry belongs to this same record, so that its request is the row's.
    pub(super) is_known: bool,
}

/// Where a request is: its row's number in the input, and its own among the requests of all rows. Both count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestPlace {
    /// The row's.
    pub row: u64,
    /// The request's.
    pub position: u64,
}

impl RequestPlace {
    /// That of the first request of its row, of which this is a part: a row is entered there.
    pub(super) fn of_first(self, part: EntryPart) -> Self {
        Self { position: self.position - u64::from(part.number), ..self }
    }
}

impl Scanned {
    /// The request's key, and the request or the reason why there is none; `None` if it was not read.
    pub(super) fn prepared(&self, opened: &Opened) -> Option<(RowKey, Result<ChatRequest, Box<Diagnostic>>)> {
        if self.part.count == 0 {
            return None;
        }
        let (key, request) = prepare(opened, self.item.as_ref()?);
        // Answers that are joined are held against their pieces.
        let joined = self.whole.as_ref().filter(|_| opened.joins_pieces());
        let piece = joined.and_then(|whole| whole.text_of_piece(self.part.number)).map(Arc::from);
        let request = request.map(|request| ChatRequest { piece, ..request });
        Some((RowKey { row: self.place.row, record: self.record, part: self.part, ..key }, request))
    }
}

impl Weight for Scanned {
    fn bytes(&self) -> usize {
        let whole = self.whole.as_ref().filter(|_| self.part.number == 0).map_or(0, |whole| whole.bytes());
        self.item.as_ref().map_or(size_of::<Self>(), Weight::bytes) + whole
    }
}

/// How much of a row is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Nothing.
    Pass,
    /// Only its form, if its entry belongs to this record.
    Form,
    /// Nothing, if its entry belongs to this record.
    News,
    /// Everything.
    Whole,
}

/// A pass over the input and the journal, in input order.
pub(super) struct Scan<D> {
    rows: Rows,
    entries: Option<EntryCursor>,
    /// Entries that were looked at to see whether they are those of one row.
    ahead: VecDeque<Entry>,
    /// The maximum number of rows.
    limit: u64,
    /// The position of the next request.
    position: u64,
    requester: Requester,
    under_way: Option<RowUnderWay>,
    depth: D,
}

/// A row of several requests, some of which have been returned.
struct RowUnderWay {
    row: u64,
    next: EntryPart,
    record: Option<RecordHash>,
    whole: Option<Arc<RowRequests>>,
}

impl Scan<fn(u64, Option<&Entry>) -> Depth> {
    /// Begins a pass over all requests of the input, whatever the journal has.
    pub(super) fn of_requests(opened: &Opened, wanted: Projection) -> Result<Self, PipelineError> {
        Self::new(opened, wanted, None, |_, _| Depth::Whole)
    }
}

impl<D: FnMut(u64, Option<&Entry>) -> Depth> Scan<D> {
    /// Begins a pass. `depth` decides how much is read for each request, from its row's number and its entry.
    pub(super) fn new(
        opened: &Opened,
        wanted: Projection,
        entries: Option<EntryCursor>,
        depth: D,
    ) -> Result<Self, PipelineError> {
        let rows = opened.source.rows_with(wanted, Some(RecordKey::of(opened.request_key())))?;
        Ok(Self {
            rows,
            entries,
            ahead: VecDeque::new(),
            limit: opened.job.input.limit.unwrap_or(u64::MAX),
            position: 0,
            requester: opened.requester().clone(),
            under_way: None,
            depth,
        })
    }

    /// Moves to the row of a request, without reading those before it.
    pub(super) fn pass_over(&mut self, place: RequestPlace) -> Result<(), PipelineError> {
        while self.rows.next_position() < place.row && self.rows.advance()? {}
        self.position = place.position;
        Ok(())
    }

    fn advance(&mut self) -> Result<Option<Scanned>, PipelineError> {
        if let Some(row) = self.under_way.take() {
            return self.part(row).map(Some);
        }
        let row = self.rows.next_position();
        if row >= self.limit || !self.rows.advance()? {
            return Ok(None);
        }
        match self.requester.asks_once() {
            true => self.only_part(row).map(Some),
            false => self.first_part(row).map(Some),
        }
    }

    /// The request of a row that has one, whatever it holds.
    fn only_part(&mut self, row: u64) -> Result<Scanned, PipelineError> {
        let place = RequestPlace { row, position: self.position };
        self.position += 1;
        let entry = self.entry(place.position)?;
        let depth = (self.depth)(row, entry.as_ref());
        if depth == Depth::Pass {
            let (part, whole) = (EntryPart::WHOLE, None);
            return Ok(Scanned { place, part, item: None, whole, record: None, entry, is_known: false });
        }
        let record = self.rows.record();
        let is_known = belongs(entry.as_ref(), EntryPart::WHOLE, record);
        let item = match depth {
            Depth::News if is_known => None,
            Depth::Form if is_known => self.rows.bare_item()?,
            _ => self.rows.item()?,
        };
        let item = item.map(|item| at(place.position, item));
        Ok(Scanned { place, part: EntryPart::WHOLE, item, whole: None, record, entry, is_known })
    }

    /// The first request of a row that may have several.
    fn first_part(&mut self, row: u64) -> Result<Scanned, PipelineError> {
        let record = self.rows.record();
        let known = self.known_parts(record)?;
        if known == Some(1) && self.requester.asks_at_most_once() {
            return self.only_part(row);
        }
        let is_wanted = |entry| matches!((self.depth)(row, Some(entry)), Depth::Form | Depth::Whole);
        let is_read = known.is_none() || self.ahead.iter().any(is_wanted);
        let mut next = EntryPart { number: 0, count: known.unwrap_or(1) };
        let mut whole = None;
        if is_read {
            match self.rows.item()?.map(|item| self.requester.asked(item)) {
                Some(Asking::Several(asked)) => {
                    next.count = asked.count();
                    whole = Some(Arc::new(asked));
                }
                Some(Asking::Bad(bad)) => {
                    let position = self.position;
                    return self.one_of(row, Item::Bad(BadRow { position, ..bad }), None);
                }
                Some(Asking::Once(item)) => return self.one_of(row, item, record),
                Some(Asking::Nothing(item)) => {
                    let (place, part) = (RequestPlace { row, position: self.position }, EntryPart::NONE);
                    let item = Some(item);
                    return Ok(Scanned { place, part, item, whole, record, entry: None, is_known: false });
                }
                None => {}
            }
        }
        self.part(RowUnderWay { row, next, record, whole })
    }

    /// The one request of a row that was read, and has no entry that is known by its record.
    fn one_of(&mut self, row: u64, item: Item, record: Option<RecordHash>) -> Result<Scanned, PipelineError> {
        let place = RequestPlace { row, position: self.position };
        self.position += 1;
        let entry = self.entry(place.position)?;
        let is_read = (self.depth)(row, entry.as_ref()) != Depth::Pass;
        let item = is_read.then(|| at(place.position, item));
        Ok(Scanned { place, part: EntryPart::WHOLE, item, whole: None, record, entry, is_known: false })
    }

    /// The next request of a row under way.
    fn part(&mut self, row: RowUnderWay) -> Result<Scanned, PipelineError> {
        let RowUnderWay { row, next: part, record, whole } = row;
        let place = RequestPlace { row, position: self.position };
        if part.count == 0 {
            return Ok(Scanned { place, part, item: None, whole, record, entry: None, is_known: false });
        }
        self.position += 1;
        let entry = self.entry(place.position)?;
        let is_known = belongs(entry.as_ref(), part, record);
        let item = match (self.depth)(row, entry.as_ref()) {
            Depth::Pass => None,
            Depth::Form | Depth::News if is_known => None,
            _ => whole.as_ref().map(|whole| Item::Row(whole.request(part.number, place.position))),
        };
        if !part.is_last() {
            let next = EntryPart { number: part.number + 1, ..part };
            self.under_way = Some(RowUnderWay { row, next, record, whole: whole.clone() });
        }
        Ok(Scanned { place, part, item, whole, record, entry, is_known })
    }

    /// How many requests the current row has, if the journal has an entry of its record for each.
    fn known_parts(&mut self, record: Option<RecordHash>) -> Result<Option<u32>, PipelineError> {
        let Some(first) = self.entry(self.position)? else { return Ok(None) };
        let count = first.part.count;
        self.ahead.push_front(first);
        for number in 0..count {
            let index = number as usize;
            if self.ahead.len() <= index {
                match self.fetched(self.position + u64::from(number))? {
                    Some(entry) => self.ahead.push_back(entry),
                    None => return Ok(None),
                }
            }
            if !belongs(self.ahead.get(index), EntryPart { number, count }, record) {
                return Ok(None);
            }
        }
        Ok(Some(count))
    }

    /// The journal's entry at a position. Positions are asked for in ascending order.
    fn entry(&mut self, position: u64) -> Result<Option<Entry>, PipelineError> {
        while self.ahead.front().is_some_and(|entry| entry.position < position) {
            self.ahead.pop_front();
        }
        match self.ahead.front() {
            Some(entry) if entry.position == position => Ok(self.ahead.pop_front()),
            Some(_) => Ok(None),
            None => self.fetched(position),
        }
    }

    fn fetched(&mut self, position: u64) -> Result<Option<Entry>, PipelineError> {
        match &mut self.entries {
            Some(entries) => Ok(entries.at(position)?),
            None => Ok(None),
        }
    }
}

/// A row as the request at a position.
fn at(position: u64, item: Item) -> Item {
    match item {
        Item::Row(row) => Item::Row(Row { position, ..row }),
        Item::Bad(bad) => Item::Bad(BadRow { position, ..bad }),
    }
}

/// Whether an entry is that of a request of a row with this record.
fn belongs(entry: Option<&Entry>, part: EntryPart, record: Option<RecordHash>) -> bool {
    entry.zip(record).is_some_and(|(entry, record)| entry.part == part && entry.is_of(record))
}

impl<D: FnMut(u64, Option<&Entry>) -> Depth> Iterator for Scan<D> {
    type Item = Result<Scanned, PipelineError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
