//! Whole runs in batches under a seed, against a provider in memory whose answers are lost, late, doubled, partial and out of order, on a
//! clock that jumps. Runs are broken off anywhere. No request is paid for twice in batches, and in the end every row has its answer.

mod provider;

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::config::layers::Layers;
use crate::config::resolve::{Lookups, resolve};
use crate::diagnostic::SourceText;
use crate::dispatch::stop::StopLevel;
use crate::job::facts::ModelCatalog;
use crate::job::schedule::utc;
use crate::job::{Job, Transport};
use crate::journal::lock::Lock;
use crate::journal::reader::Reader;
use crate::pipeline::Opened;
use crate::pipeline::execute::{RunEnd, RunOrder, Summary, execute_in_batches};
use provider::{Provider, TOKENS};

/// Seeds that are played.
const SEEDS: u64 = 12;

/// Runs after which every row has to have its answer.
const RUNS: u64 = 30;

fn job(folder: &Path, more: &str) -> Job {
    let path = |name: &str| folder.join(name).display().to_string();
    let text = format!(
        "input.path = {:?}\noutput.path = {:?}\nmodel.name = \"m\"\nmodel.transport = \"batch\"\n\
         prompt.user = \"{{{{ text }}}}\"\nrequest.max_tokens = {}\nretry.max_attempts = 40\nbatch.max_lines = 7\n{more}",
        path("in.jsonl"),
        path("out.jsonl"),
        TOKENS - 1,
    );
    let script = SourceText { name: "job.toml".into(), text: text.into() };
    let (file, layers) = Layers::read(Some(script), vec![]).expect("a job");
    let lookups =
        Lookups { region: &|_, _| Err(String::new()), book: &|_| ModelCatalog::default(), zone: &utc };
    resolve(file, &layers, &lookups).expect("a job")
}

fn write_rows(folder: &Path, texts: &[String]) {
    let lines: Vec<String> = texts.iter().map(|text| format!("{{\"text\": {text:?}}}\n")).collect();
    fs::write(folder.join("in.jsonl"), lines.concat()).expect("an input");
}

fn texts(rows: u64) -> Vec<String> {
    (0..rows).map(|row| format!("text {row}")).collect()
}

/// A run, which may be killed after so many steps of the provider; `None` if it was.
async fn run(folder: &Path, provider: &Provider, more: &str, steps: Option<u64>) -> Option<Summary> {
    provider.left.set(steps.map_or(u64::MAX, |steps| steps + 1));
    run_job(job(folder, more), provider).await
}

/// A run of another job over the same files.
async fn run_of(folder: &Path, provider: &Provider, change: impl FnOnce(&mut Job)) -> Option<Summary> {
    let mut job = job(folder, "");
    change(&mut job);
    run_job(job, provider).await
}

async fn run_job(job: Job, provider: &Provider) -> Option<Summary> {
    let opened = Opened::new(job).expect("an input");
    let lock = Lock::take(&opened.journal()).expect("a lock");
    let journal = lock.open().expect("a journal");
    let (_ask, stop) = watch::channel(StopLevel::None);
    let order = RunOrder::new(&opened);
    let doors = (provider, provider);
    let mut nobody = ();
    let run = execute_in_batches(&order, doors, journal, Timestamp::now, stop, &mut nobody);
    let ended = tokio::select! {
        ended = run => ended,
        () = provider.killed.notified() => return None,
    };
    Some(ended.map_err(|error| panic!("{error}")).expect("a run").0)
}

fn check_output(folder: &Path, texts: &[String]) {
    let output = fs::read_to_string(folder.join("out.jsonl")).expect("an output");
    let rows: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).expect("a row")).collect();
    assert_eq!(rows.len(), texts.len());
    for (row, text) in rows.iter().zip(texts) {
        assert_eq!(
            (row["text"].as_str(), &row["response"]),
            (Some(&**text), &json!(format!("answer to {text}")))
        );
    }
}

fn block_on(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(work);
}

const LONG: Duration = Duration::from_secs(30 * 24 * 3600);

async fn play(seed: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let provider = Provider::new(seed, 25);
    let texts = texts(20 + seed);
    write_rows(folder.path(), &texts);
    for number in 0..RUNS {
        let steps = (number < RUNS / 2).then(|| provider.draw(40));
        let Some(summary) = run(folder.path(), &provider, "", steps).await else { continue };
        let state = provider.state.borrow();
        let twice: Vec<_> = state.paid.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "seed {seed}, run {number}: paid twice: {twice:?}");
        if summary.end != RunEnd::Finished {
            continue;
        }
        check_output(folder.path(), &texts);
        assert!(
            state.files.is_empty() || state.files.len() < 20,
            "files are deleted: {:?}",
            state.files.keys()
        );
        let reader = Reader::open(&folder.path().join("out.jsonl.journal")).expect("a journal");
        assert_eq!(reader.submitted().expect("lines").waiting, 0);
        return;
    }
    panic!("seed {seed}: after {RUNS} runs there are rows without an end");
}

#[test]
fn no_request_is_paid_for_twice_whatever_is_lost_and_wherever_a_run_breaks_off() {
    for seed in 0..SEEDS {
        block_on(play(seed));
    }
}

#[test]
fn a_run_that_does_not_wait_ends_as_submitted_and_the_same_command_collects() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let provider = Provider::new(1, 0);
        let texts = texts(17);
        write_rows(folder.path(), &texts);
        let summary = run(folder.path(), &provider, "batch.wait = false\n", None).await.expect("an end");
        assert_eq!((summary.end, summary.reason), (RunEnd::Submitted, "submitted"));
        assert_eq!(provider.state.borrow().batches.len(), 3, "16 rows, one having gone first");
        tokio::time::sleep(LONG).await;
        let summary = run(folder.path(), &provider, "batch.wait = false\n", None).await.expect("an end");
        assert_eq!(summary.end, RunEnd::Finished);
        check_output(folder.path(), &texts);
        let state = provider.state.borrow();
        assert_eq!((state.batches.len(), state.files.len()), (3, 0));
        assert_eq!((state.live.len(), state.paid.values().sum::<u64>()), (1, 16));
    });
}

#[test]
fn a_cap_holds_for_what_is_submitted_and_not_collected() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let provider = Provider::new(2, 0);
        write_rows(folder.path(), &texts(17));
        // Bytes bound the tokens of a prompt: some 60 each, of which an answer uses 6.
        let more = "limits.max_total_tokens = 100\n";
        let summary = run(folder.path(), &provider, more, None).await.expect("an end");
        assert_eq!(summary.end, RunEnd::Cap);
        let state = provider.state.borrow();
        assert!(state.batches.len() > 1, "what turned out cheaper lets more be submitted");
        for made in &state.batches {
            assert_eq!(made.lines.len(), 1, "lines at once");
        }
        assert!(state.paid.values().sum::<u64>() * TOKENS <= 100);
    });
}

#[test]
fn a_full_queue_is_waited_for_with_smaller_batches() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let provider = Provider::new(3, 0);
        provider.state.borrow_mut().queue_is_short = true;
        let texts = texts(9);
        write_rows(folder.path(), &texts);
        let summary = run(folder.path(), &provider, "", None).await.expect("an end");
        assert_eq!(summary.end, RunEnd::Finished);
        check_output(folder.path(), &texts);
    });
}

#[test]
fn replies_for_rows_that_are_gone_serve_a_row_that_asks_the_same() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let provider = Provider::new(4, 0);
        let mut texts = texts(6);
        write_rows(folder.path(), &texts);
        run(folder.path(), &provider, "batch.wait = false\n", None).await.expect("an end");
        // Three rows are taken away, and two of them come back elsewhere.
        let gone: Vec<String> = texts.drain(1..4).collect();
        write_rows(folder.path(), &texts);
        run(folder.path(), &provider, "batch.wait = false\n", None).await.expect("an end");
        tokio::time::sleep(LONG).await;
        texts.extend(gone.into_iter().take(2));
        write_rows(folder.path(), &texts);
        let summary = run(folder.path(), &provider, "", None).await.expect("an end");
        assert_eq!(summary.end, RunEnd::Finished);
        check_output(folder.path(), &texts);
        let state = provider.state.borrow();
        assert!(state.paid.values().all(|times| *times == 1), "{:?}", state.paid);
        assert_eq!(state.live.len(), 1);
    });
}

#[test]
fn a_job_that_sends_at_once_by_now_collects_what_is_in_batches_and_pays_for_nothing_twice() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let provider = Provider::new(5, 0);
        let mut texts = texts(9);
        write_rows(folder.path(), &texts);
        run(folder.path(), &provider, "batch.wait = false\n", None).await.expect("an end");
        texts.extend(["one more".to_owned(), "and another".to_owned()]);
        write_rows(folder.path(), &texts);
        let summary = run_of(folder.path(), &provider, |job| {
            job.batch = None;
            job.model.transport = Transport::Auto;
        });
        assert_eq!(summary.await.expect("an end").end, RunEnd::Finished);
        check_output(folder.path(), &texts);
        let state = provider.state.borrow();
        assert_eq!((state.live.len(), state.paid.len()), (3, 8));
        assert!(
            state.live.keys().all(|text| !state.paid.contains_key(text)),
            "no text is answered both ways"
        );
    });
}
