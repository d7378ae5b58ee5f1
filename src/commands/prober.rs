//! The prober of renderings: this program started again under another name.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::getppid;

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

/// Ends this process with the one that started it: nobody waits for its rendering any more.
fn end_with_the_run() {
    let run = getppid();
    std::thread::spawn(move || {
        while getppid() == run {
            std::thread::sleep(Duration::from_secs(1));
        }
        #[expect(clippy::disallowed_methods, reason = "nothing of it is of use without the run")]
        std::process::exit(0)
    });
}

/// Allows renderings to be tried by this program.
pub(super) fn allow() {
    // This path stays right when the program's file is replaced, on systems that have it.
    let own = PathBuf::from("/proc/self/exe");
    let program = if own.exists() { Some(own) } else { std::env::current_exe().ok() };
    program.into_iter().for_each(probe::allow);
}
