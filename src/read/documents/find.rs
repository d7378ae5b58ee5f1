//! Finds the documents of an input.

use std::collections::HashSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::file_name::as_text;
use super::spec::DocumentsSpec;
use super::walk::{FileKind, Walked, walk};
use crate::document_format::{DocumentFormat, ending_of};
use crate::job::input_format::InputFormat;
use crate::read::error::ReadError;
use crate::read::files::{is_glob, is_skipped, matches, no_file, regular};

/// A document, before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundDocument {
    /// The path of its bytes.
    pub(super) file: PathBuf,
    /// The same as text.
    pub(super) shown: String,
    /// Its path in the column of that name.
    pub(super) path: String,
    /// Its ending, in lower case and without its dot.
    pub(super) ending: String,
    /// Its format, by the job or by its ending; `None` for one that only a reader of the job's knows.
    pub(super) format: Option<DocumentFormat>,
}

/// The documents of an input, by path.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) documents: Vec<FoundDocument>,
    /// What is to be said about other files.
    pub(super) notices: Vec<String>,
}

/// A path of the input, looked up.
enum NamedInput {
    /// A folder, as it was named, and the files below it.
    Folder(PathBuf, Walked),
    /// A file, or the matches of a glob.
    Files(Vec<PathBuf>),
    /// Standard input.
    Stdin,
}

/// The documents of an input, in the order of their paths, byte for byte. `None` for an input of tables, also for one whose
/// paths cannot be found: the reader of tables says why.
///
/// # Errors
/// Documents are mixed with other files, or a path that must be a document's cannot be found.
pub(super) fn find(spec: &DocumentsSpec) -> Result<Option<Found>, ReadError> {
    if let Some(InputFormat::Table(_)) = spec.format {
        return Ok(None);
    }
    let (mut named, mut failed) = (Vec::new(), None);
    for path in &spec.input.paths {
        match look_up(path, spec) {
            Ok(one) => named.push(one),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    let Some(document) = declared(spec).or_else(|| named.iter().find_map(|one| first_document(one, spec)))
    else {
        return Ok(None);
    };
    failed.map_or(Ok(()), Err)?;
    let mut found = Found::default();
    let relative_to = match &named[..] {
        [NamedInput::Folder(folder, _)] => Some(folder.clone()),
        _ => None,
    };
    let mut files = Vec::new();
    for one in named {
        match one {
            NamedInput::Stdin => {
                let reason = "standard input holds rows and not a document; give documents as files";
                return Err(no_file("-", reason));
            }
            NamedInput::Files(more) => files.extend(all_documents(more, &document, spec)?),
            NamedInput::Folder(folder, walked) => files.extend(of_folder(&folder, walked, spec, &mut found)),
        }
    }
    if files.is_empty() {
        return Err(none(spec, &found));
    }
    found.documents = ordered(files, relative_to.as_deref(), spec, &mut found.notices);
    Ok(Some(found))
}

/// Whether a path of the input leads nowhere.
pub(super) fn looks_missing(spec: &DocumentsSpec) -> bool {
    spec.input.paths.iter().any(|path| look_up(path, spec).is_err())
}

/// A name for the documents of an input that is declared to be of documents.
fn declared(spec: &DocumentsSpec) -> Option<String> {
    spec.format.map(|format| format!("`format = \"{format}\"` under [input]"))
}

fn look_up(path: &str, spec: &DocumentsSpec) -> Result<NamedInput, ReadError> {
    if path == "-" {
        return Ok(NamedInput::Stdin);
    }
    if is_glob(path) {
        let found = matches(path, &spec.input)?;
        let files = found.into_iter().map(|file| file.path);
        return Ok(NamedInput::Files(files.filter(|file| !is_an_answer(file, spec)).collect()));
    }
    let named = PathBuf::from(path);
    if !named.is_dir() {
        regular(path, &named)?;
        return Ok(NamedInput::Files(vec![named]));
    }
    let walked = walk(&named, |file| spec.kind(file))?;
    Ok(NamedInput::Folder(named, walked))
}

/// Whether a file is an answer that the job has written.
fn is_an_answer(file: &Path, spec: &DocumentsSpec) -> bool {
    spec.outputs.as_ref().is_some_and(|outputs| outputs.have(file))
}

/// The name of a document, if there is one.
fn first_document(named: &NamedInput, spec: &DocumentsSpec) -> Option<String> {
    let first = match named {
        NamedInput::Folder(_, walked) => walked.documents.iter().min(),
        NamedInput::Files(files) => files.iter().find(|file| spec.kind(file) == FileKind::Document),
        NamedInput::Stdin => None,
    };
    first.map(|file| format!("{} is a document", as_text(file)))
}

/// The files that were named or matched, if all of them are documents.
fn all_documents(
    files: Vec<PathBuf>,
    document: &str,
    spec: &DocumentsSpec,
) -> Result<Vec<PathBuf>, ReadError> {
    for file in &files {
        let reason = match spec.kind(file) {
            FileKind::Document => continue,
            FileKind::Table if spec.format.is_some() => {
                format!("is a table, but {document} asks for documents")
            }
            FileKind::Table => {
                format!("is a table, and {document}; documents and tables are not mixed in one input")
            }
            FileKind::Other => {
                "its ending is not that of a document; to read it, set its `format` under [input], \
                                such as \"text\", or a command for its ending under `readers`"
                    .to_owned()
            }
        };
        return Err(ReadError::format(&as_text(file), reason));
    }
    Ok(files)
}

/// The documents below a folder, without the job's own files; the others are counted in a notice.
fn of_folder(folder: &Path, walked: Walked, spec: &DocumentsSpec, found: &mut Found) -> Vec<PathBuf> {
    let Walked { documents, tables, others, linked } = walked;
    let is_own = is_skipped(&spec.input);
    let counts = |files: Vec<PathBuf>| files.into_iter().filter(|file| !is_own(file)).collect::<Vec<_>>();
    let (tables, others) = (counts(tables), counts(others));
    let mut passed: Vec<PathBuf> = tables.iter().chain(&others).cloned().collect();
    passed.sort();
    if let Some(first) = passed.first() {
        let first = as_text(first);
        let of_tables = match tables.len() {
            0 => String::new(),
            1 => " (one is a table)".to_owned(),
            count => format!(" ({count} are tables)"),
        };
        found.notices.push(match passed.len() {
            1 if !tables.is_empty() => format!("{first} is skipped: it is a table, not a document"),
            1 => format!("{first} is skipped, since its ending is not that of a document"),
            more => format!(
                "{more} files in {} such as {first} are skipped, since their endings are not those of \
                 documents{of_tables}",
                as_text(folder)
            ),
        });
    }
    if let Some(first) = linked.first() {
        let more =
            if linked.len() == 1 { String::new() } else { format!(", like {} more", linked.len() - 1) };
        let first = as_text(first);
        let advice = "to read it, give it as a separate input";
        found.notices.push(format!("warning: the folder {first} is a link and is not read{more}; {advice}"));
    }
    let (answers, documents): (Vec<PathBuf>, Vec<PathBuf>) =
        documents.into_iter().filter(|file| !is_own(file)).partition(|file| is_an_answer(file, spec));
    if let Some(first) = answers.iter().min() {
        let files =
            if answers.len() == 1 { String::new() } else { format!(" and {} more", answers.len() - 1) };
        let first = as_text(first);
        let words = "skipped as the job's own answers, by `documents` under [output]";
        found.notices.push(format!("{first}{files}: {words}"));
    }
    documents
}

/// The error for an input of documents in which there are none.
fn none(spec: &DocumentsSpec, found: &Found) -> ReadError {
    let endings = DocumentFormat::ALL.iter().map(|(_, _, endings)| format!(".{}", endings[0]));
    let endings: Vec<String> =
        endings.chain(spec.endings.iter().map(|ending| format!(".{ending}"))).collect();
    let passed = found.notices.iter().map(|notice| format!("\n  = {notice}")).collect::<String>();
    let reason =
        format!("no document is there to read; the endings of documents are {}{passed}", endings.join(" "));
    no_file(&spec.input.paths.join(", "), reason)
}

/// Each document once, by path.
fn ordered(
    mut files: Vec<PathBuf>,
    relative_to: Option<&Path>,
    spec: &DocumentsSpec,
    notices: &mut Vec<String>,
) -> Vec<FoundDocument> {
    let bytes = |file: &PathBuf| file.as_os_str().as_bytes().to_vec();
    // Of a file and a link to it, the file itself counts.
    files.sort_by_cached_key(|file| (file.is_symlink(), bytes(file)));
    let mut seen = HashSet::new();
    let (again, mut once): (Vec<PathBuf>, Vec<PathBuf>) =
        files.into_iter().partition(|file| fs::canonicalize(file).is_ok_and(|real| !seen.insert(real)));
    notices.extend(again.first().map(|first| match again.len() {
        1 => format!("{} is given twice, and read once", as_text(first)),
        more => format!("{more} files are given twice, such as {}, and read once", as_text(first)),
    }));
    once.sort_by_cached_key(bytes);
    let document = |file: PathBuf| {
        let path = relative_to.and_then(|folder| file.strip_prefix(folder).ok()).unwrap_or(&file);
        FoundDocument {
            path: as_text(path),
            shown: as_text(&file),
            ending: ending_of(&file).unwrap_or_default(),
            format: spec.every().or_else(|| DocumentFormat::of_path(&file)),
            file,
        }
    };
    once.into_iter().map(document).collect()
}

#[cfg(test)]
mod tests;
