//! The laws, over arbitrary text.

use proptest::prelude::*;

use super::super::literals::has_words;
use super::super::{SplitBy, mismatch, parts};
use super::{split, texts, tokens};

const WAYS: [SplitBy; 5] =
    [SplitBy::None, SplitBy::Text, SplitBy::Markdown, SplitBy::Lines, SplitBy::Subtitles];

/// Words, marks, line ends and characters that are easily got wrong.
const STUFF: &[&str] = &[
    "a",
    "word",
    "Ünïcödé",
    "e\u{301}",
    "👩‍👩‍👧",
    "שלום עולם",
    "مرحبا",
    "你好。",
    "世界",
    "ไทย",
    " ",
    "  ",
    "\t",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "\r\n\r\n",
    "\u{a0}",
    "\u{3000}",
    "\u{2028}",
    "\u{85}",
    "\u{b}",
    "\u{c}",
    "\u{1}",
    "\u{7f}",
    "\u{feff}",
    "\u{200b}",
    ". ",
    "Mr. Smith went. ",
    "3.14",
    "! ",
    "* ",
    "- ",
    "1. ",
    "# ",
    "## ",
    "> ",
    "> > ",
    "    ",
    "```\n",
    "~~~\n",
    "`code`",
    "`",
    "``",
    "**",
    "_",
    "~~",
    "|",
    "| a | b |\n|---|---|\n| c | d |\n",
    "[text](http://a.b/c)",
    "[text][ref]",
    "[ref]",
    "[ref]: http://x.y\n",
    "![alt](i.png \"t\")",
    "[",
    "](1)",
    "](",
    ")",
    "<b>",
    "</b>",
    "<div>\n",
    "<!-- x -->",
    "https://a.b/c?d=e",
    "{{ x }}",
    "{0}",
    "%s",
    "%1$s",
    "$x",
    "${y}",
    "$$\nx\n$$",
    "---\n",
    "+++\n",
    "title: x\n",
    ":::note\n",
    "!!! tip\n",
    ": ",
    "[^1]",
    "[^1]: ",
    "\\",
    "\\\n",
    "  \n",
    "&amp;",
    "♪",
    "* * *\n",
    "WEBVTT\n\n",
    "00:00:01,000 --> 00:00:02,000\n",
    "7\n",
    "NOTE x\n",
    "- [ ] ",
    "===\n",
];

fn text() -> impl Strategy<Value = String> {
    let stuff = prop::collection::vec(prop::sample::select(STUFF), 0..60).prop_map(|stuff| stuff.concat());
    let any = prop::collection::vec(any::<char>(), 0..80).prop_map(String::from_iter);
    prop_oneof![8 => stuff, 1 => any]
}

fn way() -> impl Strategy<Value = SplitBy> {
    prop::sample::select(&WAYS[..])
}

fn line_ends(text: &str) -> usize {
    text.matches(['\n', '\r']).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn pieces_joined_are_the_document(text in text(), by in way(), budget in 0_u64..40) {
        let split = split(&text, by, budget);
        let joined = split.join(&text, &texts(&split));
        prop_assert_eq!(joined.as_deref(), Ok(&*text));
    }

    #[test]
    fn spans_are_in_order_and_on_characters_and_pieces_cover_them(text in text(), by in way(), budget in 0_u64..40) {
        let split = split(&text, by, budget);
        let mut end = 0;
        for span in split.spans() {
            prop_assert!(end <= span.range.start && text.get(span.range.clone()).is_some(), "{:?}", span);
            end = span.range.end;
        }
        let mut next = 0;
        for piece in &split.pieces {
            prop_assert!(piece.spans.start == next && !piece.spans.is_empty());
            next = piece.spans.end;
        }
        prop_assert_eq!(next, split.spans().len());
    }

    #[test]
    fn no_span_is_blank_or_without_words_or_has_blanks_at_its_ends(text in text(), by in way(), budget in 1_u64..40) {
        let split = split(&text, by, budget);
        for (span, piece) in split.pieces.iter().flat_map(|piece| piece.spans.clone().map(move |at| (at, piece))) {
            let bytes = &text[split.spans()[span].range.clone()];
            prop_assert_eq!(bytes.trim(), bytes);
            if by != SplitBy::None {
                let parts = parts(&piece.text, piece.spans.len());
                let parts = parts.expect("as many paragraphs as spans");
                let part = parts[span - piece.spans.start];
                prop_assert!(has_words(part) && line_ends(part) == 0, "{:?}", part);
            }
        }
    }

    #[test]
    fn a_piece_fits_its_budget_or_is_a_single_character(text in text(), by in way(), budget in 1_u64..40) {
        let split = split(&text, by, budget);
        for piece in split.pieces.iter().filter(|_| by != SplitBy::None) {
            let graphemes = unicode_segmentation::UnicodeSegmentation::graphemes(&*piece.text, true).count();
            prop_assert!(tokens(&piece.text) <= budget || piece.spans.len() == 1 && graphemes == 1, "{:?}", piece);
        }
    }

    #[test]
    fn a_span_that_fits_is_never_cut(text in text(), by in way(), budget in 1_u64..40) {
        let whole = split(&text, by, u64::MAX);
        let cut = split(&text, by, budget);
        let fits = whole.pieces.iter().flat_map(|piece| piece.spans.clone().zip(parts(&piece.text, piece.spans.len()).unwrap_or_default()));
        for (span, _) in fits.filter(|(_, part)| tokens(part) <= budget) {
            prop_assert!(cut.spans().contains(&whole.spans()[span]), "{:?}", whole.spans()[span]);
        }
    }

    #[test]
    fn the_same_text_is_cut_alike(text in text(), by in way(), budget in 0_u64..40) {
        prop_assert_eq!(split(&text, by, budget), split(&text, by, budget));
    }

    #[test]
    fn a_piece_is_no_mismatch_of_itself_also_with_blanks_around(text in text(), by in way(), budget in 1_u64..40) {
        for piece in split(&text, by, budget).pieces {
            prop_assert_eq!(mismatch(&piece.text, &format!("\n{} \n", piece.text)), None);
        }
    }

    #[test]
    fn any_answers_of_as_many_parts_can_be_joined(text in text(), by in way(), answers in prop::collection::vec(text(), 8)) {
        let split = split(&text, by, 30);
        let answers: Vec<String> = split.pieces.iter().map(|piece| {
            let part = |at: usize| format!("x{}", answers[at % answers.len()].replace(['\n', '\r'], " "));
            piece.spans.clone().map(part).collect::<Vec<_>>().join("\n\n")
        }).collect();
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        prop_assert!(split.join(&text, &answers).is_ok());
    }
}
