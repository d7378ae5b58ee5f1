//! Orders are taken up once, by the run that they are given to, and are found again when it looks anew.

use super::*;
use crate::config::orders::Order;

fn order(key: &str, value: &str) -> Order {
    Order { key: key.to_owned(), value: value.to_owned() }
}

#[test]
fn a_run_takes_what_is_given_after_it_has_the_journal_and_each_order_is_new_once() {
    let desk = Desk::new();
    drop(desk.open());
    let left = Journal::open_again(&desk.path).unwrap().give(&[order("stop", "")]).unwrap();
    let journal = desk.open();
    let after = journal.reader().last_order().unwrap();
    let run = start_run(&journal);
    let mut inbox = journal.reader().inbox(run, after).unwrap();
    assert_eq!(inbox.look().unwrap(), None);
    let given =
        Journal::open_again(&desk.path).unwrap().give(&[order("qps", "5"), order("pause", "")]).unwrap();
    let reader = desk.reader();
    assert!(!reader.are_taken(given).unwrap());
    let both = vec![order("qps", "5"), order("pause", "")];
    assert_eq!(inbox.look().unwrap(), Some((both.clone(), 0)));
    assert!(reader.are_taken(given).unwrap() && !reader.are_taken(left).unwrap());
    assert_eq!(inbox.look().unwrap(), None);
    Journal::open_again(&desk.path).unwrap().give(&[order("resume", "")]).unwrap();
    let all = [both, vec![order("resume", "")]].concat();
    assert_eq!(inbox.look().unwrap(), Some((all.clone(), 2)));
    assert_eq!(reader.orders_of(run).unwrap(), all);
    // The same run looks anew, because its input changed: nothing is new, and all of it still holds.
    let mut again = journal.reader().inbox(run, after).unwrap();
    assert_eq!(again.look().unwrap(), Some((all, 3)));
    assert_eq!(again.look().unwrap(), None);
    let next = start_run(&journal);
    let after = journal.reader().last_order().unwrap();
    assert_eq!(journal.reader().inbox(next, after).unwrap().look().unwrap(), None);
}
