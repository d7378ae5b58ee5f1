//! Reads one document: a file that may change, vanish or be anything while it is read.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::find::FoundDocument;
use super::reader::{DocumentFault, DocumentReader, DocumentText};
use crate::blank::is_blank;
use crate::read::file_stamp::FileStamp;
use crate::regular;
use crate::text::bytes;

/// How often a document that changes while it is read is read again.
const TRIES: u32 = 3;

/// What came of a document.
pub(super) enum OneRead<K> {
    /// It was known: nothing was read.
    Known(K),
    /// It was read, or cannot be.
    Read {
        /// `None` if it could not be looked at.
        stamp: Option<FileStamp>,
        /// The hash of its bytes; `None` if they were not all read.
        content: Option<String>,
        read: Result<DocumentText, DocumentFault>,
    },
    /// It is gone since it was found.
    Gone,
}

/// Reads a document of at most `max_bytes`, unless `known` knows it by its state, or by its state and the hash of its bytes.
pub(super) fn read_one<K>(
    document: &FoundDocument,
    max_bytes: u64,
    reader: &dyn DocumentReader,
    known: impl Fn(&FileStamp, Option<&str>) -> Option<K>,
) -> OneRead<K> {
    let mut changed = None;
    for _ in 0..TRIES {
        let stamp = match looked_at(&document.file) {
            Ok(None) => return OneRead::Gone,
            Ok(Some(metadata)) => FileStamp::of(&metadata),
            Err(error) => return unread(None, unreadable(&error)),
        };
        if let Some(known) = known(&stamp, None) {
            return OneRead::Known(known);
        }
        if stamp.bytes > max_bytes {
            return OneRead::Read {
                read: Err(too_large(&stamp, max_bytes)),
                stamp: Some(stamp),
                content: None,
            };
        }
        let content = match hash(&document.file) {
            Ok(content) => content,
            Err(error) if error.kind() == ErrorKind::NotFound && is_gone(&document.file) => {
                return OneRead::Gone;
            }
            Err(error) => return unread(Some(stamp), unreadable(&error)),
        };
        if let Some(known) = known(&stamp, Some(&content)) {
            return OneRead::Known(known);
        }
        let read = read_text(document, reader);
        match looked_at(&document.file) {
            Ok(None) => return OneRead::Gone,
            Ok(Some(metadata)) if FileStamp::of(&metadata) == stamp => {
                return OneRead::Read { stamp: Some(stamp), content: Some(content), read };
            }
            _ => changed = Some(stamp),
        }
    }
    unread(changed, DocumentFault::of_today("unreadable", "it changed each time while it was read"))
}

fn unread<K>(stamp: Option<FileStamp>, fault: DocumentFault) -> OneRead<K> {
    OneRead::Read { stamp, content: None, read: Err(fault) }
}

/// The metadata of a document; `None` if nothing has its name any more.
fn looked_at(file: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(file) {
        Ok(metadata) if !metadata.is_file() => Err(io::Error::other("it is not a regular file")),
        Err(error) if error.kind() == ErrorKind::NotFound && is_gone(file) => Ok(None),
        looked => looked.map(Some),
    }
}

/// Whether nothing has this name, not even a link that leads nowhere.
fn is_gone(file: &Path) -> bool {
    fs::symlink_metadata(file).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

fn unreadable(error: &io::Error) -> DocumentFault {
    DocumentFault::of_today("unreadable", format!("it cannot be opened: {error}"))
}

fn too_large(stamp: &FileStamp, max_bytes: u64) -> DocumentFault {
    let (bytes, most) = (bytes(stamp.bytes), bytes(max_bytes));
    let message = format!("the file has {bytes}, more than `max_document` ({most})");
    DocumentFault::of_document("too_large", message)
}

fn hash(file: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut regular::open(file)?, &mut hasher)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// The text of a document, unless it is nothing but white space.
fn read_text(document: &FoundDocument, reader: &dyn DocumentReader) -> Result<DocumentText, DocumentFault> {
    let read = || reader.read(&document.file, &document.ending, document.format);
    // A reader's panic is the failure of its document.
    let read = catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(DocumentFault::of_today("reader_crashed", "the reader failed unexpectedly; please report it"))
    })?;
    match is_blank(&read.text) {
        true => Err(DocumentFault::of_document("empty", "there is no text in it")),
        false => Ok(read),
    }
}
