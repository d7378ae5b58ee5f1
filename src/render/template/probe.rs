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
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Templates;
use super::filled::DEEP_STACK;
use super::growth::Growth;
use super::reading::TemplateSource;
use crate::job::TemplateText;
use crate::render::fingerprint;
use crate::request::Fingerprint;

/// What the process that tries renderings out is called.
pub const NAME: &str = "fanfold-prober";

/// The memory that a rendering may take, apart from some copies of the longest record.
const MEMORY: u64 = 256 << 20;
const RECORDS: u64 = 12;

/// How long a rendering may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program that can be started as a prober; nothing in a library, in which there is none.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Says which program is this one, and can be started as a prober.
pub fn allow(program: PathBuf) {
    let _ = PROGRAM.set(program);
}

/// Of what a rendering takes too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// It takes more memory than these bytes.
    Memory(u64),
    /// It takes longer than that.
    Time(Duration),
    /// Whoever tries it out is ended from outside, again and again.
    Ended,
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
}

/// What the process is told first.
#[derive(Serialize, Deserialize)]
struct Briefing {
    known: Option<Vec<String>>,
    longest: u64,
    sources: Vec<(String, String, bool)>,
    memory: u64,
}

/// And then of each rendering.
#[derive(Serialize, Deserialize)]
struct Tryout<F> {
    number: usize,
    fields: F,
}

impl Prober {
    /// Tries a rendering out, where it may grow and a process for it can be had.
    pub(super) fn excess(
        &self,
        templates: &Templates,
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
        let verdict = tryouts.state.verdict(templates, &trial)?;
        if tryouts.verdicts.len() >= VERDICTS {
            tryouts.verdicts.clear();
        }
        tryouts.verdicts.insert(known, verdict);
        verdict
    }
}

impl ProberState {
    /// What a trial comes to; `None` where there is no process for it.
    fn verdict(&mut self, templates: &Templates, trial: &[u8]) -> Option<Option<Excess>> {
        // What ends it from outside says nothing of the row, but for what does so each time.
        for _ in 0..2 {
            if let Self::Idle = *self {
                *self = ProbeProcess::start(templates).map_or(Self::Impossible, Self::Running);
            }
            let Self::Running(running) = self else { return None };
            let death = match running.ask(trial) {
                Ok(true) => return Some(None),
                Ok(false) => None,
                Err(_) => Some(running.death()),
            };
            *self = Self::Idle;
            match death {
                None => return Some(Some(Excess::Time(PATIENCE))),
                Some(Death::Own) => return Some(Some(Excess::Memory(memory(templates)))),
                Some(Death::Outside) => {}
            }
        }
        Some(Some(Excess::Ended))
    }
}

impl ProbeProcess {
    fn start(templates: &Templates) -> Option<Self> {
        let mut command = Command::new(PROGRAM.get()?);
        // Not with the run: the Ctrl-C at the terminal is not meant for it.
        command.arg0(NAME).env_clear().process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().ok()?;
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take()?);
        let mut running = Self { process, stdin, stdout, is_asked: false };
        let sources = templates.sources.iter();
        let job = Briefing {
            known: templates.known.clone(),
            longest: templates.longest,
            sources: sources
                .map(|source| (source.name.clone(), source.text.source.clone(), source.keeps_type))
                .collect(),
            memory: memory(templates),
        };
        let is_ready = running.ask(&serde_json::to_vec(&job).ok()?);
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

/// The bytes that a rendering may take.
fn memory(templates: &Templates) -> u64 {
    let deep = templates
        .sources
        .iter()
        .enumerate()
        .any(|(number, _)| templates.first.template(number).is_some_and(|template| template.is_deep));
    let stack = if deep { DEEP_STACK as u64 } else { 0 };
    MEMORY + templates.longest.saturating_mul(RECORDS) + stack
}

/// Tries renderings out as it is asked, until nobody asks any more; a dot for each that is done.
///
/// # Errors
///
/// When nobody asks, or what is asked cannot be made sense of.
pub fn probe(asked: &mut impl Read, told: &mut impl Write) -> io::Result<()> {
    let Briefing { known, longest, sources, memory } = serde_json::from_slice(&frame(asked)?)?;
    let mut templates = Templates { known, ..Templates::new(None, longest) };
    for (name, source, keeps_type) in sources {
        let text = TemplateText { source, place: None };
        templates.compile(TemplateSource { name, text, keeps_type }).map_err(io::Error::other)?;
    }
    bound(memory)?;
    loop {
        told.write_all(b".")?;
        told.flush()?;
        let Tryout { number, fields } = serde_json::from_slice(&frame(asked)?)?;
        let fields: Map<String, Value> = fields;
        // What it fails of is told where it is rendered in earnest.
        let _ = templates.fill(&fields).rendered(number);
    }
}

fn frame(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let mut bytes = Vec::new();
    let length = u64::from_le_bytes(length);
    from.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Bounds this process to so much memory more than it has, and to no core file of it.
fn bound(memory: u64) -> io::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let size = size.and_then(|size| size.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    // Where the system does not say how much it is, there is nothing to go by.
    let most = size.ok_or(io::ErrorKind::Unsupported)? * 1024 + memory;
    let before = getrlimit(Resource::As);
    let most = before.current.map_or(most, |before| before.min(most));
    setrlimit(Resource::As, Rlimit { current: Some(most), maximum: before.maximum })?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}
