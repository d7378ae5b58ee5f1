//! Journals beside the one of a job: one of them may have the answers that the job is about to pay for.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::params_from_iter;

use super::JournalError;
use super::connection::to_look;
use super::header::{check_header, is_one};
use super::reader::Reader;
use crate::beside::{folder_of, with_ending};
use crate::request::Fingerprint;

/// Journals that are looked into at most: the newest.
const LOOKED_INTO: usize = 16;

/// A journal that has answers to what a job asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Where it lies.
    pub path: PathBuf,
    /// The requests that were asked about.
    pub asked: usize,
    /// Of these, those that it has answers to.
    pub answered: usize,
}

/// The journal with the most answers to some requests, among those that lie in the folders of these places. The requests, each
/// of them once, are asked for only if there is such a journal. One that `by` has answered is none, and what cannot be
/// looked into is passed over.
pub fn with_answers(
    own: &Path,
    places: [&Path; 2],
    requests: impl FnOnce() -> Vec<Fingerprint>,
    by: &str,
) -> Option<Neighbour> {
    let mut journals = journals(own, places.map(folder_of)).take(LOOKED_INTO).peekable();
    journals.peek()?;
    let requests = requests();
    let looked_into = journals.filter_map(|path| look(&path, &requests, by).ok().flatten());
    // Of several that have as many, the newest.
    looked_into.reduce(|best, next| if next.answered > best.answered { next } else { best })
}

/// The journals in some folders but one's own, the newest first: files that are named as journals are.
fn journals(own: &Path, folders: [&Path; 2]) -> impl Iterator<Item = PathBuf> {
    let identity = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    let [first, second] = folders;
    let are_one = identity(first) == identity(second);
    let entries = std::iter::once(first).chain((!are_one).then_some(second)).flat_map(fs::read_dir).flatten();
    let is_named = |path: &PathBuf| {
        let ending = path.extension();
        ending.is_some_and(|ending| ending == "journal") || (ending.is_some() && ending == own.extension())
    };
    // What this process has open must not be opened by another way.
    let own_identity = identity(own);
    let others = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(is_named)
        .filter(|path| identity(path).is_some_and(|found| Some(found) != own_identity));
    let mut others: Vec<(SystemTime, PathBuf)> =
        others.filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path))).collect();
    others.sort_by(|one, other| other.cmp(one));
    others.into_iter().map(|(_, path)| path).filter(|path| is_one(path))
}

fn look(path: &Path, requests: &[Fingerprint], by: &str) -> Result<Option<Neighbour>, JournalError> {
    let reader = open(path)?;
    if requests.is_empty() || reader.has_answers_from(by)? {
        return Ok(None);
    }
    let places = vec!["?"; requests.len()].join(", ");
    let sql = format!(
        "SELECT count(DISTINCT fingerprint) FROM entries WHERE status = 'ok' AND fingerprint IN ({places})"
    );
    let values = params_from_iter(requests.iter().map(|request| request.0));
    let answered = reader.connection().query_row(&sql, values, |row| row.get(0)).map_err(reader.failed())?;
    Ok((answered > 0).then(|| Neighbour { path: path.to_owned(), asked: requests.len(), answered }))
}

/// Opens a journal without leaving anything beside it: at rest, it is read as a file that does not change.
fn open(path: &Path) -> Result<Reader, JournalError> {
    check_header(path)?;
    let is_at_rest = !["-wal", "-journal"].iter().any(|ending| with_ending(path, ending).exists());
    let connection = to_look(path, is_at_rest).map_err(|source| JournalError::sqlite(path, source))?;
    // It is another job's: nobody waits for it.
    connection.busy_timeout(Duration::ZERO).map_err(|source| JournalError::sqlite(path, source))?;
    let reader = Reader::over(connection, path);
    reader.check_version()?;
    Ok(reader)
}
