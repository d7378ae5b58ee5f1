//! `fanfold run`: plans, sends what has no answer, writes the output, and says how it went.

use std::path::Path;
use std::time::SystemTime;

use rusqlite::Connection;

use super::load::{Loaded, load, screen};
use super::summary::{Account, Summary};
use super::{Failure, interrupt};
use crate::api::client::HttpEndpoint;
use crate::api::key::Key;
use crate::cli::RunArgs;
use crate::dispatch::stop::{Stop, StopReason, Urgency};
use crate::event::{Event, HeldBy, Observer};
use crate::exit::Exit;
use crate::journal::lock::Lock;
use crate::journal::reader::Reader;
use crate::journal::writer::{RunRecord, begin_run, end_run};
use crate::journal::{self, JournalError};
use crate::note::{Ending, Note};
use crate::outcome::FaultKind;
use crate::pipeline::output::{Destination, Written, write};
use crate::pipeline::plan::{Plan, Purpose, plan};
use crate::pipeline::send::{Audience, Order, Sent, past, send};
use crate::pipeline::{Opened, PipelineError, check_target};
use crate::simulator;
use crate::tally::Snapshot;
use crate::watch::text::{count, counted, short};
use crate::watch::{Screen, Watcher};

/// How often an input that keeps changing is planned anew.
const PLANS: usize = 3;

/// Runs the command.
pub(super) fn run(args: RunArgs) -> Result<Exit, Failure> {
    let screen = screen(&args.job, args.progress);
    let stop = interrupt::listen(&screen)?;
    let loaded = load(&args.job)?;
    let simulator = args.job.simulate.then(|| start_simulator(&screen)).transpose()?;
    let base_url = simulator.as_ref().map_or(loaded.job.model.base_url.as_str(), simulator::Handle::base_url);
    let key = match &simulator {
        Some(_) => Key::new("simulated").ok(),
        None => key(&loaded)?,
    };
    let endpoint = HttpEndpoint::new(base_url, key).map_err(Failure::new)?;
    check_target(&loaded.job.output.path)?;
    let journal_path = loaded.job.output.journal();
    let _lock = Lock::take(&journal_path)?;
    if args.fresh
        && let Some(aside) = journal::set_aside(&journal_path)?
    {
        screen.say(&format!("the old journal is now {}", aside.display()));
    }
    let opened = Opened::new(loaded.job)?;
    if opened.source.spool_reused() {
        screen.say("standard input is empty: going on with what it held before");
    }
    let session = Session { args: &args, screen, stop, opened, endpoint, begun: SystemTime::now() };
    session.run()
}

fn start_simulator(screen: &Screen) -> Result<simulator::Handle, Failure> {
    screen.say("rehearsal: the built-in simulator answers, and no tokens are bought");
    let settings =
        simulator::Settings { latency: simulator::Latency::rehearsal(), ..simulator::Settings::default() };
    simulator::spawn_thread(settings).map_err(Failure::new)
}

fn key(loaded: &Loaded) -> Result<Option<Key>, Failure> {
    Key::load(&loaded.job.model.key, |name| loaded.environment.get(name)).map_err(Failure::new)
}

/// One run of a job, with everything at hand.
struct Session<'a> {
    args: &'a RunArgs,
    screen: Screen,
    stop: Stop,
    opened: Opened,
    endpoint: HttpEndpoint,
    begun: SystemTime,
}

impl Session<'_> {
    fn run(&self) -> Result<Exit, Failure> {
        let path = self.opened.journal();
        let mut connection = journal::open(&path)?;
        let in_doubt = self.say_doubts(&path)?;
        let mut run = None;
        let mut plans = 0;
        let (plan, sent) = loop {
            plans += 1;
            let plan = plan(&self.opened, Some(&connection), Purpose::Send, &self.stop)?;
            self.say_plan(&plan);
            let number = match run {
                Some(number) => number,
                None => begin_run(&connection, &path, &self.record(&plan, in_doubt))?,
            };
            run = Some(number);
            let (sent, back) = self.send(connection, &plan, number, in_doubt)?;
            connection = back;
            if !sent.input_changed || plans == PLANS || *self.stop.borrow() != Urgency::None {
                break (plan, sent);
            }
            self.screen.say("the input changed while it was read: planning again");
        };
        self.finish(&plan, &sent, &connection, run.unwrap_or_default(), in_doubt)
    }

    /// Says how many requests were out when the run before this one was killed, and gives their number.
    fn say_doubts(&self, path: &Path) -> Result<u64, Failure> {
        let in_doubt = Reader::new(journal::open_beside(path)?, path).in_doubt()?;
        if in_doubt > 0 {
            let requests = counted(in_doubt, "request");
            self.screen.say(&format!(
                "in doubt: up to {requests} may have been sent and not stored when the last run was killed; \
                 those rows are sent again"
            ));
        }
        Ok(in_doubt)
    }

    fn say_plan(&self, plan: &Plan) {
        self.screen.say(&plan_line(plan));
        if plan.bad > 0 {
            let verb = if plan.bad == 1 { "is" } else { "are" };
            let rows = counted(plan.bad, "row");
            self.screen.say(&format!("{rows} cannot be sent and {verb} recorded as failed"));
        }
        if plan.matched.failed > 0 && !self.args.retry_failed {
            let rows = counted(plan.matched.failed, "row");
            self.screen.say(&format!("{rows} failed before; --retry-failed sends such rows again"));
        }
    }

    fn record(&self, plan: &Plan, in_doubt: u64) -> RunRecord {
        let job = &self.opened.job;
        let described = serde_json::json!({
            "model": job.model.name,
            "base_url": if self.args.job.simulate { "simulator" } else { job.model.base_url.as_str() },
            "input": job.input.paths,
            "output": job.output.path,
            "rows": plan.rows,
            "id": job.input.id,
        });
        RunRecord {
            program: concat!("fanfold ", env!("CARGO_PKG_VERSION")).to_owned(),
            job: described.to_string(),
            in_doubt,
        }
    }

    fn send(
        &self,
        connection: Connection,
        plan: &Plan,
        run: i64,
        in_doubt: u64,
    ) -> Result<(Sent, Connection), PipelineError> {
        let path = self.opened.journal();
        let past = past(&Reader::new(journal::open_beside(&path)?, &path), in_doubt)?;
        let (snapshots, receiver) =
            tokio::sync::watch::channel(Snapshot { rows: plan.rows, ..Snapshot::default() });
        let watcher = Watcher::start(&self.screen, receiver);
        let mut listener =
            Listener { screen: &self.screen, verbose: self.args.job.verbose, outage: false, slow: false };
        let open_files =
            rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
        let order = Order { plan, run, retry_failed: self.args.retry_failed, open_files };
        let audience = Audience { snapshots: &snapshots, listener: &mut listener };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|source| JournalError::File { path: "the runtime".into(), source })?;
        let sending =
            send(&self.opened, connection, order, &past, &self.endpoint, self.stop.clone(), audience);
        let sent = runtime.block_on(sending);
        watcher.finish();
        sent
    }

    /// Writes the output and the receipt, and says how it went.
    fn finish(
        &self,
        plan: &Plan,
        sent: &Sent,
        connection: &Connection,
        run: i64,
        in_doubt: u64,
    ) -> Result<Exit, Failure> {
        let path = self.opened.journal();
        let reader = Reader::new(journal::open_beside(&path)?, &path);
        // Told to stop at once: what was out stays in doubt, as after a kill.
        let orderly = *self.stop.borrow() != Urgency::Now && sent.abandoned == 0;
        let output = &self.opened.job.output;
        let written = match orderly {
            true => {
                let destination = Destination::file(output.path.clone(), output.format);
                Some(write(&self.opened, &plan.columns, reader.results(), destination, &self.stop)?)
            }
            false => None,
        };
        let account = Account::of(written, &sent.reason);
        if orderly {
            end_run(connection, &path, run, account.reason)?;
        }
        let resume = resume_command();
        let summary = Summary {
            opened: &self.opened,
            plan,
            sent,
            written,
            account: &account,
            in_doubt,
            run,
            begun: self.begun,
            resume: &resume,
            simulated: self.args.job.simulate,
        };
        summary.store(&reader)?;
        summary.say(&self.screen, &reader)?;
        Ok(account.exit)
    }
}

/// What a plan found, in a line.
pub(super) fn plan_line(plan: &Plan) -> String {
    let matched = &plan.matched;
    let gone = match matched.gone {
        0 => String::new(),
        gone => format!(" · {} gone", count(gone)),
    };
    format!(
        "{}: kept {} · moved {} · changed {} · new {}{gone}",
        counted(plan.rows, "row"),
        count(matched.kept),
        count(matched.moved),
        count(matched.changed),
        count(matched.new),
    )
}

/// The command that goes on where this one ended.
fn resume_command() -> String {
    let words = std::env::args().filter(|word| word != "--fresh").map(|word| quoted(&word));
    words.collect::<Vec<_>>().join(" ")
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Says what a user wants to hear of while a run goes on.
struct Listener<'a> {
    screen: &'a Screen,
    verbose: bool,
    outage: bool,
    slow: bool,
}

impl Observer for Listener<'_> {
    fn on(&mut self, event: Event<'_>) {
        match event {
            Event::Standing(standing) => self.stand(standing.held_by == Some(HeldBy::Outage)),
            Event::Committed(Note::Ended(ended)) => {
                if matches!(ended.ending, Ending::Answered(_)) && self.outage {
                    self.outage = false;
                    self.screen.say("the service answers again");
                }
                let Some(fault) = ended.ending.fault() else { return };
                if fault.kind == FaultKind::Throttled && !self.slow {
                    self.slow = true;
                    self.screen.say(&format!(
                        "the service throttles ({}): slowing down",
                        short(&fault.summary(), 160)
                    ));
                }
                if self.verbose {
                    let row = match &ended.row.id {
                        Some(id) => short(id.as_str(), 60),
                        None => count(ended.row.position + 1),
                    };
                    let what = match &ended.ending {
                        Ending::Failed(_) => "failed",
                        Ending::SetAside(_) => "is set aside for a last pass",
                        Ending::Waits(_) | Ending::Answered(_) => "will be sent again",
                    };
                    self.screen.say(&format!("row {row} {what}: {}", short(&fault.summary(), 300)));
                }
            }
            Event::Committed(_) => {}
        }
    }
}

impl Listener<'_> {
    fn stand(&mut self, outage: bool) {
        if outage && !self.outage {
            self.outage = true;
            self.screen.say("the service answers nobody: rows wait, one probe goes out per backoff");
        }
    }
}

impl Account {
    /// How a run ended, as far as rows and reason tell.
    fn of(written: Option<Written>, reason: &StopReason) -> Self {
        let (failed, pending) = written.map_or((0, 1), |written| (written.failed, written.pending));
        let ended = match failed {
            0 => Exit::Done,
            _ => Exit::FailedRows,
        };
        let exit = match reason {
            // Whatever stopped it, nothing was left to do.
            _ if pending == 0 => ended,
            StopReason::Finished => Exit::StoppedByApi,
            StopReason::Interrupted => Exit::Interrupted,
            StopReason::Cap(_) => Exit::StoppedAtCap,
            StopReason::Refused(_)
            | StopReason::EveryRowRefused(_)
            | StopReason::Outage(_)
            | StopReason::NeverReached(_) => Exit::StoppedByApi,
        };
        let reason = if pending == 0 { "finished" } else { reason.as_str() };
        Self { exit, reason, pending }
    }
}
