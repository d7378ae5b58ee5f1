//! A journal's files: who may read them, how they are set aside, and what becomes of stray ones.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::journal::files::set_aside as put_aside;

#[test]
fn a_journal_and_its_companions_are_for_their_owner_only() {
    let desk = Desk::new();
    let journal = desk.open();
    start_run(&journal);
    for ending in ["", "-wal", "-shm"] {
        let mode = fs::metadata(with_ending(&desk.path, ending)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{ending}");
    }
    assert!(!with_ending(&desk.path, ".new").exists());
}

#[test]
fn a_beginning_that_was_killed_does_not_stand_in_the_way() {
    let desk = Desk::new();
    fs::write(with_ending(&desk.path, ".new"), "half").unwrap();
    fs::write(with_ending(&desk.path, ".new-journal"), "half").unwrap();
    drop(desk.open());
    assert_eq!(files(desk.folder.path()).len(), 1);
}

#[test]
fn a_journal_is_set_aside_with_its_companions_and_overwrites_nothing() {
    let desk = Desk::new();
    assert_eq!(put_aside(&desk.path).unwrap(), None);
    let mut names = Vec::new();
    for content in ["one", "two", "three"] {
        for ending in ["", "-wal", "-journal", "-shm"] {
            fs::write(with_ending(&desk.path, ending), content).unwrap();
        }
        names.push((put_aside(&desk.path).unwrap().unwrap(), content));
        assert!(!desk.path.exists());
    }
    for (name, content) in &names {
        assert!(name.to_string_lossy().contains("out.journal.2"), "{}", name.display());
        for ending in ["", "-wal", "-journal", "-shm"] {
            assert_eq!(fs::read_to_string(with_ending(name, ending)).unwrap(), *content);
        }
    }
    assert_eq!(files(desk.folder.path()).len(), 12);
}

#[test]
fn the_log_of_a_journal_that_was_deleted_is_not_played_into_the_next_one() {
    let desk = Desk::new();
    let journal = desk.open();
    let run = start_run(&journal);
    let (journal, _) = store(journal, run, vec![answered(&row(0, 1), "old")]);
    let log = fs::read(with_ending(&desk.path, "-wal")).unwrap();
    drop(journal);
    fs::remove_file(&desk.path).unwrap();
    fs::write(with_ending(&desk.path, "-wal"), &log).unwrap();
    let journal = desk.open();
    assert_eq!(number(journal.connection(), "SELECT count(*) FROM entries"), 0);
    assert_eq!(number(journal.connection(), "SELECT count(*) FROM runs"), 0);
    drop(journal);
    let aside = files(desk.folder.path()).into_iter().filter(|(_, bytes)| *bytes == log);
    assert_eq!(aside.count(), 1, "and it is not thrown away");
}

#[test]
fn the_sqlite_in_use_has_no_known_fault_in_its_log() {
    assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
}
