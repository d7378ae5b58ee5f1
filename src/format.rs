//! The file formats fanfold reads and writes, and how a file's name tells them.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

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
}

/// How a text format is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// gzip, also of several members.
    Gzip,
    /// Zstandard, also of several frames.
    Zstd,
}

impl Format {
    /// Every format, by its name in the job file.
    pub const NAMES: [&'static str; 4] = ["jsonl", "csv", "tsv", "parquet"];

    /// The format a file's name tells, past an ending of a compression. `None` for an ending that is not known.
    pub fn of_path(path: &str) -> Option<Self> {
        let name = Path::new(path).file_name()?.to_str()?.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
        match name.rsplit_once('.')?.1 {
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            "tsv" | "tab" => Some(Self::Tsv),
            "parquet" | "pq" => Some(Self::Parquet),
            _ => None,
        }
    }
}

impl Compression {
    /// The compression a file's name tells.
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
        f.write_str(match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Parquet => "parquet",
        })
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "jsonl" | "ndjson" => Ok(Self::Jsonl),
            "csv" => Ok(Self::Csv),
            "tsv" => Ok(Self::Tsv),
            "parquet" => Ok(Self::Parquet),
            other => Err(format!("`{other}` is not a format; the formats are {}", Self::NAMES.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_tells_the_format_past_a_compression() {
        assert_eq!(Format::of_path("a/b.jsonl"), Some(Format::Jsonl));
        assert_eq!(Format::of_path("B.CSV.GZ"), Some(Format::Csv));
        assert_eq!(Format::of_path("x.tsv.zst"), Some(Format::Tsv));
        assert_eq!(Format::of_path("x.parquet"), Some(Format::Parquet));
        assert_eq!(Format::of_path("x.json"), None);
        assert_eq!(Format::of_path("csv"), None);
        assert_eq!(Compression::of_path("B.CSV.GZ"), Compression::Gzip);
    }
}
