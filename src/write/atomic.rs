//! A file that appears whole or not at all: written next to its destination, synced, and renamed.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::{SYNC_FOLDER, WriteError};
use crate::beside::folder_of;
use crate::durable::sync_folder;
use crate::failpoint::meet;
use crate::regular;

/// Where the output goes.
pub enum Target {
    /// A file, which [`Writer::finish`] replaces as a whole. A symbolic link is followed; a device or a named pipe is
    /// written directly.
    File(PathBuf),
    /// A stream, usually standard output. The reader has already seen what was written before an error.
    Stdout(Box<dyn Write + Send>),
}

/// The permissions of an ordinary new file, before the user's umask.
const NEW_FILE_MODE: u32 = 0o666;
/// The suffix of a temporary file's name.
const SUFFIX: &str = ".part";
/// How many symbolic links are followed before they count as a cycle, as in Linux.
const MAX_LINKS: usize = 40;
/// How many bytes of the output's name the temporary name repeats: a name may have 255 bytes in all.
const MAX_NAME_BYTES: usize = 200;

/// The destination of an output's bytes.
pub(super) enum ByteSink {
    /// A temporary file, and the file that it will replace.
    Replacing { file: NamedTempFile, place: PathBuf },
    /// A device or a named pipe, which is not replaced.
    Special { file: File, path: PathBuf },
    /// A stream that the caller owns.
    Stream(Box<dyn Write + Send>),
}

/// Checks, before anything is paid for, that an output can be written to `path`: creates missing folders, creates a test
/// file there, and removes the leftovers of killed runs.
///
/// # Errors
///
/// A folder cannot be created or written to, or `path` is itself a folder.
pub fn check_target(path: &Path) -> Result<(), WriteError> {
    check(path, Manner::AS_NAMED)
}

/// The same for one of fanfold's own files.
///
/// # Errors
///
/// As [`check_target`].
pub fn check_own_target(path: &Path) -> Result<(), WriteError> {
    check(path, Manner { follows_links: false, ..Manner::AS_NAMED })
}

fn check(path: &Path, manner: Manner) -> Result<(), WriteError> {
    match ExistingFile::of(path, manner)? {
        ExistingFile::Special => Ok(()),
        ExistingFile::Replaced(place) => {
            temporary_file(&place, manner)?;
            clear_away(&place);
            Ok(())
        }
    }
}

/// How a file is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// Whether a symbolic link at the destination is followed: only where the user has named that path. A derived name is
    /// predictable, and someone else could plant a link there; such a link is replaced.
    pub follows_links: bool,
    /// The permissions of a new file, before the user's umask.
    pub mode: u32,
}

impl Manner {
    /// As an output: where the user wants it, with the permissions of any of their files.
    pub const AS_NAMED: Self = Self { follows_links: true, mode: NEW_FILE_MODE };
}

/// What exists at an output's path.
enum ExistingFile {
    /// A file, or nothing yet; the path has all symbolic links resolved.
    Replaced(PathBuf),
    /// A device or a named pipe.
    Special,
}

impl ExistingFile {
    fn of(path: &Path, manner: Manner) -> Result<Self, WriteError> {
        let unfit = |kind: io::ErrorKind, words| WriteError::io("write", path, io::Error::new(kind, words));
        let place = match manner.follows_links {
            true => follow_links(path).map_err(|source| WriteError::writing(path, source))?,
            false => path.to_owned(),
        };
        let Ok(found) = (if manner.follows_links { fs::metadata(path) } else { fs::symlink_metadata(path) })
        else {
            return Ok(Self::Replaced(place));
        };
        match found.file_type() {
            kind if kind.is_dir() => {
                Err(unfit(io::ErrorKind::IsADirectory, "it is a folder; give a file in it"))
            }
            kind if kind.is_file() || kind.is_symlink() => Ok(Self::Replaced(place)),
            _ if !manner.follows_links => {
                Err(unfit(io::ErrorKind::InvalidInput, "it is a pipe or a device, and must be a file"))
            }
            // A pipe handed over by the shell has its reader; a run could wait forever for the reader of any other pipe.
            kind if kind.is_fifo() && !regular::is_handed_over(path) && !regular::is_handed_over(&place) => {
                Err(unfit(io::ErrorKind::InvalidInput, "it is a named pipe; use /dev/stdout, or a file"))
            }
            // /dev/null must never be replaced by a rename, and /dev/stdout cannot be.
            _ => Ok(Self::Special),
        }
    }
}

impl ByteSink {
    /// Opens the target, and creates the folders that it needs.
    ///
    /// # Errors
    ///
    /// As [`check_target`].
    pub(super) fn open(target: Target, manner: Manner) -> Result<Self, WriteError> {
        let path = match target {
            Target::Stdout(stream) => return Ok(Self::Stream(stream)),
            Target::File(path) => path,
        };
        match ExistingFile::of(&path, manner)? {
            ExistingFile::Special => match OpenOptions::new().write(true).open(&path) {
                Ok(file) => Ok(Self::Special { file, path }),
                Err(source) => Err(WriteError::io("open", &path, source)),
            },
            ExistingFile::Replaced(place) => {
                Ok(Self::Replacing { file: temporary_file(&place, manner)?, place })
            }
        }
    }

    /// The output's name, for messages.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Replacing { place, .. } => place,
            Self::Special { path, .. } => path,
            Self::Stream(_) => Path::new("<stdout>"),
        }
    }

    /// Moves a finished file to its destination, durably: after a power cut there is either the new file or the old one.
    pub(super) fn commit(self) -> Result<(), WriteError> {
        match self {
            Self::Replacing { file, place } => {
                meet("write.sync.before");
                file.as_file().sync_all().map_err(|source| WriteError::writing(&place, source))?;
                meet("write.sync.after");
                file.persist(&place).map_err(|failed| WriteError::io("replace", &place, failed.error))?;
                meet("write.renamed");
                let folder = folder_of(&place);
                sync_folder(folder).map_err(|source| WriteError::io(SYNC_FOLDER, folder, source))
            }
            Self::Special { mut file, path } => {
                file.flush().map_err(|source| WriteError::writing(&path, source))
            }
            Self::Stream(mut stream) => {
                stream.flush().map_err(|source| WriteError::writing(Path::new("<stdout>"), source))
            }
        }
    }
}

impl Write for ByteSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            // Bypasses the wrapper of the temporary file, whose errors would name a path the user never chose.
            Self::Replacing { file, .. } => {
                meet("write.piece");
                file.as_file_mut().write(bytes)
            }
            Self::Special { file, .. } => file.write(bytes),
            Self::Stream(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Replacing { file, .. } => file.as_file_mut().flush(),
            Self::Special { file, .. } => file.flush(),
            Self::Stream(stream) => stream.flush(),
        }
    }
}

/// Replaces a file without waiting for the disk.
pub(super) fn replace_unsynced(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let manner = Manner { follows_links: false, ..Manner::AS_NAMED };
    let ExistingFile::Replaced(place) = ExistingFile::of(path, manner)? else { return Ok(()) };
    let mut file = temporary_file(&place, manner)?;
    file.write_all(bytes).map_err(|source| WriteError::writing(path, source))?;
    file.persist(&place).map_err(|refused| WriteError::writing(path, refused.error))?;
    Ok(())
}

/// A file next to `place`, with a name that shows where it belongs: `.reviews.csv.k3Fq9a.part`. Removed when dropped.
///
/// It has the permissions of the file that it will replace, otherwise those of any new file, and not a temporary file's.
fn temporary_file(place: &Path, manner: Manner) -> Result<NamedTempFile, WriteError> {
    let folder = folder_of(place);
    create_folder(folder).map_err(|source| WriteError::io("create the folder", folder, source))?;
    let refused = |source| WriteError::io("create a file next to", place, source);
    let file = tempfile::Builder::new()
        .prefix(&prefix_of(place))
        .suffix(SUFFIX)
        .permissions(Permissions::from_mode(manner.mode))
        .tempfile_in(folder)
        .map_err(refused)?;
    // Where files cannot be locked, they are not removed either.
    let _ = file.as_file().lock();
    if let Ok(replaced) = fs::symlink_metadata(place)
        && replaced.is_file()
    {
        // Where permissions cannot be set (CIFS, exFAT), they are the same for all files.
        let _ = file.as_file().set_permissions(replaced.permissions());
    }
    Ok(file)
}

/// Removes the temporary files of programs that have died; a running program holds a lock on its own.
fn clear_away(place: &Path) {
    let prefix = prefix_of(place);
    let Ok(entries) = fs::read_dir(folder_of(place)) else { return };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&prefix)
            && name.ends_with(SUFFIX)
            && regular::open_own(&path, OpenOptions::new().read(true))
                .is_ok_and(|file| file.try_lock().is_ok())
        {
            // A file that cannot be removed is not in the way.
            let _ = fs::remove_file(&path);
        }
    }
}

fn prefix_of(place: &Path) -> String {
    format!(".{}.", shortened_name(place))
}

/// The file's name, shortened to leave room for a suffix.
fn shortened_name(place: &Path) -> String {
    let name = place.file_name().unwrap_or(OsStr::new("output")).to_string_lossy();
    let fits = |(start, letter): &(usize, char)| start + letter.len_utf8() <= MAX_NAME_BYTES;
    name.char_indices().take_while(fits).map(|(_, letter)| letter).collect()
}

/// The path at which a write to `path` ends, even if nothing exists there yet.
///
/// # Errors
///
/// The links form a cycle.
pub fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = folder_of(&path).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Creates a folder and its missing parents, and syncs each into its parent.
fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder_of(folder);
    create_folder(above)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !folder.is_dir() => {
            Err(io::Error::new(io::ErrorKind::NotADirectory, "there is a file of that name"))
        }
        Err(error) if !folder.is_dir() => Err(error),
        _ => sync_folder(above),
    }
}

#[cfg(test)]
mod tests;
