//! Opens regular files only: the kind of a file is checked before anything waits for it. A named pipe instead of a file
//! would block a run for ever, and a link under a predictable name may lead anywhere.

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a file that the user has named for reading; links are followed.
///
/// # Errors
///
/// When it cannot be opened, or is not a regular file.
pub fn open(path: &Path) -> io::Result<File> {
    with(path, OpenOptions::new().read(true), OFlags::empty())
}

/// Opens a file whose name fanfold has made, with these options; links are not followed.
///
/// # Errors
///
/// As [`open`]; a link is an error too.
pub fn open_own(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    with(path, options, OFlags::NOFOLLOW)
}

/// The text of a file whose name fanfold has made.
///
/// # Errors
///
/// As [`open_own`], and when it is not text.
pub fn own_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open_own(path, OpenOptions::new().read(true))?.read_to_string(&mut text)?;
    Ok(text)
}

/// The bytes of an input that the user has named: a file, or the open pipe that a shell passes under such a name, as in
/// `<(...)` or `/dev/stdin`.
///
/// # Errors
///
/// When it cannot be read, or is any other named pipe or device.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match is_handed_over(path) {
        true => File::open(path)?.read_to_end(&mut bytes)?,
        false => open(path)?.read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

/// The same as text.
///
/// # Errors
///
/// As [`read`], and when it is not text.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
}

/// Whether a path is one under which systems pass an open file. Such a pipe already has its writer.
pub fn is_handed_over(path: &Path) -> bool {
    path.starts_with("/dev") || path.starts_with("/proc")
}

/// Checks that a name that fanfold has made is that of a regular file, or unused.
///
/// # Errors
///
/// The kind of any other file.
pub fn check_own(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(found) => check(found.file_type()),
        Err(_) => Ok(()),
    }
}

fn with(path: &Path, options: &mut OpenOptions, flags: OFlags) -> io::Result<File> {
    // Opening a pipe waits for its other end; without waiting, its kind can be determined.
    let flags = (flags | OFlags::NONBLOCK).bits().cast_signed();
    let file = options.custom_flags(flags).open(path).map_err(|error| match check_own(path) {
        // The system's message about a link, or a pipe without a reader, does not help the user.
        Err(kind) if flags & OFlags::NOFOLLOW.bits().cast_signed() != 0 => kind,
        _ => error,
    })?;
    check(file.metadata()?.file_type())?;
    Ok(file)
}

fn check(kind: FileType) -> io::Result<()> {
    let words = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_symlink() => "it is a symbolic link, which is not followed here",
        kind if kind.is_fifo() => "it is a named pipe, and has to be a file",
        kind if kind.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        _ => "it is a device or a socket, and has to be a file",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, words))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_pipe_a_link_and_a_folder_are_reported_and_nothing_waits() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "text").unwrap();
        // The system call differs between systems; the program does not.
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        symlink(at("file"), at("link")).unwrap();
        let words = |result: io::Result<File>| result.map(drop).unwrap_err().to_string();
        assert!(words(open(&at("pipe"))).contains("named pipe"));
        assert!(words(open_own(&at("pipe"), OpenOptions::new().write(true))).contains("named pipe"));
        assert!(words(open_own(&at("link"), OpenOptions::new().read(true))).contains("symbolic link"));
        assert_eq!(open(folder.path()).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(read_to_string(&at("link")).unwrap(), "text");
        assert_eq!(open(&at("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(
            check_own(&at("file")).is_ok()
                && check_own(&at("none")).is_ok()
                && check_own(&at("link")).is_err()
        );
    }
}
