//! How documents are read, settled.

use std::collections::BTreeMap;
use std::time::Duration;

/// How the documents of an input are made text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentSettings {
    /// The encoding of text files by its label; `None`: found for each of them.
    pub encoding: Option<String>,
    /// The commands that read files of an ending, in lower case and without its dot: the file on standard input, its text on
    /// standard output.
    pub readers: BTreeMap<String, Vec<String>>,
    /// The largest file, and the most text of one, in bytes.
    pub max_bytes: u64,
    /// The longest time that a reader may take for one document.
    pub timeout: Duration,
}

/// The largest document by default: 64 MiB.
pub const DEFAULT_MAX_DOCUMENT_BYTES: u64 = 64 << 20;

impl Default for DocumentSettings {
    fn default() -> Self {
        Self {
            encoding: None,
            readers: BTreeMap::new(),
            max_bytes: DEFAULT_MAX_DOCUMENT_BYTES,
            timeout: Duration::from_secs(60),
        }
    }
}
