//! The files of the account, in memory.

use std::collections::HashMap;
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::{Value, json};

/// A stored file.
#[derive(Debug, Clone)]
pub(super) struct StoredFile {
    pub(super) id: String,
    pub(super) filename: String,
    pub(super) purpose: String,
    pub(super) content: Bytes,
    /// Since 1970.
    pub(super) created: Duration,
}

impl StoredFile {
    /// The file as the API describes it.
    pub(super) fn object(&self) -> Value {
        json!({
            "id": self.id,
            "object": "file",
            "bytes": self.content.len(),
            "created_at": self.created.as_secs(),
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": null,
        })
    }
}

/// All files, in the order of their creation.
#[derive(Debug, Default)]
pub(super) struct FileStore {
    order: Vec<String>,
    files: HashMap<String, StoredFile>,
}

impl FileStore {
    pub(super) fn add(&mut self, file: StoredFile) {
        self.order.push(file.id.clone());
        self.files.insert(file.id.clone(), file);
    }

    pub(super) fn get(&self, id: &str) -> Option<&StoredFile> {
        self.files.get(id)
    }

    /// Removes a file; false if it is not there.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        self.files.remove(id).is_some()
    }

    /// The files that are left, the newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &StoredFile> {
        self.order.iter().rev().filter_map(|id| self.files.get(id))
    }
}
