//! Rows that take several requests.

use super::*;
use crate::conversation::{Asks, Step};

fn step(asks: Asks, results: &[&str]) -> Step {
    let calls = r#"[{"id":"c","function":{"name":"look","arguments":"{}"}}]"#;
    let answer = Answer { tool_calls: Some(calls.to_owned()), ..answer("first") };
    Step { answer, asks, results: results.iter().map(|&result| result.to_owned()).collect() }
}

fn goes_on(row: &RowKey, step: &Step) -> JournalEvent {
    ended(row, Outcome::Continue(Box::new(step.clone())))
}

fn results(row: &RowKey, results: &[&str]) -> JournalEvent {
    let results = results.iter().map(|&result| result.to_owned()).collect();
    JournalEvent::Results { row: row.clone(), results }
}

#[test]
fn a_row_killed_between_two_requests_has_its_steps_and_no_end() {
    let desk = Desk::new();
    let (first, second) = (row(0, 1), row(1, 2));
    desk.killed_run(vec![
        JournalEvent::HandedOut { below: 2 },
        goes_on(&first, &step(Asks::Tools, &[])),
        goes_on(&second, &step(Asks::Repair, &["a is missing"])),
        results(&first, &["sun", "rain"]),
        JournalEvent::Resent(first.clone()),
    ]);
    let reader = desk.reader();
    assert!(reader.has_steps_in_between().unwrap());
    assert_eq!(reader.steps(0).unwrap(), [step(Asks::Tools, &["sun", "rain"])]);
    assert_eq!(reader.steps(1).unwrap(), [step(Asks::Repair, &["a is missing"])]);
    assert_eq!(reader.counts(None).unwrap().pending, 2);
    assert_eq!(reader.in_doubt().unwrap(), 1, "only the row that had gone out again");
    assert_eq!(desk.matched(&[first, second], false).kept, 0);
}

#[test]
fn what_a_row_used_is_the_sum_over_its_steps() {
    let desk = Desk::new();
    let row = row(0, 1);
    desk.killed_run(vec![
        goes_on(&row, &step(Asks::Tools, &["x"])),
        goes_on(&row, &step(Asks::Repair, &["y"])),
        answered(&row, "at last"),
    ]);
    let reader = desk.reader();
    let result = reader.results().at(0).unwrap().unwrap();
    let answer = result.answer.unwrap();
    assert_eq!(answer.response.as_deref(), Some("at last"));
    assert_eq!(answer.tool_calls, None);
    let usage = answer.usage.unwrap();
    assert_eq!(
        (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens),
        (Some(30), Some(15), Some(45))
    );
    assert_eq!((usage.cached_tokens, usage.reasoning_tokens), (Some(12), None));
    assert_eq!((result.cost, result.attempts), (Some(0.75), Some(3)));
    let costs = dump(reader.connection(), "SELECT sum(cost), count(*) FROM steps");
    assert_eq!(costs, [[Value::Real(0.75), Value::Integer(3)]]);
}
