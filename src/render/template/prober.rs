//! A rendering that is tried out in a process of its own first, whose death is its own. What a template makes of a row can be of
//! any size before it is cut off: a number of the row is the width of an indent, a loop doubles a text. The engine bounds
//! its steps and not its memory, and a process that has none left ends with every row in it.

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

/// What the process that tries renderings out is called.
pub const NAME: &str = "fanfold-prober";

/// How long a rendering may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program that can be started as a prober; nothing in a library, in which there is none.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Says which program is this one, and can be started as a prober.
pub fn allow(program: PathBuf) {
    let _ = PROGRAM.set(program);
}

/// How a process ended that was asked something.
enum Death {
    /// By itself, at what it was asked.
    Own,
    /// From outside, or before it was asked.
    Outside,
}

/// Verdicts that are kept, so that other passes over the same rows come to the same ones, at most.
const VERDICTS: usize = 1 << 16;

/// The process that tries renderings of one job out, once there is one, and what it came to.
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
    /// It cannot be started here.
    Impossible,
}

#[derive(Debug)]
struct ProbeProcess {
    process: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    /// Whether it was given all of what it was asked last.
    is_asked: bool,
    /// The bytes that a rendering may take.
    memory: u64,
}

/// What the process is told first.
#[derive(Serialize, Deserialize)]
pub(super) struct Briefing {
    pub(super) known: Option<Vec<String>>,
    pub(super) longest: u64,
    /// The name and the text of each template, and whether it keeps its value's type.
    pub(super) sources: Vec<(String, String, bool)>,
    /// The bytes that a rendering may take.
    pub(super) memory: u64,
}

/// And then of each rendering.
#[derive(Serialize, Deserialize)]
pub(super) struct Tryout<F> {
    pub(super) number: usize,
    pub(super) fields: F,
}

impl Prober {
    /// Tries a rendering out, where it may grow and a process for it can be had.
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
    /// What a trial comes to; `None` where there is no process for it.
    fn verdict(&mut self, briefing: &dyn Fn() -> Briefing, trial: &[u8]) -> Option<Option<Excess>> {
        // What ends it from outside says nothing of the row, but for what does so each time.
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
        // Not with the run: the Ctrl-C at the terminal is not meant for it.
        command.arg0(NAME).env_clear().process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().ok()?;
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take()?);
        let mut running = Self { process, stdin, stdout, is_asked: false, memory: briefing.memory };
        let is_ready = running.ask(&serde_json::to_vec(briefing).ok()?);
        matches!(is_ready, Ok(true)).then_some(running)
    }

    /// Tells it something, and waits until that is done; false when it takes too long.
    fn ask(&mut self, what: &[u8]) -> io::Result<bool> {
        self.is_asked = false;
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(&(what.len() as u64).to_le_bytes())?;
        stdin.write_all(what)?;
        self.is_asked = true;
        let patience = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
        let mut ends = [PollFd::new(&self.stdout, PollFlags::IN)];
        // A signal to this process says nothing of that one.
        if retry_on_intr(|| poll(&mut ends, Some(&patience)))? == 0 {
            return Ok(false);
        }
        self.stdout.read_exact(&mut [0])?;
        Ok(true)
    }

    /// How it ended. It has closed its pipes; where it lives on all the same, it is ended.
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
