//! The file formats that fanfold reads and writes, and how they follow from a file's name.

use std::fmt;
use std::path::Path;

/// A file format of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
    /// Tab-separated values with a header.
    Tsv,
    /// Apache Parquet.
    Parquet,
    /// A spreadsheet: Office Open XML, as Excel and LibreOffice write it.
    Xlsx,
}

/// How many rows a sheet holds, with its header.
pub const MAX_SHEET_ROWS: u64 = 1 << 20;
/// How many columns a sheet holds.
pub const MAX_SHEET_COLUMNS: usize = 1 << 14;
/// How many characters a cell of a sheet holds, counted as UTF-16.
pub const MAX_SHEET_TEXT: usize = 32_767;

/// The letters of a sheet's column, by its index from 0.
pub fn column_letters(index: usize) -> String {
    let (mut letters, mut rest) = (Vec::new(), index + 1);
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"[rest % 26]));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

/// How a text format is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not compressed.
    Plain,
    /// gzip, also with several members.
    Gzip,
    /// Zstandard, also with several frames.
    Zstd,
}

/// The endings of the formats, as a sentence lists them.
macro_rules! endings {
    () => {
        ".jsonl, .csv, .tsv, .parquet or .xlsx"
    };
}
pub(crate) use endings;

/// The endings of the formats, as a sentence lists them.
pub(crate) const ENDINGS: &str = endings!();

impl Format {
    /// Every format, with the endings of its files' names; the first is the format's own name.
    pub const ALL: [(Self, &[&str]); 5] = [
        (Self::Jsonl, &["jsonl", "ndjson"]),
        (Self::Csv, &["csv"]),
        (Self::Tsv, &["tsv", "tab"]),
        (Self::Parquet, &["parquet", "pq"]),
        (Self::Xlsx, &["xlsx"]),
    ];

    /// The format according to a file's name, before an ending for compression. `None` for an unknown ending.
    pub fn of_path(path: &str) -> Option<Self> {
        let name = Path::new(path).file_name()?.to_str()?.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
        let ending = name.rsplit_once('.')?.1;
        Self::ALL.iter().find(|(_, endings)| endings.contains(&ending)).map(|(format, _)| *format)
    }

    /// The word for it in the job file.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(format, _)| *format == self).map_or("", |(_, endings)| endings[0])
    }
}

impl Compression {
    /// The compression according to a file's name.
    pub fn of_path(path: &str) -> Self {
        let name = path.to_ascii_lowercase();
        match () {
            () if name.ends_with(".gz") => Self::Gzip,
            () if name.ends_with(".zst") => Self::Zstd,
            () => Self::Plain,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_in_the_list_of_endings_that_messages_show() {
        let listed: Vec<&str> = ENDINGS.split([',', ' ']).filter(|word| word.starts_with('.')).collect();
        assert_eq!(listed, Format::ALL.map(|(format, _)| format!(".{format}")));
    }

    #[test]
    fn columns_of_a_sheet_have_letters() {
        assert_eq!([0, 25, 26, 701, 702, 16_383].map(column_letters), ["A", "Z", "AA", "ZZ", "AAA", "XFD"]);
    }

    #[test]
    fn the_ending_before_a_compression_decides_the_format() {
        assert_eq!(Format::of_path("a/b.jsonl"), Some(Format::Jsonl));
        assert_eq!(Format::of_path("B.CSV.GZ"), Some(Format::Csv));
        assert_eq!(Format::of_path("x.tsv.zst"), Some(Format::Tsv));
        assert_eq!(Format::of_path("x.parquet"), Some(Format::Parquet));
        assert_eq!(Format::of_path("x.json"), None);
        assert_eq!(Format::of_path("csv"), None);
        assert_eq!(Compression::of_path("B.CSV.GZ"), Compression::Gzip);
    }
}
