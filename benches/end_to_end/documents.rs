//! Documents: how many are read in a second, how soon a job of many sends, and how much of its rate a book uses:
//! `cargo bench --bench end_to_end -- documents`, with `reading`, `planning` or `book` behind it for one of them, and `--quick`
//! for a tenth of each.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::budgets::Size;
use crate::measure::{median, run};
use crate::server::{Server, Stopwatch};

/// The samples that are read again and again, and how many copies of each.
const FORMATS: [(&str, usize); 10] = [
    ("procurement.txt", 20_000),
    ("release-notes.md", 20_000),
    ("bridge-tour.srt", 20_000),
    ("old-bridge.html", 2_000),
    ("supply-contract.docx", 2_000),
    ("mietvertrag.odt", 2_000),
    ("safety-training.pptx", 2_000),
    ("notice-cafe.epub", 2_000),
    ("pump-manual.pdf", 2_000),
    ("uebergabe.eml", 2_000),
];

/// How many documents a large job has, the characters of each, and the tokens that half of one costs, asked and echoed.
const DOCUMENTS: usize = 10_000;
const CHARACTERS: usize = 7_000;
const HALF_THE_TOKENS: usize = 1_750;

/// The chapters of a book, the pages of each, and the characters of a page.
const CHAPTERS: usize = 30;
const PAGES: usize = 10;
const PAGE_CHARACTERS: usize = 3_000;

/// Prints the tables with these names, or all three.
pub(crate) fn print(size: Size, names: &[String]) {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let is_wanted = |name: &str| {
        names.contains(&name) || !["reading", "planning", "book"].iter().any(|name| names.contains(name))
    };
    if is_wanted("reading") {
        println!("| documents | bytes of each | documents/s | text, MB/s |\n| --- | --- | --- | --- |");
        for (name, copies) in FORMATS {
            reading(name, size.rows(copies), size.times());
        }
    }
    if is_wanted("planning") {
        println!("| a job of many documents | measured |\n| --- | --- |");
        planning(size);
    }
    if is_wanted("book") {
        println!("| a book | measured |\n| --- | --- |");
        book(size);
    }
}

fn fanfold(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(crate::program());
    command.current_dir(folder).args(arguments).stderr(Stdio::null());
    command.env("DASHSCOPE_API_KEY", "of-the-benchmark");
    command
}

/// So many copies of a sample, read by `fanfold read`.
fn reading(name: &str, copies: usize, times: usize) {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/documents").join(name);
    let content = fs::read(&sample).expect("a sample");
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("in")).expect("a folder");
    for copy in 0..copies {
        fs::write(folder.path().join(format!("in/{copy:05}-{name}")), &content).expect("a copy");
    }
    let took = median(
        (0..times).map(|_| run(&mut fanfold(folder.path(), &["read", "in", "--output", "out.jsonl"])).wall),
    );
    let read = fs::read_to_string(folder.path().join("out.jsonl")).expect("what was read");
    let texts = read.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        line["text"].as_str().expect("a text").len()
    });
    let megabytes = texts.sum::<usize>() as f64 / 1e6;
    println!("| {name} | {} | {:.0} | {:.1} |", content.len(), copies as f64 / took, megabytes / took);
}

/// A chapter of so many characters: paragraphs of words, different for each seed.
fn chapter(seed: usize, characters: usize) -> String {
    const WORDS: [&str; 8] = ["paper", "folds", "along", "its", "perforations", "and", "lies", "flat"];
    let mut text = format!("# Chapter {seed}\n\n");
    let mut state = seed as u64;
    while text.len() < characters {
        for _ in 0..60 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let _ = write!(text, "{} ", WORDS[(state >> 61) as usize]);
        }
        text.pop();
        text.push_str(".\n\n");
    }
    text
}

/// A folder with `in/` and a job over it.
fn job(more: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("in")).expect("a folder");
    let job = format!(
        "input.path = \"in\"\nsplit.max_tokens = 1200\noutput.path = \"out.jsonl\"\n{more}\n\
         [model]\nname = \"qwen-mt-plus\"\n[request.translation_options]\nsource_lang = \"auto\"\ntarget_lang = \"French\"\n"
    );
    fs::write(folder.path().join("job.toml"), job).expect("the job");
    folder
}

/// Many documents of two pieces each, half of which have their answers.
fn planning(size: Size) {
    let documents = size.rows(DOCUMENTS);
    let folder = job("split.on_mismatch = \"keep\"");
    for document in 0..documents {
        let name = format!("in/{:02}/{document:05}.md", document % 100);
        fs::create_dir_all(folder.path().join(&name).parent().expect("a folder")).expect("a folder");
        fs::write(folder.path().join(name), chapter(document, CHARACTERS)).expect("a document");
    }
    let echo = Server::simulator(&["--translate", "echo"]);
    let run_at = |url: &str| {
        let mut command =
            fanfold(folder.path(), &["run", "job.toml", "--progress", "plain", "--base-url", url]);
        command.args(["--qps", "100000", "--qpm", "6000000", "--tpm", "1000000000", "--concurrency", "64"]);
        command.stdout(Stdio::null());
        command
    };
    // A cap ends the first run in the middle of the folder.
    let cap = documents * HALF_THE_TOKENS;
    let mut half = run_at(&echo.url);
    half.args(["--set", &format!("limits.max_total_tokens={cap}")]);
    assert_eq!(half.status().expect("it runs").code(), Some(5), "its cap is reached");
    let receipt = fs::read(folder.path().join("out.jsonl.summary.json")).expect("a receipt");
    let receipt: serde_json::Value = serde_json::from_slice(&receipt).expect("JSON");
    let (pieces, done) = (&receipt["rows"]["pieces"], &receipt["rows"]["ok"]);
    let planned: Vec<_> = (0..size.times())
        .map(|_| run(&mut fanfold(folder.path(), &["preview", "job.toml", "--requests", "0"])))
        .collect();
    let wall = median(planned.iter().map(|cost| cost.wall));
    let peak = median(planned.iter().map(|cost| cost.peak as f64)) / 1024.0;
    println!(
        "| preview of {documents} documents in {pieces} pieces, {done} documents done | {wall:.2} s, {peak:.1} MiB |"
    );
    let stopwatch = Stopwatch::new();
    let url = stopwatch.url.clone();
    println!("| first request of the run that continues | {:.2} s |", stopwatch.time(&mut run_at(&url)));
    let rest = run(&mut run_at(&echo.url));
    println!("| the rest, sent and joined | {:.1} s, {:.1} MiB |", rest.wall, rest.peak as f64 / 1024.0);
}

/// One book at 60 requests a minute and a latency of 2 s, which must come back as it is (quick: everything ten times as fast).
fn book(size: Size) {
    let (rate, latency) = if size == Size::Full { (60, 2.0) } else { (600, 0.2) };
    let folder = job(&format!("limits = {{ qpm = {rate}, tpm = 10000000, qps = 1000 }}"));
    let text = (0..CHAPTERS).map(|number| chapter(number, PAGES * PAGE_CHARACTERS)).collect::<String>();
    fs::write(folder.path().join("in/book.md"), &text).expect("a book");
    let witness = folder.path().join("witness.jsonl");
    let (qpm, latency_setting) = (rate.to_string(), format!("fixed:{}ms", latency * 1_000.0));
    let settings = ["--qpm", &qpm, "--latency", &latency_setting, "--translate", "echo", "--witness"];
    let server = Server::simulator(&[&settings[..], &[witness.to_str().expect("a path")]].concat());
    run(&mut fanfold(folder.path(), &["run", "job.toml", "--progress", "plain", "--base-url", &server.url]));
    let output = fs::read_to_string(folder.path().join("out.jsonl")).expect("the output");
    let row: serde_json::Value = serde_json::from_str(&output).expect("one row");
    assert!(row["response"] == *text, "the book is the book again");
    let log = fs::read_to_string(&witness).expect("the witness");
    let entries: Vec<serde_json::Value> =
        log.lines().map(|entry| serde_json::from_str(entry).expect("JSON")).collect();
    let times: Vec<f64> =
        entries.iter().filter_map(|entry| entry["time"].as_f64().or_else(|| entry["at"].as_f64())).collect();
    let refused = entries.iter().filter(|entry| entry["status"] == 429).count();
    let span = times.last().expect("requests") - times.first().expect("requests");
    let share = (times.len() - 1) as f64 / span / (f64::from(rate) / 60.0);
    println!(
        "| {} pages at {rate} requests a minute, latency {latency} s: share used; 429s | {:.1} % of {} requests; {refused} |",
        CHAPTERS * PAGES,
        share * 100.0,
        times.len()
    );
}
