//! Subtitles: cues are sent, all else stays behind.

use super::super::SplitBy::Subtitles;
use super::{answered, sent};

const SRT: &str = "\u{feff}1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>Hello there,\r\nmy friend.</i>\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\n- Who is it?\r\n- {\\an8}It is me.\r\n\r\n3\r\n00:00:05,000 --> 00:00:06,000\r\n♪\r\n";

#[test]
fn numbers_times_tags_and_signs_stay_behind_and_two_speakers_are_two_spans() {
    assert_eq!(sent(SRT, Subtitles), ["Hello there, my friend.", "Who is it?", "It is me."]);
    assert_eq!(answered(SRT, Subtitles, str::to_owned), SRT);
}

#[test]
fn an_answer_has_as_many_lines_as_its_cue_and_no_arrow() {
    let german = |part: &str| match part {
        "Hello there, my friend." => "Hallo, mein\nlieber --> Freund.".to_owned(),
        part => part.to_owned(),
    };
    let joined = answered(SRT, Subtitles, german);
    assert!(joined.contains("<i>Hallo, mein\r\nlieber -> Freund.</i>\r\n\r\n2\r\n"), "{joined}");
}

#[test]
fn heads_notes_styles_names_and_settings_of_webvtt_stay_behind() {
    let text = "WEBVTT - Title\nKind: captions\n\nNOTE\nnot for viewers\n\nSTYLE\n::cue { color: red }\n\nintro\n00:01.000 --> 00:02.000 align:start\n<v Bob>Hello <b>you</b>\n\n00:03.000 --> 00:04.000\nBye.\n";
    assert_eq!(sent(text, Subtitles), ["Hello <b>you</b>", "Bye."]);
    assert_eq!(
        answered(text, Subtitles, str::to_uppercase).replace("HELLO <B>YOU</B>", "Hello <b>you</b>"),
        text.replace("Bye.", "BYE.")
    );
}

#[test]
fn a_tag_around_a_part_of_a_cue_stays_with_its_end() {
    let text = "1\n00:00:01,000 --> 00:00:02,000\n<i>Mind the step</i>, and look <b>up</b>\n";
    assert_eq!(sent(text, Subtitles), ["<i>Mind the step</i>, and look <b>up</b>"]);
    assert_eq!(answered(text, Subtitles, str::to_owned), text);
}

#[test]
fn cues_without_blank_lines_between_them_and_texts_after_one_are_found() {
    let text = "1\n00:00:01,000 --> 00:00:02,000\nOne.\n2\n00:00:03,000 --> 00:00:04,000\nTwo.\n\nStill two.\n\n3\n00:00:05,000 --> 00:00:06,000\n\n4\n00:00:07,000 --> 00:00:08,000\n1984 was it.";
    assert_eq!(sent(text, Subtitles), ["One.", "Two.", "Still two.", "1984 was it."]);
}
