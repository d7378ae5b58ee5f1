//! The prober of renderings: this program started again under another name.

use std::ffi::OsString;
use std::io;

use super::again::end_with_the_run;
use crate::render::template::probe;

/// Runs the prober if the program was started as one. Returns whether it was.
pub fn was_prober(mut arguments: impl Iterator<Item = OsString>) -> bool {
    let is_it = arguments.next().is_some_and(|name| name == probe::NAME);
    if is_it {
        end_with_the_run();
        // The process that started it sees that it has ended.
        let _ = probe::probe(&mut io::stdin().lock(), &mut io::stdout().lock());
    }
    is_it
}
