//! `fanfold run`: from the command line to a run with its journal.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{IsTerminal, stderr};
use std::time::SystemTime;

use tokio::sync::watch;

use super::environment::Environment;
use super::failure::Failure;
use super::load::{Loaded, check_tools, load, screen};
use super::notify::{Notifier, secret};
use super::run_session::RunSession;
use super::secrets::{close_memory, refuse_arguments};
use super::side_file::SideFile;
use super::{coding_plan, interrupt};
use crate::api::access::ReadKey;
use crate::api::client::{ClientSettings, HttpEndpoint};
use crate::api::key::Key;
use crate::cli::RunArgs;
use crate::dispatch::stop::{Stop, StopLevel};
use crate::exit::Exit;
use crate::job::KeySource;
use crate::journal::lock::Lock;
use crate::journal::ownership::who_else_writes;
use crate::pipeline::{Opened, check_own_target, check_target};
use crate::simulator;
use crate::watch::Screen;

/// Runs the command.
pub(super) fn run(args: RunArgs) -> Result<Exit, Failure> {
    let screen = screen(&args.job, args.progress);
    let (ask, stop) = interrupt::listen_and_ask(&screen, interrupt::STOPPING)?;
    let mut loaded = load(&args.job, &screen)?;
    if args.job.simulate && !args.real_time {
        loaded.job = loaded.job.at_the_pace_of_a_rehearsal();
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

/// A run before it has its journal: failures from here on may be sent to the user.
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
        let simulator = args.job.simulate.then(|| start_simulator(&screen)).transpose()?;
        if simulator.is_some() && !args.real_time {
            screen.say(
                "running as fast as the simulator answers; --real-time keeps to the job's limits and hours",
            );
        }
        let base_url =
            simulator.as_ref().map_or(loaded.job.model.base_url.as_str(), simulator::Handle::base_url);
        let key = key?;
        if simulator.is_none()
            && let Some(warning) = coding_plan::warning(base_url, key.as_ref())
        {
            screen.insist(&warning);
        }
        let read_key = read_key(&loaded.job.model.key).filter(|_| simulator.is_none());
        let settings = ClientSettings {
            base_url,
            key,
            read_key,
            ..ClientSettings::of(&loaded.job.model, &loaded.job.retry)
        };
        let endpoint = HttpEndpoint::new(settings).map_err(Failure::new)?;
        SideFile::check_all(&loaded.job, args.job.job.as_deref())?;
        check_target(&loaded.job.output.path)?;
        check_own_target(&loaded.job.output.summary())?;
        if let Some(figures) = SideFile::metrics(&loaded.job) {
            check_own_target(figures.place)?;
        }
        let journal_path = loaded.job.output.journal();
        if loaded.job.output.journal.is_some() {
            check_target(&journal_path)?;
        }
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
        let opened = Opened::new(loaded.job)?;
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
        let begun = SystemTime::now();
        let lock = &lock;
        let session = RunSession { args, screen, ask, stop, opened, lock, endpoint, hidden, notifier, begun };
        session.run()
    }
}

pub(super) fn start_simulator(screen: &Screen) -> Result<simulator::Handle, Failure> {
    screen.say("rehearsal: the built-in simulator answers, at no cost");
    let settings = simulator::ServerSettings {
        latency: simulator::Latency::rehearsal(),
        ..simulator::ServerSettings::default()
    };
    simulator::spawn_thread(settings).map_err(|error| Failure::with_causes(&error))
}

/// How a key is read again during the run: keys may be rotated at night. A variable of this process does not change.
fn read_key(source: &KeySource) -> Option<ReadKey> {
    match source.clone() {
        KeySource::Variable { .. } => None,
        source => {
            Some(ReadKey::new(move || Key::load(&source, |_| None, stderr().is_terminal()).ok().flatten()))
        }
    }
}

fn key(loaded: &Loaded) -> Result<Option<Key>, Failure> {
    Key::load(&loaded.job.model.key, |name| loaded.environment.get(name), stderr().is_terminal())
        .map_err(Failure::new)
}
