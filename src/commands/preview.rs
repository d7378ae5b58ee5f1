//! `fanfold preview`: what a run would do, without doing it.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::caps::CapAccount;
use super::deadline::{PlannedWork, before_it_begins, deadline};
use super::document_progress::{reading, stopped};
use super::environment::Environment;
use super::failure::Failure;
use super::limited::shortened;
use super::load::{Loaded, check_tools, load, screen};
use super::notify::whom;
use super::plan_words::plan_line;
use super::printout::Printout;
use super::rehearsed::rehearsed_line;
use super::secrets::close_memory;
use super::side_file::SideFile;
use super::{coding_plan, warnings};
use crate::api::client::{ClientSettings, HttpEndpoint};
use crate::api::key::{Key, program};
use crate::api::proxy;
use crate::cli::{PreviewArgs, Progress};
use crate::clock;
use crate::diagnostic::secret_scan::as_a_name;
use crate::dispatch::stop::Stop;
use crate::exit::Exit;
use crate::history::Spent;
use crate::job::answer::OnLength;
use crate::job::effective::LiveSettings;
use crate::job::forecast::end;
use crate::job::split::{Combine, OnMismatch};
use crate::job::units::shown;
use crate::job::{Job, KeySource};
use crate::journal::lock::Lock;
use crate::journal::reader::Reader;
use crate::pipeline::cost_estimate::CostEstimate;
use crate::pipeline::plan::{Plan, Purpose, plan};
use crate::pipeline::requests::{MadeRequest, requests};
use crate::pipeline::whole_rows::WholeRows;
use crate::pipeline::{Opened, check_target};
use crate::request::Estimate;
use crate::row_words::RowWords;
use crate::text::{count, counted, money, printable, rate};
use crate::watch::Screen;

/// Runs the command.
pub(super) fn run(args: PreviewArgs) -> Result<Exit, Failure> {
    let screen = screen(&args.job, Progress::None);
    let stop = super::interrupt::listen(&screen, "stopping")?;
    let loaded = load(&args.job, &screen)?;
    check_tools(&loaded.job)?;
    // Its readers run here already.
    close_memory(&loaded.job);
    let key = key_line(&loaded, args.job.simulate);
    if !args.job.simulate
        && let Some(warning) = coding_plan::warning(&loaded.job.model.base_url, key_at_hand(&loaded).as_ref())
    {
        screen.insist(&warning);
    }
    SideFile::check_all(&loaded.job, args.job.job.as_deref())?;
    HttpEndpoint::new(ClientSettings::of(&loaded.job.model, &loaded.job.retry)).map_err(Failure::new)?;
    let path = loaded.job.output.journal();
    let reader = path.exists().then(|| Reader::open(&path)).transpose()?;
    let opened = opened(loaded.job, args.reread, &screen, &stop)?;
    let mut out = Printout::new();
    for notice in opened.source.notices().iter().chain(&opened.warnings()) {
        writeln!(out, "{}\n", printable(notice))?;
    }
    show_requests(&opened, args.requests, &mut out)?;
    let plan = plan(&opened, reader.as_ref(), Purpose::Preview, &stop)?;
    writeln!(out, "{}", plan_line(&plan, opened.words()))?;
    let earlier = reader.as_ref().map(|reader| earlier_runs(reader, args.job.simulate)).transpose()?;
    for line in earlier.unwrap_or_default() {
        writeln!(out, "{line}")?;
    }
    for line in estimates(&opened, &plan, reader.as_ref())? {
        writeln!(out, "{line}")?;
    }
    if let Some(why) = reader.as_ref().map(|reader| shortened(&opened, reader)).transpose()?.flatten() {
        writeln!(out, "warning: the run would end before sending anything: {why}")?;
    }
    if args.job.simulate {
        let how = "runs as fast as the simulator answers; `run --real-time` keeps to limits and hours";
        writeln!(out, "rehearsal: {how}")?;
    } else if let Some(warning) = warnings::answered_elsewhere(&opened, &plan) {
        writeln!(out, "{warning}")?;
    }
    let address =
        if args.job.simulate { "the built-in simulator" } else { opened.job.model.base_url.as_str() };
    for line in surroundings(&opened, &loaded.environment, address, &loaded.tables.words(), &key) {
        writeln!(out, "{line}")?;
    }
    // The run creates a missing folder.
    if opened.job.output.path.parent().is_some_and(|folder| folder.as_os_str().is_empty() || folder.is_dir())
    {
        check_target(&opened.job.output.path)?;
    }
    Ok(Exit::Done)
}

/// The job with its input. A preview leaves what a run has saved of standard input alone, and the documents of an active one.
fn opened(job: Job, reread: bool, screen: &Screen, stop: &Stop) -> Result<Opened, Failure> {
    let output = &job.output;
    let is_running = Lock::holder(&output.journal()).is_some() && output.kept_documents().exists();
    if output.spool().exists() || is_running {
        return Ok(Opened::again(job)?);
    }
    let hidden = Environment::with_secrets(&job, None, None);
    Opened::reading(job, &reading(reread, screen, stop.clone(), &hidden)).map_err(stopped)
}

/// What earlier runs left that the plan does not show: answers of a rehearsal, and requests in doubt.
fn earlier_runs(reader: &Reader, simulate: bool) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    lines.extend(rehearsed_line(reader.simulated()?.answers).filter(|_| !simulate));
    let doubt = reader.in_doubt()?;
    if doubt > 0 && Lock::holder(reader.path()).is_none() {
        lines
            .push(format!("in doubt: up to {} of the last run, which was killed", counted(doubt, "request")));
    }
    Ok(lines)
}

/// Who is asked and how, who is notified, and where the answers go.
fn surroundings(
    opened: &Opened,
    environment: &Environment,
    address: &str,
    tables: &str,
    key: &str,
) -> Vec<String> {
    let job = &opened.job;
    let mut lines = vec![format!("address: {address}")];
    if let Some(proxy) = proxy::between(address) {
        lines.push(format!("proxy: {} (from the environment)", printable(&proxy)));
    }
    lines.push(format!("model table: {tables}"));
    lines.push(format!("key: {key}"));
    if let Some(notify) = &job.notify {
        let whom = whom(notify, environment).unwrap_or_else(|why| format!("disabled ({why})"));
        lines.push(format!("notifications: {}", printable(&whom)));
    }
    lines.push(format!("output: {}", job.output.path.display()));
    if !opened.fields().is_empty() {
        let names: Vec<&str> = opened.fields().iter().map(|field| field.name.as_str()).collect();
        lines.push(format!("columns of the schema's fields: {}", printable(&names.join(", "))));
    }
    lines
        .extend(Lock::holder(&job.output.journal()).map(|holder| format!("running: {}", printable(&holder))));
    lines
}

/// The key, if it can be read at no cost.
fn key_at_hand(loaded: &Loaded) -> Option<Key> {
    match &loaded.job.model.key {
        KeySource::Command(_) => None,
        source => Key::load(source, |name| loaded.environment.get(name), false).ok().flatten(),
    }
}

fn key_line(loaded: &Loaded, simulate: bool) -> String {
    let source = &loaded.job.model.key;
    match source {
        _ if simulate => "none is needed".to_owned(),
        // A command may ask for a password or cost a call; only the run executes it.
        KeySource::Command(words) => {
            format!("from the command `{}`, which the run executes", program(words))
        }
        source => match Key::load(source, |name| loaded.environment.get(name), false) {
            Ok(Some(_)) => match source {
                KeySource::Variable { name, .. } => format!("from the variable {name}"),
                KeySource::File(path) => format!("from the file {}", as_a_name(&path.to_string_lossy())),
                KeySource::Command(_) => String::new(),
            },
            Ok(None) => "none; the server is on this machine".to_owned(),
            Err(error) => format!("missing: {}", error.to_string().lines().next().unwrap_or_default()),
        },
    }
}

fn show_requests(opened: &Opened, most: u64, out: &mut impl Write) -> Result<(), Failure> {
    let most = opened.job.input.limit.map_or(most, |limit| limit.min(most));
    if most == 0 {
        return Ok(());
    }
    for made in requests(opened)?.take(most as usize) {
        let MadeRequest { place, request, .. } = made?;
        let place = printable(&place);
        match request {
            Ok(request) => {
                let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let tokens = count(request.estimate.prompt_tokens);
                writeln!(out, "{place}: about {tokens} prompt tokens")?;
                // Not wrapped, even where its lines are longer than the terminal's.
                out.write_all(printable(&format!("{body:#}\n\n")).as_bytes())?;
            }
            Err(problem) => writeln!(out, "{place}: {}\n", printable(&problem.to_string()))?,
        }
    }
    Ok(())
}

/// The expected usage, cost and duration of the rows to be sent.
fn estimates(opened: &Opened, plan: &Plan, reader: Option<&Reader>) -> Result<Vec<String>, Failure> {
    let (job, words) = (&opened.job, opened.words());
    let to_send = plan.to_send();
    let share = plan.share_to_send();
    let scaled = |tokens: u64| (tokens as f64 * share).round() as u64;
    let most = Estimate {
        prompt_tokens: scaled(plan.estimate.prompt_tokens),
        max_completion_tokens: scaled(plan.estimate.max_completion_tokens),
        unbounded: plan.estimate.unbounded,
    };
    let cost_estimate = plan.cost_estimate.scaled(share);
    let answered = reader.map(completion_of_an_answer).transpose()?.flatten();
    let now = clock::timestamp();
    let mut lines = vec![
        format!(
            "to send: {}, about {} prompt tokens; {} {} completion tokens{}",
            counted(to_send, "request"),
            count(most.prompt_tokens),
            // If the maximum length of an answer is unknown, there is no maximum.
            if most.unbounded { "with answers of unknown length, possibly" } else { "at most" },
            count(most.max_completion_tokens),
            not_sent(plan) + &sent_later(job, plan)
        ),
        cost_line(job, &cost_estimate, to_send, answered),
    ];
    lines.extend(whole_line(&plan.whole_rows, plan.cost_estimate.prompts, words));
    lines.extend(CapAccount::before_a_run(reader, job)?.lines());
    lines.push(duration_line(job, PlannedWork::of(plan), now));
    let spent: Spent =
        reader.map(Reader::runs).transpose()?.unwrap_or_default().iter().map(|run| run.spent).sum();
    if let Some(deadline) = deadline(job, &LiveSettings::default(), now, spent.duration) {
        lines.push(format!("ends at: {} (`{}`)", job.schedule.shown(deadline.0, now), deadline.1.key()));
        lines.extend(before_it_begins(job, PlannedWork::of(plan), now, deadline));
    }
    if let Some(span) = job.schedule.at(now) {
        lines.push(format!("schedule: {} applies now: {}", span.hours(), span.shown()));
    }
    lines.extend(warnings::warnings(job, &cost_estimate, reader)?);
    lines.extend(warnings::unused_glossary(job, plan));
    Ok(lines)
}

/// The requests over answers, which are made when there are answers.
fn sent_later(job: &Job, plan: &Plan) -> String {
    let merges = match plan.merges {
        0 => None,
        merges => Some(counted(merges, "merge")),
    };
    let digest = job.digest.as_ref().map(|_| "the digest".to_owned());
    let later: Vec<String> = merges.into_iter().chain(digest).collect();
    if later.is_empty() {
        String::new()
    } else {
        format!("; then {}, as far as they are new", later.join(" and "))
    }
}

/// The rows without an answer for which nothing is sent.
fn not_sent(plan: &Plan) -> String {
    let shared = match plan.matched.shared() {
        0 => String::new(),
        1 => "; 1 row shares another row's answer".to_owned(),
        rows => format!("; {} rows share another row's answer", count(rows)),
    };
    match plan.matched.unsendable {
        0 => shared,
        rows => format!("{shared}; {} cannot be sent", counted(rows, "row")),
    }
}

/// Whether pieces are asked again in parts.
fn halves(job: &Job) -> bool {
    job.split
        .as_ref()
        .is_some_and(|split| (split.combine, split.on_mismatch) == (Combine::Join, OnMismatch::Split))
}

/// What the prompts cost in pieces, and in one request for each row.
fn whole_line(whole: &WholeRows, in_pieces: f64, words: RowWords) -> Option<String> {
    if whole.rows == 0 || in_pieces == 0.0 {
        return None;
    }
    let (pieces, noun) = (money(in_pieces), words.row());
    let too_long = match whole.too_long {
        0 => String::new(),
        all if all == whole.rows => {
            return Some(format!("prompts: {pieces} in pieces; in one request a {noun}, all are too long"));
        }
        some => format!(", without {} too long", count(some)),
    };
    Some(format!("prompts: {pieces} in pieces, {} in one request a {noun}{too_long}", money(whole.prompts)))
}

/// The possible cost of the requests: each at the price of its own model and length, with this many tokens in each answer.
fn cost_line(job: &Job, cost_estimate: &CostEstimate, to_send: u64, completion: Option<f64>) -> String {
    if to_send > 0 && cost_estimate.unpriced >= to_send {
        return "cost: not known; the price is not in the model table (set it under [price])".to_owned();
    }
    let most = money(cost_estimate.worst);
    let by = match cost_estimate.dates.as_slice() {
        _ if job.own_price => ", at the job's prices".to_owned(),
        [] => String::new(),
        dates => format!(", at prices of {}", dates.join(" and ")),
    };
    let rest = match cost_estimate.unpriced {
        0 => String::new(),
        requests => format!("; {} more with unknown price", counted(requests, "request")),
    };
    let later = match () {
        () if !job.tools.is_empty() => "; plus rounds of tools",
        () if halves(job) => "; plus the parts of pieces whose answers are not whole",
        () if job.merge.is_some() || job.digest.is_some() => "; plus the requests over answers",
        () if job.answer.on_length == OnLength::Grow => "; plus longer second answers",
        () if job.answer.schema.is_some() && job.answer.repair > 0 => "; plus repaired answers",
        () => "",
    };
    let rest = rest + later;
    match completion {
        Some(tokens) => {
            let about =
                (cost_estimate.prompts + cost_estimate.completion_token * tokens).min(cost_estimate.worst);
            format!(
                "cost: about {} based on the answers so far, at most {most} (estimates{by}){rest}",
                money(about)
            )
        }
        None => format!("cost: at most {most} (an estimate{by}){rest}"),
    }
}

/// The mean completion tokens of the answers in the journal.
fn completion_of_an_answer(reader: &Reader) -> Result<Option<f64>, Failure> {
    let runs = reader.runs()?;
    let tokens: u64 = runs.iter().map(|run| run.spent.usage.completion_tokens).sum();
    let answers: u64 =
        runs.iter().map(|run| run.spent.requests - run.spent.throttled - run.spent.faults).sum();
    Ok((answers > 0).then(|| tokens as f64 / answers as f64))
}

/// How long the rows take by the limits alone, including the schedule's.
fn duration_line(job: &Job, beginning: PlannedWork, now: Timestamp) -> String {
    let has_limits = job.quotas.requests_each_second().is_some() || job.quotas.tokens_per_minute.is_some();
    let by = match job.quotas.requests_each_second() {
        _ if job.schedule.has_hours() => ", given the limits and hours of `schedule`".to_owned(),
        _ if !has_limits => {
            return "duration: depends on the service, as no limit on requests or tokens is set".to_owned();
        }
        Some(each_second) => format!(" at {} requests/s", rate(each_second)),
        None => String::new(),
    };
    match end(job, &beginning.course(), now) {
        Some(end) => {
            let time = Duration::try_from(end.duration_since(now)).unwrap_or_default();
            format!("duration: at least {}{by}", shown(time))
        }
        None => format!("duration: no end can be predicted{by}"),
    }
}
