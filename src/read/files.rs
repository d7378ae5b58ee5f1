//! Finds the files that the paths and globs of a job refer to.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use glob::MatchOptions;

use super::below::{self, Below};
use super::error::ReadError;
use super::folders::of_path;
use super::spec::{InputSpec, STDIN_NAME};

/// A file of the input, before its content is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// As the user named it, or `<stdin>`.
    pub(super) name: String,
    /// The path of its bytes.
    pub(super) path: PathBuf,
}

/// Like a shell: `*` neither crosses folders nor matches hidden files.
const AS_A_SHELL: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// The files that the paths of an input refer to, in order; the matches of one glob, and the files below one folder, are
/// sorted by name. A file that is named twice is read once, with a notice. Standard input (`-`) is read from the spool.
pub(super) fn list(spec: &InputSpec) -> Result<(Vec<Listed>, Vec<String>), ReadError> {
    let mut listed: Vec<Listed> = Vec::new();
    let mut notices = Vec::new();
    for path in &spec.paths {
        if path == "-" {
            if listed.iter().any(|file| file.name == STDIN_NAME) {
                return Err(no_file(path, "standard input is given twice, but can only be read once"));
            }
            listed.push(Listed { name: STDIN_NAME.to_owned(), path: spec.spool.clone() });
        } else if is_glob(path) {
            listed.extend(matches(path, spec)?);
        } else if Path::new(path).is_dir() {
            let (files, more) = below_folder(path, spec)?;
            listed.extend(files);
            notices.extend(more);
        } else {
            listed.push(one(path)?);
        }
    }
    if listed.is_empty() {
        return Err(no_file("input", "no file given; use a path, a glob, or `-` for standard input"));
    }
    let (once, notice) = once_each(listed);
    notices.extend(notice);
    Ok((once, notices))
}

/// Each file once, where it is first named, and a notice about the others.
fn once_each(listed: Vec<Listed>) -> (Vec<Listed>, Option<String>) {
    let mut seen = HashSet::new();
    let (again, once): (Vec<Listed>, Vec<Listed>) = listed.into_iter().partition(|file| {
        // A link in another folder may have other values in its folder columns.
        let columns: Vec<_> =
            of_path(&file.path).iter().map(|one| (one.name.clone(), one.value.clone())).collect();
        fs::canonicalize(&file.path).is_ok_and(|real| !seen.insert((real, columns)))
    });
    let notice = again.first().map(|first| match again.len() {
        1 => format!("{} is given twice, and read once", first.name),
        more => format!("{more} files are given twice, such as {}, and read once", first.name),
    });
    (once, notice)
}

/// The path or glob of an input that matches `file`, or will once it exists.
pub(super) fn that_reads<'a>(spec: &'a InputSpec, file: &Path) -> Option<&'a str> {
    let real = fs::canonicalize(file).ok();
    let named = file.strip_prefix(".").unwrap_or(file);
    let reads = |path: &&String| match is_glob(path) {
        true => {
            let pattern = path.strip_prefix("./").unwrap_or(path);
            let is_matched = |pattern: glob::Pattern| pattern.matches_path_with(named, AS_A_SHELL);
            glob::Pattern::new(pattern).is_ok_and(is_matched)
                || real.is_some()
                    && matches(path, spec)
                        .is_ok_and(|found| found.iter().any(|one| fs::canonicalize(&one.path).ok() == real))
        }
        false if *path == "-" => false,
        false if Path::new(path).is_dir() => below::reads(Path::new(path), names(spec), file),
        false => real.is_some() && fs::canonicalize(path).ok() == real,
    };
    spec.paths.iter().find(reads).map(String::as_str)
}

/// A name with glob characters that is also the name of an existing file means that file.
pub(super) fn is_glob(path: &str) -> bool {
    path.contains(['*', '?', '[']) && fs::symlink_metadata(path).is_err()
}

pub(super) fn matches(pattern: &str, spec: &InputSpec) -> Result<Vec<Listed>, ReadError> {
    let found = glob::glob_with(pattern, AS_A_SHELL).map_err(|error| {
        no_file(pattern, format!("is not a glob: {} at character {}", error.msg, error.pos))
    })?;
    let is_skipped = is_skipped(spec);
    let (mut files, mut is_folders) = (Vec::new(), false);
    for entry in found {
        let path = entry
            .map_err(|error| ReadError::unreadable(&error.path().display().to_string(), error.into()))?;
        is_folders |= path.is_dir();
        if path.is_dir() || is_skipped(&path) {
            continue;
        }
        let name = path.to_string_lossy().into_owned();
        regular(&name, &path)?;
        files.push(Listed { name, path });
    }
    if files.is_empty() {
        let advice = match is_folders {
            true => format!("this glob matches only folders; to match the files in them: `{pattern}/*`"),
            false => "this glob matches no file; check it with `ls`, and the working directory".to_owned(),
        };
        return Err(no_file(pattern, advice));
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// The files below a folder, and notices about other files there.
fn below_folder(folder: &str, spec: &InputSpec) -> Result<(Vec<Listed>, Vec<String>), ReadError> {
    let below = below::look(Path::new(folder), names(spec), is_skipped(spec));
    let Below { files, others, linked } = below.map_err(|error| ReadError::unreadable(folder, error))?;
    if files.is_empty() {
        let folder = folder.trim_end_matches('/');
        let reason = "is a folder in which no file has the ending of a known format, of rows or of documents; give its files as a \
            glob, such as";
        return Err(no_file(folder, format!("{reason} `{folder}/*.jsonl`")));
    }
    let notice = others.first().map(|first| match others.len() {
        1 => format!("{} is skipped, since its ending is not that of a known format", first.display()),
        more => format!(
            "{more} files such as {} are skipped, since their endings are not those of known formats",
            first.display()
        ),
    });
    let linked = linked.first().map(|first| {
        let more = match linked.len() {
            1 => String::new(),
            more => format!(", like {} more", more - 1),
        };
        let first = first.display();
        format!(
            "warning: the folder {first} is a link and is not read{more}; to read it, give it as a separate \
            input"
        )
    });
    let listed = |path: PathBuf| Listed { name: path.to_string_lossy().into_owned(), path };
    Ok((files.into_iter().map(listed).collect(), notice.into_iter().chain(linked).collect()))
}

fn names(spec: &InputSpec) -> below::NamePattern {
    if spec.format.is_some() { below::NamePattern::Any } else { below::NamePattern::TellFormat }
}

/// Whether a file found by a glob or in a folder is not input: it belongs to this job, or some job keeps it.
pub(super) fn is_skipped(spec: &InputSpec) -> impl Fn(&Path) -> bool {
    let own: Vec<_> = spec.own.iter().filter_map(|path| identity(path)).collect();
    let is_kept = spec.is_kept;
    // An open journal must not be opened by anyone else, so the job's own files are recognised by their metadata.
    move |path| identity(path).is_some_and(|file| own.contains(&file)) || is_kept(path)
}

/// What identifies a file under any name.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

fn one(name: &str) -> Result<Listed, ReadError> {
    let path = PathBuf::from(name);
    regular(name, &path)?;
    Ok(Listed { name: name.to_owned(), path })
}

/// Rejects files that cannot be read twice from the start.
pub(super) fn regular(name: &str, path: &Path) -> Result<(), ReadError> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing(name, path)),
        Err(error) => return Err(ReadError::unreadable(name, error)),
    };
    if !metadata.is_file() {
        return Err(no_file(name, "is not a regular file, and rows are read twice; pipe it in and give `-`"));
    }
    Ok(())
}

fn missing(name: &str, path: &Path) -> ReadError {
    if name.starts_with("~/") {
        return no_file(name, "no such file; only shells expand `~`, so write the full path");
    }
    match nearest(path) {
        Some(near) => no_file(name, format!("no such file; did you mean `{near}`?")),
        None => no_file(name, "no such file; paths are relative to the working directory"),
    }
}

/// The file in the same folder whose name is closest to the missing one.
fn nearest(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let (likeness, name) = names
        .map(|name| (strsim::jaro_winkler(wanted, &name), name))
        .max_by(|one, other| one.0.total_cmp(&other.0).then_with(|| other.1.cmp(&one.1)))?;
    let near = folder.map_or_else(|| PathBuf::from(&name), |folder| folder.join(&name));
    (likeness > 0.8).then(|| near.display().to_string())
}

pub(super) fn no_file(path: &str, reason: impl Into<String>) -> ReadError {
    ReadError::NoFile { path: path.to_owned(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(folder: &Path) -> String {
        glob::Pattern::escape(&folder.display().to_string())
    }

    fn named(paths: &[String]) -> Result<Vec<String>, String> {
        list(&InputSpec::new(paths, "spool"))
            .map(|(files, _)| {
                let name = |file: Listed| file.path.file_name().unwrap().to_str().unwrap().to_owned();
                files.into_iter().map(name).collect()
            })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_glob_gives_its_matches_sorted_and_paths_keep_their_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.csv", "c[1].csv", ".hidden.csv", "z.csv"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("d.csv")).unwrap();
        let literal = folder.path().join("c[1].csv").display().to_string();
        let glob = format!("{}/[ab].csv", escaped(folder.path()));
        let all = format!("{}/*.csv", escaped(folder.path()));
        assert_eq!(named(&[literal, glob]).unwrap(), ["c[1].csv", "a.csv", "b.csv"]);
        assert_eq!(named(&[all]).unwrap(), ["a.csv", "b.csv", "c[1].csv", "z.csv"]);
    }

    #[test]
    fn a_file_is_known_to_be_read_before_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.csv"), "").unwrap();
        let named = at("a.csv").display().to_string();
        let glob = format!("{}/*.csv", escaped(folder.path()));
        let reads =
            |path: &str, file: &str| that_reads(&InputSpec::new(["-", path], "spool"), &at(file)).is_some();
        assert!(reads(&named, "a.csv") && reads(&named, "./a.csv"));
        assert!(!reads(&named, "b.csv") && !reads(&glob, "b.tsv") && !reads(&glob, "x/b.csv"));
        assert!(reads(&glob, "b.csv"));
    }

    #[test]
    fn a_path_without_a_file_is_named_with_advice() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("reviews.csv"), "").unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        assert!(named(&[at("review.csv")]).unwrap_err().contains("did you mean"));
        assert!(named(&[at("q.csv")]).unwrap_err().contains("no such file"));
        assert!(named(&[at("*.jsonl")]).unwrap_err().contains("matches no file"));
        fs::create_dir(folder.path().join("none")).unwrap();
        assert!(named(&[at("none")]).unwrap_err().contains("is a folder in which no file"));
        assert!(named(&[at("no*")]).unwrap_err().contains("matches only folders"));
        assert_eq!(named(&[at("")]).unwrap(), ["reviews.csv"]);
        assert_eq!(named(&[at(""), at("reviews.csv"), at("./reviews.csv")]).unwrap(), ["reviews.csv"]);
        assert!(named(&["-".into(), "-".into()]).unwrap_err().contains("twice"));
        assert!(named(&[at("a***[")]).unwrap_err().contains("is not a glob"));
        assert!(named(&["~/a.csv".into()]).unwrap_err().contains("write the full path"));
        assert!(named(&[]).unwrap_err().contains("no file given"));
    }
}
