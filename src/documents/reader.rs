//! The reader's process, from the inside: limits first, then one file, then one answer.

use std::any::Any;
use std::io::{Read, Write};
use std::thread;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::briefing::{ReaderBriefing, write_answer};
use super::read_document::{ReadDocument, Unreadable, UnreadableReason};
use super::{detect, email, html};
#[cfg(feature = "documents")]
use super::{office, pdf};
use crate::document_format::DocumentFormat;
use crate::job::units::size_shown;

/// The name of the process that reads a document.
pub const NAME: &str = "fanfold-reader";

/// The files that it may have open: its three streams, and a few that libraries open for a moment.
const OPEN_FILES: u64 = 16;

/// Its stack: documents nest, some of them deeply. Beyond it, the process ends.
const STACK_BYTES: usize = 64 << 20;

/// Reads the file as its briefing says, and writes the answer. A briefing that cannot be parsed is not answered.
pub fn serve(briefing: &str, file: &mut impl Read, answer: &mut impl Write) {
    let Ok(briefing) = serde_json::from_str::<ReaderBriefing>(briefing) else { return };
    limit(&briefing);
    let result = bytes_of(file, briefing.max_document).and_then(|bytes| read_aside(bytes, briefing));
    // Whoever asked sees that there is no answer.
    let _ = write_answer(result, answer);
}

/// Takes from this process what reading a document does not need. A limit that the system refuses is as it was.
fn limit(briefing: &ReaderBriefing) {
    let limits = [
        (Resource::As, briefing.memory),
        (Resource::Cpu, briefing.seconds),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
        (Resource::Nofile, OPEN_FILES),
    ];
    for (resource, most) in limits {
        // Between the two, a process is warned that its time is over.
        let _ = setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most.saturating_add(1)) });
    }
}

fn bytes_of(file: &mut impl Read, most: u64) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| Unreadable::today(UnreadableReason::Unreadable, error.to_string()))?;
    if bytes.len() as u64 > most {
        return Err(Unreadable::because(
            UnreadableReason::TooLarge,
            "the file has grown beyond `max_document`",
        ));
    }
    Ok(bytes)
}

/// Reads on a thread with a large stack; a panic there is an answer.
fn read_aside(bytes: Vec<u8>, briefing: ReaderBriefing) -> Result<ReadDocument, Unreadable> {
    let most = briefing.max_document;
    let crashed = |message: String| Err(Unreadable::because(UnreadableReason::ReaderCrashed, message));
    let reading = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || read(&bytes, &briefing));
    match reading.map(thread::JoinHandle::join) {
        Ok(Ok(Ok(document))) if document.text.len() as u64 > most => {
            let message = format!("its text is larger than `max_document` ({})", size_shown(most));
            Err(Unreadable::because(UnreadableReason::TooLarge, message))
        }
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => crashed(format!("the reader failed: {}", words_of(&*panic))),
        Err(error) => crashed(format!("the reader cannot begin: {error}")),
    }
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

fn read(bytes: &[u8], briefing: &ReaderBriefing) -> Result<ReadDocument, Unreadable> {
    if bytes.is_empty() {
        return Err(Unreadable::because(UnreadableReason::Empty, "the file is empty"));
    }
    let named = DocumentFormat::named(&briefing.format).unwrap_or(DocumentFormat::Text);
    match detect::format_of(bytes, named) {
        DocumentFormat::Html => html::read(bytes, briefing.encoding.as_deref()),
        DocumentFormat::Eml => email::read(bytes),
        #[cfg(feature = "documents")]
        DocumentFormat::Pdf => pdf::read(bytes),
        #[cfg(feature = "documents")]
        other => office::read(bytes, other),
        #[cfg(not(feature = "documents"))]
        other => {
            let message = format!(
                "this fanfold was built without the feature `documents`, and does not read {other}: set `readers` to a command \
                 that does"
            );
            Err(Unreadable::because(UnreadableReason::Malformed, message))
        }
    }
}
