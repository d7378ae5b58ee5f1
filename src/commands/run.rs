//! `fanfold run`: from the command line to a run that holds its journal, and from its end to the exit code.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{IsTerminal, stderr};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Builder;
use tokio::sync::watch;

use super::caps::CapAccount;
use super::document_progress::{reading, stopped};
use super::environment::Environment;
use super::failure::Failure;
use super::load::{Loaded, check_tools, load, screen};
use super::notify::{Notice, Notifier, secret};
use super::receipt::Receipt;
use super::resume::{resumable, resume_command};
use super::run_reporter::{RunReporter, RunSession};
use super::secrets::{close_memory, refuse_arguments};
use super::side_file::SideFile;
use super::summary::{ClosingWords, exit_of};
use super::{coding_plan, interrupt, keeper};
use crate::api::access::ReadKey;
use crate::api::client::{ClientSettings, HttpEndpoint};
use crate::api::key::Key;
use crate::cli::RunArgs;
use crate::clock;
use crate::config::orders::live_settings;
use crate::dispatch::stop::{Stop, StopLevel};
use crate::exit::Exit;
use crate::failpoint::meet;
use crate::job::notify::Moment;
use crate::job::{Job, KeySource};
use crate::journal::lock::Lock;
use crate::journal::ownership::who_else_writes;
use crate::journal::reader::Reader;
use crate::pipeline::execute::{ExecuteError, RunOrder, Summary, execute_in_batches};
use crate::pipeline::{Opened, check_own_target, check_target};
use crate::simulator::{self, TranslationStyle};
use crate::watch::Screen;

/// Runs the command.
pub(super) fn run(args: RunArgs) -> Result<Exit, Failure> {
    let screen = screen(&args.job, args.progress);
    let (ask, stop) = interrupt::listen_and_ask(&screen, interrupt::STOPPING)?;
    let mut loaded = load(&args.job, &screen)?;
    if args.stop_on_eof {
        if loaded.job.input.paths.iter().any(|path| path == "-") {
            return Err(Failure::new("with --stop-on-eof, standard input cannot be the job's input as well"));
        }
        interrupt::stop_on_eof(&screen, ask.clone());
    }
    if args.job.simulate && !args.real_time {
        loaded.job = loaded.job.at_the_pace_of_a_rehearsal();
    }
    if let Some(batch) = loaded.job.batch.as_mut().filter(|_| args.no_wait) {
        batch.wait = false;
    }
    close_memory(&loaded.job);
    let key = match args.job.simulate {
        true => Ok(Some(Key::of_a_rehearsal())),
        false => key(&loaded),
    };
    refuse_arguments()?;
    let notify = loaded.job.notify.as_ref();
    let address = notify.and_then(|notify| secret(notify, &loaded.environment));
    let known = key.as_ref().ok().and_then(Option::as_ref);
    let hidden = Environment::with_secrets(&loaded.job, known, address.as_deref());
    let notifier = Notifier::new(&loaded.job, &loaded.environment, &hidden, &args.job, &screen);
    let notifier = RefCell::new(notifier);
    let beginning = Startup { args: &args, screen, ask, stop, loaded, key, hidden, notifier: &notifier };
    let ended = beginning.go();
    let exit = ended.as_ref().map_or_else(|failure| failure.exit, |exit| *exit);
    notifier.into_inner().finish(exit);
    ended
}

/// A run before it has its journal. Failures from here on are sent as notifications.
struct Startup<'a> {
    args: &'a RunArgs,
    screen: Screen,
    ask: watch::Sender<StopLevel>,
    stop: Stop,
    loaded: Loaded,
    key: Result<Option<Key>, Failure>,
    hidden: Vec<OsString>,
    notifier: &'a RefCell<Notifier>,
}

impl Startup<'_> {
    fn go(self) -> Result<Exit, Failure> {
        let Self { args, screen, ask, stop, loaded, key, hidden, notifier } = self;
        check_tools(&loaded.job)?;
        if loaded.tables.own.is_some() {
            screen.say(&format!("model table: {}", loaded.tables.words()));
        }
        let simulator =
            args.job.simulate.then(|| start_simulator(&screen, args.translate.as_deref())).transpose()?;
        if simulator.is_some() && !args.real_time {
            screen.say(
                "running as fast as the simulator answers; --real-time keeps to the job's limits and hours",
            );
        }
        let base_url =
            simulator.as_ref().map_or(loaded.job.model.base_url.as_str(), simulator::Handle::base_url);
        let endpoint = endpoint(&loaded.job, base_url, key?, simulator.is_some(), &screen)?;
        SideFile::check_all(&loaded.job, args.job.job.as_deref())?;
        check_targets(&loaded.job)?;
        let lock = take_journal(&loaded.job, args, &screen)?;
        let reading = reading(args.reread, &screen, stop.clone(), &hidden);
        let opened = Opened::reading(loaded.job, &reading).map_err(stopped)?;
        check_and_say(&opened, &screen)?;
        let begun = clock::now();
        let lock = &lock;
        let outlook = RefCell::default();
        let session =
            RunSession { args, screen, ask, stop, opened, lock, endpoint, hidden, notifier, begun, outlook };
        session.run()
    }
}

/// Who is asked. A key is read again during the run, unless the simulator answers.
pub(super) fn endpoint(
    job: &Job,
    base_url: &str,
    key: Option<Key>,
    simulated: bool,
    screen: &Screen,
) -> Result<HttpEndpoint, Failure> {
    if !simulated && let Some(warning) = coding_plan::warning(base_url, key.as_ref()) {
        screen.insist(&warning);
    }
    let read_key = read_key(&job.model.key).filter(|_| !simulated);
    let settings = ClientSettings { base_url, key, read_key, ..ClientSettings::of(&job.model, &job.retry) };
    HttpEndpoint::new(settings).map_err(Failure::new)
}

/// Checks that all that a run writes can be written.
fn check_targets(job: &Job) -> Result<(), Failure> {
    check_target(&job.output.path)?;
    check_own_target(&job.output.summary())?;
    if let Some(figures) = SideFile::metrics(job) {
        check_own_target(figures.place)?;
    }
    if job.output.journal.is_some() {
        check_target(&job.output.journal())?;
    }
    Ok(())
}

/// Takes the lock of the journal, and sets the old one aside where that is asked for.
fn take_journal(job: &Job, args: &RunArgs, screen: &Screen) -> Result<Lock, Failure> {
    let journal_path = job.output.journal();
    let lock = Lock::take(&journal_path)?;
    if args.accept_loss {
        lock.accept_loss();
    }
    if args.fresh
        && let Some(aside) = lock.set_aside()?
    {
        screen.say(&format!("the old journal is now {}", aside.display()));
    }
    who_else_writes(&journal_path)?.into_iter().for_each(|warning| screen.insist(&warning));
    Ok(lock)
}

/// What there is to say of a job whose input is open.
fn check_and_say(opened: &Opened, screen: &Screen) -> Result<(), Failure> {
    if let Some(figures) = SideFile::metrics(&opened.job)
        && opened.source.reads(figures.place).is_some()
    {
        return Err(figures.taken(figures.place));
    }
    if opened.source.spool_reused() {
        screen.say("standard input is a terminal: continuing with its earlier content");
    }
    opened.source.notices().iter().for_each(|notice| screen.say(notice));
    opened.warnings().iter().for_each(|warning| screen.insist(warning));
    Ok(())
}

/// Starts the simulator of a rehearsal. `translate`: how the translation models answer, if not as usual.
pub(super) fn start_simulator(
    screen: &Screen,
    translate: Option<&str>,
) -> Result<simulator::Handle, Failure> {
    let translations = translate.map(str::parse::<TranslationStyle>).transpose().map_err(Failure::new)?;
    screen.say("rehearsal: the built-in simulator answers, at no cost");
    let settings = simulator::ServerSettings {
        latency: simulator::Latency::rehearsal(),
        translations: translations.unwrap_or_default(),
        ..simulator::ServerSettings::default()
    };
    simulator::spawn_thread(settings).map_err(|error| Failure::with_causes(&error))
}

/// How many files this process may open. For a service that holds thousands of requests at once, the limit is raised as far
/// as the system allows without asking.
fn open_files(most_in_flight: Option<usize>) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = most_in_flight.map(|most| (most as u64 * 2).min(maximum.unwrap_or(u64::MAX)));
    if let (Some(wanted), Some(have)) = (wanted, current)
        && wanted > have
        && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok()
    {
        return wanted;
    }
    current.unwrap_or(u64::MAX)
}

/// How a key is read again during the run: keys are rotated at night. A variable of this process does not change.
fn read_key(source: &KeySource) -> Option<ReadKey> {
    match source.clone() {
        KeySource::Variable { .. } => None,
        source => {
            Some(ReadKey::new(move || Key::load(&source, |_| None, stderr().is_terminal()).ok().flatten()))
        }
    }
}

/// The key of a job, if it has one.
pub(super) fn key(loaded: &Loaded) -> Result<Option<Key>, Failure> {
    Key::load(&loaded.job.model.key, |name| loaded.environment.get(name), stderr().is_terminal())
        .map_err(Failure::new)
}

impl RunSession<'_> {
    /// Runs the job, and says how it went.
    fn run(&self) -> Result<Exit, Failure> {
        let journal = self.lock.open()?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Failure::no_runtime)?;
        let (mark, _keeper) = keeper::of_run(!self.opened.job.tools.is_empty());
        let order = RunOrder {
            retry_failed: self.args.retry_failed,
            simulated: self.args.job.simulate,
            open_files: open_files(self.opened.job.most_in_flight),
            hidden: &self.hidden,
            mark,
            ..RunOrder::new(&self.opened)
        };
        let mut reporter = RunReporter::new(self);
        let stop = self.stop.clone();
        let batches = self.endpoint.batches();
        let doors = (&self.endpoint, &batches);
        let run = execute_in_batches(&order, doors, journal, clock::timestamp, stop, &mut reporter);
        let ended = match runtime.block_on(run) {
            Ok((summary, journal)) => self.close(&summary, journal.reader()),
            Err(ExecuteError::Interrupted) => Ok(self.interrupted_early()),
            Err(ExecuteError::BrokenOff(error)) => Err(resumable(error.into(), &self.opened.job)),
            Err(ExecuteError::Failed(error)) => Err(error.into()),
        };
        reporter.finish(ended.as_ref().map_or_else(|failure| failure.exit, |exit| *exit));
        ended
    }

    /// Interrupted while the input was read: there is nothing to wait for, and the output stays as it is.
    fn interrupted_early(&self) -> Exit {
        self.screen
            .insist("interrupted while the input was read: nothing was sent and no output was written");
        self.screen.insist(&format!("to continue: {}", resume_command(&self.opened.job)));
        Exit::Interrupted
    }

    /// Writes the receipt, prints how the run went, and sends the notification.
    fn close(&self, summary: &Summary, reader: &Reader) -> Result<Exit, Failure> {
        let job = &self.opened.job;
        let this_run = reader.runs()?.into_iter().find(|one| one.number == summary.run);
        let allowance = match &this_run {
            Some(this_run) => {
                let live_settings = live_settings(&reader.orders_of(summary.run)?).unwrap_or_default();
                CapAccount::of_run(reader, job, this_run, &live_settings)?
            }
            None => CapAccount::before_a_run(Some(reader), job)?,
        };
        let words = ClosingWords {
            opened: &self.opened,
            summary,
            exit: exit_of(summary),
            allowance: &allowance,
            outlook: self.outlook.take(),
            finish_reasons: &reader.finish_reasons()?,
            batches: &reader.batches()?,
            begun: self.begun,
            resume: &resume_command(job),
            simulated: self.args.job.simulate,
        };
        meet("summary.before");
        let receipt = Receipt::of(&words, reader)?;
        receipt.store(&job.output.summary(), reader.path())?;
        meet("summary.after");
        words.say(&self.screen, reader)?;
        let moment = if summary.pending == 0 { Moment::End } else { Moment::Stop };
        self.notifier.borrow_mut().send(moment, &Notice::ended(&receipt));
        Ok(words.exit)
    }
}
