//! A line of the file of kept texts: the columns of one document, and by which it is known again.

use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::file_name;
use super::find::FoundDocument;
use super::reader::{DocumentFault, DocumentText, ReaderName};
use crate::read::file_stamp::FileStamp;
use crate::row::{Column, ColumnKind, JsonKind};

/// By what a kept text is known again. It is the last member of its line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptMark {
    /// The document's file, as it was named.
    pub(super) file: String,
    /// The format and the ending by which it was read.
    pub(super) asked: String,
    /// The state of the file; `None` if it could have changed without another state.
    pub(super) stamp: Option<KeptStamp>,
    /// The hash of its bytes; `None` if they were not read.
    pub(super) blake3: Option<String>,
    /// The reader that made the text.
    pub(super) reader: String,
    /// Its version.
    pub(super) version: String,
}

/// The state of a file, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptStamp {
    device: u64,
    inode: u64,
    bytes: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
}

impl KeptStamp {
    /// The state by a stamp.
    pub(super) fn of(stamp: &FileStamp) -> Self {
        let FileStamp { bytes, modified, changed, device, inode } = *stamp;
        Self { device, inode, bytes, mtime: modified, ctime: changed }
    }
}

/// The member that holds the mark.
const KEPT: &str = "kept";
/// The members that say why a document has no text.
pub(super) const FAULT: [&str; 2] = ["error_code", "error"];

/// The columns of a document, in order.
pub(super) const COLUMNS: [(&str, JsonKind); 13] = [
    ("path", JsonKind::Text),
    ("folder", JsonKind::Text),
    ("name", JsonKind::Text),
    ("stem", JsonKind::Text),
    ("format", JsonKind::Text),
    ("bytes", JsonKind::Natural),
    ("modified", JsonKind::Text),
    ("text", JsonKind::Text),
    ("title", JsonKind::Text),
    ("pages", JsonKind::Natural),
    ("characters", JsonKind::Natural),
    ("encoding", JsonKind::Text),
    ("warnings", JsonKind::Mixed),
];

/// The columns of a document.
pub(in crate::read) fn columns() -> Vec<Column> {
    let column =
        |(name, kind): (&str, JsonKind)| Column { name: name.to_owned(), kind: ColumnKind::Json(kind) };
    COLUMNS.map(column).into()
}

/// What came of reading a document.
pub(super) struct DocumentLine<'a> {
    pub(super) document: &'a FoundDocument,
    /// `None` if its file could not even be looked at.
    pub(super) stamp: Option<&'a FileStamp>,
    pub(super) read: Result<DocumentText, DocumentFault>,
}

impl DocumentLine<'_> {
    /// Its columns.
    pub(super) fn columns(self) -> Map<String, Value> {
        let mut columns = of_file(self.document, self.stamp);
        let asked = self.document.format.map_or(self.document.ending.as_str(), |format| format.name());
        match self.read {
            Err(fault) => {
                columns.insert("format".into(), asked.into());
                columns.insert(FAULT[0].into(), fault.code.into());
                columns.insert(FAULT[1].into(), fault.message.into());
            }
            Ok(read) => {
                let format = if read.format.is_empty() { asked.to_owned() } else { read.format };
                let characters = read.text.chars().count();
                columns.insert("format".into(), format.into());
                columns.insert("text".into(), read.text.into());
                columns.insert("title".into(), read.title.into());
                columns.insert("pages".into(), read.pages.into());
                columns.insert("characters".into(), characters.into());
                columns.insert("encoding".into(), read.encoding.into());
                columns.insert("warnings".into(), read.warnings.into());
            }
        }
        in_order(columns)
    }
}

/// The columns that follow from a document's file.
fn of_file(document: &FoundDocument, stamp: Option<&FileStamp>) -> Map<String, Value> {
    let mut columns = file_name::columns(&document.path);
    let modified = stamp.and_then(|stamp| Timestamp::from_second(stamp.modified.0).ok());
    columns.insert("bytes".into(), stamp.map(|stamp| stamp.bytes).into());
    columns.insert("modified".into(), modified.map(|time| time.to_string()).into());
    columns
}

/// The columns as they are shown: a fault right after the path, so that a line shows it without being parsed.
fn in_order(mut columns: Map<String, Value>) -> Map<String, Value> {
    let names = COLUMNS.map(|(name, _)| name);
    let (first, rest) = names.split_at(1);
    let order = first.iter().chain(&FAULT).chain(rest);
    order.filter_map(|name| columns.remove_entry(*name)).collect()
}

/// The line of the same text under the name and the state that a document has now. `None` if the line is not a document's.
pub(super) fn renewed(
    line: &[u8],
    document: &FoundDocument,
    stamp: &FileStamp,
    content: &str,
    now: SystemTime,
) -> Option<Vec<u8>> {
    let mut columns: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let mark: KeptMark = serde_json::from_value(columns.remove(KEPT)?).ok()?;
    columns.extend(of_file(document, Some(stamp)));
    let mark = KeptMark { file: document.shown.clone(), asked: asked(document), ..mark };
    written(&in_order(columns), &mark.of_file(Some(stamp), Some(content.to_owned()), now)).ok()
}

/// A line, with its line feed.
pub(super) fn written(columns: &Map<String, Value>, mark: &KeptMark) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(columns)?;
    line.pop();
    line.extend_from_slice(format!(",\"{KEPT}\":").as_bytes());
    serde_json::to_writer(&mut line, mark)?;
    line.extend_from_slice(b"}\n");
    Ok(line)
}

/// What a line shows at its ends, without being parsed as a whole.
pub(super) struct LineEnds {
    /// The path of its document.
    pub(super) path: String,
    /// The code of a document without a text.
    pub(super) code: Option<String>,
    pub(super) mark: KeptMark,
}

impl LineEnds {
    /// The ends of a line without its line feed; `None` if it is not a document's.
    pub(super) fn of(line: &str) -> Option<Self> {
        fn first<'a, T: Deserialize<'a>>(text: &'a str) -> Option<(T, &'a str)> {
            let mut values = serde_json::Deserializer::from_str(text).into_iter::<T>();
            let value = values.next()?.ok()?;
            let end = values.byte_offset();
            Some((value, &text[end..]))
        }
        // Neither can occur within a string, where a quote is escaped.
        let (path, rest) = first::<String>(line.strip_prefix("{\"path\":")?)?;
        let code = rest.strip_prefix(",\"error_code\":").and_then(first::<String>).map(|(code, _)| code);
        let begin = format!(",\"{KEPT}\":");
        let mark = &line[line.rfind(&begin)? + begin.len()..];
        Some(Self { path, code, mark: serde_json::from_str(mark.strip_suffix('}')?).ok()? })
    }
}

impl KeptMark {
    /// The mark of a document.
    pub(super) fn new(document: &FoundDocument, reader: ReaderName) -> Self {
        Self {
            file: document.shown.clone(),
            asked: asked(document),
            stamp: None,
            blake3: None,
            reader: reader.name,
            version: reader.version,
        }
    }

    /// The same mark, of a file that was in this state at a time before its bytes were read. A state that another change after
    /// that time could leave as it is shows nothing.
    pub(super) fn of_file(self, stamp: Option<&FileStamp>, content: Option<String>, now: SystemTime) -> Self {
        let stamp = stamp.filter(|stamp| stamp.is_settled(now)).map(KeptStamp::of);
        Self { stamp, blake3: content, ..self }
    }
}

/// By which format and ending a document is read.
pub(super) fn asked(document: &FoundDocument) -> String {
    document.format.map_or_else(|| format!(".{}", document.ending), |format| format.name().to_owned())
}

/// The file of the document that a row is made of, by its mark.
pub(super) fn taken_file(columns: &mut Map<String, Value>) -> Option<String> {
    columns.remove(KEPT)?.get("file")?.as_str().map(str::to_owned)
}

/// The members that make a row, whatever columns are asked of it.
pub(super) const ALWAYS: [&str; 4] = ["path", KEPT, FAULT[0], FAULT[1]];
