//! The requests of a job, whatever its journal has: to show some of them, and to find their rows again.

use std::collections::{BTreeMap, BTreeSet};

use super::scan::{RequestPlace, Scan, Scanned};
use super::{Opened, PipelineError};
use crate::diagnostic::Diagnostic;
use crate::note::EntryPart;
use crate::read::Projection;
use crate::request::{ChatRequest, Fingerprint};
use crate::row::Item;

/// A request as the job makes it.
pub struct MadeRequest {
    /// The number of its row in the input, from 0.
    pub row: u64,
    /// Its own number among all requests, from 0.
    pub position: u64,
    /// Where its row is, and which piece of it, for people.
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
            let place = place_of(scanned.item.as_ref()?, scanned.part);
            let RequestPlace { row, position } = scanned.place;
            Some(Ok(MadeRequest { row, position, place, fingerprint: key.fingerprint, request }))
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

fn place_of(item: &Item, part: EntryPart) -> String {
    match part.count {
        0 | 1 => item.place().to_string(),
        count => format!("{}, piece {} of {count}", item.place(), part.number + 1),
    }
}

/// The places of the rows whose requests are at some positions, found in one pass up to the last of them.
pub fn places_of(opened: &Opened, positions: &BTreeSet<u64>) -> BTreeMap<u64, String> {
    match opened.splitter() {
        Some(_) => places_of_pieces(opened, positions),
        None => places_of_rows(opened, positions),
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

fn places_of_pieces(
    opened: &Opened,
    positions: &BTreeSet<u64>,
) -> Result<BTreeMap<u64, String>, PipelineError> {
    let last = positions.last().copied().unwrap_or_default();
    let mut places = BTreeMap::new();
    for scanned in Scan::of_requests(opened, opened.wanted_by_requests())? {
        let Scanned { place, part, item, .. } = scanned?;
        if place.position > last {
            break;
        }
        if let Some(item) = item.filter(|_| positions.contains(&place.position)) {
            places.insert(place.position, place_of(&item, part));
        }
    }
    Ok(places)
}
