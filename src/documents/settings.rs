//! How documents are read: the settings of a job, and their defaults.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

/// The settings of a job's readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderSettings {
    /// The encoding of text files and HTML; `None` finds it out.
    pub encoding: Option<String>,
    /// The largest file, and the most text of one, in bytes.
    pub max_document: u64,
    /// How long one document may take.
    pub timeout: Duration,
    /// The memory of the process that reads one, in bytes of address space.
    pub memory: u64,
    /// Commands instead of readers, by the ending of the file's name in small letters: the file on standard input, its text on
    /// standard output.
    pub commands: BTreeMap<String, Vec<String>>,
    /// Variables hidden from commands: those with the API key.
    pub hidden: Vec<OsString>,
}

impl Default for ReaderSettings {
    fn default() -> Self {
        Self {
            encoding: None,
            max_document: 64 << 20,
            timeout: Duration::from_secs(60),
            memory: 1 << 30,
            commands: BTreeMap::new(),
            hidden: Vec::new(),
        }
    }
}
