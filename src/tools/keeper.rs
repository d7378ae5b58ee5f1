//! The keeper of a run's commands: a process of its own, which outlives a run that is killed for just as long as it takes to end
//! the commands that the run has left behind.
//!
//! It reads what it is given until that ends. A run that ends in order says so before; one that was killed, however, says
//! nothing.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::kin::{ProcessMark, end_all};

/// What the keeper's process is called; its mark follows.
pub const NAME: &str = "fanfold-keeper";

/// What a run says that ends in order.
const IN_ORDER: &[u8] = b"done";

/// The keeper of a run. Dropped, it is told that the run ends in order.
#[derive(Debug)]
pub struct Keeper {
    process: Child,
}

impl Keeper {
    /// Starts the keeper of the commands that bear this mark: this program once more.
    ///
    /// # Errors
    ///
    /// When it cannot be started: then a run that is killed leaves its commands to themselves.
    pub fn start(mark: &ProcessMark) -> io::Result<Self> {
        // By the name that stays right when the file is replaced.
        let mut command = Command::new("/proc/self/exe");
        command.arg0(NAME).arg(mark.as_str()).env_clear();
        // Not with the run: the Ctrl-C at the terminal, or what ends its group, is not meant for it.
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

/// What the keeper does: it waits for the run's end, and ends what bears the mark, unless the run has ended in order.
pub fn keep(mark: &ProcessMark, mut run: impl Read) {
    let mut said = Vec::new();
    let heard = run.read_to_end(&mut said);
    if heard.is_err() || said != IN_ORDER {
        end_all(mark, None);
    }
}
