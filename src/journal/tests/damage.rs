//! A journal that is damaged, foreign or newer is refused, and not a byte of it is changed.

use super::*;
use crate::journal::JournalError;

/// A desk with a journal of some pages, closed in order.
fn written() -> Desk {
    let desk = Desk::new();
    let long = "an answer of some length ".repeat(20);
    desk.killed_run((0..300).map(|position| answered(&row(position, 1), &long)).collect());
    assert!(!with_ending(&desk.path, "-wal").exists());
    desk
}

/// Opens a journal in both ways; both refuse it, and leave every file as it was.
fn refused(desk: &Desk, what: &str) -> JournalError {
    let before = fs::read(&desk.path).unwrap();
    let error = Journal::open(&desk.path).map(drop).expect_err(what);
    assert_eq!(fs::read(&desk.path).unwrap(), before, "{what}");
    assert!(error.to_string().contains(&desk.path.display().to_string()), "{error}");
    assert_eq!(
        Journal::open(&desk.path).map(drop).expect_err(what).to_string(),
        error.to_string(),
        "and again"
    );
    assert_eq!(fs::read(&desk.path).unwrap(), before, "{what}");
    error
}

fn is_damaged(desk: &Desk, what: &str) {
    let error = refused(desk, what);
    assert!(matches!(error, JournalError::Damaged { .. }), "{what}: {error}");
}

fn is_foreign(desk: &Desk, what: &str) {
    let (one, other) = (refused(desk, what), Reader::open(&desk.path).map(drop).expect_err(what));
    assert!(matches!(one, JournalError::Foreign { .. }), "{what}: {one}");
    assert!(matches!(other, JournalError::Foreign { .. }), "{what}: {other}");
}

#[test]
fn a_journal_that_was_cut_at_any_length_is_refused_and_left_alone() {
    let desk = written();
    let whole = fs::read(&desk.path).unwrap();
    let steps = (0..whole.len()).step_by(whole.len() / 23);
    for length in
        steps.chain([1, 15, 16, 17, 99, 100, 101, 4095, 4096, 4097, whole.len() - 4096, whole.len() - 1])
    {
        fs::write(&desk.path, &whole[..length]).unwrap();
        is_damaged(&desk, &format!("cut to {length} of {}", whole.len()));
        let error = Reader::open(&desk.path).map(drop).expect_err("cut");
        assert!(matches!(error, JournalError::Damaged { .. }), "cut to {length}: {error}");
    }
    fs::write(&desk.path, &whole).unwrap();
    drop(desk.open());
}

#[test]
fn a_journal_with_pages_overwritten_is_refused_and_left_alone() {
    let desk = written();
    let whole = fs::read(&desk.path).unwrap();
    for page in 0..whole.len() / 4096 {
        let mut bytes = whole.clone();
        let from = page * 4096 + if page == 0 { 100 } else { 0 };
        for (index, byte) in bytes[from..(page + 1) * 4096].iter_mut().enumerate() {
            *byte = (index * 167 + page * 31 + 89) as u8;
        }
        fs::write(&desk.path, &bytes).unwrap();
        is_damaged(&desk, &format!("page {page}"));
    }
}

#[test]
fn a_damaged_journal_keeps_its_log() {
    let desk = written();
    let journal = desk.open();
    journal.connection().execute_batch("UPDATE entries SET tries = 7 WHERE entry = 1").unwrap();
    let (file, log) = (fs::read(&desk.path).unwrap(), fs::read(with_ending(&desk.path, "-wal")).unwrap());
    assert!(!log.is_empty());
    drop(journal);
    let mut bytes = file;
    let last = bytes.len() - 4096;
    bytes[last..].fill(0x5a);
    let other = Desk::new();
    fs::write(&other.path, &bytes).unwrap();
    fs::write(with_ending(&other.path, "-wal"), &log).unwrap();
    is_damaged(&other, "damaged below a log");
    assert_eq!(fs::read(with_ending(&other.path, "-wal")).unwrap(), log);
}

#[test]
fn a_text_file_is_foreign_whatever_its_size() {
    for text in ["x".to_owned(), "id,text\n1,a\n".to_owned(), "a line of text\n".repeat(1000)] {
        let desk = Desk::new();
        fs::write(&desk.path, &text).unwrap();
        is_foreign(&desk, &text);
        assert_eq!(files(desk.folder.path()).len(), 1, "nothing is left beside it");
    }
}

#[test]
fn the_database_of_another_program_is_foreign_and_not_opened() {
    let desk = Desk::new();
    let other = Connection::open(&desk.path).unwrap();
    other.execute_batch("CREATE TABLE entries (entry); PRAGMA user_version = 1").unwrap();
    drop(other);
    is_foreign(&desk, "another program's");
    assert_eq!(files(desk.folder.path()).len(), 1, "nothing is left beside it");
}

#[test]
fn a_newer_journal_is_refused_with_both_versions_and_keeps_its_log() {
    let desk = written();
    let journal = desk.open();
    journal.connection().execute_batch("PRAGMA user_version = 7").unwrap();
    drop(journal);
    for with_log in [false, true] {
        let newer = Desk::new();
        fs::copy(&desk.path, &newer.path).unwrap();
        let opened = Connection::open(&newer.path).unwrap();
        if with_log {
            opened.execute_batch("UPDATE entries SET tries = 9").unwrap();
            let log = fs::read(with_ending(&newer.path, "-wal")).unwrap();
            drop(opened);
            fs::copy(&desk.path, &newer.path).unwrap();
            fs::write(with_ending(&newer.path, "-wal"), log).unwrap();
        } else {
            drop(opened);
        }
        let log = fs::read(with_ending(&newer.path, "-wal")).ok();
        let error = refused(&newer, "newer");
        assert!(matches!(error, JournalError::Newer { version: 7, .. }), "{error}");
        let versions = format!("its version is 7, this one supports {}", crate::journal::schema::VERSION);
        assert!(error.to_string().contains(&versions), "{error}");
        assert_eq!(fs::read(with_ending(&newer.path, "-wal")).ok(), log);
        assert!(matches!(Reader::open(&newer.path), Err(JournalError::Newer { .. })));
    }
}

#[test]
fn a_folder_that_is_not_there_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("out.journal");
    let text = Journal::open(&path).unwrap_err().to_string();
    assert!(text.contains(&path.display().to_string()) && text.contains("must exist"), "{text}");
    let text = crate::journal::lock::Lock::take(&path).unwrap_err().to_string();
    assert!(text.contains("must exist"), "{text}");
}

#[test]
fn a_folder_that_may_not_be_written_is_told_with_what_to_do() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    // The administrator may write everywhere.
    if fs::write(folder.path().join("probe"), "").is_err() {
        let text = Journal::open(&folder.path().join("out.journal")).unwrap_err().to_string();
        assert!(text.contains("writable by this user"), "{text}");
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_journal_that_is_not_there_is_missing_to_whoever_looks() {
    let desk = Desk::new();
    assert!(matches!(Reader::open(&desk.path), Err(JournalError::Missing { path }) if path == desk.path));
    assert_eq!(files(desk.folder.path()), [], "looking makes no file");
}

#[test]
fn an_answer_that_is_not_the_one_that_was_stored_is_refused() {
    for (what, sql) in [
        ("another text", "UPDATE steps SET response = 'wrong' WHERE step = 7"),
        ("another model", "UPDATE steps SET model = 'other' WHERE step = 7"),
        ("no seal", "UPDATE steps SET seal = NULL WHERE step = 7"),
        (
            "two answers in each other's place",
            "UPDATE entries SET answer = 19 - answer WHERE entry IN (9, 10)",
        ),
        ("another request", "UPDATE entries SET fingerprint = zeroblob(16) WHERE entry = 7"),
        ("an answer that is gone", "DELETE FROM steps WHERE step = 7"),
        ("an answer without a step", "UPDATE entries SET answer = NULL WHERE entry = 7"),
        ("a failure without a reason", "UPDATE entries SET status = 'failed' WHERE entry = 7"),
        (
            "another's answer for a row that waits",
            "UPDATE entries SET status = 'pending', answer = 8 WHERE entry = 7",
        ),
        ("a status that is none", "UPDATE entries SET status = 'lost' WHERE entry = 7"),
        ("another's answer shared", "UPDATE entries SET answer = NULL, shares = 8 WHERE entry = 7"),
    ] {
        let desk = Desk::new();
        let rows = rows(&(0..=255).collect::<Vec<u8>>());
        desk.killed_run(rows.iter().map(|row| answered(row, "an answer")).collect());
        desk.open().connection().execute_batch(sql).unwrap();
        is_damaged(&desk, what);
        let reader = desk.reader();
        assert!(matches!(reader.check_integrity(), Err(JournalError::Damaged { .. })), "{what}");
        let mut results = reader.results();
        let told = (0..12).find_map(|position| results.at(position).err()).expect(what).to_string();
        assert!(told.contains("not what was stored"), "{what}: {told}");
    }
}

#[test]
fn a_round_that_is_not_the_one_that_was_stored_is_refused() {
    let desk = Desk::new();
    let calls = Answer { tool_calls: Some("[]".to_owned()), ..answer("let me see") };
    let asks = crate::conversation::Asks::Tools;
    let step = crate::conversation::Step { answer: calls, asks, results: vec![] };
    let first = row(0, 1);
    let results = JournalEvent::Results { row: first.clone(), results: vec!["seen".to_owned()] };
    desk.killed_run(vec![ended(&first, Outcome::Continue(Box::new(step))), results]);
    assert_eq!(desk.reader().steps(0).unwrap()[0].results, ["seen"]);
    desk.open().connection().execute_batch("UPDATE steps SET results = '[\"unseen\"]'").unwrap();
    is_damaged(&desk, "other results");
    assert!(matches!(desk.reader().steps(0), Err(JournalError::Damaged { .. })));
}

#[test]
fn a_journal_that_acts_when_it_is_used_is_refused_and_one_with_a_view_of_the_user_s_own_is_not() {
    for (sql, says) in [
        ("CREATE TRIGGER t AFTER INSERT ON steps BEGIN DELETE FROM entries; END", "its trigger `t`"),
        ("ALTER TABLE runs RENAME TO r; CREATE VIEW runs AS SELECT * FROM r", "its table `runs`"),
        ("ALTER TABLE faults ADD COLUMN x INTEGER AS (abs(fault))", "its table `faults`"),
        ("ALTER TABLE steps ADD COLUMN x INTEGER CHECK (x IS NULL)", "its table `steps`"),
        (
            "CREATE TABLE e AS SELECT * FROM entries; DROP TABLE entries; ALTER TABLE e RENAME TO entries",
            "its table",
        ),
        ("CREATE UNIQUE INDEX u ON steps (entry + step)", "its index `u`"),
        ("CREATE UNIQUE INDEX u ON steps (entry, step)", "its index `u`"),
        ("CREATE INDEX p ON steps (response) WHERE length(response) > 3", "its index `p`"),
        ("CREATE INDEX x ON steps (length(response))", "its index `x`"),
        ("CREATE TABLE k (entry INTEGER REFERENCES entries (entry))", "its table `k`"),
        ("DROP INDEX faults_by_entry", "its index `faults_by_entry`"),
    ] {
        let desk = written();
        drop(desk.open());
        Connection::open(&desk.path).unwrap().execute_batch(sql).unwrap();
        let error = refused(&desk, sql);
        assert!(matches!(error, JournalError::Unusable { .. }), "{sql}: {error}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(matches!(Reader::open(&desk.path), Err(JournalError::Unusable { .. })), "{sql}");
    }
    let desk = written();
    let view = "CREATE VIEW answers AS SELECT e.position, s.response FROM entries e JOIN steps s ON s.step = e.answer";
    desk.open().connection().execute_batch(view).unwrap();
    let more = "CREATE INDEX by_model ON steps (model); CREATE TABLE notes (entry INTEGER, text TEXT UNIQUE); ANALYZE";
    desk.open().connection().execute_batch(more).unwrap();
    assert_eq!(desk.matched(&rows(&[1]), false).kept, 1);
}

#[test]
fn a_journal_that_is_a_link_is_refused_and_so_is_a_lock_that_is_one() {
    let desk = written();
    let link = desk.folder.path().join("link.journal");
    std::os::unix::fs::symlink(&desk.path, &link).unwrap();
    let told = Journal::open(&link).unwrap_err().to_string();
    assert!(told.contains("symbolic link"), "{told}");
    assert_eq!(Reader::open(&link).map(drop).unwrap_err().to_string(), told);
    let precious = desk.folder.path().join("precious");
    fs::write(&precious, "mine").unwrap();
    std::os::unix::fs::symlink(&precious, with_ending(&desk.path, ".lock")).unwrap();
    assert!(crate::journal::lock::Lock::take(&desk.path).is_err());
    assert_eq!(fs::read_to_string(&precious).unwrap(), "mine");
}
