//! Rows that take several requests: tools, repairs, answers that the service cut off.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use super::bench::{Bench, Log, millis, secs};
use super::service::{Call, answer, fault};
use crate::conversation::calls::ToolCall;
use crate::conversation::{Asks, Step};
use crate::dispatch::stop::{StopLevel, StopReason};
use crate::note::{JournalEvent, Outcome};
use crate::outcome::{Answer, Fault, FaultKind, Reply};
use crate::toolbox::Toolbox;

/// Tools that take a second each; `broken` fails.
struct Slow;

impl Toolbox for Slow {
    fn run<'a>(&'a self, call: &'a ToolCall) -> LocalBoxFuture<'a, Result<String, Fault>> {
        Box::pin(async move {
            tokio::time::sleep(secs(1)).await;
            match call.name.as_str() {
                "broken" => Err(Fault::new(FaultKind::InvalidAnswer, "tool_failed", "as the test says")),
                name => Ok(format!("{name} of {}", call.arguments)),
            }
        })
    }
}

fn bench() -> Bench {
    let mut bench = Bench::new().qps(50.0);
    bench.toolbox = &Slow;
    bench.rules.conversation.tools = ["look", "broken"].map(str::to_owned).into();
    bench.rules.conversation.max_rounds = 3;
    bench
}

/// An answer with `count` tool calls.
fn calls(name: &str, count: usize) -> (std::time::Duration, Reply) {
    let (after, reply) = answer(millis(200));
    let call = format!(r#"{{"id":"c","type":"function","function":{{"name":"{name}","arguments":"{{}}"}}}}"#);
    let tool_calls = Some(format!("[{}]", vec![call; count].join(",")));
    (after, reply.map(|answer| Answer { response: None, tool_calls, ..answer }))
}

fn went_on(bench: &Bench) -> usize {
    bench.ended(|ending| matches!(ending, Outcome::Continue(_))).len()
}

/// Tools that print a mebibyte each.
struct Wordy;

impl Toolbox for Wordy {
    fn run<'a>(&'a self, _: &'a ToolCall) -> LocalBoxFuture<'a, Result<String, Fault>> {
        Box::pin(std::future::ready(Ok("x".repeat(1 << 20))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_whose_tools_say_too_much_fails_alone_in_whichever_round() {
    let mut bench = bench();
    bench.toolbox = &Wordy;
    let script = |call: Call| match (call.position, call.turns) {
        (1, 1) => calls("look", 9),
        (2, 1) => calls("look", 5),
        (2, _) => calls("look", 4),
        (_, 1) => calls("look", 8),
        _ => answer(millis(200)),
    };
    let end = bench.run(4, script).await;
    assert_eq!(end.reason, StopReason::Finished);
    let failed: Vec<(u64, String)> =
        bench.failed().into_iter().map(|(position, fault)| (position, fault.code)).collect();
    assert_eq!(failed, [(1, "too_long_results".to_owned()), (2, "too_long_results".to_owned())]);
    assert_eq!(bench.answered(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_calls_tools_continues_with_their_results_until_it_is_answered() {
    let bench = bench();
    let script = |call: Call| match call.turns {
        // The question, then a turn for the call and one for each of its two results.
        1 => calls("look", 2),
        4 => calls("look", 2),
        turns => {
            assert_eq!(turns, 7);
            answer(millis(200))
        }
    };
    let end = bench.run(40, script).await;
    assert_eq!(end.reason, StopReason::Finished);
    bench.assert_every_row_ended_once(40);
    assert_eq!((bench.answered(), went_on(&bench)), (40, 80));
    assert!(bench.elapsed() < secs(8), "tools run side by side, {:?}", bench.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_round_is_stored_before_its_tools_run_and_their_results_before_the_next_request() {
    let bench = bench();
    let script = |call: Call| if call.turns == 1 { calls("look", 1) } else { answer(millis(200)) };
    bench.run(1, script).await;
    let log = bench.log.borrow();
    let words: Vec<&str> = log
        .committed
        .iter()
        .filter(|note| !matches!(note, JournalEvent::Out(_)))
        .map(|note| match note {
            JournalEvent::HandedOut { .. } | JournalEvent::Out(_) => "handed out",
            JournalEvent::Resent(_) => "resent",
            JournalEvent::Results { .. } => "results",
            JournalEvent::Ended(ended) => match &ended.ending {
                Outcome::Continue(_) => "goes on",
                Outcome::Answered(_) => "answered",
                _ => "else",
            },
        })
        .collect();
    assert_eq!(words, ["handed out", "goes on", "results", "resent", "answered"]);
}

/// Tools that check whether the answer that calls them is on disk.
struct Wary(Rc<RefCell<Log>>);

impl Toolbox for Wary {
    fn run<'a>(&'a self, _: &'a ToolCall) -> LocalBoxFuture<'a, Result<String, Fault>> {
        let goes_on = |note: &JournalEvent| matches!(note, JournalEvent::Ended(ended) if matches!(ended.ending, Outcome::Continue(_)));
        assert!(self.0.borrow().committed.iter().any(goes_on), "the tool runs before its call is stored");
        Box::pin(std::future::ready(Ok("seen".to_owned())))
    }
}

#[tokio::test(start_paused = true)]
async fn no_tool_runs_before_the_answer_that_calls_it_is_on_disk() {
    let mut bench = bench();
    bench.commit = secs(5);
    bench.toolbox = Box::leak(Box::new(Wary(Rc::clone(&bench.log))));
    let script = |call: Call| if call.turns == 1 { calls("look", 1) } else { answer(millis(200)) };
    assert_eq!(bench.run(1, script).await.reason, StopReason::Finished);
    assert_eq!((bench.answered(), went_on(&bench)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_row_fails_alone_when_its_tool_fails_is_unknown_or_called_without_end() {
    let bench = bench();
    let script = |call: Call| match call.position {
        0 => calls("broken", 2),
        1 => calls("nobody", 1),
        2 => calls("look", 1),
        _ => answer(millis(100)),
    };
    bench.run(5, script).await;
    bench.assert_every_row_ended_once(5);
    let mut failed: Vec<(u64, String)> =
        bench.failed().into_iter().map(|(row, fault)| (row, fault.code)).collect();
    failed.sort();
    let expected = [(0, "tool_failed"), (1, "unknown_tool"), (2, "max_rounds")];
    assert_eq!(failed, expected.map(|(row, code)| (row, code.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_row_interrupted_between_rounds_continues_with_its_next_step() {
    let bench = bench();
    let (_, asked) = calls("look", 1);
    let step = Step { answer: asked.expect("calls"), asks: Asks::Tools, results: vec!["seen".into()] };
    let unfinished = Step { results: vec![], ..step.clone() };
    let mut rows = bench.rows(3);
    rows[0].steps = vec![step];
    rows[1].steps = vec![unfinished];
    let script = |call: Call| {
        assert_eq!(call.turns, if call.position == 2 { 1 } else { 3 }, "row {}", call.position);
        answer(millis(100))
    };
    bench.try_run(rows, script).await.expect("the ledger holds");
    bench.assert_every_row_ended_once(3);
    assert_eq!(bench.sends().len(), 3, "nothing is asked twice");
}

#[tokio::test(start_paused = true)]
async fn a_stopping_pass_stores_the_round_and_begins_no_tool() {
    let mut bench = bench();
    bench.stops = vec![(millis(100), StopLevel::Drain)];
    let end = bench.run(1, |_| calls("look", 1)).await;
    assert_eq!(end.reason, StopReason::Interrupted);
    assert_eq!(went_on(&bench), 1);
    assert!(bench.elapsed() < secs(1), "{:?}", bench.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_server_cut_is_asked_for_again_as_a_stream() {
    let bench = Bench::new().qps(50.0);
    let script = |call: Call| match call.stream {
        false => fault(FaultKind::CutByServer, 200, "cut_by_server"),
        true => answer(secs(1)),
    };
    let end = bench.run(30, script).await;
    assert_eq!(end.reason, StopReason::Finished);
    assert_eq!((bench.answered(), bench.waited(), bench.sends().len()), (30, 30, 60));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_cut_as_a_stream_too_is_continued_where_the_model_can() {
    let bench = Bench::new().qps(50.0);
    let mut rows = bench.rows(2);
    rows[0].request.may_continue = true;
    let script = |call: Call| {
        let text = |text: &str| Answer { response: Some(text.to_owned()), ..Answer::default() };
        match (call.stream, call.turns) {
            (true, 1) => {
                let (after, reply) = fault(FaultKind::CutByServer, 200, "cut_by_server");
                (after, reply.map_err(|fault| Fault { partial: Some(Box::new(text("one, "))), ..fault }))
            }
            (true, _) => (millis(10), Ok(text("two"))),
            (false, _) => fault(FaultKind::CutByServer, 200, "cut_by_server"),
        }
    };
    bench.try_run(rows, script).await.expect("the ledger holds");
    let answered = bench.ended(|ending| matches!(ending, Outcome::Answered(_)));
    let Outcome::Answered(answer) = &answered[0].ending else { panic!("an answer") };
    assert_eq!((answered.len(), answer.response.as_deref()), (1, Some("one, two")));
    assert_eq!(bench.failed()[0].1.code, "cut_by_server");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_fails_for_each_of_the_first_rows_ends_the_run_and_fails_no_row() {
    let bench = bench();
    let end = bench.run(1_000, |_| calls("broken", 1)).await;
    assert!(matches!(&end.reason, StopReason::EveryRowRefused(fault) if fault.code == "tool_failed"));
    assert_eq!((bench.sends().len(), bench.failed().len(), bench.waited()), (10, 0, 10));
}
