//! Reading and keeping, with a reader that notes what it is asked for.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::*;
use crate::document_format::DocumentFormat;
use crate::read::error::ReadError;
use crate::read::spec::InputSpec;

/// Reads a file as it is. `encrypted` and `later` are texts of documents that cannot be read.
struct Notes {
    read: Mutex<Vec<String>>,
    version: &'static str,
    before: Box<dyn Fn(&Path) + Send + Sync>,
}

impl Notes {
    fn new() -> Self {
        Self { read: Mutex::default(), version: "1", before: Box::new(|_| {}) }
    }

    /// The names of the files that were read since the last call, sorted.
    fn taken(&self) -> Vec<String> {
        let mut taken = std::mem::take(&mut *self.read.lock().unwrap());
        taken.sort();
        taken
    }
}

impl DocumentReader for Notes {
    fn name(&self, ending: &str, _: Option<DocumentFormat>) -> ReaderName {
        ReaderName { name: ending.to_owned(), version: self.version.to_owned() }
    }

    fn read(&self, file: &Path, _: &str, _: Option<DocumentFormat>) -> Result<DocumentText, DocumentFault> {
        self.read.lock().unwrap().push(file.file_name().unwrap().to_str().unwrap().to_owned());
        let text = fs::read_to_string(file).unwrap();
        (self.before)(file);
        match text.as_str() {
            "encrypted" => Err(DocumentFault::of_document("encrypted", "it needs a password")),
            "later" => Err(DocumentFault::of_today("reader_timeout", "it took too long")),
            _ => Ok(DocumentText { text, format: "text".to_owned(), ..DocumentText::default() }),
        }
    }
}

struct Desk {
    folder: tempfile::TempDir,
    reader: Arc<Notes>,
    limit: u64,
    reread: bool,
    stop_after: u64,
}

impl Desk {
    fn with(documents: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        let (limit, stop_after) = (u64::MAX, u64::MAX);
        let desk = Self { folder, reader: Arc::new(Notes::new()), limit, reread: false, stop_after };
        documents.iter().for_each(|(name, text)| desk.write(name, text));
        desk
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("in").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
    }

    fn spec(&self) -> DocumentsSpec {
        DocumentsSpec {
            input: InputSpec::new([self.at("").display().to_string()], "spool"),
            format: None,
            endings: BTreeSet::new(),
            max_bytes: 1000,
            kept: self.kept(),
            reread: self.reread,
            outputs: None,
            limit: self.limit,
        }
    }

    fn kept(&self) -> std::path::PathBuf {
        self.folder.path().join("out.documents")
    }

    /// Brings the kept texts up to date, and gives what is said.
    fn keep(&self) -> Result<Vec<String>, ReadError> {
        let done = std::cell::Cell::new(0);
        let is_stopped = || done.get() >= self.stop_after;
        let watch = ReadingWatch { is_stopped: &is_stopped, progress: &|count, _| done.set(count) };
        bring_up_to_date(&self.spec(), self.reader.clone(), &watch).map(Option::unwrap)
    }

    /// The kept lines: the path, and the text or the code.
    fn lines(&self) -> Vec<String> {
        let lines = fs::read_to_string(self.kept()).unwrap();
        let line = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            let read = line["text"].as_str().or(line["error_code"].as_str()).unwrap();
            format!("{}: {read}", line["path"].as_str().unwrap())
        };
        lines.lines().map(line).collect()
    }
}

#[test]
fn a_text_stays_until_the_content_of_its_file_changes() {
    let desk = Desk::with(&[("a.txt", "A"), ("b.txt", "B"), ("c.txt", "C")]);
    assert_eq!(desk.keep().unwrap(), ["3 documents read"]);
    assert_eq!(desk.reader.taken(), ["a.txt", "b.txt", "c.txt"]);
    assert_eq!(desk.lines(), ["a.txt: A", "b.txt: B", "c.txt: C"]);
    // The same content with another time, another name, and another content.
    desk.write("a.txt", "A");
    fs::rename(desk.at("c.txt"), desk.at("0.txt")).unwrap();
    assert!(desk.keep().unwrap().is_empty());
    assert_eq!(desk.reader.taken(), [""; 0]);
    assert_eq!(desk.lines(), ["0.txt: C", "a.txt: A", "b.txt: B"]);
    desk.write("b.txt", "BB");
    fs::remove_file(desk.at("0.txt")).unwrap();
    assert_eq!(desk.keep().unwrap(), ["1 document read, 1 kept as read before"]);
    assert_eq!(desk.reader.taken(), ["b.txt"]);
    assert_eq!(desk.lines(), ["a.txt: A", "b.txt: BB"]);
}

#[test]
fn nothing_is_written_where_nothing_has_changed() {
    let desk = Desk::with(&[("a.txt", "A"), ("b.txt", "encrypted")]);
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    for name in ["a.txt", "b.txt"] {
        fs::File::open(desk.at(name)).unwrap().set_modified(old).unwrap();
    }
    // The change time is settled after a moment.
    std::thread::sleep(std::time::Duration::from_millis(60));
    desk.keep().unwrap();
    let stamp = || fs::metadata(desk.kept()).map(|about| (about.modified().unwrap(), about.len())).unwrap();
    let first = stamp();
    assert!(desk.keep().unwrap().is_empty());
    assert_eq!(stamp(), first);
    assert_eq!(desk.reader.taken(), ["a.txt", "b.txt"]);
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(desk.kept()).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(desk.folder.path()).unwrap().count(), 2, "and nothing is left over");
}

#[test]
fn a_new_reader_changes_no_text_unless_it_is_asked_to_but_may_read_what_could_not_be_read() {
    let mut desk = Desk::with(&[("a.txt", "A"), ("b.txt", "encrypted"), ("c.txt", "later")]);
    desk.keep().unwrap();
    desk.reader.taken();
    desk.keep().unwrap();
    assert_eq!(desk.reader.taken(), ["c.txt"], "what may pass is tried each time");
    desk.reader = Arc::new(Notes { version: "2", ..Notes::new() });
    desk.keep().unwrap();
    assert_eq!(desk.reader.taken(), ["b.txt", "c.txt"]);
    desk.reread = true;
    desk.keep().unwrap();
    assert_eq!(desk.reader.taken(), ["a.txt", "b.txt", "c.txt"]);
    assert_eq!(desk.lines(), ["a.txt: A", "b.txt: encrypted", "c.txt: reader_timeout"]);
}

#[test]
fn a_reading_that_is_stopped_leaves_the_old_file_and_is_continued() {
    let mut desk = Desk::with(&[("a.txt", "A"), ("b.txt", "B")]);
    desk.keep().unwrap();
    for name in ["c.txt", "d.txt", "e.txt", "f.txt"] {
        desk.write(name, name);
    }
    desk.stop_after = 4;
    assert!(matches!(desk.keep(), Err(ReadError::Interrupted)));
    assert_eq!(desk.lines(), ["a.txt: A", "b.txt: B"]);
    // As after a power cut.
    let log = desk.folder.path().join("out.documents.reading");
    let mut lines = fs::read(&log).unwrap();
    lines.extend_from_slice(b"{\"path\":\"e.txt\",\"text\":\"half");
    fs::write(&log, lines).unwrap();
    desk.stop_after = u64::MAX;
    desk.reader = Arc::new(Notes::new());
    assert_eq!(desk.keep().unwrap(), ["2 documents read, 4 kept as read before"]);
    assert_eq!(desk.reader.taken(), ["e.txt", "f.txt"]);
    assert_eq!(desk.lines()[2..], ["c.txt: c.txt", "d.txt: d.txt", "e.txt: e.txt", "f.txt: f.txt"]);
    assert!(!log.exists());
}

#[test]
fn two_processes_do_not_read_the_documents_of_one_job_at_once() {
    let desk = Desk::with(&[("a.txt", "A")]);
    let _other = super::log::ReadingLog::take(&desk.kept()).unwrap();
    let refused = desk.keep().unwrap_err().to_string();
    assert!(refused.contains("another process is reading the documents of this job"), "{refused}");
}

#[test]
fn a_limit_reads_only_the_first_documents_and_forgets_no_other() {
    let mut desk = Desk::with(&[("a.txt", "A"), ("b.txt", "B"), ("c.txt", "C")]);
    desk.limit = 1;
    desk.keep().unwrap();
    assert_eq!((desk.reader.taken(), desk.lines()), (vec!["a.txt".to_owned()], vec!["a.txt: A".to_owned()]));
    desk.limit = u64::MAX;
    desk.keep().unwrap();
    desk.limit = 1;
    desk.keep().unwrap();
    assert_eq!(desk.lines(), ["a.txt: A", "b.txt: B", "c.txt: C"]);
}

#[test]
fn a_document_that_changes_or_vanishes_while_it_is_read_is_read_again_or_is_gone() {
    let mut desk = Desk::with(&[("a.txt", "A"), ("b.txt", "B"), ("c.txt", "C")]);
    let first = Mutex::new(true);
    let before = move |file: &Path| match file.file_name().and_then(|name| name.to_str()) {
        Some("a.txt") if std::mem::take(&mut *first.lock().unwrap()) => fs::write(file, "AA").unwrap(),
        Some("b.txt") => fs::remove_file(file).unwrap(),
        Some("c.txt") => fs::write(file, format!("{}C", fs::read_to_string(file).unwrap())).unwrap(),
        _ => {}
    };
    desk.reader = Arc::new(Notes { before: Box::new(before), ..Notes::new() });
    desk.keep().unwrap();
    assert_eq!(desk.lines(), ["a.txt: AA", "c.txt: unreadable"]);
}

#[test]
fn what_is_too_large_or_blank_or_cannot_be_opened_is_named() {
    let desk = Desk::with(&[("a.txt", &"x".repeat(1001)), ("b.txt", " \n\u{feff}\u{200b}"), ("c.txt", "")]);
    std::os::unix::fs::symlink("nowhere", desk.at("d.txt")).unwrap();
    std::os::unix::fs::symlink("e.txt", desk.at("e.txt")).unwrap();
    let said = desk.keep().unwrap();
    let codes =
        ["a.txt: too_large", "b.txt: empty", "c.txt: empty", "d.txt: unreadable", "e.txt: unreadable"];
    assert_eq!(desk.lines(), codes);
    assert!(said.is_empty(), "the plan says what cannot be read: {said:?}");
}

#[test]
fn a_line_that_someone_damaged_is_read_anew() {
    let desk = Desk::with(&[("a.txt", "A"), ("b.txt", "B")]);
    desk.keep().unwrap();
    let lines = fs::read_to_string(desk.kept()).unwrap();
    fs::write(desk.kept(), lines.replace("\"path\":\"b.txt\"", "\"path\":b.txt") + "garbage\n").unwrap();
    desk.reader.taken();
    desk.keep().unwrap();
    assert_eq!(desk.reader.taken(), ["b.txt"]);
    assert_eq!(desk.lines(), ["a.txt: A", "b.txt: B"]);
}
