//! The initial inputs and the earlier findings of the fuzz targets, checked by the same functions (`fuzz/src`) on stable.

#[path = "../fuzz/src/lib.rs"]
#[expect(clippy::disallowed_methods, reason = "a target reads the clock")]
mod targets;

use std::any::Any;
use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

type Target = fn(&[u8]);

/// Every target, by the name of its folder.
const TARGETS: [(&str, Target); 12] = [
    ("csv", targets::csv),
    ("glossary", targets::glossary),
    ("job", targets::job),
    ("journal", targets::journal),
    ("jsonl", targets::jsonl),
    ("pieces", targets::pieces),
    ("reply", targets::reply),
    ("retry_after", targets::retry_after),
    ("schema", targets::schema),
    ("sheet", targets::sheet),
    ("stream", targets::stream),
    ("template", targets::template),
];

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    entries.map(|entry| name(entry.expect("an entry"))).collect()
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Runs a target on all its kept inputs, and returns the failures.
fn fed(name: &str, target: Target) -> Vec<String> {
    let folder = fuzz().join("corpus").join(name);
    let files = names(&folder);
    assert!(files.len() >= 4, "fuzz/corpus/{name} has {} files", files.len());
    let broken = files.iter().filter_map(|file| {
        let bytes = fs::read(folder.join(file)).expect("a file");
        let panic = catch_unwind(|| target(&bytes)).err()?;
        Some(format!("fuzz/corpus/{name}/{file}: {}", words(&*panic)))
    });
    broken.collect()
}

#[test]
fn kept_inputs_of_each_target_break_nothing() {
    let broken: Vec<String> = TARGETS.iter().flat_map(|(name, target)| fed(name, *target)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_target_has_a_corpus_and_a_function_and_the_corpus_is_small() {
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&fuzz().join("corpus")), known);
    let targets = names(&fuzz().join("fuzz_targets"));
    let targets: BTreeSet<String> = targets.iter().map(|file| file.replace(".rs", "")).collect();
    assert_eq!(targets, known);
    let folders = known.iter().map(|name| fuzz().join("corpus").join(name));
    let sizes = folders.flat_map(|folder| names(&folder).into_iter().map(move |file| folder.join(file)));
    let bytes: u64 = sizes.map(|file| fs::metadata(file).expect("a file").len()).sum();
    assert!(bytes < 400 * 1024, "{bytes} bytes: `cargo fuzz cmin` makes it small");
}
