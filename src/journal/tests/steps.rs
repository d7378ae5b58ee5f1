//! Rows that take several requests.

use super::*;
use crate::conversation::{Asks, Step};
use crate::outcome::Flaw;

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

#[test]
fn a_flaw_is_kept_with_its_answer_and_decides_when_the_rules_change() {
    use crate::conversation::ConversationRules;
    use crate::conversation::kept::CODES;
    use crate::job::split::OnMismatch;
    use crate::journal::revalidation::HeldScope;

    let desk = Desk::new();
    let flaw = Some(Flaw { code: "lost_markup".to_owned(), message: "`{x}` is missing".to_owned() });
    let flawed = Answer { flaw: flaw.clone(), ..answer("flawed") };
    let fault = Fault::new(FaultKind::InvalidAnswer, "lost_markup", "`{x}` is missing");
    desk.killed_run(vec![
        ended(&row(0, 1), Outcome::Answered(flawed.clone())),
        ended(&row(1, 2), Outcome::Failed(Fault { partial: Some(Box::new(flawed)), ..fault })),
        answered(&row(2, 3), "whole"),
        failed(&row(3, 4)),
    ]);
    let hold = |on_mismatch| {
        let rules = ConversationRules { on_mismatch: Some(on_mismatch), ..ConversationRules::default() };
        let turned = desk.open().hold_to((&CODES, HeldScope::All), |kept| rules.verdict(kept, None)).unwrap();
        let sql = "SELECT status, coalesce(error_code, error) FROM entries ORDER BY entry";
        (turned.failed, turned.ok, dump(desk.reader().connection(), sql))
    };
    let words = |words: [(&str, Option<&str>); 4]| -> Vec<Vec<Value>> {
        let text = |text: &str| Value::Text(text.to_owned());
        words.iter().map(|(status, code)| vec![text(status), code.map_or(Value::Null, text)]).collect()
    };
    let lost = ("failed", Some("lost_markup"));
    let (ok, refused) = (("ok", None), ("failed", Some("data_inspection_failed")));
    assert_eq!(hold(OnMismatch::Split), (1, 0, words([lost, lost, ok, refused])));
    assert_eq!(hold(OnMismatch::Fail), (0, 0, words([lost, lost, ok, refused])));
    let warned = ("ok", Some(r#"["lost_markup: `{x}` is missing"]"#));
    assert_eq!(hold(OnMismatch::Keep), (0, 2, words([warned, warned, ok, refused])));
    let reader = desk.reader();
    let mut results = reader.results();
    let mut warnings = |position| results.at(position).unwrap().expect("a result").warnings;
    assert_eq!(warnings(0), ["lost_markup: `{x}` is missing"]);
    assert_eq!((warnings(2), reader.warned(None).unwrap()), (Vec::<String>::new(), 2));
    assert_eq!(answers(&reader, 3), ["flawed", "flawed", "whole"].map(|text| Some(text.to_owned())));
    assert_eq!(reader.unfit_response(0).unwrap(), None);
}
