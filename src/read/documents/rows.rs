//! Rows of the file of kept texts: one document a line.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::line::{ALWAYS, FAULT, taken_file};
use crate::read::error::ReadError;
use crate::read::object;
use crate::read::pass::{ReadPass, catch_panic};
use crate::read::record::RecordKey;
use crate::read::spec::Projection;
use crate::regular;
use crate::row::{BadRow, Item, Origin, Place, PlaceUnit, RecordHash, Row, RowId};

/// How many bytes are read at a time.
const CHUNK_BYTES: usize = 128 << 10;

/// The rows of a file of kept texts.
pub(in crate::read) struct DocumentRows {
    name: Arc<str>,
    reader: BufReader<File>,
    /// The line being read; the buffer is reused. It may be as long as the longest text, whatever the limit of other rows.
    line: Vec<u8>,
    number: u64,
    /// What the rows need, and what is needed to make them.
    pass: ReadPass,
}

impl DocumentRows {
    /// Opens the file at `path`, called `name` in messages, at its first line.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(in crate::read) fn open(name: &Arc<str>, path: &Path, pass: &ReadPass) -> Result<Self, ReadError> {
        let file = regular::open(path).map_err(|error| ReadError::unreadable(name, error))?;
        let with_more =
            |names: &BTreeSet<String>| names.iter().cloned().chain(ALWAYS.map(str::to_owned)).collect();
        let wanted = match &pass.wanted {
            Projection::Fields | Projection::Origin => Projection::Fields,
            Projection::Only(names) | Projection::Checked(names) => Projection::Only(with_more(names)),
        };
        Ok(Self {
            name: name.clone(),
            reader: BufReader::with_capacity(CHUNK_BYTES, file),
            line: Vec::new(),
            number: 0,
            pass: ReadPass { wanted, ..pass.of_nothing() },
        })
    }

    /// Moves to the next row. False at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(in crate::read) fn advance(&mut self) -> Result<bool, ReadError> {
        self.line.clear();
        let count = self.reader.read_until(b'\n', &mut self.line);
        let count = count.map_err(|error| ReadError::unreadable(&self.name, error))?;
        self.line.pop_if(|byte| *byte == b'\n');
        self.number += 1;
        Ok(count > 0)
    }

    /// The hash of the current row.
    pub(in crate::read) fn record(&self, key: &RecordKey) -> RecordHash {
        key.hash(&self.line)
    }

    /// The current row, which is at `position`.
    pub(in crate::read) fn item(&self, position: u64, pass: &ReadPass) -> Item {
        let parsed = catch_panic(|| {
            let text = str::from_utf8(&self.line).map_err(|error| error.to_string())?;
            object::parse(text, &self.pass)
        });
        match parsed {
            Ok(fields) => self.row(position, fields, pass),
            // Someone has edited the file: the next run reads the document anew.
            Err(reason) => {
                let place = Place { file: self.name.clone(), number: self.number, unit: PlaceUnit::Line };
                let raw = self.line[..self.line.len().min(4096)].to_vec();
                Item::Bad(BadRow { position, place, reason, code: None, raw, row: None })
            }
        }
    }

    fn row(&self, position: u64, mut fields: Map<String, Value>, pass: &ReadPass) -> Item {
        let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
        let path = text(fields.get("path").cloned()).unwrap_or_default();
        let file = taken_file(&mut fields).unwrap_or_else(|| path.clone());
        let [code, reason] = FAULT.map(|name| text(fields.remove(name)));
        if !pass.keeps("path") {
            fields.remove("path");
        }
        let place = Place { file: file.into(), number: 1, unit: PlaceUnit::File };
        let Some(code) = code else {
            return pass.item(position, place, Ok((fields, Origin::Record)), |_| path.into_bytes());
        };
        let reason = reason.unwrap_or_default();
        let id = pass.id.as_ref().and_then(|column| RowId::from_value(fields.get(column)?));
        let raw = format!("{path}\0{code}\0{reason}").into_bytes();
        let row = Row { position, place: place.clone(), id, fields, origin: Origin::Record, whole: None };
        Item::Bad(BadRow { position, place, reason, code: Some(code), raw, row: Some(Box::new(row)) })
    }
}
