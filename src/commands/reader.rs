//! The reader of a document: this program started again under another name.

use std::ffi::OsString;
use std::io;

use super::again::end_with_the_run;
use crate::documents::reader::{NAME, serve};

/// Runs the reader if the program was started as one. Returns whether it was.
pub fn was_reader(mut arguments: impl Iterator<Item = OsString>) -> bool {
    let is_it = arguments.next().is_some_and(|name| name == NAME);
    if is_it {
        end_with_the_run();
        let briefing = arguments.next().and_then(|briefing| briefing.into_string().ok());
        serve(&briefing.unwrap_or_default(), &mut io::stdin().lock(), &mut io::stdout().lock());
    }
    is_it
}
