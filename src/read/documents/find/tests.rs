use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::*;
use crate::read::spec::InputSpec;

struct Place(tempfile::TempDir);

impl Place {
    fn with(names: &[&str]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        names.iter().for_each(|name| place.write(name));
        place
    }

    fn at(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn write(&self, name: &str) {
        let file = self.0.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, name).unwrap();
    }

    fn spec(&self, paths: &[&str], format: Option<InputFormat>) -> DocumentsSpec {
        let paths = paths.iter().map(|path| if *path == "-" { "-".to_owned() } else { self.at(path) });
        DocumentsSpec {
            input: InputSpec::new(paths, "spool"),
            format,
            endings: BTreeSet::from(["log".to_owned()]),
            max_bytes: 1 << 20,
            kept: "out.documents".into(),
            reread: false,
            outputs: None,
            limit: u64::MAX,
        }
    }

    fn find(&self, paths: &[&str], format: Option<InputFormat>) -> Result<Option<Vec<String>>, String> {
        let found = find(&self.spec(paths, format)).map_err(|error| error.to_string())?;
        Ok(found.map(|found| found.documents.into_iter().map(|document| document.path).collect()))
    }

    /// What is found below a folder, and what is said about it.
    fn below(&self, folder: &str) -> (Vec<String>, Vec<String>) {
        let found = find(&self.spec(&[folder], None)).unwrap().unwrap();
        (found.documents.into_iter().map(|document| document.path).collect(), found.notices)
    }
}

#[test]
fn a_folder_gives_its_documents_by_path_byte_for_byte_without_what_is_hidden() {
    let names = [
        "d/b.txt",
        "d/a/z.md",
        "d/a-b.md",
        "d/Z.TXT",
        "d/.git/x.md",
        "d/~$a.docx",
        "d/.x.md",
        "d/_i.md",
        "d/x.log",
    ];
    let place = Place::with(&names);
    let (paths, notices) = place.below("d");
    assert_eq!(paths, ["Z.TXT", "_i.md", "a-b.md", "a/z.md", "b.txt", "x.log"]);
    assert!(notices.is_empty(), "{notices:?}");
    assert_eq!(place.below("d/").0, paths);
}

#[test]
fn other_files_of_a_folder_are_passed_over_and_counted() {
    let place = Place::with(&["d/a.txt", "d/b.csv", "d/c.png", "e/a.md", "e/b.csv"]);
    let (paths, notices) = place.below("d");
    assert_eq!(paths, ["a.txt"]);
    assert!(notices[0].starts_with("2 files in "), "{notices:?}");
    assert!(notices[0].ends_with("not those of documents (one is a table)"), "{notices:?}");
    assert!(place.below("e").1[0].ends_with("b.csv is skipped: it is a table, not a document"));
}

#[test]
fn tables_stay_tables() {
    let place = Place::with(&["t/a.csv", "t/b.png", "d/a.txt", "x.json"]);
    for paths in [&["t"][..], &["t/a.csv"], &["t/*.csv"], &["x.json"], &["none"], &["-"], &["none/*"]] {
        assert_eq!(place.find(paths, None), Ok(None), "{paths:?}");
    }
    let table = Some(InputFormat::Table(crate::format::Format::Csv));
    assert_eq!(place.find(&["d"], table), Ok(None));
    // In a folder, tables are passed over.
    assert_eq!(place.find(&["t", "d"], None).unwrap().unwrap(), [place.at("d/a.txt")]);
}

#[test]
fn documents_and_other_files_are_not_mixed() {
    let place = Place::with(&["d/a.txt", "b.csv", "c.png"]);
    let refused = |paths: &[&str], format| place.find(paths, format).unwrap_err();
    let mixed = refused(&["d", "b.csv"], None);
    assert!(mixed.contains("b.csv: is a table, and ") && mixed.contains("a.txt is a document"), "{mixed}");
    assert!(refused(&["d", "c.png"], None).contains("c.png: its ending is not that of a document"));
    assert!(refused(&["d", "-"], None).contains("standard input"));
    assert!(refused(&["d", "gone.txt"], None).contains("no such file"));
    assert!(refused(&["b.csv"], Some(InputFormat::Document(None))).contains("asks for documents"));
    let text = Some(InputFormat::Document(Some(DocumentFormat::Text)));
    assert_eq!(
        place.find(&["b.csv", "c.png"], text).unwrap().unwrap(),
        [place.at("b.csv"), place.at("c.png")]
    );
}

#[test]
fn a_folder_without_documents_is_refused_with_their_endings() {
    let place = Place::with(&["d/a.png"]);
    let refused = place.find(&["d"], Some(InputFormat::Document(None))).unwrap_err();
    assert!(refused.contains("no document is there to read"), "{refused}");
    assert!(
        refused.contains(".pdf") && refused.contains(".log") && refused.contains("a.png is skipped"),
        "{refused}"
    );
}

#[test]
fn a_file_is_one_document_under_however_many_names() {
    let place = Place::with(&["d/a.txt", "d/sub/b.txt", "e/c.txt"]);
    let at = |name: &str| place.0.path().join(name);
    symlink(at("d/sub/b.txt"), at("d/aa.txt")).unwrap();
    symlink(at("e"), at("d/e")).unwrap();
    symlink(at("d"), at("d/sub/loop")).unwrap();
    symlink(at("nowhere"), at("d/broken.md")).unwrap();
    let (paths, notices) = place.below("d");
    assert_eq!(paths, ["a.txt", "broken.md", "sub/b.txt"]);
    assert!(
        notices.iter().any(|notice| notice.ends_with("aa.txt is given twice, and read once")),
        "{notices:?}"
    );
    assert!(
        notices.iter().any(|notice| notice.contains("d/e is a link and is not read, like 1 more")),
        "{notices:?}"
    );
    let twice = place.find(&["d/a.txt", "d", "d/*.txt"], None).unwrap().unwrap();
    assert_eq!(twice, ["d/a.txt", "d/broken.md", "d/sub/b.txt"].map(|name| place.at(name)));
}

#[test]
fn names_that_are_not_text_are_told_apart() {
    let place = Place::with(&["d/a.txt"]);
    for name in [&b"\xe9.txt"[..], b"\xe8.txt"] {
        fs::write(place.0.path().join("d").join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    }
    assert_eq!(place.below("d").0, ["a.txt", "\\xE8.txt", "\\xE9.txt"]);
}
