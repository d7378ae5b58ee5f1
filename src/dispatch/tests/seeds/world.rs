//! Plays a plan: run after run over one journal, until every row has its end.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::book::{Book, Killed, Sent, Writer};
use super::draw::Draw;
use super::endpoint::{Books, Service, price};
use super::invariants;
use super::plan::{Ill, Mishap, Plan};
use crate::conversation;
use crate::dispatch::pace::Pace;
use crate::dispatch::stop::{StopLevel, StopReason};
use crate::dispatch::{DispatchSettings, Dispatcher, PassEnd};
use crate::event::{Event, Observer};
use crate::job::Retry;
use crate::job::field_owner::FieldOwners;
use crate::job::limits::Caps;
use crate::job::price::Price;
use crate::toolbox::NoTools;

/// Longer than any run may take on tokio's clock: a run still active then is stuck.
const STUCK: Duration = Duration::from_secs(30 * 86_400);

/// Turns of the loop at one instant that show an endless loop.
const CIRCLES: u32 = 20_000;

/// Undisturbed runs after the mishaps, in which every row must end.
const QUIET_RUNS: usize = 12;

/// Everything that exists while a plan is played.
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) price: Arc<Price>,
    start: Instant,
    pub(super) run: Cell<usize>,
    pub(super) mishap: Cell<Mishap>,
    pub(super) book: RefCell<Book>,
    pub(super) books: RefCell<Books>,
    /// When each run ended, and how.
    history: RefCell<Vec<(Duration, &'static str)>>,
}

/// How a run ended.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// In order, for this reason.
    Ended(StopReason),
    /// Stopped at once, killed, or without a journal: requests in flight are in doubt.
    BrokenOff,
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Ended(reason) => reason.as_str(),
            Self::BrokenOff => "broken off",
        }
    }
}

impl World {
    /// How the runs ended, and the rows without an end, with what is wrong with them.
    pub(super) fn summary(&self) -> String {
        let left: Vec<_> = (0..self.plan.rows).filter(|row| !self.book.borrow().is_settled(*row)).collect();
        let left: Vec<_> = left.into_iter().map(|row| (row, self.plan.ill(row))).collect();
        format!("the runs ended {:?}; left are {left:?}", self.history.borrow())
    }

    fn new(plan: Plan) -> Rc<Self> {
        Rc::new(Self {
            plan,
            price: Arc::new(price()),
            start: Instant::now(),
            run: Cell::new(0),
            mishap: Cell::new(Mishap::Nothing),
            book: RefCell::default(),
            books: RefCell::default(),
            history: RefCell::default(),
        })
    }

    /// Since the first run began.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// The row's n-th request of this run, counted from 0.
    pub(super) fn request_of(&self, position: u64, nth: usize) -> Option<Sent> {
        let (books, run) = (self.books.borrow(), self.run.get());
        let sends = books.sends.iter().enumerate();
        let mut of_row = sends.filter(|(_, one)| one.run == run && one.position == position);
        of_row.nth(nth).map(|(number, one)| Sent { number, at: one.at })
    }

    /// Whether data being written when a run died reaches the disk all the same.
    pub(super) fn commits_outlive_runs(&self) -> bool {
        let full = matches!(self.mishap.get(), Mishap::DiskFull(_));
        !full && self.plan.lot(self.run.get() as u64, 7).is_multiple_of(2)
    }

    fn rules(&self, caps: Caps) -> DispatchSettings {
        DispatchSettings {
            retry: Retry { max_outage: self.plan.max_outage, ..Retry::default() },
            quotas: self.plan.quotas,
            concurrency: self.plan.concurrency,
            caps,
            pack: None,
            conversation: conversation::ConversationRules::default(),
            open_files: 4096,
            most_in_flight: None,
            field_owners: FieldOwners::default(),
        }
    }

    /// Whether all rows left break the service each time, so that they are indistinguishable from an outage.
    fn only_breaking_rows_are_left(&self) -> bool {
        let book = self.book.borrow();
        let is_settled = |row| book.is_settled(row);
        (0..self.plan.rows).all(|row| is_settled(row) || self.plan.ill(row) == Some(Ill::Breaks))
    }
}

/// Plays a plan to its end, and checks everything that happens against the promises.
pub(super) async fn play(plan: Plan) {
    let world = World::new(plan);
    let mut caps = world.plan.caps;
    for number in 0.. {
        let enough = world.plan.mishaps.len() + QUIET_RUNS;
        assert!(number < enough, "the runs do not come to an end: {}", world.summary());
        let mishap = world.plan.mishaps.get(number).copied();
        let (mishap, pause) = mishap.unwrap_or((Mishap::Nothing, Duration::from_secs(5)));
        if number >= world.plan.mishaps.len() + QUIET_RUNS / 2 {
            tokio::time::sleep_until(world.start + world.plan.lifted()).await;
        }
        world.mishap.set(mishap);
        world.run.set(number);
        world.books.borrow_mut().answered.clear();
        world.book.borrow_mut().begin_run(world.now());
        invariants::doubts_cover_what_was_out(&world);
        let outcome = run(&world, caps, mishap).await;
        world.history.borrow_mut().push((world.now(), outcome.word()));
        invariants::limits_are_kept(&world);
        invariants::caps_are_kept(&world, &caps);
        match outcome {
            Outcome::BrokenOff => {}
            Outcome::Ended(reason) => {
                if matches!(reason, StopReason::Outage(_)) {
                    invariants::a_silent_service_is_asked(&world);
                }
                world.book.borrow_mut().end_run();
                match reason {
                    StopReason::Finished => break,
                    StopReason::Cap(_) => caps = Caps::default(),
                    StopReason::Outage(_) if world.only_breaking_rows_are_left() => return,
                    _ => {}
                }
            }
        }
        tokio::time::sleep(pause).await;
    }
    invariants::every_row_has_its_end(&world);
}

async fn run(world: &Rc<World>, caps: Caps, mishap: Mishap) -> Outcome {
    let dies = async {
        match mishap {
            Mishap::KilledAfter(time) => tokio::time::sleep(time).await,
            _ => std::future::pending().await,
        }
    };
    let passes = AssertUnwindSafe(passes(world, caps, mishap)).catch_unwind();
    tokio::select! {
        biased;
        () = dies => Outcome::BrokenOff,
        ended = passes => ended.unwrap_or_else(|panic| match panic.is::<Killed>() {
            true => Outcome::BrokenOff,
            false => resume_unwind(panic),
        }),
    }
}

async fn passes(world: &Rc<World>, caps: Caps, mishap: Mishap) -> Outcome {
    let expected = Pace::first_guess(&world.plan.estimate);
    let past = world.book.borrow().past(world.now(), expected);
    let service = Service(Rc::clone(world));
    let mut draw = Draw::new(world.plan.lot(world.run.get() as u64, 3));
    let dice = Box::new(move || draw.roll());
    let mut dispatcher = Dispatcher::new(&service, &NoTools, &world.rules(caps), &past, dice);
    let (ask, stop) = watch::channel(StopLevel::None);
    if let Mishap::Drained(time) | Mishap::Stopped(time) = mishap {
        let stop_level = if matches!(mishap, Mishap::Stopped(_)) { StopLevel::Now } else { StopLevel::Drain };
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            let _ = ask.send(stop_level);
        });
    }
    let mut writer = Writer::new(world);
    let mut watcher = Watcher::new(world);
    let mut reason = StopReason::Finished;
    for last in [false, true] {
        world.book.borrow_mut().begin_pass();
        let rows = world.book.borrow().rows(world, last);
        let (send_row, ready) = mpsc::channel(16);
        tokio::spawn(async move {
            for row in rows {
                if send_row.send(vec![row]).await.is_err() {
                    return;
                }
            }
        });
        let pass = dispatcher.pass(ready, &mut writer, stop.clone(), &mut watcher, last);
        let Ok(end) = tokio::time::timeout(STUCK, pass).await.expect("the run does not get stuck") else {
            return Outcome::BrokenOff;
        };
        let PassEnd { reason: why, set_aside, abandoned, .. } = end;
        if abandoned > 0 || *stop.borrow() == StopLevel::Now {
            return Outcome::BrokenOff;
        }
        reason = why;
        if reason != StopReason::Finished || set_aside == 0 {
            break;
        }
    }
    Outcome::Ended(reason)
}

/// The observer.
struct Watcher {
    world: Rc<World>,
    turns: (Duration, u32),
}

impl Watcher {
    fn new(world: &Rc<World>) -> Self {
        Self { world: Rc::clone(world), turns: (Duration::ZERO, 0) }
    }
}

impl Observer for Watcher {
    fn on(&mut self, event: Event<'_>) {
        if let Event::State(state) = event {
            let now = self.world.now();
            self.turns = (now, if self.turns.0 == now { self.turns.1 + 1 } else { 0 });
            assert!(self.turns.1 < CIRCLES, "the loop goes round in circles: {state:?}");
        }
    }
}
