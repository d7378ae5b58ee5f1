//! `fanfold report`: one HTML page about a job, from its journal alone, even while it runs.

use std::collections::BTreeMap;
use std::io::{Write, stdout};
use std::path::PathBuf;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::failure::Failure;
use super::load::{load_to_look, screen, take_output};
use super::printout::Veiled;
use super::side_file::SideFile;
use crate::cli::{Progress, ReportArgs};
use crate::clock;
use crate::exit::Exit;
use crate::job::Job;
use crate::journal::lock::Lock;
use crate::journal::reader::Reader;
use crate::journal::{self, JournalError};
use crate::pipeline::PipelineError;
use crate::pipeline::run_record::limits;
use crate::report::{Figures, ReportSubject, SubjectRows, page};
use crate::row_words::RowWords;
use crate::text::counted;
use crate::write::{Manner, write_atomic};

/// The maximum number of orders listed: the latest ones.
const ORDERS: u32 = 30;

/// Runs the command.
pub(super) fn run(mut args: ReportArgs) -> Result<Exit, Failure> {
    let screen = screen(&args.job, Progress::None);
    // The journal belongs to the output named in the job file.
    let asked = args.job.job.is_some().then(|| take_output(&mut args.job)).flatten();
    let job = load_to_look(&args.job)?;
    let path = job.output.journal();
    let reader = Reader::open(&path)?;
    let described: Value =
        reader.last_job()?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let figures = gather(&reader, &job, counted_as(&described, &job))?;
    let html = page(&figures, &subject(&reader, &job, &figures, described)?)
        .map_err(|error| Failure::new(format!("cannot create the page: {error:#}")))?;
    match asked.as_deref() {
        Some("-") => Veiled(stdout().lock()).write_all(html.as_bytes())?,
        asked => {
            let is_named = asked.is_some();
            let place = asked.map_or_else(|| job.output.report(), PathBuf::from);
            let page = SideFile { what: "the report", flag: ("--output", "report.html"), place: &place };
            page.check(&job, args.job.job.as_deref())?;
            let manner = Manner { follows_links: is_named, mode: journal::private_mode(&path) };
            write_atomic(&place, html.as_bytes(), manner).map_err(PipelineError::from)?;
            screen.say(&format!("report: {}", place.display()));
        }
    }
    Ok(Exit::Done)
}

/// How the rows of the last run are called, by the way in which the job asks them.
fn words_of(described: &Value, job: &Job) -> RowWords {
    RowWords {
        documents: described["documents"].as_bool() == Some(true),
        pieces: job.split.is_some(),
        each: job.each.is_some(),
    }
}

/// The noun for what positions number. Where rows without text have no request, those after them have other numbers.
fn counted_as(described: &Value, job: &Job) -> &'static str {
    let words = words_of(described, job);
    let number = |key: &str| described[key].as_u64();
    match number("requests").is_some_and(|requests| number("rows") != Some(requests)) {
        true if !words.several() => "request",
        _ => words.request(),
    }
}

fn gather(reader: &Reader, job: &Job, noun: &'static str) -> Result<Figures, JournalError> {
    let mut figures = Figures::new(reader.runs()?, job.price.clone(), noun);
    reader.each_answer(|answer| figures.answer(answer))?;
    reader.each_fault(|fault| figures.fault(fault))?;
    reader.each_failed_row(|row| figures.failed_row(row))?;
    reader.each_warning(|row| figures.warning(row))?;
    reader.each_held(|held| figures.held(held))?;
    Ok(figures)
}

fn subject(
    reader: &Reader,
    job: &Job,
    figures: &Figures,
    described: Value,
) -> Result<ReportSubject, JournalError> {
    let counts = reader.counts(None)?;
    let mut names = BTreeMap::new();
    for outlier in figures.outliers() {
        names.extend(reader.row_of(outlier.entry)?.map(|name| (outlier.entry, name)));
    }
    let number = |key: &str| described[key].as_u64();
    let words = words_of(&described, job);
    let whole = number("rows").filter(|_| words.several()).map(|rows| counted(rows, words.row()));
    Ok(ReportSubject {
        output: job.output.path.display().to_string(),
        rows: SubjectRows {
            all: number("requests").or(number("rows")),
            ok: counts.ok,
            failed: counts.failed,
        },
        noun: words.request(),
        counted: counted_as(&described, job),
        whole,
        limits: limits_of(&described, job),
        job: described,
        running: Lock::holder(reader.path()).is_some(),
        names,
        orders: reader.past_orders(ORDERS)?,
        made_at: clock::now(),
        zone: TimeZone::system(),
        program: concat!("fanfold ", env!("CARGO_PKG_VERSION")).to_owned(),
    })
}

/// The limits of the last run; if it recorded none, those of the job as it is now.
fn limits_of(described: &Value, job: &Job) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match described["limits"].as_object() {
        Some(limits) => limits.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        None => limits(job).into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    }
}
