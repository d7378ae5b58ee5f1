//! Records of CSV and TSV, split into cells.

use std::io::BufRead;

use super::bytes::TextFile;
use super::error::ReadError;
use super::pass::RAW_BYTES;
use super::record::RecordKey;
use crate::row::{Place, PlaceUnit, RecordHash};

/// A CSV or TSV file, one record at a time. Quoting follows RFC 4180, read leniently: text after a closing quote belongs to
/// the cell. Blank lines are not records, unless [`Records::count_blank_lines`] says so.
pub(super) struct Records {
    text: TextFile,
    splitter: csv_core::Reader,
    limit: u64,
    /// The cells of the record, unquoted, one after the other.
    cells: Vec<u8>,
    /// Where each cell ends in `cells`.
    ends: Vec<usize>,
    /// How many cells the record has.
    count: usize,
    /// The record as written, at most [`RAW_BYTES`] of it.
    raw: Vec<u8>,
    /// The line on which it begins.
    line: u64,
    /// Whether a blank line is a record of one empty cell.
    blank_lines_count: bool,
    /// Whether the previous record ended with a carriage return, whose line feed may follow.
    is_after_return: bool,
}

impl Records {
    /// Splits `text` at `delimiter`; a record may have up to `limit` bytes.
    pub(super) fn new(text: TextFile, delimiter: u8, limit: u64) -> Self {
        let splitter = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        let (cells, ends) = (vec![0; 1024], vec![0; 16]);
        Self {
            text,
            splitter,
            limit,
            cells,
            ends,
            count: 0,
            raw: Vec::new(),
            line: 1,
            blank_lines_count: false,
            is_after_return: false,
        }
    }

    /// Counts lines from this one: those before it have been removed.
    pub(super) fn begin_at(&mut self, line: u64) {
        self.splitter.set_line(line);
    }

    /// From here on, a blank line is a record with one empty cell, as it must be in a table with one column.
    pub(super) fn count_blank_lines(&mut self) {
        self.blank_lines_count = true;
    }

    /// Moves to the next record. False at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read, or the record does not end: it is longer than the limit, or the file ends within quotes.
    pub(super) fn advance(&mut self) -> Result<bool, ReadError> {
        if self.blank_lines_count {
            match self.take_blank_line()? {
                None => return Ok(false),
                Some(true) => return Ok(true),
                Some(false) => {}
            }
        } else if !self.skip_blank_lines()? {
            return Ok(false);
        }
        self.line = self.splitter.line();
        self.raw.clear();
        self.count = 0;
        let (mut written, mut consumed) = (0, 0);
        loop {
            let chunk = match self.text.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) => return Err(self.text.failure(error)),
            };
            let is_end = chunk.is_empty();
            // The end of the file ends a record like the end of a line, except within quotes.
            let chunk = if is_end { b"\n" } else { chunk };
            let cells = &mut self.cells[written..];
            let (result, read, wrote, ended) =
                self.splitter.read_record(chunk, cells, &mut self.ends[self.count..]);
            if !is_end {
                let room = RAW_BYTES - self.raw.len();
                self.raw.extend_from_slice(&chunk[..read.min(room)]);
                self.is_after_return = chunk[..read].last() == Some(&b'\r');
                self.text.consume(read);
                consumed += read as u64;
            }
            written += wrote;
            self.count += ended;
            if consumed > self.limit {
                return Err(self.endless(&format!("is longer than {} bytes", self.limit)));
            }
            use csv_core::ReadRecordResult::{End, InputEmpty, OutputEndsFull, OutputFull, Record};
            match result {
                Record => return Ok(true),
                OutputFull => self.cells.resize(self.cells.len() * 2, 0),
                OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                InputEmpty | End if is_end => return Err(self.endless("runs to the end of the file")),
                InputEmpty | End => {}
            }
        }
    }

    /// Done here and not by the splitter, so that the first line of a record is known.
    fn skip_blank_lines(&mut self) -> Result<bool, ReadError> {
        loop {
            let chunk = match self.text.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) => return Err(self.text.failure(error)),
            };
            if chunk.is_empty() {
                return Ok(false);
            }
            let blank = chunk.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let lines = chunk[..blank].iter().filter(|byte| **byte == b'\n').count();
            let is_found = blank < chunk.len();
            self.splitter.set_line(self.splitter.line() + lines as u64);
            self.text.consume(blank);
            if is_found {
                return Ok(true);
            }
        }
    }

    /// Whether the next record is a blank line, which then becomes a record with one empty cell. `None` at the end of the
    /// file.
    fn take_blank_line(&mut self) -> Result<Option<bool>, ReadError> {
        loop {
            let chunk = match self.text.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) => return Err(self.text.failure(error)),
            };
            let Some(first) = chunk.first().copied() else { return Ok(None) };
            let is_rest = std::mem::take(&mut self.is_after_return) && first == b'\n';
            if !is_rest && !matches!(first, b'\r' | b'\n') {
                return Ok(Some(false));
            }
            self.text.consume(1);
            let line = self.splitter.line();
            self.splitter.set_line(line + u64::from(first == b'\n'));
            if !is_rest {
                self.is_after_return = first == b'\r';
                self.line = line;
                self.raw.clear();
                (self.count, self.ends[0]) = (1, 0);
                return Ok(Some(true));
            }
        }
    }

    fn endless(&self, what: &str) -> ReadError {
        let quote = "is a quote opened in it and never closed?";
        let reason = match what.starts_with("is longer") {
            true => format!(
                "the record that begins here {what}; {quote} If it is meant to be this long, raise `max_record` \
                 under [input]"
            ),
            false => format!("the record that begins here {what}; {quote}"),
        };
        ReadError::Endless { place: self.place(), reason }
    }

    /// The file, past what was read.
    pub(super) fn text(&self) -> &TextFile {
        &self.text
    }

    /// Where the record begins.
    pub(super) fn place(&self) -> Place {
        Place { file: self.text.file().clone(), number: self.line, unit: PlaceUnit::Line }
    }

    /// How many cells the record has.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The record as written, without its line ending; at most a few kilobytes.
    pub(super) fn raw(&self) -> &[u8] {
        let end = self.raw.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        &self.raw[..end]
    }

    /// The hash of the record: its cells, and the end of each.
    pub(super) fn hash(&self, key: &RecordKey) -> RecordHash {
        let ends = &self.ends[..self.count];
        key.hash_cells(&self.cells[..ends.last().copied().unwrap_or(0)], ends)
    }

    /// The cells, if all of them are UTF-8; otherwise the index of one that is not.
    pub(super) fn cells(&self) -> Result<Cells<'_>, usize> {
        let ends = &self.ends[..self.count];
        let text = &self.cells[..ends.last().copied().unwrap_or(0)];
        let text =
            str::from_utf8(text).map_err(|error| ends.partition_point(|end| *end <= error.valid_up_to()))?;
        // A character whose bytes span two cells is not valid.
        match ends.iter().position(|end| !text.is_char_boundary(*end)) {
            Some(index) => Err(index),
            None => Ok(Cells { text, ends }),
        }
    }
}

/// The cells of one record.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    text: &'a str,
    ends: &'a [usize],
}

impl<'a> Cells<'a> {
    /// The cell at `index`, which must be less than the record's count.
    pub(super) fn get(self, index: usize) -> &'a str {
        let begin = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[begin..self.ends[index]]
    }

    /// All cells in order.
    pub(super) fn iter(self) -> impl Iterator<Item = &'a str> {
        (0..self.ends.len()).map(move |index| self.get(index))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::read::spec::DEFAULT_EXPANSION;

    fn records(content: &[u8], limit: u64) -> Records {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, content).unwrap();
        let text = TextFile::open(&Arc::from("a"), &path, DEFAULT_EXPANSION, None).unwrap();
        Records::new(text, b',', limit)
    }

    fn split(content: &[u8], limit: u64) -> Result<Vec<(u64, Vec<String>)>, String> {
        let mut records = records(content, limit);
        let mut found = Vec::new();
        while records.advance().map_err(|error| error.to_string())? {
            let cells = records.cells().map_err(|index| format!("cell {index}"))?;
            found.push((records.line, cells.iter().map(str::to_owned).collect()));
        }
        Ok(found)
    }

    #[test]
    fn a_record_is_found_by_the_line_it_begins_on() {
        let found =
            split(b"a,b\r\n\r\n\"x\r\ny\",\"say \"\"hi\"\"\"\n\n\n\"\",\nlast,\xc3\xa9", 100).unwrap();
        let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
        let cells: Vec<&[String]> = found.iter().map(|(_, cells)| cells.as_slice()).collect();
        assert_eq!(lines, [1, 3, 7, 8]);
        assert_eq!(cells, [["a", "b"], ["x\r\ny", "say \"hi\""], ["", ""], ["last", "é"]]);
    }

    #[test]
    fn where_blank_lines_count_each_is_a_record_however_lines_end() {
        for end in ["\n", "\r\n", "\r"] {
            let content = ["a", "", "b", "", "", "c"].map(|line| format!("{line}{end}")).concat();
            let mut records = records(content.as_bytes(), 100);
            assert!(records.advance().unwrap());
            records.count_blank_lines();
            let mut found = Vec::new();
            while records.advance().unwrap() {
                found.push((records.line, records.cells().unwrap().get(0).to_owned()));
            }
            let cells: Vec<&str> = found.iter().map(|(_, cell)| cell.as_str()).collect();
            assert_eq!(cells, ["", "b", "", "", "c"], "{end:?}");
            if end != "\r" {
                assert!(found.iter().map(|(line, _)| *line).eq(2..=6), "{end:?} {found:?}");
            }
        }
    }

    #[test]
    fn an_unclosed_quote_is_reported_with_its_line() {
        let expected = "a:2: the record that begins here runs to the end of the file; \
                        is a quote opened in it and never closed?";
        assert_eq!(split(b"a\n\"x\ny\n", 100).unwrap_err(), expected);
        assert_eq!(split(b"a\n\"x", 100).unwrap_err(), expected);
        assert!(split(b"a\n\"x\"\"", 100).unwrap_err().contains("end of the file"));
        assert_eq!(split(b"a\n\"x\"", 100).unwrap().len(), 2);
        let long = [b"a\n\"".as_slice(), &[b'x'; 200], b"\nb\n"].concat();
        assert!(
            split(&long, 100).unwrap_err().starts_with("a:2: the record that begins here is longer than 100")
        );
    }

    #[test]
    fn many_and_long_cells_are_read_whole() {
        let many = vec!["x".repeat(300); 500].join(",");
        let found = split(many.as_bytes(), 1 << 20).unwrap();
        assert_eq!(found[0].1.len(), 500);
        assert!(found[0].1.iter().all(|cell| cell.len() == 300));
    }

    #[test]
    fn a_cell_that_is_not_utf_8_is_reported_by_its_index() {
        assert_eq!(split(b"a,b\xff,c", 100).unwrap_err(), "cell 1");
        assert_eq!(split(b"a,\xc3,\xa9", 100).unwrap_err(), "cell 1");
    }
}
