//! `[input]` as it is written: the rows or the documents of a job.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Value;

use crate::config::one_or_many::OneOrMany;
use crate::config::patterns::{DURATION, sheet, size};
use crate::config::words::optional_word;
use crate::job::input_format::InputFormat;

/// `[input]`: the rows.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputSection {
    /// Path, list of paths, globs or folders, of rows or documents, relative to the working directory; `-` is standard input.
    pub path: Option<OneOrMany>,
    /// Format of the files: of rows, of documents, or `document`: each by its ending. Default: by ending.
    #[serde(default, deserialize_with = "optional_word")]
    pub format: Option<InputFormat>,
    /// Column that identifies a row. Default: `path` for documents; other rows are identified by position and content.
    pub id: Option<String>,
    /// For rows with equal requests: `send` each, or send one and `share` the answer.
    #[serde(default, deserialize_with = "optional_word")]
    #[schemars(extend("default" = "send"))]
    pub duplicates: Option<Duplicates>,
    /// For a row that cannot be read or rendered: `stop` before anything is sent, or `skip` it and record it as failed.
    #[serde(default, deserialize_with = "optional_word")]
    #[schemars(extend("default" = "stop"))]
    pub on_bad_row: Option<OnBadRow>,
    /// For a row whose text is blank: `skip` it, so that nothing is sent, or `send` it like any other.
    #[serde(default, deserialize_with = "optional_word")]
    #[schemars(extend("default" = "skip"))]
    pub on_blank: Option<OnBlank>,
    /// Character between the cells of a CSV file. Default: detected from the header line.
    #[schemars(length(equal = 1))]
    pub delimiter: Option<String>,
    /// Sheet of a spreadsheet, by name or by number from 1. Default: the first that is not hidden.
    #[serde(default)]
    #[schemars(schema_with = "sheet")]
    pub sheet: Option<Value>,
    /// Longest line or record, in bytes or as `16MB`; also sets how much one template may produce.
    #[serde(default)]
    #[schemars(schema_with = "size", extend("default" = "16MiB"))]
    pub max_record: Option<Value>,
    /// How far a compressed file may expand, in bytes or as `64GiB`. Default: 1000 times its size.
    #[serde(default)]
    #[schemars(schema_with = "size")]
    pub max_expanded: Option<Value>,
    /// Encoding of text files, such as `gb18030` or `windows-1252`, or `auto`: found for each document; rows are in UTF-8, or
    /// in UTF-16 with a byte order mark.
    #[schemars(extend("default" = "auto"))]
    pub encoding: Option<String>,
    /// Commands that read documents, by ending: the file is on standard input, its text on standard output; no shell.
    #[serde(default)]
    pub readers: BTreeMap<String, OneOrMany>,
    /// Largest document, and the most text of one, in bytes or as `64MiB`.
    #[serde(default)]
    #[schemars(schema_with = "size", extend("default" = "64MiB"))]
    pub max_document: Option<Value>,
    /// Time limit for reading one document.
    #[schemars(extend("pattern" = DURATION, "default" = "60s"))]
    pub reader_timeout: Option<String>,
    /// Read only the first so many rows.
    pub limit: Option<u64>,
    /// Minimum number of rows: with fewer, nothing is sent and the output stays unchanged.
    pub min_rows: Option<u64>,
}

/// Treatment of rows with equal requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// Each is sent.
    Send,
    /// One is sent, and all get its answer.
    Share,
}

/// Treatment of a row whose text is blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnBlank {
    /// Nothing is asked.
    Skip,
    /// It is sent.
    Send,
}

/// Treatment of a row that cannot be read or rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnBadRow {
    /// The run stops before anything is sent.
    Stop,
    /// The row is recorded as failed.
    Skip,
}
