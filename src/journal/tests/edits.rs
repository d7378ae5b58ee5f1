//! Matching against a model: whatever is edited between two runs, no paid answer is paid for again.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use proptest::sample::Index;
use rusqlite::Connection;

use super::*;
use crate::outcome::Status;

/// One edit of the input between two runs.
#[derive(Debug, Clone)]
enum Edit {
    Insert(Index, u8),
    Top(u8),
    Append(u8),
    Delete(Index),
    Move(Index, Index),
    Duplicate(Index, Index),
    Change(Index, u8),
    Rename(Index),
    BringBack(Index),
}

/// A run: the edits before it, its limit, and what becomes of the rows it sends, by turns.
#[derive(Debug, Clone)]
struct Round {
    edits: Vec<Edit>,
    limit: Option<Index>,
    fates: Vec<u8>,
}

fn edit() -> impl Strategy<Value = Edit> {
    let content = 0..4_u8;
    prop_oneof![
        (any::<Index>(), content.clone()).prop_map(|(at, content)| Edit::Insert(at, content)),
        content.clone().prop_map(Edit::Top),
        content.clone().prop_map(Edit::Append),
        any::<Index>().prop_map(Edit::Delete),
        any::<(Index, Index)>().prop_map(|(from, to)| Edit::Move(from, to)),
        any::<(Index, Index)>().prop_map(|(from, to)| Edit::Duplicate(from, to)),
        (any::<Index>(), content).prop_map(|(at, content)| Edit::Change(at, content)),
        any::<Index>().prop_map(Edit::Rename),
        any::<Index>().prop_map(Edit::BringBack),
    ]
}

fn round() -> impl Strategy<Value = Round> {
    let edits = prop::collection::vec(edit(), 0..5);
    let fates = prop::collection::vec(0..6_u8, 1..8);
    (edits, prop::option::weighted(0.25, any::<Index>()), fates).prop_map(|(edits, limit, fates)| Round {
        edits,
        limit,
        fates,
    })
}

/// The input: identifier and content of each row. Identifiers are there in both kinds of job, and used in one.
#[derive(Debug)]
struct Input {
    rows: Vec<(u32, u8)>,
    removed: Vec<(u32, u8)>,
    ids: u32,
    with_ids: bool,
}

impl Input {
    fn fresh(&mut self, content: u8) -> (u32, u8) {
        self.ids += 1;
        (self.ids, content)
    }

    fn edit(&mut self, edit: &Edit) {
        let (length, gaps) = (self.rows.len(), self.rows.len() + 1);
        match edit {
            Edit::Insert(at, content) => {
                let row = self.fresh(*content);
                self.rows.insert(at.index(gaps), row);
            }
            Edit::Top(content) => {
                let row = self.fresh(*content);
                self.rows.insert(0, row);
            }
            Edit::Append(content) => {
                let row = self.fresh(*content);
                self.rows.push(row);
            }
            _ if length == 0 => {}
            Edit::Delete(at) => {
                let row = self.rows.remove(at.index(length));
                self.removed.push(row);
            }
            Edit::Move(from, to) => {
                let row = self.rows.remove(from.index(length));
                self.rows.insert(to.index(length), row);
            }
            Edit::Duplicate(from, to) => {
                let content = self.rows[from.index(length)].1;
                let row = self.fresh(content);
                self.rows.insert(to.index(gaps), row);
            }
            Edit::Change(at, content) => {
                // An earlier content comes back often enough, because there are so few.
                self.rows[at.index(length)].1 = *content;
            }
            Edit::Rename(at) => {
                let index = at.index(length);
                self.rows[index] = self.fresh(self.rows[index].1);
            }
            Edit::BringBack(at) => {
                if let Some(row) = self.removed.pop() {
                    self.rows.insert(at.index(gaps), row);
                }
            }
        }
    }

    fn keys(&self, limit: usize) -> Vec<RowKey> {
        let key = |((id, content), position): (&(u32, u8), u64)| RowKey {
            id: self.with_ids.then(|| RowId::from_text(id.to_string())),
            ..row(position, *content)
        };
        self.rows.iter().zip(0..).take(limit).map(key).collect()
    }
}

/// What the model knows: how many answers and failures each request has ever got, whatever its rows were called.
#[derive(Debug, Default)]
struct Paid {
    done: HashMap<Fingerprint, u64>,
    answered: HashMap<Fingerprint, u64>,
    /// Which rows have failed, by name and request.
    failures: HashSet<(Option<RowId>, Fingerprint)>,
    count: u32,
}

fn tally(keys: &[RowKey]) -> HashMap<Fingerprint, u64> {
    let mut tally = HashMap::new();
    keys.iter().for_each(|key| *tally.entry(key.fingerprint).or_default() += 1);
    tally
}

/// Rows of which an entry of such a status stands in place.
fn in_place(connection: &Connection, keys: &[RowKey], statuses: &str) -> u64 {
    let sql = "SELECT position, fingerprint, row_id FROM entries WHERE position IS NOT NULL AND status IN";
    let entries = dump(connection, &format!("{sql} ({statuses})"));
    let stands = |key: &&RowKey| {
        let id = key.id.as_ref().map_or(Value::Null, |id| Value::Text(id.as_str().to_owned()));
        let values = [Value::Integer(key.position as i64), Value::Blob(key.fingerprint.0.to_vec()), id];
        entries.iter().any(|entry| entry[..] == values)
    };
    keys.iter().filter(stands).count() as u64
}

fn check(with_ids: bool, keys: &[RowKey], limited: bool, paid: &Paid, journal: &Journal) -> Vec<RowKey> {
    let (connection, reader) = (journal.connection(), journal.reader());
    let everything = "SELECT * FROM entries ORDER BY entry";
    let before = dump(connection, everything);
    // A failure in its place makes room for an answer that is left over.
    let stood = in_place(connection, keys, "'ok'")..=in_place(connection, keys, "'ok', 'failed'");
    let looked = matched(reader, keys, with_ids, limited, false).unwrap();
    assert_eq!(dump(connection, everything), before, "a look changes nothing");
    let found = matched(reader, keys, with_ids, limited, true).unwrap();
    assert_eq!(found, looked, "what was said is what is done");

    let rows = tally(keys);
    let covered = |paid: &HashMap<Fingerprint, u64>| -> u64 {
        rows.iter().map(|(request, count)| *count.min(paid.get(request).unwrap_or(&0))).sum()
    };
    assert_eq!(found.kept + found.moved + found.changed + found.new, keys.len() as u64);
    // A row that waits with tries of its own does not take another's failure.
    let fewest = covered(&paid.answered);
    let used = fewest..=covered(&paid.done);
    assert!(used.contains(&(found.kept + found.moved)), "every answer there is is used: {found:?}, {used:?}");
    assert!(stood.contains(&found.kept), "{found:?}, {stood:?}");

    let reader = Reader::beside(journal.path()).unwrap();
    let (mut entries, mut results) = (Reader::beside(journal.path()).unwrap().entries(), reader.results());
    let (mut used, mut failures, mut to_send) = (HashSet::new(), 0, Vec::new());
    for key in keys {
        let entry = entries.at(key.position).unwrap();
        let result = results.at(key.position).unwrap();
        assert!(entry.as_ref().is_none_or(|entry| entry.fingerprint == key.fingerprint));
        match entry.map(|entry| entry.status) {
            Some(Status::Ok) => {
                let text = result.unwrap().answer.unwrap().response.unwrap();
                let given_for = format!("{}/", key.fingerprint);
                assert!(text.starts_with(&given_for), "{text} stands at {given_for}");
                assert!(used.insert(text), "an answer is used once");
            }
            Some(Status::Failed) => {
                assert_eq!(result.unwrap().status, Status::Failed);
                let own = (key.id.clone(), key.fingerprint);
                assert!(!with_ids || paid.failures.contains(&own), "{key:?} has another row's failure");
                failures += 1;
            }
            Some(Status::Pending | Status::SetAside | Status::Dropped | Status::Skipped) | None => {
                to_send.push(key.clone())
            }
        }
    }
    assert_eq!(failures, found.failed);
    assert_eq!(to_send.len() as u64, found.new + found.changed);
    to_send
}

fn play(with_ids: bool, first: Vec<u8>, rounds: Vec<Round>) {
    let desk = Desk::new();
    let mut journal = desk.open();
    journal.connection().pragma_update(None, "synchronous", "OFF").unwrap();
    let mut input = Input { rows: Vec::new(), removed: Vec::new(), ids: 0, with_ids };
    first.iter().for_each(|content| input.edit(&Edit::Append(*content)));
    let mut paid = Paid::default();
    for round in rounds {
        round.edits.iter().for_each(|edit| input.edit(edit));
        let limit = round.limit.map_or(usize::MAX, |limit| limit.index(input.rows.len() + 1));
        let keys = input.keys(limit);
        let to_send = check(with_ids, &keys, round.limit.is_some(), &paid, &journal);
        let mut notes = Vec::new();
        for (key, fate) in to_send.iter().zip(round.fates.iter().cycle()) {
            paid.count += 1;
            match fate {
                0 | 1 => notes.push(answered(key, &format!("{}/{}", key.fingerprint, paid.count))),
                2 => {
                    notes.push(failed(key));
                    paid.failures.insert((key.id.clone(), key.fingerprint));
                }
                3 => notes.push(throttled(key)),
                4 => notes.push(set_aside(key)),
                _ => {}
            }
            *paid.done.entry(key.fingerprint).or_default() += u64::from(*fate <= 2);
            *paid.answered.entry(key.fingerprint).or_default() += u64::from(*fate <= 1);
        }
        let run = start_run(&journal);
        (journal, _) = store(journal, run, notes);
    }
    check(with_ids, &input.keys(usize::MAX), false, &paid, &journal);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_edit_of_an_input_without_ids_makes_a_paid_answer_be_paid_again(
        first in prop::collection::vec(0..4_u8, 0..10),
        rounds in prop::collection::vec(round(), 1..6),
    ) {
        play(false, first, rounds);
    }

    #[test]
    fn no_edit_of_an_input_with_ids_makes_a_paid_answer_be_paid_again(
        first in prop::collection::vec(0..4_u8, 0..10),
        rounds in prop::collection::vec(round(), 1..6),
    ) {
        play(true, first, rounds);
    }
}
