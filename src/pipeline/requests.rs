//! The requests of a job, whatever its journal has: to show some of them, and to find their rows again.

use std::collections::{BTreeMap, BTreeSet};

use super::scan::{RequestPlace, Scan, Scanned};
use super::{Opened, PipelineError};
use crate::diagnostic::Diagnostic;
use crate::read::Projection;
use crate::request::{ChatRequest, Fingerprint};
use crate::row::{Row, RowId};

/// A request as the job makes it.
pub struct MadeRequest {
    /// The number of its row in the input, from 0.
    pub row: u64,
    /// Its own number among all requests, from 0.
    pub position: u64,
    /// The identifier of its row.
    pub row_id: Option<RowId>,
    /// The number of its combination in a job with `[each]`, from 0.
    pub combination: usize,
    /// The number of its piece in a job that cuts rows, from 1.
    pub piece: Option<u32>,
    /// Where its row is, and which of the row's requests it is, for people.
    pub place: String,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// The request, or why there is none.
    pub request: Result<ChatRequest, Box<Diagnostic>>,
}

/// The requests of a job, in input order.
///
/// # Errors
///
/// When the input cannot be read.
pub fn requests(
    opened: &Opened,
) -> Result<impl Iterator<Item = Result<MadeRequest, PipelineError>> + '_, PipelineError> {
    let scan = Scan::of_requests(opened, opened.wanted_by_requests())?;
    Ok(scan.filter_map(move |scanned| match scanned {
        Err(error) => Some(Err(error)),
        Ok(scanned) => {
            let (key, request) = scanned.prepared(opened)?;
            let place = place_of(&scanned)?;
            let RequestPlace { row, position } = scanned.place;
            let (whole, number) = (scanned.whole.as_ref(), scanned.part.number);
            let row_id = row_of(&scanned).and_then(|row| row.id.clone());
            let combination = whole.map_or(0, |whole| whole.combination(number));
            let piece = whole.and_then(|whole| whole.piece(number));
            let fingerprint = key.fingerprint;
            Some(Ok(MadeRequest { row, position, row_id, combination, piece, place, fingerprint, request }))
        }
    }))
}

/// The requests of the first rows, each once, as far as the rows can be read.
pub fn first_requests(opened: &Opened, most: usize) -> Vec<Fingerprint> {
    let Ok(made) = requests(opened) else { return Vec::new() };
    let mut found = Vec::new();
    for made in made.take(most).filter_map(Result::ok) {
        if made.request.is_ok() && !found.contains(&made.fingerprint) {
            found.push(made.fingerprint);
        }
    }
    found
}

/// Where a row is and which of its requests one is, for people; `None` if the row was not read.
fn place_of(scanned: &Scanned) -> Option<String> {
    match &scanned.whole {
        Some(whole) => Some(whole.place(scanned.part.number)),
        None => scanned.item.as_ref().map(|item| item.place().to_string()),
    }
}

/// Where a row's only request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestOfRow {
    /// At this position among all requests.
    At(u64),
    /// Nowhere: the row asks nothing.
    Nothing,
}

/// Where the request of a row is, in a job whose rows are asked at most once; `None` if there is no such row. Rows are counted
/// from 0.
///
/// # Errors
///
/// When the input cannot be read.
pub fn request_of_row(opened: &Opened, number: u64) -> Result<Option<RequestOfRow>, PipelineError> {
    if opened.requester().asks_once() {
        return Ok(Some(RequestOfRow::At(number)));
    }
    for scanned in Scan::of_requests(opened, opened.wanted_by_requests())? {
        let Scanned { place, part, .. } = scanned?;
        if place.row == number {
            let is_asked = part.count > 0;
            return Ok(Some(if is_asked { RequestOfRow::At(place.position) } else { RequestOfRow::Nothing }));
        }
    }
    Ok(None)
}

/// Whether the first row with this identifier asks nothing; false if there is none.
///
/// # Errors
///
/// When the input cannot be read.
pub fn is_silent(opened: &Opened, id: &str) -> Result<bool, PipelineError> {
    if opened.requester().asks_once() {
        return Ok(false);
    }
    for scanned in Scan::of_requests(opened, opened.wanted_by_requests())? {
        let scanned = scanned?;
        if row_of(&scanned).and_then(|row| row.id.as_ref()).is_some_and(|known| known.as_str() == id) {
            return Ok(scanned.part.count == 0);
        }
    }
    Ok(false)
}

/// The row of a request, as it is in the input.
fn row_of(scanned: &Scanned) -> Option<&Row> {
    match &scanned.whole {
        Some(whole) => Some(&whole.row),
        None => scanned.item.as_ref()?.row(),
    }
}

/// The identifier and the place of the row whose request is at a position, as the input has them; `None` if it cannot be
/// read again.
pub(super) fn row_at(opened: &Opened, position: u64) -> Option<(RowId, String)> {
    let scanned = Scan::of_requests(opened, opened.wanted_by_requests()).ok()?.map_while(Result::ok);
    let mut asked = scanned.filter(|scanned| scanned.part.count > 0);
    let found = asked.find(|scanned| scanned.place.position == position)?;
    let row = row_of(&found)?;
    Some((row.id.clone()?, row.place.to_string()))
}

/// The numbers of the rows whose requests are at some positions, from 0.
pub fn rows_of(opened: &Opened, positions: &BTreeSet<u64>) -> BTreeMap<u64, u64> {
    if opened.requester().asks_once() {
        return positions.iter().map(|position| (*position, *position)).collect();
    }
    let Some(last) = positions.last() else { return BTreeMap::new() };
    let Ok(scan) = Scan::of_requests(opened, opened.wanted_by_requests()) else { return BTreeMap::new() };
    let scanned = scan.map_while(Result::ok).take_while(|scanned| scanned.place.position <= *last);
    let asked =
        scanned.filter(|scanned| scanned.part.count > 0 && positions.contains(&scanned.place.position));
    asked.map(|scanned| (scanned.place.position, scanned.place.row)).collect()
}

/// The places of the rows whose requests are at some positions, found in one pass up to the last of them.
pub fn places_of(opened: &Opened, positions: &BTreeSet<u64>) -> BTreeMap<u64, String> {
    match opened.requester().asks_once() {
        true => places_of_rows(opened, positions),
        false => places_of_requests(opened, positions),
    }
    .unwrap_or_default()
}

fn places_of_rows(
    opened: &Opened,
    positions: &BTreeSet<u64>,
) -> Result<BTreeMap<u64, String>, PipelineError> {
    let mut places = BTreeMap::new();
    let mut rows = opened.source.rows(Projection::Only([].into()))?;
    for position in positions {
        while rows.next_position() < *position && rows.advance().unwrap_or(false) {}
        match rows.next() {
            Some(Ok(item)) if item.position() == *position => {
                places.insert(*position, item.place().to_string());
            }
            _ => break,
        }
    }
    Ok(places)
}

fn places_of_requests(
    opened: &Opened,
    positions: &BTreeSet<u64>,
) -> Result<BTreeMap<u64, String>, PipelineError> {
    let last = positions.last().copied().unwrap_or_default();
    let mut places = BTreeMap::new();
    for scanned in Scan::of_requests(opened, opened.wanted_by_requests())? {
        let scanned = scanned?;
        let position = scanned.place.position;
        if position > last {
            break;
        }
        if scanned.part.count > 0 && positions.contains(&position) {
            places.extend(place_of(&scanned).map(|place| (position, place)));
        }
    }
    Ok(places)
}
