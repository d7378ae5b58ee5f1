//! One run at a time.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use super::*;
use crate::journal::JournalError;
use crate::journal::lock::Lock;

#[test]
fn a_second_run_is_told_process_host_and_start_of_the_first() {
    let desk = Desk::new();
    let lock = Lock::take(&desk.path).unwrap();
    let Err(JournalError::Held { path, holder }) = Lock::take(&desk.path) else { panic!("taken twice") };
    assert_eq!(path, desk.path);
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let begins = format!("process {} on {host} since 2", std::process::id());
    assert!(holder.starts_with(&begins), "{holder}");
    assert_eq!(Lock::holder(&desk.path), Some(holder));
    drop(lock);
    assert_eq!(Lock::holder(&desk.path), None);
    Lock::take(&desk.path).unwrap();
}

#[test]
fn nobody_holds_a_journal_that_was_never_locked() {
    assert_eq!(Lock::holder(&Desk::new().path), None);
}

#[test]
fn whoever_asks_for_the_holder_turns_no_run_away() {
    let desk = Desk::new();
    drop(desk.open());
    drop(Lock::take(&desk.path).unwrap());
    let asked = fs::File::open(with_ending(&desk.path, ".lock")).unwrap();
    asked.lock_shared().unwrap();
    let glance = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(1));
        drop(asked);
    });
    Lock::take(&desk.path).unwrap();
    glance.join().unwrap();
}

#[test]
fn the_lock_of_a_process_that_was_killed_is_free() {
    let desk = Desk::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "journal::tests::lock::holds_a_lock_for_another_test"])
        .env("FANFOLD_TEST_JOURNAL", &desk.path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("held")));
    let holder = Lock::holder(&desk.path).unwrap();
    assert!(holder.starts_with(&format!("process {} on ", child.id())), "{holder}");
    assert!(matches!(Lock::take(&desk.path), Err(JournalError::Held { .. })));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(Lock::holder(&desk.path), None);
    Lock::take(&desk.path).unwrap();
}

#[test]
#[ignore = "the other process of the test above"]
fn holds_a_lock_for_another_test() {
    let Some(path) = std::env::var_os("FANFOLD_TEST_JOURNAL") else { return };
    let _lock = Lock::take(Path::new(&path)).unwrap();
    println!("held");
    let _ = std::io::stdin().read(&mut [0]);
}
