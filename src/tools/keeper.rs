//! The keeper of a run's commands: a separate process, which outlives a killed run for as long as it takes to end the
//! commands left behind.
//!
//! It reads its standard input to the end. A run that ends in order writes a word first; a run that was killed writes
//! nothing.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use crate::kin::{ProcessMark, end_all};

/// The name of the keeper's process; its argument is the mark.
pub const NAME: &str = "fanfold-keeper";

/// The word that a run writes when it ends in order.
const IN_ORDER: &[u8] = b"done";

/// The keeper of a run. Dropping it reports that the run ends in order.
#[derive(Debug)]
pub struct Keeper {
    process: Child,
}

impl Keeper {
    /// Starts this program again as the keeper of the commands that carry this mark.
    ///
    /// # Errors
    ///
    /// The process cannot be started: then the commands of a killed run are left running.
    pub fn start(mark: &ProcessMark) -> io::Result<Self> {
        // This path stays right when the program's file is replaced.
        let mut command = Command::new("/proc/self/exe");
        command.arg0(NAME).arg(mark.as_str()).env_clear();
        // In its own process group: a Ctrl-C at the terminal, or a signal to the run's group, is not meant for it.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { process: command.spawn()? })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.process.stdin.take() {
            let _ = stdin.write_all(IN_ORDER);
        }
        let _ = self.process.wait();
    }
}

/// The keeper's work: waits for the run's end, and ends all marked processes, unless the run has ended in order.
pub fn keep(mark: &ProcessMark, mut run: impl Read) {
    let mut message = Vec::new();
    let heard = run.read_to_end(&mut message);
    if heard.is_err() || message != IN_ORDER {
        end_all(mark, None);
    }
}
