//! Micro-benchmarks of the hot parts: reading, rendering, fingerprints, matching, verdicts, the journal's commits, the output in
//! each format, and long texts in pieces and joined. `cargo bench --bench parts`.

#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fanfold::inside::{
    Ballast, Destination, Fit, Format, Frame, Item, JournalEvent, MatchRules, Outcome, PackPlace, Projection,
    Purpose, Reader, RequestEnd, Reserve, RowKey, RunRecord, SendTime, SplitBy, fingerprint_of, judge, plan,
    prepare, write,
};
use fanfold::{
    Answer, Job, Journal, Layers, Lookups, ModelCatalog, Opened, SourceText, StopLevel, Usage, resolve, utc,
};
use tempfile::TempDir;

/// Rows of each benchmark.
const ROWS: usize = 2_000;

const TEXT: &str = "paper folds along its perforations and lies flat, ";

/// A job of so many rows in a folder of its own.
fn opened(folder: &Path, prompt: &str) -> Opened {
    let mut input = BufWriter::new(File::create(folder.join("in.jsonl")).expect("the input"));
    for row in 0..ROWS {
        let text = TEXT.repeat(20);
        writeln!(input, r#"{{"id": "r{row:08}", "text": "{row} {text}", "language": "French"}}"#)
            .expect("written");
    }
    input.into_inner().expect("written");
    Opened::new(job(folder, prompt)).expect("a good job")
}

fn job(folder: &Path, prompt: &str) -> Job {
    let folder = folder.display();
    let text = format!(
        "input.path = \"{folder}/in.jsonl\"\noutput.path = \"{folder}/out.jsonl\"\nmodel.name = \"qwen-plus\"\n{prompt}"
    );
    let script = SourceText { name: "job.toml".into(), text: text.into() };
    let (file, layers) = Layers::read(Some(script), vec![]).expect("reads");
    let lookups = Lookups {
        region: &|region, _| Err(region.to_owned()),
        book: &|_| ModelCatalog::default(),
        zone: &utc,
    };
    resolve(file, &layers, &lookups).expect("resolves")
}

const TEXTS_ONLY: &str = "prompt.user = \"{{ text }}\"\n";
const WITH_PARAMETERS: &str = "prompt.user = \"{{ text }}\"\nrequest.user_language = \"{{ language }}\"\n";

fn items(opened: &Opened) -> Vec<Item> {
    opened.rows(Projection::Fields).expect("rows").map(|item| item.expect("a row")).collect()
}

fn keys(opened: &Opened) -> Vec<RowKey> {
    items(opened).iter().map(|item| prepare(opened, item).0).collect()
}

fn ended(row: &RowKey) -> JournalEvent {
    let usage = Usage::of(260, 120);
    let answer = Answer {
        response: Some(TEXT.repeat(12)),
        finish_reason: Some("stop".to_owned()),
        model: Some("qwen-plus".to_owned()),
        request_id: Some("chatcmpl-0f2d3c4b-5a69-4788-9766-554433221100".to_owned()),
        usage: Some(usage),
        ..Answer::default()
    };
    let latency = Duration::from_millis(800);
    let sent = Some(SendTime {
        at: SystemTime::now(),
        latency,
        worst: Reserve::NOTHING,
        pack: PackPlace::ALONE,
        line: None,
    });
    let unsent = RequestEnd::unsent(row.clone(), 0, Outcome::Answered(answer));
    JournalEvent::Ended(Box::new(RequestEnd { sent, cost: Some(0.0001), ..unsent }))
}

/// Stores an answer for each row.
fn store(path: &Path, rows: &[RowKey]) {
    let journal = Journal::open(path).expect("a journal");
    let record =
        RunRecord { program: "bench".to_owned(), job: "{}".to_owned(), in_doubt: 0, simulated: false };
    let run = journal.begin_run(&record).expect("a run");
    let (writer, pen, mut committed) = journal.writer(run, Ballast::beside(path));
    std::thread::scope(|scope| {
        scope.spawn(move || rows.iter().for_each(|row| pen.write(ended(row))));
        while let Some(group) = committed.blocking_recv() {
            group.expect("committed");
        }
    });
    drop(writer.finish().expect("no panic"));
}

fn reading_and_rendering(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut group = criterion.benchmark_group("rows");
    group.throughput(Throughput::Elements(ROWS as u64));
    let plain = opened(folder.path(), TEXTS_ONLY);
    group.bench_function("read", |bencher| {
        bencher.iter(|| plain.rows(Projection::Fields).expect("rows").filter(Result::is_ok).count());
    });
    let with_parameters = opened(folder.path(), WITH_PARAMETERS);
    for (name, opened) in [("render", &plain), ("render with parameters", &with_parameters)] {
        let items = items(opened);
        group.bench_function(name, |bencher| {
            bencher.iter(|| items.iter().filter(|item| prepare(opened, item).1.is_ok()).count());
        });
    }
    let body =
        serde_json::json!({"model": "qwen-plus", "messages": [{"role": "user", "content": TEXT.repeat(20)}]});
    let body = body.as_object().expect("an object").clone();
    group.throughput(Throughput::Elements(1));
    group.bench_function("fingerprint", |bencher| bencher.iter(|| fingerprint_of(&body)));
}

fn verdicts(criterion: &mut Criterion) {
    let reply = serde_json::json!({
        "id": "chatcmpl-0f2d3c4b-5a69-4788-9766-554433221100", "object": "chat.completion", "created": 1, "model": "qwen-plus",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT.repeat(12)}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 260, "completion_tokens": 120, "total_tokens": 380},
    });
    let body = serde_json::to_vec(&reply).expect("JSON");
    let headers = reqwest::header::HeaderMap::new();
    criterion.bench_function("verdict", |bencher| {
        bencher.iter(|| judge(reqwest::StatusCode::OK, &headers, &body, SystemTime::UNIX_EPOCH, 1));
    });
}

fn journal(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = opened(folder.path(), TEXTS_ONLY);
    let keys = keys(&opened);
    let mut group = criterion.benchmark_group("journal");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(10);
    group.bench_function("commit", |bencher| {
        let fresh = || tempfile::tempdir().expect("a folder");
        bencher.iter_batched_ref(
            fresh,
            |folder: &mut TempDir| store(&folder.path().join("out.journal"), &keys),
            BatchSize::PerIteration,
        );
    });
    let path = opened.journal();
    store(&path, &keys);
    let journal = Journal::open(&path).expect("a journal");
    group.bench_function("match", |bencher| {
        bencher.iter(|| {
            let mut matcher = journal.reader().matcher(MatchRules::default()).expect("a matcher");
            let mut entries = Reader::beside(&path).expect("a journal").entries();
            let is_kept = |key: &&RowKey| {
                let entry = entries.at(key.position).expect("an entry");
                matcher.row(key, true, entry.as_ref()).expect("matched") == Fit::Kept
            };
            let kept = keys.iter().filter(is_kept).count();
            matcher.finish(false, false).expect("matched");
            assert_eq!(kept, ROWS);
        });
    });
    let (_ask, stop) = tokio::sync::watch::channel(StopLevel::None);
    let look = || plan(&opened, Some(journal.reader()), Purpose::Look, &stop).expect("a plan");
    group.bench_function("plan of kept rows", |bencher| bencher.iter(look));
    let planned = look();
    for (name, format) in [("jsonl", Format::Jsonl), ("csv", Format::Csv), ("parquet", Format::Parquet)] {
        let journal = Journal::open(&path).expect("a journal");
        let reader = journal.reader();
        group.bench_function(format!("export to {name}"), |bencher| {
            bencher.iter(|| {
                let destination = Destination::file(folder.path().join(format!("export.{name}")), format);
                write(&opened, &planned, reader.results(), destination, &stop).expect("written")
            });
        });
    }
}

/// A manual in Markdown: headings, prose, lists, links, code and a table.
fn manual() -> String {
    let section = |number: usize| {
        let prose = TEXT.repeat(8);
        format!(
            "## Section {number}\n\n{prose}with `code` and [a link](https://example.org/{number}).\n\n- {prose}\n- {TEXT}\n\n\
             ```rust\nfn section_{number}() {{}}\n```\n\n| name | meaning |\n|---|---|\n| `{number}` | {TEXT} |\n\n"
        )
    };
    (0..1_000).map(section).collect()
}

fn pieces(criterion: &mut Criterion) {
    let text = manual();
    let tokens = |text: &str| text.len().div_ceil(4) as u64;
    let mut group = criterion.benchmark_group("pieces");
    group.throughput(Throughput::Bytes(text.len() as u64));
    for (name, by) in [("Markdown", SplitBy::Markdown), ("text", SplitBy::Text)] {
        group.bench_function(format!("split and join {name}"), |bencher| {
            bencher.iter(|| {
                let split = Frame::new(&text, by).pieces(&text, 1_200, &tokens);
                let answers: Vec<&str> = split.pieces.iter().map(|piece| &*piece.text).collect();
                split.join(&text, &answers).expect("as many parts as spans").len()
            });
        });
    }
}

criterion_group!(parts, reading_and_rendering, verdicts, journal, pieces);
criterion_main!(parts);
