//! Files that fanfold reads: job files, inputs, journals.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use fanfold::inside::{InputSpec, Item, Projection, Reader, Renderer, Source};
use fanfold::{
    Diagnostic, Job, Journal, JournalError, Layers, Lookups, ModelCatalog, SourceText, resolve, utc,
};
use serde_json::{Map, Value};
use tempfile::TempDir;

/// A folder of this process.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| tempfile::tempdir().expect("a folder")).path()
}

/// The bytes are a job file.
///
/// It resolves to the same job twice, or is rejected with an error that names it; its templates compile, or are rejected
/// too.
pub fn job(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let settled = settled(text);
    assert_eq!(shown(&settled), shown(&self::settled(text)), "the same file twice");
    match settled {
        Ok(job) => {
            assert!(!job.input.paths.is_empty(), "a job without an input");
            assert!(job.retry.max_attempts > 0 && !job.retry.timeout.is_zero(), "{:?}", job.retry);
            if let Err(problem) = Renderer::new(&job, None) {
                says_something(&problem);
            }
        }
        Err(problem) => says_something(&problem),
    }
}

fn settled(text: &str) -> Result<Job, Diagnostic> {
    let script = SourceText { name: "job.toml".into(), text: text.into() };
    let (file, layers) = Layers::read(Some(script), vec![])?;
    let region = |region: &str, workspace: Option<&str>| {
        Ok(format!("https://{}.{region}.example.com/v1", workspace.unwrap_or("any")))
    };
    resolve(file, &layers, &Lookups { region: &region, book: &|_| ModelCatalog::default(), zone: &utc })
}

fn shown(settled: &Result<Job, Diagnostic>) -> String {
    match settled {
        Ok(job) => format!("{job:?}"),
        Err(problem) => problem.to_string(),
    }
}

fn says_something(problem: &Diagnostic) {
    assert!(!problem.to_string().trim().is_empty());
}

/// The bytes are an input in JSONL. As for [`csv`]; and a row that is written and read again is the same row.
pub fn jsonl(bytes: &[u8]) {
    let path = input("in.jsonl", bytes);
    let Some(items) = passes(&path) else { return };
    let fields = |item: &Item| match item {
        Item::Row(row) => Some(row.fields.clone()),
        Item::Bad(_) => None,
    };
    let rows: Vec<Map<String, Value>> = items.iter().filter_map(fields).collect();
    let written: String =
        rows.iter().map(|row| format!("{}\n", serde_json::to_string(row).expect("JSON"))).collect();
    let again = passes(&input("again.jsonl", written.as_bytes())).expect("what was read before");
    assert_eq!(again.iter().map(fields).collect::<Vec<_>>(), rows.into_iter().map(Some).collect::<Vec<_>>());
}

/// The bytes are an input in CSV, and in TSV.
///
/// Positions are consecutive; which rows are bad does not depend on the projection; two passes read the same.
pub fn csv(bytes: &[u8]) {
    for name in ["in.csv", "in.tsv"] {
        passes(&input(name, bytes));
    }
}

pub(super) fn input(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    fs::write(&path, bytes).expect("a file");
    path
}

/// The rows of an input that can be opened, up to an error.
pub(super) fn passes(path: &Path) -> Option<Vec<Item>> {
    let mut spec = InputSpec::new([path.to_str().expect("UTF-8")], folder().join("spool"));
    spec.max_record_bytes = 4096;
    // Bytes that begin like a compressed file are not text, and may expand.
    spec.expansion.free_bytes = 1 << 20;
    let source = match Source::open(spec) {
        Ok(source) => source,
        Err(error) => {
            assert!(error.to_string().contains(path.to_str().expect("UTF-8")), "{error}");
            return None;
        }
    };
    let first = pass(&source, Projection::Fields);
    assert_eq!(format!("{first:?}"), format!("{:?}", pass(&source, Projection::Fields)), "two passes");
    for wanted in [Projection::Only(BTreeSet::new()), Projection::Origin] {
        let other = pass(&source, wanted);
        assert_eq!(marks(&first), marks(&other), "whatever is wanted of a row, it is bad or it is not");
    }
    Some(first)
}

fn pass(source: &Source, wanted: Projection) -> Vec<Item> {
    let rows = source.rows(wanted).into_iter().flatten();
    let items: Vec<Item> = rows.map_while(Result::ok).collect();
    for (index, item) in items.iter().enumerate() {
        assert_eq!(item.position(), index as u64);
    }
    items
}

/// The place of each row, and why it is bad if it is: the journal identifies such a row by the reason.
fn marks(items: &[Item]) -> Vec<(String, Option<String>)> {
    let reason = |item: &Item| match item {
        Item::Row(_) => None,
        Item::Bad(bad) => Some(bad.reason.clone()),
    };
    items.iter().map(|item| (item.place().to_string(), reason(item))).collect()
}

/// Each five bytes damage a journal: what is done (7 cuts it, odd numbers
/// turn bits over, even ones write), where (two bytes), the byte, and how many.
///
/// A journal is rejected without being changed by a byte, or it is opened; either way, the second time is like the first.
/// Reading an opened journal succeeds, or fails with an error that names it.
pub fn journal(bytes: &[u8]) {
    let shipped: &[u8] = include_bytes!("../../tests/data/journal-v1.sqlite");
    let folder = tempfile::tempdir_in(folder()).expect("a folder");
    let path = folder.path().join("out.jsonl.journal");
    let damaged = damaged(shipped.to_vec(), bytes);
    fs::write(&path, &damaged).expect("a file");
    if let Ok(reader) = Reader::open(&path) {
        read(&reader);
    }
    let name = path.display().to_string();
    match Journal::open(&path) {
        Ok(journal) => {
            let reader = journal.reader();
            reader.check_integrity().expect("what was opened for writing is whole");
            read(reader);
            drop(journal);
            drop(Journal::open(&path).expect("what was opened once opens again"));
        }
        Err(error) => {
            assert!(error.to_string().contains(&name), "{error}");
            assert!(fs::read(&path).expect("a file") == damaged, "refused, and changed: {error}");
            let again = Journal::open(&path).map(drop).expect_err("what was refused once is refused again");
            assert_eq!(error.to_string(), again.to_string());
        }
    }
}

fn damaged(mut journal: Vec<u8>, damages: &[u8]) -> Vec<u8> {
    for damage in damages.chunks_exact(5) {
        let [what, high, low, byte, count] = *damage else { continue };
        let at = usize::from(u16::from_be_bytes([high, low]));
        if what == 7 {
            journal.truncate(at);
            continue;
        }
        for old in journal.iter_mut().skip(at).take(usize::from(count).max(1)) {
            *old = if what % 2 == 1 { *old ^ byte } else { byte };
        }
    }
    journal
}

/// Everything that `status`, `export`, `report` and `verify` read from a journal.
fn read(reader: &Reader) {
    let path = reader.path().display().to_string();
    let check = |error: JournalError| {
        assert!(error.to_string().contains(&path), "{error}");
    };
    reader.counts(Some(5)).map(drop).unwrap_or_else(check);
    reader.runs().map(drop).unwrap_or_else(check);
    reader.last_job().map(drop).unwrap_or_else(check);
    reader.in_doubt().map(drop).unwrap_or_else(check);
    reader.failures().map(drop).unwrap_or_else(check);
    reader.finish_reasons().map(drop).unwrap_or_else(check);
    reader
        .sent_within(std::time::Duration::from_secs(60), std::time::SystemTime::now())
        .map(drop)
        .unwrap_or_else(check);
    reader.position_of("a").map(drop).unwrap_or_else(check);
    let mut results = reader.results();
    let Ok(other) = Reader::beside(reader.path()) else { return };
    let mut entries = other.entries();
    for position in 0..6 {
        reader.faults_of(position).map(drop).unwrap_or_else(check);
        entries.at(position).map(drop).unwrap_or_else(check);
        results.at(position).map(drop).unwrap_or_else(check);
    }
}
