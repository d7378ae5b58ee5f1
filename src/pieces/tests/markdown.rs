//! What of Markdown is sent, and what stays behind.

use super::super::SplitBy::Markdown;
use super::{answered, sent, split};

#[test]
fn code_front_matter_rules_html_math_and_definitions_of_links_stay_behind() {
    let text = "---\ntitle: x\n---\n# Head {#id}\n\nText.\n\n```rust\nlet x = 1;\n```\n\n    indented\n\n* * *\n\n<div>\nhtml\n</div>\n\n$$\nx^2\n$$\n\n[ref]: https://a.b\n";
    assert_eq!(sent(text, Markdown), ["Head", "Text."]);
    assert_eq!(sent("+++\ntitle = 'x'\n+++\nText.", Markdown), ["Text."]);
}

#[test]
fn marks_of_lists_and_quotes_and_bars_of_tables_stay_behind() {
    let text = "> Quoted.\n\n- [ ] one\n- two\n  1. three\n\n| a | b |\n|---|---|\n| cell | `code` |\n\n[^1]: Note.\n";
    assert_eq!(sent(text, Markdown), ["Quoted.", "one", "two", "three", "a", "b", "cell", "Note."]);
}

#[test]
fn the_lines_of_a_paragraph_are_one_line_also_in_a_quote_in_a_list() {
    let text = "- > first line\n  > second `code\n  > more`\n";
    assert_eq!(sent(text, Markdown), ["first line second `code more`"]);
    assert_eq!(answered(text, Markdown, str::to_uppercase), "- > FIRST LINE SECOND `CODE MORE`\n");
}

#[test]
fn a_hard_break_stays_where_it_is() {
    let text = "Street 1  \nTown\\\nLand\n";
    assert_eq!(sent(text, Markdown), ["Street 1", "Town", "Land"]);
    assert_eq!(answered(text, Markdown, str::to_uppercase), "STREET 1  \nTOWN\\\nLAND\n");
}

#[test]
fn a_hard_break_inside_of_emphasis_parts_it_too() {
    let text = "**bold  \nand [link](u\n\"t\") more** end\n";
    assert_eq!(sent(text, Markdown), ["**bold", "and [link](1) more** end"]);
    assert_eq!(answered(text, Markdown, str::to_owned), text);
}

#[test]
fn targets_of_links_are_sent_as_numbers_and_come_back() {
    let text = "See [one](https://a.b/c_d \"Title\"), ![two](i.png), [three][ref], [four][] and [five].\n\n[ref]: /r\n[four]: /4\n[five]: /5\n";
    let sent = sent(text, Markdown);
    assert_eq!(sent, ["See [one](1), ![two](2), [three](3), [four](4) and [five](5)."]);
    let turned =
        answered(text, Markdown, |_| "[Fünf](5), [Vier](4), [Drei](3), ![Zwei](2), [Eins](1).".to_owned());
    assert!(
        turned.starts_with(
            "[Fünf][five], [Vier][four], [Drei][ref], ![Zwei](i.png), [Eins](https://a.b/c_d \"Title\").\n"
        ),
        "{turned}"
    );
}

#[test]
fn a_badge_in_a_link_keeps_both_targets() {
    let text = "[![Build](https://a/b.svg)](https://ci/x)\n";
    assert_eq!(sent(text, Markdown), ["[![Build](1)](2)"]);
    assert_eq!(
        answered(text, Markdown, |_| "[![Bau](1)](2)".to_owned()),
        "[![Bau](https://a/b.svg)](https://ci/x)\n"
    );
}

#[test]
fn a_text_with_numbers_as_targets_in_its_code_keeps_the_targets_of_its_links() {
    let text = "Write `[a](1)` for [this](https://a.b).\n";
    assert_eq!(sent(text, Markdown), ["Write `[a](1)` for [this](https://a.b)."]);
}

#[test]
fn an_answer_in_several_lines_or_with_marks_of_blocks_is_made_safe() {
    let multiplied = |part: &str| format!("1. {part} |\nnext");
    let text = "# Head\n\nText\n\n| a |\n|---|\n| cell |\n";
    let joined = answered(text, Markdown, multiplied);
    assert_eq!(
        joined,
        "# 1. Head | next\n\n1\\. Text | next\n\n| 1. a \\| next |\n|---|\n| 1. cell \\| next |\n"
    );
    assert_eq!(answered("Text\n", Markdown, |_| "# no heading".to_owned()), "\\# no heading\n");
}

#[test]
fn lines_for_generators_of_sites_stay_behind() {
    let text = "import X from './x';\n\n:::note Title\nBody.\n:::\n\n!!! tip\n    More.\n\n{{< youtube 1 >}}\n\nTerm\n: Meaning\n";
    assert_eq!(sent(text, Markdown), ["Body.", "More.", "Term", "Meaning"]);
}

#[test]
fn lines_that_end_with_a_carriage_return_are_lines() {
    assert_eq!(sent("# Head\r\rText.\r\r- one\r- two\r", Markdown), ["Head", "Text.", "one", "two"]);
}

#[test]
fn a_piece_names_the_heading_that_it_is_below() {
    let text = format!("Start.\n\n# One\n\n{}\n\n## Two\n\n{}\n", "word ".repeat(40), "more ".repeat(40));
    let split = split(&text, Markdown, 54);
    let headings: Vec<_> = split.pieces.iter().map(|piece| piece.heading.as_deref()).collect();
    assert_eq!(headings, [None, Some("One"), Some("Two")]);
}

#[test]
fn lines_of_chinese_are_joined_without_a_blank() {
    assert_eq!(sent("今天天气\n很好。\nAnd\nthis.", Markdown), ["今天天气很好。 And this."]);
}
