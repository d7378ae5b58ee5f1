//! Pieces whose answers are not whole: what is asked next, and what the row comes to.

use proptest::prelude::*;
use serde_json::json;

use super::super::*;
use crate::conversation::kept::{CODES, KeptAnswer};
use crate::outcome::Usage;
use crate::request::{Estimate, Fingerprint};

/// Around the piece, in the user's message.
const BEFORE: &str = "Translate this:\n";
const AFTER: &str = "\nThank you.";

fn request(content: &str, piece: &str) -> ChatRequest {
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": content }] });
    ChatRequest {
        estimate: Estimate { prompt_tokens: 1000, max_completion_tokens: 100, unbounded: false },
        piece: Some(piece.into()),
        ..ChatRequest::of_body(body.to_string().into_bytes(), Fingerprint([7; 16]))
    }
}

fn of_piece(piece: &str) -> ChatRequest {
    request(&format!("{BEFORE}{piece}{AFTER}"), piece)
}

fn rules(on_mismatch: OnMismatch) -> ConversationRules {
    ConversationRules { on_mismatch: Some(on_mismatch), ..ConversationRules::default() }
}

fn answer_of(text: &str) -> Answer {
    let usage = Usage { total_tokens: Some(9), ..Usage::default() };
    let finish_reason = Some("stop".to_owned());
    Answer { response: Some(text.to_owned()), usage: Some(usage), finish_reason, ..Answer::default() }
}

fn content(request: &ChatRequest) -> String {
    let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
    body["messages"][0]["content"].as_str().expect("a text").to_owned()
}

/// Asks until the row ends. Gives the texts that were asked, and the end. After each step, a row that was interrupted there
/// continues with the same request.
fn play(
    rules: &ConversationRules,
    piece: &str,
    service: impl Fn(&str) -> Answer,
) -> (Vec<String>, Result<Answer, Fault>) {
    let first = of_piece(piece);
    let (mut steps, mut texts, mut request) = (Vec::new(), Vec::new(), first.clone());
    loop {
        let content = content(&request);
        let text = content.strip_prefix(BEFORE).and_then(|text| text.strip_suffix(AFTER));
        let text = text.expect("the user's message around the piece").to_owned();
        let answer = service(&text);
        texts.push(text);
        assert!(texts.len() < 1000, "without an end");
        match rules.after(&first, &steps, answer) {
            Turn::Answered(answer) => return (texts, Ok(answer)),
            Turn::Failed(fault) => return (texts, Err(fault)),
            Turn::Call(..) => panic!("no tools"),
            Turn::Ask(step, next) => {
                steps.push(step);
                let Resumed::Ask(again) = rules.resume(&first, &steps) else { panic!("a request") };
                assert_eq!((&again.body, again.estimate), (&next.body, next.estimate));
                request = *next;
            }
        }
    }
}

fn response(end: &Result<Answer, Fault>) -> &str {
    end.as_ref().expect("an answer").response.as_deref().expect("a text")
}

/// A service that puts what it gets into capitals, and each blank line after the first `kept` into one line end.
fn merging(kept: usize) -> impl Fn(&str) -> Answer {
    move |text: &str| {
        let paragraphs: Vec<String> = text.split("\n\n").map(str::to_uppercase).collect();
        let (whole, merged) = paragraphs.split_at(paragraphs.len().min(kept));
        let merged = Some(merged.join("\n")).filter(|text| !text.is_empty());
        answer_of(&whole.iter().cloned().chain(merged).collect::<Vec<_>>().join("\n\n"))
    }
}

/// A service that takes placeholders for noise.
fn eating(text: &str) -> Answer {
    answer_of(&text.to_uppercase().replace("{NAME}", "").replace("](1)", "]"))
}

#[test]
fn a_whole_answer_to_a_piece_is_the_row_s_as_it_came() {
    let text = "one\n\ntwo {name}";
    let (texts, end) = play(&rules(OnMismatch::Split), text, |_| answer_of("\neins\n \nzwei {name}\n"));
    assert_eq!((texts, response(&end)), (vec![text.to_owned()], "\neins\n \nzwei {name}\n"));
    assert_eq!(end.expect("an answer").flaw, None);
}

#[test]
fn a_piece_that_lost_a_paragraph_is_asked_in_halves_down_to_single_paragraphs() {
    let split = rules(OnMismatch::Split);
    let text = "a\n\nb\n\nc\n\nd";
    for (kept, expected) in [
        (4, vec![text]),
        (2, vec![text, "a\n\nb", "c\n\nd"]),
        (1, vec![text, "a\n\nb", "c\n\nd"]),
        (0, vec![text, "a\n\nb", "a", "b", "c\n\nd", "c", "d"]),
    ] {
        let service = merging(kept);
        // With one kept, two paragraphs stay two.
        let (texts, end) = play(&split, text, service);
        assert_eq!(texts, expected, "{kept}");
        assert_eq!(response(&end), "A\n\nB\n\nC\n\nD");
    }
}

#[test]
fn a_paragraph_that_lost_a_placeholder_is_asked_between_them() {
    let split = rules(OnMismatch::Split);
    let (texts, end) = play(&split, "hello {name}, come\n\nhere", eating);
    assert_eq!(texts, ["hello {name}, come\n\nhere", "hello {name}, come", "hello", ", come", "here"]);
    assert_eq!(response(&end), "HELLO {name}, COME\n\nHERE");
}

#[test]
fn what_a_single_paragraph_cannot_keep_fails_the_row_and_is_named() {
    let split = rules(OnMismatch::Split);
    let text = "first\n\nSee [the manual](1) please";
    let (texts, end) = play(&split, text, eating);
    assert_eq!(texts, [text, "first", "See [the manual](1) please"]);
    let fault = end.expect_err("a failure");
    assert_eq!((fault.kind, fault.code.as_str()), (FaultKind::InvalidAnswer, "lost_markup"));
    assert!(fault.message.contains("\"See [the manual](1) please\""), "{}", fault.message);
    let evidence = fault.unfit_answer().expect("it was paid for");
    assert_eq!(
        evidence.response.as_deref(),
        Some("FIRST\n\nSEE [THE MANUAL] PLEASE"),
        "the answer to the piece"
    );
    assert_eq!(evidence.flaw.as_ref().map(|flaw| flaw.code.as_str()), Some("lost_markup"));
}

#[test]
fn what_a_model_says_besides_the_translation_of_a_paragraph_is_not_taken_for_it() {
    let split = rules(OnMismatch::Split);
    for text in ["a", "a\n\nb"] {
        let (_, end) = play(&split, text, |text| answer_of(&format!("Here it is:\n\n{text}")));
        let fault = end.expect_err("a failure");
        assert_eq!(fault.code, "lost_paragraphs");
        assert!(fault.message.contains("2 paragraphs came back for 1"), "{}", fault.message);
    }
}

#[test]
fn an_answer_cut_by_max_tokens_is_asked_in_halves_and_never_accepted() {
    let bounded = |text: &str| match text.len() > 4 {
        true => Answer { finish_reason: Some("length".into()), ..answer_of(&text[..4]) },
        false => answer_of(text),
    };
    let split = rules(OnMismatch::Split);
    let (texts, end) = play(&split, "ab\n\ncd\n\nef", bounded);
    assert_eq!((texts.len(), response(&end)), (5, "ab\n\ncd\n\nef"));
    for on_length in [OnLength::Keep, OnLength::Fail, OnLength::Grow] {
        let (texts, end) = play(&ConversationRules { on_length, ..split.clone() }, "ab\n\ncdefgh", bounded);
        assert_eq!(texts.len(), 3, "{on_length:?}");
        assert_eq!(end.expect_err("a failure").code, "length");
    }
}

#[test]
fn keep_takes_the_whole_answer_and_fail_asks_nothing_more() {
    let text = "a\n\nb\n\nc";
    let (texts, kept) = play(&rules(OnMismatch::Keep), text, merging(1));
    assert_eq!((texts.len(), response(&kept)), (1, "A\n\nB\nC"));
    let (texts, failed) = play(&rules(OnMismatch::Fail), text, merging(1));
    assert_eq!(texts.len(), 1);
    let (kept, failed) = (kept.expect("an answer"), failed.expect_err("a failure"));
    assert_eq!(failed.code, "lost_paragraphs");
    assert_eq!(failed.unfit_answer().and_then(|answer| answer.response.clone()), kept.response);
    assert_eq!(failed.unfit_answer().and_then(|answer| answer.flaw.clone()), kept.flaw);

    let stored = KeptAnswer {
        finish_reason: kept.finish_reason,
        response: kept.response,
        calls_tools: false,
        flaw: kept.flaw,
    };
    let judged = |on_mismatch| rules(on_mismatch).verdict(&stored, None);
    let flaw = stored.flaw.clone().expect("a flaw");
    assert_eq!(kept.warnings, [format!("lost_paragraphs: {}", flaw.message)]);
    assert_eq!(judged(OnMismatch::Keep), Ok(kept.warnings));
    assert_eq!(judged(OnMismatch::Fail), Err(flaw.clone()));
    assert_eq!(judged(OnMismatch::Split), Err(flaw));
    assert!(CODES.contains(&failed.code.as_str()), "it can become an answer again");
    assert_ne!(rules(OnMismatch::Keep).key(), rules(OnMismatch::Split).key());
}

#[test]
fn a_row_in_the_middle_of_its_parts_ends_with_them_though_the_rules_have_changed() {
    let (first, keep) = (of_piece("a\n\nb\n\nc\n\nd"), rules(OnMismatch::Keep));
    let Turn::Ask(step, _) = rules(OnMismatch::Split).after(&first, &[], answer_of("A B\n\nC\n\nD")) else {
        panic!("halves")
    };
    let Turn::Ask(part, _) = keep.after(&first, std::slice::from_ref(&step), answer_of("A B")) else {
        panic!("the other half")
    };
    let Turn::Answered(answer) = keep.after(&first, &[step, part], answer_of("C\n\nD")) else {
        panic!("an end")
    };
    assert_eq!(answer.response.as_deref(), Some("A B\n\nC\n\nD"));
    assert_eq!(answer.flaw.map(|flaw| flaw.code).as_deref(), Some("lost_paragraphs"));
}

#[test]
fn a_piece_that_is_not_in_the_message_as_it_is_cannot_be_halved() {
    let piece = "a\n\nb";
    for content in ["A\n\nB", "a\n\nb and a\n\nb"] {
        let turn = rules(OnMismatch::Split).after(&request(content, piece), &[], answer_of("a"));
        assert!(matches!(turn, Turn::Failed(fault) if fault.code == "lost_paragraphs"), "{content}");
    }
    let parts = json!([{ "type": "text", "text": "Translate" }, { "type": "text", "text": piece }]);
    let body = json!({ "messages": [{ "role": "user", "content": parts }] });
    let first = ChatRequest { body: body.to_string().into_bytes(), ..of_piece(piece) };
    let Turn::Ask(_, next) = rules(OnMismatch::Split).after(&first, &[], answer_of("a")) else {
        panic!("halves")
    };
    let body: serde_json::Value = serde_json::from_slice(&next.body).expect("JSON");
    assert_eq!(body["messages"][0]["content"][1]["text"], "a");
}

#[test]
fn half_a_piece_is_expected_to_take_fewer_tokens() {
    let piece = format!("{}\n\n{}", "one ".repeat(500), "two ".repeat(500));
    let first = of_piece(&piece);
    let Turn::Ask(_, next) = rules(OnMismatch::Split).after(&first, &[], answer_of("x")) else {
        panic!("halves")
    };
    assert!((450..600).contains(&next.estimate.prompt_tokens), "{:?}", next.estimate);
    assert_eq!(next.estimate.max_completion_tokens, 100);
    assert_eq!(next.fingerprint, first.fingerprint, "it belongs to the same entry");
}

#[test]
fn an_answer_without_a_text_and_one_that_the_service_cut_are_asked_in_halves() {
    let (split, first) = (rules(OnMismatch::Split), of_piece("a\n\nb"));
    let Some(Turn::Ask(step, next)) = split.emptied(&first, &[], &answer_of("")) else { panic!("halves") };
    assert_eq!((step.asks, content(&next)), (Asks::Halve, format!("{BEFORE}a{AFTER}")));
    assert!(split.emptied(&first, &[step], &answer_of("")).is_none(), "a paragraph has no halves");
    assert!(rules(OnMismatch::Keep).emptied(&first, &[], &answer_of("")).is_none());

    let streamed = ChatRequest { stream: true, ..first.clone() };
    let Cut::Rest(step, next) = split.cut(&first, &[], &streamed, Some(&answer_of("A"))) else {
        panic!("halves")
    };
    assert_eq!((step.asks, content(&next)), (Asks::Halve, format!("{BEFORE}a{AFTER}")));
}

#[test]
fn a_part_that_the_service_cut_is_continued_where_the_model_can() {
    let split = rules(OnMismatch::Split);
    let first = ChatRequest { may_continue: true, ..of_piece("aa\n\nbb") };
    let Turn::Ask(halve, next) = split.after(&first, &[], answer_of("A")) else { panic!("halves") };
    let streamed = ChatRequest { stream: true, ..*next };
    let steps = vec![halve];
    let Cut::Rest(rest, next) = split.cut(&first, &steps, &streamed, Some(&answer_of("A"))) else {
        panic!("rest")
    };
    let body: serde_json::Value = serde_json::from_slice(&next.body).expect("JSON");
    assert_eq!(body["messages"][0]["content"], format!("{BEFORE}aa{AFTER}"));
    assert_eq!(body["messages"][1]["content"], "A");
    let steps = [steps, vec![*rest]].concat();
    let Turn::Ask(part, _) = split.after(&first, &steps, answer_of("A")) else { panic!("the other half") };
    assert_eq!(part.answer.response.as_deref(), Some("AA"), "both pieces of its answer");
    let steps = [steps, vec![part]].concat();
    let Turn::Answered(answer) = split.after(&first, &steps, answer_of("BB")) else { panic!("an end") };
    assert_eq!(answer.response.as_deref(), Some("AA\n\nBB"));
}

fn paragraphs(text: &str) -> usize {
    let lines: Vec<&str> = text.trim().lines().collect();
    lines.split(|line| line.trim().is_empty()).filter(|paragraph| !paragraph.is_empty()).count()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    /// Whatever blank lines are dropped or added, whatever is lost: the answer has a paragraph for each of the piece, or the
    /// row has failed.
    #[test]
    fn an_answer_has_a_paragraph_for_each_of_its_piece(
        piece in "[a-c]{1,3}( \\{x\\}| `d`)?(\n\n[a-c]{1,3}( \\{x\\}|\n[a-c])?){0,12}",
        lot in any::<u64>(),
    ) {
        let service = |text: &str| {
            let hash = text.bytes().fold(lot, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
            match hash >> 60 {
                0..4 => answer_of(text),
                4..7 => answer_of(&text.replacen("\n\n", "\n", 1 + (hash as usize >> 8) % 3)),
                7..9 => answer_of(&text.replace("\n\n", " ")),
                9..11 => answer_of(&text.replace(" {x}", "")),
                11 => answer_of(&format!("Translation:\n\n{text}\n\n")),
                12 => answer_of(" "),
                13 => Answer { finish_reason: Some("length".into()), ..answer_of(&text[..1]) },
                _ => answer_of(&text.replace(' ', "\n \n")),
            }
        };
        let (texts, end) = play(&rules(OnMismatch::Split), &piece, service);
        let count = paragraphs(&piece);
        prop_assert!(texts.len() <= 8 * count, "{} requests for {} paragraphs", texts.len(), count);
        match end {
            Ok(answer) => prop_assert_eq!(paragraphs(&answer.response.expect("a text")), count),
            Err(fault) => prop_assert!(fault.unfit_answer().is_some()),
        }
    }
}
