//! The budgets, by their numbers, and how each is measured.

use std::fs;

use crate::jobs::Job;
use crate::measure::{Cost, median, run};
use crate::server::{Server, Stopwatch};

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// A tenth of the rows, and three runs instead of five: for a quick look.
    Quick,
    /// As in the budgets.
    Full,
}

impl Size {
    pub(crate) fn rows(self, full: usize) -> usize {
        if self == Self::Full { full } else { full / 10 }
    }

    pub(crate) fn times(self) -> usize {
        if self == Self::Full { 5 } else { 3 }
    }
}

/// A line of the table.
pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) budget: &'static str,
    pub(crate) measured: String,
}

type Measure = fn(Size) -> Vec<Line>;

/// Every budget that is measured here.
pub(crate) const ALL: [(usize, Measure); 9] = [
    (1, processor),
    (3, latency),
    (4, memory),
    (5, quota),
    (6, start),
    (7, resume),
    (8, export),
    (9, journal),
    (10, growth),
];

fn line(what: impl Into<String>, budget: &'static str, measured: impl Into<String>) -> Line {
    Line { what: what.into(), budget, measured: measured.into() }
}

const MICRO: f64 = 1e6;

/// 1 and 2: CPU time per row compared with the floor's, and rows per second, from the same runs.
fn processor(size: Size) -> Vec<Line> {
    let server = Server::fixed();
    let mut lines = Vec::new();
    for rows in [20_000, 200_000].map(|rows| size.rows(rows)) {
        let job = Job::new(rows, "in.jsonl");
        for in_flight in [64, 256] {
            let pairs: Vec<(Cost, Cost)> = (0..size.times())
                .map(|_| {
                    job.forget();
                    (run(&mut job.floor(&server.url, in_flight)), run(&mut job.run(&server.url, in_flight)))
                })
                .collect();
            let each = |cost: &Cost| cost.cpu / rows as f64 * MICRO;
            let ratio = median(pairs.iter().map(|(floor, whole)| whole.cpu / floor.cpu));
            let floor = median(pairs.iter().map(|(floor, _)| each(floor)));
            let whole = median(pairs.iter().map(|(_, whole)| each(whole)));
            let rate = median(pairs.iter().map(|(_, whole)| rows as f64 / whole.wall));
            let bare = median(pairs.iter().map(|(floor, _)| rows as f64 / floor.wall));
            let what = format!("CPU per row over the floor's, {in_flight} in flight, {rows} rows");
            lines.push(line(what, "1.5", format!("{ratio:.2} ({whole:.0} µs to {floor:.0} µs)")));
            let what = format!("rows/s beside the server, {in_flight} in flight, {rows} rows");
            lines.push(line(what, "10,000", format!("{rate:.0} (floor {bare:.0})")));
        }
    }
    lines
}

/// 3: the share of the rate that the latency allows.
fn latency(size: Size) -> Vec<Line> {
    let server = Server::simulator(&["--latency", "fixed:200ms"]);
    [(256, "95 %", 25_600), (1024, "85 %", 102_400)]
        .map(|(in_flight, budget, rows)| {
            let rows = size.rows(rows);
            let job = Job::new(rows, "in.jsonl");
            let share = median((0..size.times()).map(|_| {
                job.forget();
                rows as f64 / run(&mut job.run(&server.url, in_flight)).wall / (in_flight as f64 / 0.2)
            }));
            let what = format!("share of in-flight / latency at 200 ms, {in_flight} in flight, {rows} rows");
            line(what, budget, format!("{:.1} %", share * 100.0))
        })
        .into()
}

/// 4: memory by requests in flight, and how it grows with the rows.
fn memory(size: Size) -> Vec<Line> {
    let server = Server::fixed();
    let mebibytes = |peak: u64| peak as f64 / 1024.0;
    let peak = |job: &Job, in_flight| {
        job.forget();
        mebibytes(run(&mut job.run(&server.url, in_flight)).peak)
    };
    let small = Job::new(20_000, "in.jsonl");
    let mut lines: Vec<Line> = [(64, "25 MiB"), (256, "40 MiB"), (1024, "80 MiB")]
        .map(|(in_flight, budget)| {
            let what = format!("peak memory at {in_flight} in flight, 20000 rows");
            line(what, budget, format!("{:.1} MiB", peak(&small, in_flight)))
        })
        .into();
    let many = size.rows(2_000_000);
    for input in ["in.jsonl", "in.csv"] {
        let few = peak(&Job::new(20_000, input), 64);
        let large = peak(&Job::new(many, input), 64);
        let what = format!("peak memory of {many} rows over that of 20000, {input}");
        lines.push(line(what, "1.10", format!("{:.2} ({large:.1} MiB to {few:.1} MiB)", large / few)));
    }
    lines
}

/// 5: the used share of a quota, and the requests that the server refuses.
fn quota(size: Size) -> Vec<Line> {
    let seconds = if size == Size::Full { 60 } else { 10 };
    [50, 200, 1000]
        .map(|limit| {
            let folder = tempfile::tempdir().expect("a folder");
            let witness = folder.path().join("witness.jsonl");
            let witness_path = witness.to_str().expect("a path").to_owned();
            let server = Server::simulator(&[
                "--qps",
                &limit.to_string(),
                "--latency",
                "fixed:50ms",
                "--witness",
                &witness_path,
            ]);
            let rows = limit * seconds;
            let job = Job::new(rows, "in.jsonl");
            job.write(&format!("limits.qps = {limit}"));
            run(&mut job.run(&server.url, 256));
            let log = fs::read_to_string(&witness).expect("the witness");
            let (mut times, mut refused, mut answered) = (Vec::new(), 0, 0);
            for entry in log.lines().filter_map(|entry| serde_json::from_str::<serde_json::Value>(entry).ok())
            {
                times.extend(entry["time"].as_f64().or_else(|| entry["at"].as_f64()));
                match entry["status"].as_u64() {
                    Some(429) => refused += 1,
                    Some(200) => answered += 1,
                    _ => {}
                }
            }
            let span = times.last().expect("requests") - times.first().expect("requests");
            let share = (times.len() - 1) as f64 / span / limit as f64;
            let what = format!("share of {limit} requests/s over {seconds} s; 429s; rows lost");
            let lost = rows - answered;
            line(what, "99 %; 0; 0", format!("{:.1} %; {refused}; {lost}", share * 100.0))
        })
        .into()
}

/// 6: from the start of the process to its first request.
fn start(size: Size) -> Vec<Line> {
    let server = Server::fixed();
    let mut lines = Vec::new();
    for (rows, done, budget) in [
        (1_000, false, "0.05 s"),
        (20_000, false, "0.15 s"),
        (20_000, true, "0.3 s"),
        (size.rows(1_000_000), true, "3 s"),
    ] {
        let job = Job::new(if done { rows / 2 } else { rows }, "in.jsonl");
        if done {
            run(&mut job.run(&server.url, 256));
            job.write_rows(rows);
        }
        let kept = job.keep();
        let took = median((0..size.times()).map(|_| {
            job.restore(&kept);
            let stopwatch = Stopwatch::new();
            let url = stopwatch.url.clone();
            stopwatch.time(&mut job.run(&url, 64))
        }));
        let what =
            format!("first request of {rows} rows, {}", if done { "half done" } else { "nothing done" });
        lines.push(line(what, budget, format!("{took:.3} s")));
    }
    lines
}

/// 7: a job in which every row is done.
fn resume(size: Size) -> Vec<Line> {
    let rows = size.rows(2_000_000);
    let server = Server::fixed();
    let job = Job::new(rows, "in.jsonl");
    run(&mut job.run(&server.url, 256));
    let costs: Vec<Cost> = (0..size.times()).map(|_| run(&mut job.run(&server.url, 256))).collect();
    let planned: Vec<Cost> =
        (0..size.times()).map(|_| run(job.fanfold("preview").args(["--requests", "0"]))).collect();
    let rate = |costs: &[Cost]| rows as f64 / median(costs.iter().map(|cost| cost.wall));
    let peak = median(costs.iter().map(|cost| cost.peak as f64)) / 1024.0;
    vec![
        line(
            format!("planning {rows} done rows: read, rendered, matched"),
            "",
            format!("{:.0} rows/s", rate(&planned)),
        ),
        line(
            format!("a run over {rows} done rows, output written"),
            "",
            format!("{:.0} rows/s, {peak:.1} MiB", rate(&costs)),
        ),
    ]
}

/// 8: export to each format, alternating with a bare copy of its output.
fn export(size: Size) -> Vec<Line> {
    let rows = size.rows(1_000_000);
    let server = Server::fixed();
    let job = Job::new(rows, "in.jsonl");
    run(&mut job.run(&server.url, 256));
    // The input was written just before it was read: a run that finds it unchanged records that in the journal.
    run(&mut job.run(&server.url, 256));
    let measure = |format: &str| {
        let (output, copied) = (format!("export.{format}"), format!("copy.{format}"));
        let pairs: Vec<(Cost, Cost)> = (0..size.times())
            .map(|_| {
                let whole = run(job.fanfold("export").args(["--base-url", &server.url, "--output", &output]));
                (whole, run(&mut job.copy(&output, &copied)))
            })
            .collect();
        let rate = rows as f64 / median(pairs.iter().map(|(whole, _)| whole.wall));
        let bare = rows as f64 / median(pairs.iter().map(|(_, copy)| copy.wall));
        let peak = median(pairs.iter().map(|(whole, _)| whole.peak as f64)) / 1024.0;
        let ratio = median(pairs.iter().map(|(whole, copy)| whole.cpu / copy.cpu));
        [
            line(
                format!("export of {rows} rows to {format}"),
                "200,000 rows/s",
                format!("{rate:.0} rows/s, {peak:.1} MiB (a bare copy: {bare:.0} rows/s)"),
            ),
            line(format!("CPU of that export over a bare copy's, {format}"), "1.5", format!("{ratio:.2}")),
        ]
    };
    ["jsonl", "csv", "parquet"].into_iter().flat_map(measure).collect()
}

/// 9: the size of the journal compared with its answers.
fn journal(size: Size) -> Vec<Line> {
    let rows = size.rows(200_000);
    let server = Server::fixed();
    let job = Job::new(rows, "in.jsonl");
    run(&mut job.run(&server.url, 256));
    let journal = fs::metadata(job.path("out.jsonl.journal")).expect("the journal").len();
    let output = fs::read_to_string(job.path("out.jsonl")).expect("the output");
    let answers: usize = output
        .lines()
        .map(|row| serde_json::from_str::<serde_json::Value>(row).expect("JSON"))
        .map(|row| row["response"].as_str().map_or(0, str::len))
        .sum();
    let allowed = answers as f64 * 1.3 + 100.0 * rows as f64;
    let each = |bytes: f64| bytes / rows as f64;
    vec![line(
        format!("journal of {rows} rows over 1.3 of the answers and 100 bytes a row"),
        "1.00",
        format!(
            "{:.2} ({:.0} bytes a row, answers of {:.0})",
            journal as f64 / allowed,
            each(journal as f64),
            each(answers as f64)
        ),
    )]
}

/// 10: CPU time per row with many rows compared with few.
fn growth(size: Size) -> Vec<Line> {
    let (few, many) = (20_000, size.rows(2_000_000));
    let server = Server::fixed();
    let (small, large) = (Job::new(few, "in.jsonl"), Job::new(many, "in.jsonl"));
    let each = |job: &Job, rows: usize| {
        job.forget();
        run(&mut job.run(&server.url, 64)).cpu / rows as f64
    };
    let times = if size == Size::Full { 3 } else { 1 };
    let ratios: Vec<f64> = (0..times)
        .map(|_| {
            let before = median((0..3).map(|_| each(&small, few)));
            each(&large, many) / before
        })
        .collect();
    vec![line(
        format!("CPU per row of {many} rows over that of {few}"),
        "1.10",
        format!("{:.2}", median(ratios)),
    )]
}
