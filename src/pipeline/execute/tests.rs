//! Whole runs under a seed: files in a folder, a service in memory, a clock that jumps. Runs are stopped in either way, caps end
//! them, the input changes between them, and the promises are held against what the service saw and the output says.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::config::layers::Layers;
use crate::config::resolve::{Lookups, resolve};
use crate::diagnostic::SourceText;
use crate::job::Job;
use crate::job::facts::ModelCatalog;
use crate::job::schedule::utc;
use crate::journal::lock::Lock;
use crate::outcome::{Answer, Fault, FaultKind, Reply, Usage};
use crate::request::ChatRequest;

/// Seeds that are played.
const SEEDS: u64 = 8;

/// Runs after which every row has to have its end.
const RUNS: u64 = 20;

/// Faults that a request meets at most.
const HITS: u64 = 2;

/// What an answer uses.
const TOKENS: u64 = 6;

/// A number of a seed that is the same everywhere (SplitMix64).
fn draw(seed: u64, what: u64, below: u64) -> u64 {
    let mut z =
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(what.wrapping_mul(0xd134_2543_de82_ef95));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % below
}

/// The service, and what it has seen.
#[derive(Default)]
struct Service {
    seed: u64,
    seen: RefCell<Seen>,
}

#[derive(Default)]
struct Seen {
    /// How often each text was asked.
    asked: BTreeMap<String, u64>,
    /// Texts whose answers are stored for certain.
    stored: BTreeSet<String>,
    /// Texts that were answered in the present run.
    answered: BTreeSet<String>,
    /// Requests that were paid for, whether anybody heard of it or not.
    paid: u64,
    in_flight: usize,
    most_in_flight: usize,
}

impl Endpoint for Service {
    async fn send(&self, request: &ChatRequest) -> Reply {
        let body: Value = serde_json::from_slice(&request.body).expect("a body");
        let text = body["messages"][0]["content"].as_str().expect("a text").to_owned();
        let _in_flight = InFlight::new(&self.seen);
        let (nth, lot) = {
            let seen = &mut *self.seen.borrow_mut();
            assert!(
                !seen.stored.contains(&text),
                "seed {}: `{text}` was sent again after its answer",
                self.seed
            );
            let nth = seen.asked.entry(text.clone()).and_modify(|nth| *nth += 1).or_default();
            let key = text.bytes().fold(*nth, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
            let lot = draw(self.seed, key, 100);
            (*nth, lot)
        };
        let fault = match lot {
            _ if nth >= HITS => None,
            0..10 => Some((FaultKind::Transient, "500")),
            10..20 => Some((FaultKind::Throttled, "429")),
            _ => None,
        };
        self.seen.borrow_mut().paid += u64::from(fault.is_none());
        tokio::time::sleep(Duration::from_millis(10 + 5 * lot)).await;
        if let Some((kind, code)) = fault {
            return Err(Fault::new(kind, code, "not now"));
        }
        let response = Some(format!("answer to {text}"));
        self.seen.borrow_mut().answered.insert(text);
        Ok(Answer {
            response,
            finish_reason: Some("stop".to_owned()),
            usage: Some(Usage::of(1, TOKENS - 1)),
            ..Answer::default()
        })
    }
}

/// A request in flight, until it ends or is given up.
struct InFlight<'a>(&'a RefCell<Seen>);

impl<'a> InFlight<'a> {
    fn new(seen: &'a RefCell<Seen>) -> Self {
        let mut now = seen.borrow_mut();
        now.in_flight += 1;
        now.most_in_flight = now.most_in_flight.max(now.in_flight);
        drop(now);
        Self(seen)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().in_flight -= 1;
    }
}

/// The job of a seed; a cap holds in its first runs.
fn job(folder: &Path, seed: u64, cap: Option<u64>) -> Job {
    let path = |name: &str| folder.join(name).display().to_string();
    let cap = cap.map(|cap| format!("max_total_tokens = {cap}\n")).unwrap_or_default();
    let text = format!(
        "input.path = {:?}\noutput.path = {:?}\nmodel.name = \"m\"\nprompt.user = \"{{{{ text }}}}\"\n\
         request.max_tokens = {}\n[limits]\nconcurrency = {}\n{cap}",
        path("in.jsonl"),
        path("out.jsonl"),
        TOKENS - 1,
        places(seed),
    );
    let script = SourceText { name: "job.toml".into(), text: text.into() };
    let (file, layers) = Layers::read(Some(script), vec![]).expect("a job");
    let lookups =
        Lookups { region: &|_, _| Err(String::new()), book: &|_| ModelCatalog::default(), zone: &utc };
    resolve(file, &layers, &lookups).expect("a job")
}

fn places(seed: u64) -> usize {
    1 + draw(seed, 1, 8) as usize
}

/// The texts of the rows before a run: some are changed, added or taken away.
fn edit(texts: &mut Vec<String>, seed: u64, run: u64) {
    let lot = |what: u64, below: usize| draw(seed, 1000 * run + what, below.max(1) as u64) as usize;
    match lot(2, 4) {
        0 if texts.len() > 2 => {
            texts.remove(lot(3, texts.len()));
        }
        1 => texts.insert(lot(4, texts.len()), format!("text of seed {seed}, new before run {run}")),
        2 => {
            let at = lot(5, texts.len());
            texts[at] = format!("text of seed {seed}, changed before run {run}");
        }
        _ => {}
    }
}

/// One run, which may be stopped on its way. Whether it came to its end in order.
async fn run(folder: &Path, service: &Service, number: u64, cap: Option<u64>) -> Option<Summary> {
    let seed = service.seed;
    let opened = Opened::new(job(folder, seed, cap)).expect("an input");
    let lock = Lock::take(&opened.journal()).expect("a lock");
    let journal = lock.open().expect("a journal");
    let (ask, stop) = watch::channel(StopLevel::None);
    let after = Duration::from_millis(draw(seed, 1000 * number + 6, 4000));
    let level = match draw(seed, 1000 * number + 7, 4) {
        _ if number >= RUNS / 2 => StopLevel::None,
        0 => StopLevel::Drain,
        1 => StopLevel::Now,
        _ => StopLevel::None,
    };
    let asks = tokio::spawn(async move {
        tokio::time::sleep(after).await;
        let _ = ask.send(level);
        std::future::pending::<()>().await;
    });
    let order = RunOrder::new(&opened);
    let ended = execute(&order, service, journal, Timestamp::now, stop, &mut ()).await;
    asks.abort();
    match ended {
        Ok((summary, _)) => Some(summary),
        Err(ExecuteError::Interrupted) => None,
        Err(error) => panic!("seed {seed}, run {number}: {error}"),
    }
}

/// Each row of the output is the input's, in order, and has its own answer or none.
fn check_output(folder: &Path, texts: &[String], pending: u64, seed: u64) {
    let output = fs::read_to_string(folder.join("out.jsonl")).expect("an output");
    let rows: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).expect("a row")).collect();
    assert_eq!(rows.len(), texts.len(), "seed {seed}: as many rows as the input has");
    let mut open = 0;
    for (row, text) in rows.iter().zip(texts) {
        assert_eq!(row["text"], text.as_str(), "seed {seed}: in the order of the input");
        match row["response"].as_str() {
            Some(response) => assert_eq!(response, format!("answer to {text}"), "seed {seed}"),
            None => open += 1,
        }
    }
    assert_eq!(open, pending, "seed {seed}: what has no answer is pending");
}

async fn play(seed: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service { seed, ..Service::default() };
    let cap = (draw(seed, 8, 2) == 0).then(|| TOKENS * (20 + draw(seed, 9, 40)));
    let mut texts: Vec<String> =
        (0..10 + draw(seed, 10, 60)).map(|row| format!("text of seed {seed}, row {row}")).collect();
    for number in 0..RUNS {
        // In the end nothing is in the way any more.
        let quiet = number >= RUNS / 2;
        if number > 0 && !quiet {
            edit(&mut texts, seed, number);
        }
        let lines: Vec<String> = texts.iter().map(|text| format!("{{\"text\": {text:?}}}\n")).collect();
        fs::write(folder.path().join("in.jsonl"), lines.concat()).expect("an input");
        let cap = cap.filter(|_| !quiet);
        let ended = run(folder.path(), &service, number, cap).await;
        let mut seen = service.seen.borrow_mut();
        assert!(seen.most_in_flight <= places(seed), "seed {seed}: {} in flight", seen.most_in_flight);
        if let Some(cap) = cap {
            assert!(seen.paid * TOKENS <= cap, "seed {seed}: {} answers paid of {cap} tokens", seen.paid);
        }
        let answered = std::mem::take(&mut seen.answered);
        let Some(summary) = ended else { continue };
        let Some(written) = summary.written else { continue };
        seen.stored.extend(answered);
        drop(seen);
        assert_eq!((written.rows(), written.failed), (texts.len() as u64, 0), "seed {seed}");
        assert_eq!(summary.pending, written.pending);
        check_output(folder.path(), &texts, written.pending, seed);
        if quiet && summary.end == RunEnd::Finished {
            return;
        }
    }
    panic!("seed {seed}: after {RUNS} runs there are rows without an end");
}

#[test]
fn whole_runs_that_are_stopped_capped_and_given_other_rows_keep_their_promises() {
    for seed in 0..SEEDS {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(play(seed));
    }
}

#[test]
fn a_run_that_is_stopped_before_its_input_is_read_sends_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("in.jsonl"), "{\"text\": \"a text\"}\n").expect("an input");
    let opened = Opened::new(job(folder.path(), 0, None)).expect("an input");
    let lock = Lock::take(&opened.journal()).expect("a lock");
    let (service, stop) = (Service::default(), watch::channel(StopLevel::Drain).1);
    let order = RunOrder::new(&opened);
    let journal = lock.open().expect("a journal");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let run = async { execute(&order, &service, journal, Timestamp::now, stop, &mut ()).await };
    let ended = runtime.expect("a runtime").block_on(run);
    assert!(matches!(ended, Err(ExecuteError::Interrupted)), "{ended:?}");
    assert!(service.seen.borrow().asked.is_empty());
}
