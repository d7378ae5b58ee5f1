//! `fanfold preview`: what a run would do, without doing it.

use std::io::Write;

use serde::Serialize;
use serde_json::Value;

use super::document_progress::{reading, stopped};
use super::environment::Environment;
use super::failure::Failure;
use super::limited::shortened;
use super::load::{Loaded, check_tools, load, screen};
use super::notify::whom;
use super::outlook::Outlook;
use super::plan_words::plan_line;
use super::preview_words::estimates;
use super::price_advice::{RouteOutlook, routes};
use super::printout::{Printout, to_json};
use super::receipt::MatchCounts;
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
use crate::job::tier::ServiceTier;
use crate::job::{Job, KeySource};
use crate::journal::lock::Lock;
use crate::journal::reader::Reader;
use crate::pipeline::plan::{Purpose, plan};
use crate::pipeline::requests::{MadeRequest, requests};
use crate::pipeline::{Opened, check_target};
use crate::text::{count, counted, printable};
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
    if args.json {
        return show_json(&opened, reader.as_ref(), &stop, &mut out);
    }
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
    let outlook = Outlook::of(&opened, &plan, reader.as_ref(), clock::timestamp())?;
    for line in estimates(&opened, &plan, reader.as_ref(), &outlook)? {
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

/// What `--json` prints. It only ever gains fields.
#[derive(Serialize)]
struct PreviewReport<'a> {
    version: u32,
    rows: u64,
    requests: u64,
    #[serde(flatten)]
    matched: MatchCounts,
    failed: u64,
    #[serde(flatten)]
    outlook: &'a Outlook,
    routes: Vec<RouteOutlook>,
    warnings: Vec<String>,
}

fn show_json(
    opened: &Opened,
    reader: Option<&Reader>,
    stop: &Stop,
    out: &mut impl Write,
) -> Result<Exit, Failure> {
    let plan = plan(opened, reader, Purpose::Preview, stop)?;
    let outlook = &Outlook::of(opened, &plan, reader, clock::timestamp())?;
    let cost_estimate = plan.cost_estimate.scaled(plan.share_to_send());
    let mut warnings = warnings::warnings(&opened.job, &cost_estimate, reader)?;
    warnings.extend(warnings::unused_glossary(&opened.job, &plan));
    warnings.extend(warnings::answered_elsewhere(opened, &plan));
    let report = PreviewReport {
        version: 1,
        rows: plan.rows,
        requests: plan.requests,
        matched: MatchCounts::of(&plan.matched),
        failed: plan.matched.failed,
        outlook,
        routes: routes(&opened.job, outlook),
        warnings,
    };
    writeln!(out, "{}", to_json(&report)?)?;
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
    let tier = match job.model.tier {
        ServiceTier::BatchChat => " (batch-chat: a queue of up to an hour)",
        ServiceTier::Standard => "",
    };
    let mut lines = vec![format!("address: {address}{tier}")];
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
