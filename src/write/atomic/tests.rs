//! Outputs at files, links, folders and streams.

use std::os::unix::fs::{FileTypeExt, symlink};
use std::process::Command;

use tempfile::TempDir;

use super::*;

fn folder() -> TempDir {
    TempDir::new().expect("a folder")
}

fn put(path: &Path, text: &str) -> Result<(), WriteError> {
    let mut sink = ByteSink::open(Target::File(path.into()), Manner::AS_NAMED)?;
    sink.write_all(text.as_bytes()).map_err(|source| WriteError::writing(path, source))?;
    sink.commit()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn a_new_file_has_the_permissions_of_any_new_file() {
    let folder = folder();
    fs::write(folder.path().join("any"), "").expect("a file");
    put(&folder.path().join("out"), "new").expect("written");
    assert_eq!(mode(&folder.path().join("out")), mode(&folder.path().join("any")));
}

#[test]
fn a_replaced_file_keeps_its_permissions() {
    let folder = folder();
    let path = folder.path().join("out");
    fs::write(&path, "private").expect("a file");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("permissions");
    put(&path, "new").expect("written");
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_symbolic_link_stays_and_its_destination_is_written() {
    let folder = folder();
    fs::create_dir(folder.path().join("real")).expect("a folder");
    let link = folder.path().join("link");
    symlink("real/out", &link).expect("a link");
    for text in ["to nothing yet", "to a file"] {
        put(&link, text).expect("written");
        assert_eq!(fs::read_link(&link).expect("still a link"), Path::new("real/out"));
        assert_eq!(fs::read_to_string(folder.path().join("real/out")).expect("the file"), text);
    }
    symlink("circle", folder.path().join("circle")).expect("a link");
    assert!(put(&folder.path().join("circle"), "").is_err());
}

#[test]
fn a_device_is_written_to_and_never_replaced() {
    put(Path::new("/dev/null"), "gone").expect("written");
    check_target(Path::new("/dev/null")).expect("it can be written to");
    assert!(fs::metadata("/dev/null").expect("a device").file_type().is_char_device());
}

#[test]
fn a_full_disk_is_reported_as_one() {
    let error = put(Path::new("/dev/full"), "more").expect_err("no space");
    assert!(matches!(error, WriteError::DiskFull { .. }), "{error:?}");
    assert!(error.to_string().starts_with("no space left for /dev/full: free some"), "{error}");
}

#[test]
fn a_target_that_cannot_be_written_is_known_ahead_and_leaves_nothing() {
    let folder = folder();
    fs::write(folder.path().join("file"), "").expect("a file");
    let error = check_target(&folder.path().join("file/out")).expect_err("not a folder");
    assert!(error.to_string().contains("create the folder"), "{error}");
    assert!(check_target(folder.path()).is_err(), "a folder is no output");
    check_target(&folder.path().join("a/b/out")).expect("folders that are missing are created");
    assert_eq!(fs::read_dir(folder.path().join("a/b")).expect("the folder").count(), 0);
}

#[test]
fn files_of_a_dead_program_are_removed_and_those_of_a_living_one_are_not() {
    let folder = folder();
    let path = folder.path().join("out");
    let living = temporary_file(&path, Manner::AS_NAMED).expect("a file");
    for name in [".out.dead01.part", ".other.dead01.part", ".out.dead01.txt"] {
        fs::write(folder.path().join(name), "half").expect("a file");
    }
    check_target(&path).expect("it can be written to");
    let names = fs::read_dir(folder.path()).expect("the folder").map(|entry| entry.expect("an entry").path());
    let mut names: Vec<PathBuf> = names.filter(|path| path != living.path()).collect();
    names.sort();
    assert_eq!(names, [".other.dead01.part", ".out.dead01.txt"].map(|name| folder.path().join(name)));
    assert!(living.path().exists());
}

#[test]
fn a_name_of_the_maximum_length_is_possible() {
    let folder = folder();
    let path = folder.path().join(format!("{}x", "é".repeat(127)));
    put(&path, "new").expect("written");
    assert_eq!(fs::read_to_string(&path).expect("the file"), "new");
}

#[test]
fn a_reader_that_went_away_is_an_error_of_its_own() {
    let mut child = Command::new("true").stdin(std::process::Stdio::piped()).spawn().expect("a process");
    let pipe = child.stdin.take().expect("its standard input");
    child.wait().expect("it has ended");
    let mut sink = ByteSink::open(Target::Stdout(Box::new(pipe)), Manner::AS_NAMED).expect("a sink");
    let source = sink.write_all(b"anybody there?").expect_err("nobody");
    assert!(matches!(WriteError::writing(sink.path(), source), WriteError::BrokenPipe));
}
