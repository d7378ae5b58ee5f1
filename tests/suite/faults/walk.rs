//! A random walk: inputs edited, runs limited, killed, and set to share or to name rows, exports in between. After each
//! step the output, the journal and the server's witness log are compared with a model that knows none of them.
//!
//! `FANFOLD_WALKS` chooses the walks: `10000` means that many from 0 on, `17..18` means these.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::fs;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fanfold::simulator::{Script, ServerSettings};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::scenario;
use crate::support::harness::{Finished, Scene};
use crate::support::side_by_side::{all, words};

/// The number of different texts; the first of them fail at first.
const TEXTS: usize = 7;

/// Steps of a walk.
const STEPS: usize = 4;

/// Failpoints at which a run may die.
const POINTS: [&str; 7] = [
    "journal.commit.before",
    "journal.commit.after",
    "dispatch.answered",
    "journal.match.after",
    "journal.share.before",
    "write.sync.before",
    "journal.end.entered",
];

/// Chance from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % limit as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// A row: its name and the number of its text.
type Line = (usize, usize);

fn text(number: usize) -> String {
    format!("text number {number}.")
}

/// The settings of the next run.
#[derive(Debug, Clone, Copy)]
struct Orders {
    limit: Option<usize>,
    share: bool,
    ids: bool,
    retry_failed: bool,
    dies_at: Option<(&'static str, usize)>,
}

struct Walk {
    scene: Scene,
    dice: Dice,
    rows: Vec<Line>,
    first: Vec<Line>,
    names: usize,
    /// The steps so far, for the report of a failure.
    log: String,
    /// The output of the last whole run: whether rows were named, and which rows it had, answered or not.
    before: Option<(bool, Vec<(Line, bool)>)>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut script = String::new();
        for number in 0..3 {
            let times = 1 + dice.below(3);
            write!(
                script,
                "[[fault]]\ncontains = \"{}\"\ntimes = {times}\nstatus = 400\ncode = \"data_inspection_failed\"\n",
                text(number)
            )
            .expect("text");
        }
        let script = Script::parse(&script).expect("a script");
        let scene = Scene::with(ServerSettings { script, ..ServerSettings::default() });
        scene.job("in.jsonl", "out.jsonl", "retry.max_attempts = 2\n");
        let count = 5 + dice.below(8);
        let first: Vec<Line> = (0..count).map(|name| (name, dice.below(TEXTS))).collect();
        Self { scene, dice, rows: first.clone(), first, names: count, log: String::new(), before: None }
    }

    fn edit(&mut self) {
        let (dice, rows) = (&mut self.dice, &mut self.rows);
        self.names += 1;
        let (name, at) = (self.names, dice.below(rows.len()));
        match dice.below(8) {
            0 => rows.insert(at, (name, dice.below(TEXTS))),
            1 if rows.len() > 1 => drop(rows.remove(at)),
            2 => {
                let row = rows.remove(at);
                rows.insert(dice.below(rows.len() + 1), row);
            }
            3 => rows.insert(dice.below(rows.len()), (name, rows[at].1)),
            4 => rows[at].1 = dice.below(TEXTS),
            5 => rows[at].0 = name,
            6 => rows.iter_mut().for_each(|row| row.0 += 100),
            _ => rows.clone_from(&self.first),
        }
        // A name stands once.
        let mut seen = BTreeMap::new();
        rows.retain(|row| seen.insert(row.0, ()).is_none());
    }

    fn orders(&mut self) -> Orders {
        let dice = &mut self.dice;
        Orders {
            limit: dice.one_in(5).then(|| 1 + dice.below(self.rows.len())),
            share: dice.one_in(2),
            ids: dice.one_in(2),
            retry_failed: dice.one_in(3),
            dies_at: dice.one_in(3).then(|| (POINTS[dice.below(POINTS.len())], 1 + dice.below(4))),
        }
    }

    fn step(&mut self) {
        for _ in 0..self.dice.below(4) {
            self.edit();
        }
        let line =
            |(name, says): &Line| format!("{}\n", json!({ "id": format!("n{name}"), "text": text(*says) }));
        self.scene.write("in.jsonl", self.rows.iter().map(line).collect::<String>());
        let orders = self.orders();
        writeln!(self.log, "{:?} {orders:?}", self.rows).expect("text");
        let rows: Vec<Line> = self.rows.iter().take(orders.limit.unwrap_or(usize::MAX)).copied().collect();
        let (stored, sent) = (self.stored(), self.bought());
        let finished = self.run(orders);
        if finished.code.is_none() {
            self.scene.let_arrive();
        }
        let (stored_now, sent_now) = (self.stored(), self.bought());
        let mut needed: HashMap<usize, usize> = HashMap::new();
        rows.iter().for_each(|row| *needed.entry(row.1).or_default() += 1);
        for number in 0..TEXTS {
            let of = |counts: &HashMap<usize, usize>| counts.get(&number).copied().unwrap_or(0);
            let needed = if orders.share { of(&needed).min(1) } else { of(&needed) };
            let bought = of(&sent_now) - of(&sent);
            let most = needed.saturating_sub(of(&stored));
            assert!(bought <= most, "an answered request is bought again: text {number}, {bought} of {most}");
            assert!(of(&stored_now) >= of(&stored), "an answer of text {number} is lost");
        }
        self.is_sound();
        match finished.code {
            Some(0 | 3 | 4) => self.check_output(&rows, orders, &stored_now),
            // Killed on its own: the next run checks what it has left.
            None if orders.dies_at.is_some() => {}
            code => panic!("it ends with {code:?}: {}", finished.stderr),
        }
    }

    fn run(&self, orders: Orders) -> Finished {
        let limit = orders.limit.map(|limit| limit.to_string());
        let mut arguments = vec!["run", "job.toml"];
        if let Some(limit) = &limit {
            // An output that would lose rows is moved away first.
            let _ = fs::remove_file(self.scene.path("out.jsonl"));
            arguments.extend(["--limit", limit]);
        }
        for (is_so, words) in [
            (orders.share, &["--set", "input.duplicates=share"][..]),
            (orders.ids, &["--set", "input.id=id"]),
            (orders.retry_failed, &["--retry-failed"]),
        ] {
            arguments.extend(words.iter().filter(|_| is_so));
        }
        let mut command = self.scene.command(&arguments);
        if let Some((point, times)) = orders.dies_at {
            command.env("FANFOLD_FAILPOINT", format!("{point}={times}"));
        }
        Finished::from(command.output().expect("the binary runs"))
    }

    /// Answers that the server has given, by text.
    fn bought(&self) -> HashMap<usize, usize> {
        let mut counts = HashMap::new();
        for line in self.scene.witness().iter().filter(|line| line["status"] == 200) {
            let body = line["body"].to_string();
            let number = (0..TEXTS).find(|number| body.contains(&text(*number))).expect("a text");
            *counts.entry(number).or_default() += 1;
        }
        counts
    }

    fn journal(&self) -> Option<Connection> {
        let path = self.scene.path("out.jsonl.journal");
        path.exists().then(|| Connection::open(path).expect("a journal"))
    }

    /// Answers that the journal has for good, by text.
    fn stored(&self) -> HashMap<usize, usize> {
        let mut counts = HashMap::new();
        let Some(journal) = self.journal() else { return counts };
        let sql = "SELECT s.response FROM entries e JOIN steps s ON s.step = e.answer WHERE e.status = 'ok'";
        let mut statement = journal.prepare(sql).expect("a query");
        let texts = statement.query_map([], |row| row.get::<_, String>(0)).expect("answers");
        for response in texts.map(|text| text.expect("a text")) {
            let number = (0..TEXTS).find(|number| response.contains(&text(*number))).expect("a text");
            *counts.entry(number).or_default() += 1;
        }
        counts
    }

    fn is_sound(&self) {
        let Some(journal) = self.journal() else { return };
        let verdict: String =
            journal.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a verdict");
        assert_eq!(verdict, "ok");
    }

    /// Each row has its own answer; no row lacks an answer that exists; none has become failed.
    fn check_output(&mut self, rows: &[Line], orders: Orders, stored: &HashMap<usize, usize>) {
        let output = self.scene.output();
        assert_eq!(output.len(), rows.len(), "one row in, one row out");
        let mut ends = Vec::new();
        for ((name, number), row) in rows.iter().zip(&output) {
            assert_eq!(row["id"], format!("n{name}"), "in the order of the input");
            let is_ok = row["status"] == "ok";
            let response = row["response"].as_str().unwrap_or_default();
            assert_eq!(is_ok, response.contains(&text(*number)), "its own answer: {row}");
            ends.push(((*name, *number), is_ok));
        }
        for number in 0..TEXTS {
            let of = |is_wanted: fn(bool) -> bool| {
                ends.iter().filter(|((_, one), ok)| *one == number && is_wanted(*ok)).count()
            };
            let (all, ok) = (of(|_| true), of(|ok| ok));
            let stored = stored.get(&number).copied().unwrap_or(0);
            let fewest = if orders.share && stored > 0 { all } else { all.min(stored) };
            assert!(
                ok >= fewest,
                "an answer of text {number} lies idle: {ok} of {all} are ok, {stored} are stored"
            );
        }
        if let Some((true, before)) = self.before.take().filter(|_| orders.ids) {
            for (line, _) in before.iter().filter(|(_, ok)| *ok) {
                let fell = ends.iter().any(|(now, ok)| now == line && !ok);
                assert!(!fell, "the row {line:?} was ok and is not any more");
            }
        }
        self.before = Some((orders.ids, ends));
        if self.dice.one_in(3) {
            self.look(orders, &output);
        }
    }

    /// The reading commands agree, and the whole is verified.
    fn look(&self, orders: Orders, output: &[Value]) {
        let limit = orders.limit.map(|limit| limit.to_string());
        let mut job = vec!["job.toml"];
        if let Some(limit) = &limit {
            job.extend(["--limit", limit]);
        }
        for (is_so, words) in
            [(orders.share, ["--set", "input.duplicates=share"]), (orders.ids, ["--set", "input.id=id"])]
        {
            job.extend(words.into_iter().filter(|_| is_so));
        }
        let verified = self.scene.run(&[&["verify"], &job[..]].concat());
        assert!(matches!(verified.code, Some(0 | 3)), "{}{}", verified.stdout, verified.stderr);
        self.scene.run(&[&["export"], &job[..], &["--output", "export.jsonl"]].concat()).expect_code(0);
        assert_eq!(crate::support::harness::lines(&self.scene.path("export.jsonl")), output);
    }
}

/// Walks from a seed; an error has all steps so far.
fn walk(seed: u64) -> Result<usize, String> {
    let mut walk = Walk::new(seed);
    let end = catch_unwind(AssertUnwindSafe(|| (0..STEPS).for_each(|_| walk.step())));
    end.map(|()| 1).map_err(|panic| {
        let (said, next) = (words(&*panic), seed + 1);
        format!("seed {seed}: {said}\n{}to see it again: FANFOLD_WALKS={seed}..{next} cargo test --test suite walk\n", walk.log)
    })
}

fn wanted(says: Option<&str>, otherwise: u64) -> Range<u64> {
    let number = |text: &str| text.trim().parse::<u64>().expect("FANFOLD_WALKS is `10000` or `17..18`");
    match says.and_then(|says| says.split_once("..")) {
        Some((first, last)) => number(first)..number(last),
        None => 0..says.map_or(otherwise, number),
    }
}

fn walks(otherwise: u64) {
    let says = std::env::var("FANFOLD_WALKS").ok();
    all(wanted(says.as_deref(), otherwise).collect(), walk);
}

#[test]
fn no_walk_loses_an_answer_buys_one_again_or_gives_one_to_another_row() {
    scenario(|| walks(20));
}

#[test]
fn none_of_many_walks_does_so_either() {
    scenario(|| walks(200));
}
