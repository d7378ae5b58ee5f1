//! Which answers are those of their pieces.

use super::super::{Mismatch, halves, mismatch};

/// The words for what is wrong.
fn wrong(piece: &str, answer: &str) -> Option<String> {
    mismatch(piece, answer).map(|mismatch| mismatch.to_string())
}

#[test]
fn paragraphs_are_counted() {
    assert_eq!(wrong("One.\n\nTwo.", "Eins.\n\nZwei.\n"), None);
    assert_eq!(wrong("One.\n\nTwo.", "Eins.\nZwei."), Some("1 paragraphs came back for 2".to_owned()));
    assert_eq!(wrong("One.\n\nTwo.", "Eins.\n \n\n\nZwei."), None);
    assert_eq!(wrong("One.", "Eins.\n\nUnd mehr."), None, "a single one cannot be misplaced");
    assert_eq!(mismatch("One.", " \n"), Some(Mismatch::Paragraphs { expected: 1, found: 0 }));
}

#[test]
fn literals_come_back_in_their_own_paragraph_as_often_as_they_were_sent() {
    let lost = [
        ("Run `make` now.", "Jetzt `machen` ausführen.", "`make`"),
        ("See https://a.b/c.", "Siehe dort.", "https://a.b/c"),
        ("Dear {{ name }}, {0} and {0}", "Lieber {{ name }}, {0}", "{0}"),
        ("%1$s of %d, $x, ${y}, %(z)s", "%1$s von %d, $x, ${z}, %(z)s", "${y}"),
        ("A <b>bold</b> word", "Ein <fett>fettes</fett> Wort", "<b>"),
        ("[one](1) and [two](2)", "[eins](1) und zwei", "](2)"),
        ("A note[^1].", "Eine Note.", "[^1]"),
        ("`a` here\n\nand there", "hier\n\nund `a` dort", "`a`"),
    ];
    for (piece, answer, literal) in lost {
        assert_eq!(wrong(piece, answer), Some(format!("`{literal}` is missing")), "{answer}");
    }
    assert_eq!(wrong("A {x}.", "Ein {x} {x}."), Some("`{x}` was added".to_owned()));
    assert_eq!(wrong("Text", "<p>Text</p>"), Some("`<p>` was added".to_owned()));
}

#[test]
fn what_only_looks_like_a_literal_may_change() {
    let good = [
        ("100% done, 50%do", "zu 100 % fertig, 50 % tun"),
        ("It costs $5 or US$5.", "Es kostet 5 $."),
        ("Visit https://a.b, please", "访问https://a.b，谢谢"),
        ("if a < b and c > d", "wenn a<0.5 und c>d"),
        ("{ not a name }", "( kein Name )"),
        ("2 * 3 and snake_case", "2 × 3 und snake_case"),
    ];
    for (piece, answer) in good {
        assert_eq!(wrong(piece, answer), None, "{answer}");
    }
}

#[test]
fn marks_of_emphasis_are_counted_whichever_they_are() {
    assert_eq!(wrong("A **bold** *word* ~~gone~~", "__Fettes__ _Wort_ ~~weg~~"), None);
    assert_eq!(wrong("A **bold** word", "这是**粗**体"), None);
    assert_eq!(wrong("A **bold** word", "Ein fettes Wort"), Some("0 marks `**` came back for 2".to_owned()));
}

#[test]
fn a_long_paragraph_does_not_become_a_word_or_a_page() {
    let text = "A sentence of some length, again and again. ".repeat(3);
    assert_eq!(wrong(&text, "Ja."), Some("a paragraph of 131 characters became one of 3".to_owned()));
    assert!(matches!(mismatch(&text, &"x".repeat(1000)), Some(Mismatch::Length { .. })));
    assert_eq!(wrong("OK", "Einverstanden, das machen wir so"), None);
    assert_eq!(wrong(&text, &"句子".repeat(20)), None);
}

#[test]
fn an_answer_that_is_its_source_again_is_no_mismatch() {
    assert_eq!(
        wrong("Kubernetes\n\nAlready in that language.", "Kubernetes\n\nAlready in that language.\n"),
        None
    );
}

#[test]
fn a_piece_of_several_spans_is_cut_near_its_middle() {
    let half = |piece: &str| halves(piece);
    let pair = |one: &str, two: &str| Some((one.to_owned(), two.to_owned()));
    assert_eq!(half("one"), None);
    assert_eq!(half("one\n\ntwo"), pair("one", "two"));
    assert_eq!(half("one\n\ntwo\n\na long last paragraph"), pair("one\n\ntwo", "a long last paragraph"));
}
