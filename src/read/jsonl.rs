//! Rows of JSONL: one object per line.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::bytes::TextFile;
use super::error::ReadError;
use super::folders::FolderColumn;
use super::object;
use super::pass::{ReadPass, WantedColumns, catch_panic, raw};
use super::record::RecordKey;
use crate::row::{Item, Origin, Place, PlaceUnit, RecordHash};

/// The rows of one JSONL file. Lines of only white space are not rows.
pub(super) struct JsonlRows {
    text: TextFile,
    /// The line being read; the buffer is reused.
    line: Vec<u8>,
    /// Its number, from 1.
    number: u64,
    /// Whether the line was read whole.
    is_whole: bool,
    /// The columns from the file's folders.
    folders: Arc<[FolderColumn]>,
}

impl JsonlRows {
    /// Reads `text` from its first line. Its `folders` give columns that a row does not have itself.
    pub(super) fn new(text: TextFile, folders: Arc<[FolderColumn]>) -> Self {
        Self { text, line: Vec::new(), number: 0, is_whole: true, folders }
    }

    /// Moves to the next row. False at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read or decompressed.
    pub(super) fn advance(&mut self, pass: &ReadPass) -> Result<bool, ReadError> {
        while self.advance_line(pass.max_record_bytes).map_err(|error| self.text.failure(error))? {
            self.is_whole = self.line.len() as u64 <= pass.max_record_bytes;
            if !self.is_whole || !self.line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The hash of the current row. A line that was not read whole has none.
    pub(super) fn record(&self, key: &RecordKey) -> Option<RecordHash> {
        self.is_whole.then(|| key.hash(&self.line))
    }

    /// The current row, which is at `position` of the whole input.
    pub(super) fn item(&self, position: u64, pass: &ReadPass) -> Item {
        let file = self.text.file().clone();
        let place = Place { file, number: self.number, unit: PlaceUnit::Line };
        let read =
            if self.is_whole { catch_panic(|| self.row(pass)) } else { Err(too_long(pass.max_record_bytes)) };
        pass.item(position, place, read, |_| raw(&self.line))
    }

    /// Reads the next line without its line ending, or the start of a line that is longer than `limit`, which is then
    /// longer than `limit` too. False at the end of the file.
    fn advance_line(&mut self, limit: u64) -> io::Result<bool> {
        self.line.clear();
        // Two bytes more than a line may have: for its line ending, or to show that it is too long.
        let count = self.text.by_ref().take(limit.saturating_add(2)).read_until(b'\n', &mut self.line)?;
        if count == 0 {
            return Ok(false);
        }
        self.number += 1;
        let is_ended = self.line.pop_if(|byte| *byte == b'\n').is_some();
        self.line.pop_if(|byte| *byte == b'\r');
        if !is_ended && self.line.len() as u64 > limit {
            self.text.skip_until(b'\n')?;
        }
        Ok(true)
    }

    /// The row in the line, or why there is none.
    fn row(&self, pass: &ReadPass) -> Result<WantedColumns, String> {
        let text = str::from_utf8(&self.line).map_err(|error| {
            let (encoding, advice) = self.text.encoding_advice();
            format!("not {encoding} at byte {}; {advice}", error.valid_up_to() + 1)
        })?;
        let mut fields = object::parse(text, pass)?;
        let line = text.trim_matches(is_json_space);
        let line = match self.folders.is_empty() {
            true => line.into(),
            false => self.with_folders(line, &mut fields, pass)?.into(),
        };
        Ok((fields, Origin::Line(line)))
    }

    /// The line and its fields, with the columns from the folders.
    fn with_folders(
        &self,
        line: &str,
        fields: &mut Map<String, Value>,
        pass: &ReadPass,
    ) -> Result<String, String> {
        let names = object::names(line)?;
        let mut line = line.strip_suffix('}').unwrap_or(line).trim_end_matches(is_json_space).to_owned();
        for folder in self.folders.iter().filter(|folder| !names.contains(&folder.name)) {
            let value = folder.value.as_deref().map_or(Value::Null, Value::from);
            if !line.ends_with('{') {
                line.push(',');
            }
            line.push_str(&format!("{}:{value}", Value::from(folder.name.as_str())));
            if pass.keeps(&folder.name) {
                fields.insert(folder.name.clone(), value);
            }
        }
        line.push('}');
        Ok(line)
    }
}

fn too_long(limit: u64) -> String {
    format!("the line is longer than {limit} bytes, the maximum for one row")
}

fn is_json_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::spec::DEFAULT_EXPANSION;
    use crate::row::Row;

    fn read(content: &[u8], pass: &ReadPass) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, content).unwrap();
        let text = TextFile::open(&Arc::from("a"), &path, DEFAULT_EXPANSION, None).unwrap();
        let mut rows = JsonlRows::new(text, Arc::new([]));
        let mut items = Vec::new();
        while rows.advance(pass).unwrap() {
            items.push(match rows.item(items.len() as u64, pass) {
                Item::Row(Row { place, origin: Origin::Line(line), .. }) => format!("{place} {line}"),
                Item::Row(row) => panic!("{:?}", row.origin),
                Item::Bad(bad) => format!("{} {} [{}]", bad.place, bad.reason, bad.raw.len()),
            });
        }
        items
    }

    #[test]
    fn lines_end_as_on_any_system_and_blank_ones_are_no_rows() {
        let content = b"\xef\xbb\xbf{\"a\":1}\r\n\r\n  \t\n {\"a\":2} \n{\"a\":3}";
        assert_eq!(
            read(content, &ReadPass::of_all()),
            [r#"a:1 {"a":1}"#, r#"a:4 {"a":2}"#, r#"a:5 {"a":3}"#]
        );
        assert!(read(b"", &ReadPass::of_all()).is_empty());
        assert!(read(b"\n\r\n", &ReadPass::of_all()).is_empty());
    }

    #[test]
    fn a_broken_line_is_one_bad_row_and_the_next_is_read() {
        let items = read(b" {\"a\" 1}\n\xff\n\0\n{\"a\":1}\n", &ReadPass::of_all());
        assert_eq!(items[0], "a:1 not valid JSON at column 7: expected `:` [8]");
        assert_eq!(
            items[1],
            "a:2 not UTF-8 at byte 1; set the file's `encoding` under [input], such as windows-1252 or gb18030 [1]"
        );
        assert_eq!(items[2], "a:3 not valid JSON at column 1: expected value [1]");
        assert_eq!(items[3], r#"a:4 {"a":1}"#);
    }

    #[test]
    fn a_line_of_the_limit_is_read_and_a_longer_one_is_bad_and_skipped() {
        let pass = ReadPass { max_record_bytes: 7, ..ReadPass::of_all() };
        let items = read(b"{\"a\":1}\r\n{\"a\":12}\n{\"a\":3}\n{\"a\":1000000000000}\r\n\n{\"a\":1}", &pass);
        let bad = "the line is longer than 7 bytes, the maximum for one row";
        assert_eq!(items[0], r#"a:1 {"a":1}"#);
        assert_eq!(items[1], format!("a:2 {bad} [8]"));
        assert_eq!(items[2], r#"a:3 {"a":3}"#);
        assert_eq!(items[3], format!("a:4 {bad} [9]"));
        assert_eq!(items[4], r#"a:6 {"a":1}"#);
        assert_eq!(items.len(), 5);
    }

    #[test]
    fn a_row_without_the_name_it_needs_is_bad() {
        let pass = ReadPass { id: Some("k".into()), ..ReadPass::of_all() };
        let items = read(b"{\"k\":\"x\"}\n{\"k\":null}\n{}\n{\"k\":[1]}\n", &pass);
        assert_eq!(items[1], "a:2 column `k` identifies the row, and is empty here [10]");
        assert_eq!(items[2], "a:3 column `k` identifies the row, and is missing here [2]");
        assert_eq!(items[3], "a:4 column `k` identifies the row, and is an array here [9]");
    }
}
