//! The input files below a folder: those whose names show a format, at any depth.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::beside::folder_of;
use crate::format::Format;

/// The files below a folder, the other files that were skipped, and the folders that are links; each sorted by name.
pub(super) struct Below {
    pub(super) files: Vec<PathBuf>,
    pub(super) others: Vec<PathBuf>,
    pub(super) linked: Vec<PathBuf>,
}

/// Which files are rows, judged by their names.
#[derive(Clone, Copy)]
pub(super) enum NamePattern {
    /// Files whose names show a format.
    TellFormat,
    /// All files, since the job gives the format.
    Any,
}

impl NamePattern {
    fn take(self, path: &Path) -> bool {
        match self {
            Self::TellFormat => path.to_str().is_some_and(|name| Format::of_path(name).is_some()),
            Self::Any => true,
        }
    }
}

/// Searches a folder and its subfolders, except those that are hidden or begin with `_`, where programs keep things next to
/// their data. Links are followed only to files.
///
/// # Errors
/// When a folder cannot be read.
pub(super) fn look(
    folder: &Path,
    names: NamePattern,
    is_passed_over: impl Fn(&Path) -> bool,
) -> io::Result<Below> {
    let mut below = Below { files: Vec::new(), others: Vec::new(), linked: Vec::new() };
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            if is_aside(&path) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.is_file() && !is_passed_over(&path) {
                if names.take(&path) { &mut below.files } else { &mut below.others }.push(path);
            } else if path.is_dir() {
                below.linked.push(path);
            }
        }
    }
    below.files.sort();
    below.others.sort();
    below.linked.sort();
    Ok(below)
}

/// Whether `file` is read as part of its folder, or will be once it exists.
pub(super) fn reads(folder: &Path, names: NamePattern, file: &Path) -> bool {
    let parent = fs::canonicalize(folder_of(file));
    let (Ok(parent), Ok(folder)) = (parent, fs::canonicalize(folder)) else { return false };
    let Ok(within) = parent.strip_prefix(&folder) else { return false };
    let is_looked_at = within.ancestors().chain([file]).all(|path| !is_aside(path));
    is_looked_at && names.take(file)
}

fn is_aside(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_whose_names_tell_a_format_are_found_at_any_depth() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in [
            "b/2.csv",
            "b/_temporary/3.csv",
            "a/1.csv.gz",
            ".hidden/4.csv",
            "_5.csv",
            "b/note.txt",
            "own.csv",
        ] {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), "").unwrap();
        }
        let below = look(folder.path(), NamePattern::TellFormat, |path| path.ends_with("own.csv")).unwrap();
        assert_eq!(below.files, [at("a/1.csv.gz"), at("b/2.csv")]);
        assert_eq!(below.others, [at("b/note.txt")]);
        assert_eq!(look(folder.path(), NamePattern::Any, |_| false).unwrap().files.len(), 4);
        for (name, is_read) in [
            ("b/2.csv", true),
            ("b/later.csv", true),
            ("b/_x.csv", false),
            ("b/_temporary/4.csv", false),
            ("b/a.txt", false),
        ] {
            assert_eq!(reads(folder.path(), NamePattern::TellFormat, &at(name)), is_read, "{name}");
        }
        assert!(!reads(&at("a"), NamePattern::Any, &at("b/2.csv")));
    }
}
