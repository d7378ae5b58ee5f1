//! Reads a document in a process of its own, whose death costs nothing but this document: a file can be made to overflow a
//! stack, to fill the memory or never to end, and no parser is safe from that.

use std::fs::File;
use std::io::Seek;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;

use rustix::process::Signal;

use super::briefing::{ReaderBriefing, longest_answer, parse_answer};
use super::process::{ProcessFailure, run};
use super::read_document::{ReadDocument, Unreadable, UnreadableReason};
use super::reader::NAME;
use crate::document_format::DocumentFormat;
use crate::job::documents::DocumentSettings;
use crate::job::units;
use crate::secrets::hidden;
use crate::text::{how_it_ended, short};

/// The program to start as a reader; unset in a library, which has no such program.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// The memory of the process, in bytes of address space.
const MEMORY: u64 = 1 << 30;

/// How much of a message is kept that was written by a process which its file may have taken over.
const MESSAGE_LETTERS: usize = 300;

/// Sets the program that can be started as a reader.
pub fn allow(program: PathBuf) {
    let _ = PROGRAM.set(program);
}

/// Reads a file in a process of its own.
pub(super) fn read(
    mut file: File,
    format: DocumentFormat,
    settings: &DocumentSettings,
) -> Result<ReadDocument, Unreadable> {
    let briefing = ReaderBriefing {
        format: format.name().to_owned(),
        encoding: settings.encoding.clone(),
        max_document: settings.max_bytes,
        memory: MEMORY,
        // One more, because a process is charged in advance for a part of its last second.
        seconds: settings.timeout.as_secs().saturating_add(2),
    };
    let first = attempt(&file, &briefing, settings);
    // A process that was ended from outside proves nothing about its file, unless that happens twice.
    if first.as_ref().is_err_and(|unreadable| unreadable.may_pass) && file.rewind().is_ok() {
        return attempt(&file, &briefing, settings);
    }
    first
}

fn attempt(
    file: &File,
    briefing: &ReaderBriefing,
    settings: &DocumentSettings,
) -> Result<ReadDocument, Unreadable> {
    let not_started = |why: String| {
        let message = format!("the process that reads documents cannot be started: {why}");
        Unreadable::today(UnreadableReason::ReaderCrashed, message)
    };
    let program = PROGRAM.get().ok_or_else(|| not_started("there is no program for it".into()))?;
    let argument = serde_json::to_string(briefing).map_err(|error| not_started(error.to_string()))?;
    let stdin = file.try_clone().map_err(|error| not_started(error.to_string()))?;
    let mut command = Command::new(program);
    // It sees nothing of the run: neither its environment, with the API key, nor its folder.
    command.arg0(NAME).arg(argument).env_clear().current_dir("/").stdin(stdin);
    let end = match run(&mut command, None, longest_answer(settings.max_bytes), settings.timeout) {
        Ok(end) => end,
        Err(ProcessFailure::NotStarted(error)) => return Err(not_started(error.to_string())),
        Err(ProcessFailure::TooSlow) => return Err(too_slow(settings)),
        Err(ProcessFailure::TooMuch) => {
            let message =
                format!("its text is larger than `max_document` ({})", units::size_shown(settings.max_bytes));
            return Err(Unreadable::because(UnreadableReason::TooLarge, message));
        }
    };
    match parse_answer(&end.output) {
        Some(Err(unreadable)) => {
            Err(Unreadable { message: hidden(short(&unreadable.message, MESSAGE_LETTERS)), ..unreadable })
        }
        Some(Ok(document)) => Ok(document),
        None => Err(death(end.status, &String::from_utf8_lossy(&end.complaint), settings)),
    }
}

/// Why a process ended without an answer. Its last words are those of Rust's runtime.
fn death(status: ExitStatus, complaint: &str, settings: &DocumentSettings) -> Unreadable {
    let crashed = |message: String| Unreadable::because(UnreadableReason::ReaderCrashed, message);
    let signal = status.signal();
    if signal == Some(Signal::XCPU.as_raw()) {
        return too_slow(settings);
    }
    if complaint.contains("memory allocation of") || complaint.contains("out of memory") {
        return crashed(format!("reading it needs more than {} GiB of memory", MEMORY >> 30));
    }
    if complaint.contains("has overflowed its stack") {
        return crashed("it is nested too deeply to be read".into());
    }
    let message = format!("the process that read it {}", how_it_ended(status));
    match signal == Some(Signal::KILL.as_raw()) {
        true => Unreadable::today(UnreadableReason::ReaderCrashed, message),
        false => crashed(message),
    }
}

fn too_slow(settings: &DocumentSettings) -> Unreadable {
    let time = units::shown(settings.timeout);
    let message = format!("reading it took longer than {time}, which is `reader_timeout`");
    Unreadable::because(UnreadableReason::ReaderTimeout, message)
}
