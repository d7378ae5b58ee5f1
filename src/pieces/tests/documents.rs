//! Plain text: paragraphs, wrapped or not, lines, and sentences of what is too long.

use super::super::SplitBy::{Lines, Markdown, None, Text};
use super::super::parts;
use super::{answered, sent, split, texts};

const WRAPPED: &str = "The first line of this paragraph was wrapped at about\r\nsixty columns, as it is in old books and in mails, and so\r\nit is one.\r\n";

#[test]
fn a_hard_wrapped_paragraph_is_one_line_and_its_own_bytes_when_it_comes_back() {
    let sent = sent(WRAPPED, Text);
    assert_eq!(sent.len(), 1);
    assert!(sent[0].contains("about sixty") && sent[0].contains("so it is"), "{sent:?}");
    assert_eq!(answered(WRAPPED, Text, str::to_owned), WRAPPED);
    assert_eq!(answered(WRAPPED, Text, |_| "Short.".to_owned()), "Short.\r\n");
}

#[test]
fn lines_of_a_verse_an_address_or_a_list_are_spans() {
    let text = "Roses are red,\nviolets are blue\n\n- one\n- two\n\n    It was a dark night.\n    It was a cold one.\n";
    let expected = [
        "Roses are red,",
        "violets are blue",
        "- one",
        "- two",
        "It was a dark night.",
        "It was a cold one.",
    ];
    assert_eq!(sent(text, Text), expected);
    assert_eq!(answered(text, Text, str::to_uppercase), text.to_uppercase());
}

#[test]
fn paragraphs_that_only_an_indent_begins_are_paragraphs() {
    let line = "a line of an old book that was set to sixty columns or so";
    let text = format!("    {line}\n{line}\nends.\n    {line}\n{line}\nends.\n");
    assert_eq!(sent(&text, Text).len(), 2);
}

#[test]
fn rulers_signs_numbers_and_addresses_alone_are_not_sent() {
    assert_eq!(sent("♪\n\n* * *\n\n-----\n\n1234\n\nhttps://a.b/c\n\n{{ x }}\n\nText", Text), ["Text"]);
    assert!(split("\u{feff}  \r\n\r\n ", Text, 10).pieces.is_empty());
}

#[test]
fn a_text_that_is_not_split_is_one_piece_whatever_its_length() {
    let text = " One.\n\nTwo.\n";
    assert_eq!(texts(&split(text, None, 1)), ["One.\n\nTwo."]);
    let split = split(text, None, 1);
    assert_eq!(split.join(text, &["Eins.\n\nZwei.\n"]).as_deref(), Ok(" Eins.\n\nZwei.\n"));
}

#[test]
fn lines_are_sent_line_by_line() {
    assert_eq!(sent("one\r\n\r\ntwo\nthree", Lines), ["one", "two", "three"]);
}

#[test]
fn a_paragraph_that_is_too_long_is_cut_at_ends_of_sentences() {
    let sentence = "Mr. Smith paid 3.50 for it on the day. ";
    let text = sentence.repeat(30);
    let split = split(&text, Text, 60);
    assert!(split.pieces.len() >= 5);
    for piece in &split.pieces {
        assert!(piece.text.starts_with("Mr.") && piece.text.ends_with("day."), "{piece:?}");
    }
}

#[test]
fn a_text_without_sentences_is_cut_at_blanks_and_without_blanks_between_characters() {
    let blanks = split(&"ไทยคำ ".repeat(60), Text, 40);
    assert!(blanks.pieces.iter().all(|piece| piece.text.ends_with("คำ")), "{blanks:?}");
    let text = "e\u{301}👩‍👩‍👧".repeat(40);
    let characters = split(&text, Text, 20);
    assert!(characters.pieces.len() > 5);
    for piece in &characters.pieces {
        assert!(!piece.text.starts_with(['\u{301}', '\u{200d}']), "{piece:?}");
    }
}

#[test]
fn the_last_sentences_of_the_piece_before_are_there_for_a_prompt() {
    let text = format!(
        "{}\n\nSecond one. It has Dr. No in it.\n\n{}",
        "First one. ".repeat(8),
        "Third. ".repeat(12)
    );
    let split = split(&text, Text, 24);
    let third = split.pieces.iter().position(|piece| piece.text.starts_with("Third")).expect("a third");
    assert_eq!(split.before(third, 1), "It has Dr. No in it.");
    assert_eq!(split.before(third, 2), "Second one. It has Dr. No in it.");
    assert_eq!(split.before(0, 3), "");
}

#[test]
fn an_answer_has_parts_only_if_there_are_as_many_as_spans() {
    assert_eq!(parts("one\n\n \ntwo\nlines\n", 2), Some(vec!["one", "two\nlines"]));
    assert_eq!(parts("one\n\ntwo", 3), Option::None);
    assert_eq!(parts("one\n\ntwo", 1), Some(vec!["one\n\ntwo"]));
    assert_eq!(parts(" \n", 1), Option::None);
    let text = "One.\n\nTwo.";
    let error = split(text, Text, 100).join(text, &["Eins."]).expect_err("a paragraph is lost");
    assert_eq!(error.to_string(), "1 paragraphs came back for the 2 of piece 1");
    let text = "See [a](http://a) and [b](http://b).\n\nThen [c](http://c).\n";
    let links = split(text, Markdown, 100);
    let kept = links.join_as_they_are(text, &["Siehe [a](1) und [b](2). Dann [c](1)."]);
    assert_eq!(kept.as_deref(), Ok("Siehe [a](http://a) und [b](http://b). Dann [c](http://c).\n"));
    assert!(links.join_as_they_are(text, &["Siehe [a](1). Dann [c](1)."]).is_err(), "a link is lost");
    let text = " One.\n\n***\n\nTwo.\n";
    let kept = split(text, Text, 100).join_as_they_are(text, &["Eins.\n\nZwei.\n\nDrei."]);
    assert_eq!(kept.as_deref(), Ok(" Eins.\n\nZwei.\n\nDrei.\n"));
}
