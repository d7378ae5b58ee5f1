//! Texts in many encodings, with and without signs of which.

use proptest::prelude::*;

use super::*;

const CHINESE: &str =
    "甲方应于收到发票后三十日内支付全部款项。\n逾期付款的，每日按未付金额的万分之五支付违约金。\n";
const JAPANESE: &str = "この契約は東京都の法律に従うものとします。\n両当事者は誠意をもって協議する。\n";
const RUSSIAN: &str = "Настоящий договор вступает в силу с даты подписания.\nСтороны согласны.\n";
const GERMAN: &str =
    "Der Käufer zahlt den Kaufpreis binnen 30 Tagen. Größere Beträge „sofort“ – ohne Abzug.\n";
const TRADITIONAL: &str = "甲方應於收到發票後三十日內支付全部款項。\n逾期付款者,每日按未付金額支付違約金。\n";
const KOREAN: &str = "본 계약은 대한민국 법률에 따라 해석된다.\n당사자는 성실히 협의한다.\n";

fn encoded(text: &str, label: &str) -> Vec<u8> {
    let encoding = Encoding::for_label(label.as_bytes()).expect("an encoding");
    let (bytes, _, is_lossy) = encoding.encode(text);
    assert!(!is_lossy, "{label}");
    bytes.into_owned()
}

fn utf16(text: &str, is_little: bool) -> Vec<u8> {
    text.encode_utf16()
        .flat_map(|unit| if is_little { unit.to_le_bytes() } else { unit.to_be_bytes() })
        .collect()
}

#[test]
fn texts_are_read_in_the_encoding_that_their_letters_show() {
    let cases = [
        (CHINESE, "gbk"),
        (TRADITIONAL, "big5"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc-jp"),
        (JAPANESE, "iso-2022-jp"),
        (KOREAN, "euc-kr"),
        (RUSSIAN, "windows-1251"),
        (RUSSIAN, "koi8-u"),
        (GERMAN, "windows-1252"),
    ];
    for (text, label) in cases {
        let decoded = decode(&encoded(text, label), None);
        assert_eq!((decoded.text.as_str(), decoded.encoding.as_str()), (text, label));
        assert!(decoded.is_guessed && decoded.lost == 0, "{label}");
    }
}

#[test]
fn utf8_keeps_its_mark_and_its_line_ends() {
    for text in ["\u{feff}a\r\nb\rc\n", CHINESE, "", "plain"] {
        let decoded = decode(text.as_bytes(), None);
        let expected =
            Decoded { text: text.to_owned(), encoding: "utf-8".into(), is_guessed: false, lost: 0 };
        assert_eq!(decoded, expected);
    }
}

#[test]
fn utf16_is_read_with_and_without_a_mark_in_both_orders() {
    for text in [CHINESE, GERMAN, RUSSIAN, "a", "一 二\n"] {
        for (is_little, name) in [(true, "utf-16le"), (false, "utf-16be")] {
            let marked = decode(&utf16(&format!("\u{feff}{text}"), is_little), Some("gbk"));
            assert_eq!(
                (marked.text.as_str(), marked.encoding.as_str(), marked.is_guessed),
                (text, name, false)
            );
            let bare = decode(&utf16(text, is_little), None);
            assert_eq!((bare.text.as_str(), bare.encoding.as_str(), bare.is_guessed), (text, name, true));
        }
    }
}

#[test]
fn the_encoding_that_the_user_names_is_obeyed() {
    // Two hanzi are too few to tell.
    let decoded = decode(&encoded("合同", "gbk"), Some("gb2312"));
    assert_eq!((decoded.text.as_str(), decoded.encoding.as_str()), ("合同", "gbk"));
    assert!(!decoded.is_guessed && is_known("gbk") && is_known("Latin1") && !is_known("klingon"));
    let lossy = decode(b"caf\xff\xff", Some("gbk"));
    assert!(lossy.lost > 0 && lossy.text.contains('\u{fffd}'), "{lossy:?}");
}

#[test]
fn a_few_damaged_bytes_do_not_make_a_long_text_another_encoding() {
    let mut bytes = CHINESE.repeat(40).into_bytes();
    // Cut in the middle of a character.
    bytes.pop();
    bytes.pop();
    let decoded = decode(&bytes, None);
    assert_eq!((decoded.encoding.as_str(), decoded.lost), ("utf-8", 1));
    bytes[1000] = 0xff;
    assert_eq!(decode(&bytes, None).encoding, "utf-8");
}

#[test]
fn bytes_with_zeros_on_both_sides_are_not_utf16() {
    let decoded = decode(&[0, 0, 1, 2, 0, 0, 0, 9], None);
    assert_eq!(decoded.encoding, "utf-8");
    let one = decode(b"a line\nwith a \0 in it\n", None);
    assert_eq!((one.text.as_str(), one.encoding.as_str()), ("a line\nwith a \0 in it\n", "utf-8"));
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for named in [None, Some("gbk"), Some("utf-16le"), Some("no such encoding")] {
            let decoded = decode(&bytes, named);
            prop_assert!(decoded.lost <= decoded.text.chars().count());
        }
    }

    #[test]
    fn utf8_is_always_itself(text in "[^\0\x1b]{0,200}") {
        let decoded = decode(text.as_bytes(), None);
        prop_assert_eq!((decoded.text.as_str(), decoded.encoding.as_str()), (text.as_str(), "utf-8"));
    }
}
