//! The prober of renderings: this program once more, under a name of its own.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::getppid;

use crate::render::template::probe;

/// Is the prober, when the program was started as that. Says whether it was.
pub fn was_prober(mut arguments: impl Iterator<Item = OsString>) -> bool {
    let is_it = arguments.next().is_some_and(|name| name == probe::NAME);
    if is_it {
        end_with_the_run();
        // Whoever has started it sees that it has ended.
        let _ = probe::probe(&mut io::stdin().lock(), &mut io::stdout().lock());
    }
    is_it
}

/// Ends this process with the one that has started it: a rendering that takes long is nobody's any more.
fn end_with_the_run() {
    let run = getppid();
    std::thread::spawn(move || {
        while getppid() == run {
            std::thread::sleep(Duration::from_secs(1));
        }
        std::process::exit(0)
    });
}

/// Lets renderings be tried out by this program.
pub(super) fn allow() {
    // By the name that stays right when the file is replaced, where the system has such a name.
    let own = PathBuf::from("/proc/self/exe");
    let program = if own.exists() { Some(own) } else { std::env::current_exe().ok() };
    program.into_iter().for_each(probe::allow);
}
