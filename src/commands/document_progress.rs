//! What the user sees while documents are read, before a run has anything else to show.

use std::cell::Cell;
use std::ffi::OsString;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::failure::Failure;
use crate::dispatch::stop::Stop;
use crate::exit::Exit;
use crate::pipeline::{DocumentReading, PipelineError};
use crate::text::count;
use crate::watch::Screen;

/// How long reading takes before it is mentioned, and between two lines about it.
const PAUSE: Duration = Duration::from_secs(5);

/// Reads documents until `stop`, and says how far it is.
pub(super) fn reading(reread: bool, screen: &Screen, stop: Stop, hidden: &[OsString]) -> DocumentReading {
    let (screen, said) = (screen.clone(), Cell::new(Instant::now()));
    let progress = Rc::new(move |done: u64, all: u64| {
        if said.get().elapsed() >= PAUSE {
            said.set(Instant::now());
            screen.say_when(&format!("reading documents: {} of {}", count(done), count(all)));
        }
    });
    DocumentReading { reread, stop, hidden: hidden.to_vec(), progress }
}

/// The failure of a command whose reading of documents may have been stopped.
pub(super) fn stopped(error: PipelineError) -> Failure {
    match error {
        PipelineError::Interrupted => Failure {
            exit: Exit::Interrupted,
            message:
                "interrupted while the documents were read: nothing was sent; what was read is kept, and the \
                      same command continues"
                    .to_owned(),
        },
        error => error.into(),
    }
}
