//! The user's own reader: a command with the file on its standard input, and the text on its standard output.

use std::ffi::OsString;
use std::fs::File;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::process::{ProcessFailure, run};
use super::read_document::{ReadDocument, Unreadable, UnreadableReason};
use super::text::of_decoded;
use crate::encoding::decode;
use crate::job::documents::DocumentSettings;
use crate::job::units;
use crate::kin::ProcessMark;
use crate::secrets;
use crate::text::{how_it_ended, short};

/// The longest complaint that is reported, in characters.
const COMPLAINT_LETTERS: usize = 200;

/// Reads a file with a command, without these variables in its environment.
pub(super) fn read(
    file: File,
    words: &[String],
    settings: &DocumentSettings,
    hidden: &[OsString],
) -> Result<ReadDocument, Unreadable> {
    let (program, arguments) =
        words.split_first().map_or(("", &[][..]), |(program, rest)| (program.as_str(), rest));
    let mut command = Command::new(program);
    command.args(arguments).stdin(file);
    for variable in hidden {
        command.env_remove(variable);
    }
    let mark = ProcessMark::of_run(next_number());
    let end = match run(&mut command, Some(&mark), settings.max_bytes, settings.timeout) {
        Ok(end) => end,
        Err(ProcessFailure::NotStarted(error)) => {
            let message = format!("the reader `{program}` cannot be run: {error}");
            return Err(Unreadable::today(UnreadableReason::ReaderCrashed, message));
        }
        Err(ProcessFailure::TooSlow) => {
            let time = units::shown(settings.timeout);
            let message =
                format!("the reader `{program}` took longer than {time}, which is `reader_timeout`");
            return Err(Unreadable::because(UnreadableReason::ReaderTimeout, message));
        }
        Err(ProcessFailure::TooMuch) => {
            let most = units::size_shown(settings.max_bytes);
            let message = format!("the reader `{program}` printed more than `max_document` ({most})");
            return Err(Unreadable::because(UnreadableReason::TooLarge, message));
        }
    };
    if !end.status.success() {
        let complaint = match last_line(&end.complaint) {
            Some(line) => format!(": {line}"),
            None => String::new(),
        };
        let message = format!("the reader `{program}` {}{complaint}", how_it_ended(end.status));
        return Err(Unreadable::because(UnreadableReason::Malformed, message));
    }
    of_decoded(decode(&end.output, None), "text")
}

/// A number that no other process of a reader has today.
fn next_number() -> u64 {
    static BEGUN: AtomicU32 = AtomicU32::new(0);
    u64::from(std::process::id()) << 32 | u64::from(BEGUN.fetch_add(1, Ordering::Relaxed))
}

/// The last line of a command's standard error, without secrets. The beginning of a line that was cut may be the end of one.
fn last_line(complaint: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(complaint);
    let line = text.trim_end().rsplit('\n').next()?.trim();
    let line = secrets::kept().out_of_complaint(line.to_owned());
    (!line.is_empty()).then(|| short(&line, COMPLAINT_LETTERS))
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};
    use std::time::Duration;

    use super::*;

    fn read_with(script: &str, input: &[u8]) -> Result<ReadDocument, Unreadable> {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(input).expect("written");
        file.rewind().expect("rewound");
        let settings = DocumentSettings {
            timeout: Duration::from_secs(20),
            max_bytes: 1 << 20,
            ..DocumentSettings::default()
        };
        let words = ["sh", "-c", script].map(str::to_owned);
        read(file, &words, &settings, &["CARGO_MANIFEST_DIR".into()])
    }

    fn failure(script: &str) -> (&'static str, String) {
        let unreadable = read_with(script, b"input").expect_err("no text");
        (unreadable.code(), unreadable.message)
    }

    #[test]
    fn the_file_goes_in_and_its_text_comes_out() {
        let document = read_with("tr a-z A-Z", b"a word\r\n").expect("read");
        assert_eq!((document.text.as_str(), document.format), ("A WORD\r\n", "text"));
        let document = read_with("echo \"[$CARGO_MANIFEST_DIR]\"", b"").expect("read");
        assert_eq!(document.text, "[]\n", "the key is hidden");
        let document = read_with("printf 'Gr\\374\\337e aus M\\374nchen'", b"").expect("read");
        assert_eq!(document.text, "Grüße aus München");
    }

    #[test]
    fn its_failures_are_the_documents() {
        let (code, message) = failure("echo first >&2; echo 'no such font' >&2; exit 3");
        assert_eq!(
            (code, message.as_str()),
            ("malformed", "the reader `sh` ended with exit status 3: no such font")
        );
        assert_eq!(failure("exit 0").0, "empty");
        assert_eq!(failure("yes").0, "too_large");
        assert_eq!(failure("head -c 5000 /dev/urandom").0, "not_text");
        let (code, message) = failure("kill -SEGV $$");
        assert_eq!(code, "malformed");
        assert!(message.contains("signal 11"), "{message}");
    }

    #[test]
    fn a_command_that_is_not_there_says_nothing_of_the_document() {
        let file = tempfile::tempfile().expect("a file");
        let words = ["./no-such-reader".to_owned()];
        let unreadable = read(file, &words, &DocumentSettings::default(), &[]).expect_err("none");
        assert!(unreadable.may_pass && unreadable.message.contains("./no-such-reader"), "{unreadable:?}");
    }
}
