//! What this program has in common when it starts itself again under another name: to try a template, to read a document.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::getppid;

use crate::documents::child;
use crate::render::template::probe;

/// Ends this process with the one that started it: nobody waits for its result any more.
pub(super) fn end_with_the_run() {
    let run = getppid();
    std::thread::spawn(move || {
        while getppid() == run {
            std::thread::sleep(Duration::from_secs(1));
        }
        #[expect(clippy::disallowed_methods, reason = "nothing of it is of use without the run")]
        std::process::exit(0)
    });
}

/// Allows renderings to be tried, and documents to be read, by this program.
pub(super) fn allow() {
    // This path stays right when the program's file is replaced, on systems that have it.
    let own = PathBuf::from("/proc/self/exe");
    let program = if own.exists() { Some(own) } else { std::env::current_exe().ok() };
    if let Some(program) = program {
        probe::allow(program.clone());
        child::allow(program);
    }
}
