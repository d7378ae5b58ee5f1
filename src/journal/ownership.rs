//! Who else can write to a journal. The answers in it are what was paid for, and go into the output as they stand, so that a file
//! which others can write to may say what nobody was ever answered.

use std::fs::{self, Metadata, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::JournalError;
use super::files::COMPANIONS;
use crate::beside::{folder_of, with_ending};

const GROUP_WRITES: u32 = 0o020;
const ALL_WRITE: u32 = 0o002;
/// In such a folder nobody renames or deletes what is another's.
const STICKY: u32 = 0o1000;

/// Looks who else can write to a journal and to what lies beside it, and what to do about it; `None` when only this user and
/// root can. Where there is no journal, its folder is looked at alone.
///
/// # Errors
///
/// [`JournalError::Unfit`] when a file belongs to another user and everybody can write to it: nobody answers for what is in it.
pub fn who_else_writes(journal: &Path) -> Result<Option<String>, JournalError> {
    let files = COMPANIONS.iter().chain(&[".lock"]).map(|ending| with_ending(journal, ending));
    let found: Vec<(PathBuf, Metadata)> =
        files.filter_map(|file| file.symlink_metadata().ok().map(|found| (file, found))).collect();
    let nobodys = found.iter().find(|(_, found)| is_anothers(found) && found.mode() & ALL_WRITE != 0);
    if let Some((file, found)) = nobodys
        && keeps_modes(journal)
    {
        return Err(JournalError::Unusable { path: file.clone(), what: nobody_answers(file, found) });
    }
    Ok(of_files(&found).or_else(|| of_folder(folder_of(journal))))
}

fn is_anothers(found: &Metadata) -> bool {
    found.uid() != 0 && found.uid() != geteuid().as_raw()
}

fn nobody_answers(file: &Path, found: &Metadata) -> String {
    let (file, user) = (file.display(), found.uid());
    format!(
        "it belongs to another user (number {user}), and everyone can write to it: anyone could have made its \
         content\n  = help: if you trust it anyway, make it yours: `chown` it to you, and `chmod 600 {file}`. \
         `--fresh` renames the journal, adding the date, and starts over"
    )
}

fn of_files(found: &[(PathBuf, Metadata)]) -> Option<String> {
    let open: Vec<_> =
        found.iter().filter(|(_, found)| found.mode() & (GROUP_WRITES | ALL_WRITE) != 0).collect();
    let by_all = open.iter().find(|(_, found)| found.mode() & ALL_WRITE != 0);
    if let Some((first, _)) = by_all.or(open.first()) {
        let who = if by_all.is_some() { "everyone" } else { "its group" };
        let names: Vec<_> = open.iter().map(|(file, _)| file.display().to_string()).collect();
        return Some(format!(
            "warning: {who} can write to {}, and could have made answers in it; to prevent that: `chmod 600 {}`",
            first.display(),
            names.join(" ")
        ));
    }
    let (file, found) = found.iter().find(|(_, found)| is_anothers(found))?;
    Some(format!(
        "warning: {} belongs to another user (number {}), who could have made answers in it; to make it yours: \
         `chown` it to you",
        file.display(),
        found.uid()
    ))
}

fn of_folder(folder: &Path) -> Option<String> {
    let mode = fs::metadata(folder).ok()?.mode();
    (mode & ALL_WRITE != 0 && mode & STICKY == 0).then(|| {
        let folder = folder.display();
        format!(
            "warning: everyone can write to the folder {folder}, and could replace the journal in it; to \
             prevent that: `chmod o-w {folder}`"
        )
    })
}

/// Whether the file system keeps owners and modes: some show the same ones for every file, and say nothing by them.
fn keeps_modes(journal: &Path) -> bool {
    let probe = with_ending(journal, ".probe");
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&probe);
    let Ok(made) = made else { return true };
    let found = made.metadata();
    let _ = fs::remove_file(&probe);
    found.map_or(true, |found| found.uid() == geteuid().as_raw() && found.mode() & ALL_WRITE == 0)
}
