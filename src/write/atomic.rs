//! A file that appears whole or not at all: written beside its place, synced, and renamed into it.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{Target, WriteError};
use crate::durable::sync_folder;
use crate::failpoint::meet;

/// What an ordinary new file may be used for, before the user's umask takes its share.
const NEW_FILE_MODE: u32 = 0o666;
/// How the name of a temporary file ends.
const SUFFIX: &str = ".part";
/// Symbolic links that are followed before they are taken for a circle, as Linux does.
const MAX_LINKS: usize = 40;
/// Bytes of the output's name that its temporary name repeats: names may have 255 in all.
const MAX_NAME_BYTES: usize = 200;

/// Where the bytes of an output go.
pub(super) enum Sink {
    /// A temporary file, and the place it will take.
    Replacing { file: NamedTempFile, place: PathBuf },
    /// A device or a named pipe: nothing to replace.
    Special { file: File, path: PathBuf },
    /// A stream that the caller owns.
    Stream(Box<dyn Write + Send>),
}

/// Checks, before anything is paid for, that an output can be written to `path`: creates the folders that are
/// missing, tries a file there, and clears away what a run that was killed has left.
///
/// # Errors
///
/// When a folder cannot be created or written to, or `path` is a folder itself.
pub fn check_target(path: &Path) -> Result<(), WriteError> {
    match Destination::of(path)? {
        Destination::Special => Ok(()),
        Destination::Replaced(place) => {
            temporary_file(&place)?;
            clear_away(&place);
            Ok(())
        }
    }
}

/// What stands at an output's path.
enum Destination {
    /// A file, or nothing yet, with all symbolic links followed.
    Replaced(PathBuf),
    /// A device or a named pipe.
    Special,
}

impl Destination {
    fn of(path: &Path) -> Result<Self, WriteError> {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                let is_folder =
                    io::Error::new(io::ErrorKind::IsADirectory, "it is a folder; name a file in it");
                Err(WriteError::io("write", path, is_folder))
            }
            // /dev/null must never be renamed over, and /dev/stdout cannot be.
            Ok(found) if !found.is_file() => Ok(Self::Special),
            _ => follow_links(path).map(Self::Replaced).map_err(|source| WriteError::writing(path, source)),
        }
    }
}

impl Sink {
    /// Opens the target, with the folders it needs.
    ///
    /// # Errors
    ///
    /// As [`check_target`].
    pub(super) fn open(target: Target) -> Result<Self, WriteError> {
        let path = match target {
            Target::Stdout(stream) => return Ok(Self::Stream(stream)),
            Target::File(path) => path,
        };
        match Destination::of(&path)? {
            Destination::Special => match OpenOptions::new().write(true).open(&path) {
                Ok(file) => Ok(Self::Special { file, path }),
                Err(source) => Err(WriteError::io("open", &path, source)),
            },
            Destination::Replaced(place) => Ok(Self::Replacing { file: temporary_file(&place)?, place }),
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

    /// Puts a finished file in its place, for good: a power cut after this finds the new file, one before it the
    /// old one.
    pub(super) fn commit(self) -> Result<(), WriteError> {
        match self {
            Self::Replacing { file, place } => {
                meet("write.sync.before");
                file.as_file().sync_all().map_err(|source| WriteError::writing(&place, source))?;
                meet("write.sync.after");
                file.persist(&place).map_err(|failed| WriteError::io("replace", &place, failed.error))?;
                meet("write.renamed");
                let folder = folder_of(&place);
                sync_folder(folder).map_err(|source| WriteError::io("sync the folder", folder, source))
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

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            // Past the temporary file's own wrapper, whose errors would name a path the user never chose.
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

/// Puts a file in the place of another, without waiting for the disk.
pub(super) fn replace_unsynced(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let place = follow_links(path).map_err(|source| WriteError::writing(path, source))?;
    let mut file = temporary_file(&place)?;
    file.write_all(bytes).map_err(|source| WriteError::writing(path, source))?;
    file.persist(&place).map_err(|refused| WriteError::writing(path, refused.error))?;
    Ok(())
}

/// A file beside `place`, by a name that tells whose it is: `.reviews.csv.k3Fq9a.part`. Removed when dropped.
///
/// It has the permissions of the file it will replace, or else those of any new file, not a temporary file's.
fn temporary_file(place: &Path) -> Result<NamedTempFile, WriteError> {
    let folder = folder_of(place);
    create_folder(folder).map_err(|source| WriteError::io("create the folder", folder, source))?;
    let refused = |source| WriteError::io("create a file beside", place, source);
    let file = tempfile::Builder::new()
        .prefix(&prefix_of(place))
        .suffix(SUFFIX)
        .permissions(Permissions::from_mode(NEW_FILE_MODE))
        .tempfile_in(folder)
        .map_err(refused)?;
    // Where files cannot be locked, they are not cleared away either.
    let _ = file.as_file().lock();
    if let Ok(replaced) = fs::metadata(place) {
        // Where permissions cannot be set (CIFS, exFAT), they are the same for all files there.
        let _ = file.as_file().set_permissions(replaced.permissions());
    }
    Ok(file)
}

/// Removes the temporary files of programs that have died. Who lives holds the lock of its own.
fn clear_away(place: &Path) {
    let prefix = prefix_of(place);
    let Ok(entries) = fs::read_dir(folder_of(place)) else { return };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&prefix)
            && name.ends_with(SUFFIX)
            && File::open(&path).is_ok_and(|file| file.try_lock().is_ok())
        {
            // Whoever may not remove it can write beside it all the same.
            let _ = fs::remove_file(&path);
        }
    }
}

fn prefix_of(place: &Path) -> String {
    format!(".{}.", shortened_name(place))
}

/// The file's own name, as much of it as leaves room for more in a name.
fn shortened_name(place: &Path) -> String {
    let name = place.file_name().unwrap_or(OsStr::new("output")).to_string_lossy();
    let fits = |(start, letter): &(usize, char)| start + letter.len_utf8() <= MAX_NAME_BYTES;
    name.char_indices().take_while(fits).map(|(_, letter)| letter).collect()
}

/// The path that a write to `path` ends at, also when nothing is there yet.
fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = folder_of(&path).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Creates a folder and those above it, each of them synced into its parent.
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
