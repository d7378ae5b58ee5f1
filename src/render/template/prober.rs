//! Tries a rendering in a separate process first, whose death does not harm the run. A result can have any size before it
//! is cut off: a number in the row may be the width of an indent, or a loop may double a text. The engine limits its steps
//! but not its memory, and a process that runs out of memory dies with all its rows.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::growth::Growth;
use super::mistakes::Excess;
use crate::render::fingerprint;
use crate::request::Fingerprint;

/// The name of the process that tries renderings.
pub const NAME: &str = "fanfold-prober";

/// The time limit of a rendering.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program to start as a prober; unset in a library, which has no such program.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Sets the program that can be started as a prober.
pub fn allow(program: PathBuf) {
    let _ = PROGRAM.set(program);
}

/// How a process ended after it was sent something.
enum Death {
    /// By itself, because of what it was sent.
    Own,
    /// From outside, or before it was sent anything.
    Outside,
}

/// The maximum number of verdicts kept, so that other passes over the same rows get the same ones.
const VERDICTS: usize = 1 << 16;

/// The process that tries the renderings of one job, once it is started, and its verdicts.
#[derive(Debug, Default)]
pub(super) struct Prober(Mutex<Tryouts>);

#[derive(Debug, Default)]
struct Tryouts {
    state: ProberState,
    verdicts: HashMap<Fingerprint, Option<Excess>>,
}

#[derive(Debug, Default)]
enum ProberState {
    #[default]
    Idle,
    Running(ProbeProcess),
    /// The process cannot be started here.
    Impossible,
}

#[derive(Debug)]
struct ProbeProcess {
    process: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    /// Whether it has received all of the last message.
    is_asked: bool,
    /// The memory limit of a rendering, in bytes.
    memory: u64,
}

/// The first message to the process.
#[derive(Serialize, Deserialize)]
pub(super) struct Briefing {
    pub(super) known: Option<Vec<String>>,
    pub(super) longest: u64,
    /// The name and the text of each template, and whether it keeps its value's type.
    pub(super) sources: Vec<(String, String, bool)>,
    /// The memory limit of a rendering, in bytes.
    pub(super) memory: u64,
    /// Whether rows are cut into pieces.
    pub(super) has_pieces: bool,
    /// The names of `[each]`, with their values.
    pub(super) each: Vec<(String, Vec<String>)>,
}

/// The message for each rendering.
#[derive(Serialize, Deserialize)]
pub(super) struct Tryout<F> {
    pub(super) number: usize,
    pub(super) fields: F,
}

impl Prober {
    /// Tries a rendering, if it may grow and a process for it can be started.
    pub(super) fn excess(
        &self,
        briefing: &dyn Fn() -> Briefing,
        number: usize,
        growth: Growth,
        fields: &Map<String, Value>,
    ) -> Option<Excess> {
        if PROGRAM.get().is_none() || !growth.is_much(fields) {
            return None;
        }
        let trial = serde_json::to_vec(&Tryout { number, fields }).ok()?;
        let known = fingerprint::of_bytes(&trial);
        let mut tryouts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verdict) = tryouts.verdicts.get(&known) {
            return *verdict;
        }
        let verdict = tryouts.state.verdict(briefing, &trial)?;
        if tryouts.verdicts.len() >= VERDICTS {
            tryouts.verdicts.clear();
        }
        tryouts.verdicts.insert(known, verdict);
        verdict
    }
}

impl ProberState {
    /// The verdict of a trial; `None` if there is no process for it.
    fn verdict(&mut self, briefing: &dyn Fn() -> Briefing, trial: &[u8]) -> Option<Option<Excess>> {
        // A process killed from outside proves nothing about the row, unless that happens twice.
        for _ in 0..2 {
            if let Self::Idle = *self {
                *self = ProbeProcess::start(&briefing()).map_or(Self::Impossible, Self::Running);
            }
            let Self::Running(running) = self else { return None };
            let memory = running.memory;
            let death = match running.ask(trial) {
                Ok(true) => return Some(None),
                Ok(false) => None,
                Err(_) => Some(running.death()),
            };
            *self = Self::Idle;
            match death {
                None => return Some(Some(Excess::Time(PATIENCE))),
                Some(Death::Own) => return Some(Some(Excess::Memory(memory))),
                Some(Death::Outside) => {}
            }
        }
        Some(Some(Excess::Ended))
    }
}

impl ProbeProcess {
    fn start(briefing: &Briefing) -> Option<Self> {
        let mut command = Command::new(PROGRAM.get()?);
        // In its own process group: a Ctrl-C at the terminal is not meant for it.
        command.arg0(NAME).env_clear().process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().ok()?;
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take()?);
        let mut running = Self { process, stdin, stdout, is_asked: false, memory: briefing.memory };
        let is_ready = running.ask(&serde_json::to_vec(briefing).ok()?);
        matches!(is_ready, Ok(true)).then_some(running)
    }

    /// Sends it a message, and waits until that is done; false when it takes too long.
    fn ask(&mut self, what: &[u8]) -> io::Result<bool> {
        self.is_asked = false;
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(&(what.len() as u64).to_le_bytes())?;
        stdin.write_all(what)?;
        self.is_asked = true;
        let patience = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
        let mut ends = [PollFd::new(&self.stdout, PollFlags::IN)];
        // A signal to this process has nothing to do with that one.
        if retry_on_intr(|| poll(&mut ends, Some(&patience)))? == 0 {
            return Ok(false);
        }
        self.stdout.read_exact(&mut [0])?;
        Ok(true)
    }

    /// How it ended. It has closed its pipes; closing ours ends it if it is still alive.
    fn death(&mut self) -> Death {
        self.stdin = None;
        let own = [Signal::ABORT, Signal::SEGV, Signal::BUS].map(Signal::as_raw);
        let ended = self.process.wait().ok().and_then(|status| status.signal());
        match ended {
            Some(signal) if self.is_asked && own.contains(&signal) => Death::Own,
            _ => Death::Outside,
        }
    }
}

impl Drop for ProbeProcess {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
