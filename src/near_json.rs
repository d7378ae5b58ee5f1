//! JSON with the deviations of servers and models that a reader can understand. It is used only for texts that could not be
//! read as JSON.

use serde::de::DeserializeOwned;

/// Reads JSON, or nearly valid JSON.
///
/// # Errors
///
/// Why the unchanged text is not JSON.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(body)
        .or_else(|error| repaired(body).map_or(Err(error), |body| serde_json::from_slice(&body)))
}

/// The first of the private-use characters that represent surrogates without a partner, until the partner is looked for in
/// the next piece.
const HALVES: u32 = 0x10_d800;

/// The body as standard JSON; `None` if nothing needs repair.
///
/// A surrogate without its partner becomes U+FFFD; `NaN` and the infinities, which Python writes, become null; a control
/// character inside a text is escaped; a byte-order mark is removed. Bytes that are not UTF-8 were damaged in transit, and
/// are left unchanged.
pub fn repaired(body: &[u8]) -> Option<Vec<u8>> {
    standard(body, |_| 0xfffd, true)
}

/// The text with U+FFFD for each surrogate without its partner, and nothing else changed; `None` if there is none. A model's
/// `NaN` is not a valid value of a field.
pub fn with_whole_characters(text: &[u8]) -> Option<Vec<u8>> {
    standard(text, |_| 0xfffd, false)
}

/// The same for a piece of a stream: a surrogate without its partner is kept for [`Halves`] to join.
pub fn repaired_piece(body: &[u8]) -> Option<Vec<u8>> {
    standard(body, |unit| HALVES + (unit - 0xd800), true)
}

/// `lone`: the character for a surrogate without its partner; `all`: other deviations are repaired too.
fn standard(body: &[u8], lone: impl Fn(u32) -> u32, all: bool) -> Option<Vec<u8>> {
    let bytes = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    std::str::from_utf8(bytes).ok()?;
    let mut repaired = Vec::with_capacity(bytes.len());
    let (mut at, mut in_text) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let taken = match byte {
            b'"' => {
                in_text = !in_text;
                repaired.push(byte);
                1
            }
            b'\\' if in_text => escape(rest, &lone, &mut repaired),
            ..0x20 if in_text && all => {
                repaired.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                1
            }
            b'N' | b'I' | b'-' if !in_text && all => number(rest, &mut repaired),
            _ => {
                repaired.push(byte);
                1
            }
        };
        at += taken;
    }
    (repaired != body).then_some(repaired)
}

/// Reads an escape. Returns its length in the body, in bytes.
fn escape(rest: &[u8], lone: &impl Fn(u32) -> u32, repaired: &mut Vec<u8>) -> usize {
    let first = unit(rest);
    let second = unit(rest.get(6..).unwrap_or_default());
    match (first, second) {
        (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => copy(&rest[..12], repaired),
        (Some(half @ 0xd800..0xe000), _) => {
            let character = char::from_u32(lone(half)).unwrap_or(char::REPLACEMENT_CHARACTER);
            repaired.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            6
        }
        _ => copy(rest.get(..2).unwrap_or(rest), repaired),
    }
}

/// The UTF-16 unit of an escape `\uXXXX` at the beginning of the bytes.
fn unit(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Reads a number that JSON does not have, or else one byte. Returns its length in the body, in bytes.
fn number(rest: &[u8], repaired: &mut Vec<u8>) -> usize {
    for word in ["NaN", "-NaN", "Infinity", "-Infinity"] {
        if rest.starts_with(word.as_bytes()) {
            repaired.extend_from_slice(b"null");
            return word.len();
        }
    }
    copy(&rest[..1], repaired)
}

fn copy(bytes: &[u8], repaired: &mut Vec<u8>) -> usize {
    repaired.extend_from_slice(bytes);
    bytes.len()
}

/// Joins surrogate pairs that a stream splits between two pieces of a text.
#[derive(Debug, Default)]
pub struct Halves {
    /// The first half, at the end of the previous piece.
    first: Option<u32>,
}

impl Halves {
    /// A piece from a repaired event, with its halves joined; half a pair at its end waits for the next piece.
    pub fn join(&mut self, piece: String) -> String {
        let half = |c: char| (c as u32).checked_sub(HALVES).filter(|unit| *unit < 0x800);
        if self.first.is_none() && !piece.contains(|c| half(c).is_some()) {
            return piece;
        }
        let mut joined = String::with_capacity(piece.len() + 4);
        for c in piece.chars() {
            let (first, unit) = (self.first.take(), half(c));
            match (first, unit) {
                (Some(first), Some(second @ 0x400..)) => {
                    let whole = 0x1_0000 + (first << 10) + (second - 0x400);
                    joined.push(char::from_u32(whole).unwrap_or(char::REPLACEMENT_CHARACTER));
                    continue;
                }
                (Some(_), _) => joined.push(char::REPLACEMENT_CHARACTER),
                (None, _) => {}
            }
            match unit {
                Some(first @ ..0x400) => self.first = Some(first),
                Some(_) => joined.push(char::REPLACEMENT_CHARACTER),
                None => joined.push(c),
            }
        }
        joined
    }

    /// The half left at the end of a text, as U+FFFD.
    pub fn end(&mut self) -> Option<char> {
        self.first.take().map(|_| char::REPLACEMENT_CHARACTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_pair_is_joined_and_a_single_half_is_replaced() {
        for (pieces, whole) in [
            (&[r"a\ud83d", r"\ude00b"][..], "a\u{1f600}b"),
            (&[r"a\ud83d", "", r"\ude00"], "a\u{1f600}"),
            (&[r"\ud83d", "b"], "\u{fffd}b"),
            (&[r"\ud83d", r"\ud83d\ude00"], "\u{fffd}\u{1f600}"),
            (&[r"\ude00", r"\ud83d"], "\u{fffd}\u{fffd}"),
        ] {
            let (mut halves, mut text) = (Halves::default(), String::new());
            for piece in pieces {
                let body = format!("\"{piece}\"");
                let body = repaired_piece(body.as_bytes()).unwrap_or(body.into_bytes());
                text += &halves.join(serde_json::from_slice(&body).expect("a text"));
            }
            text.extend(halves.end());
            assert_eq!(text, whole, "{pieces:?}");
        }
    }

    fn value(body: &[u8]) -> serde_json::Value {
        serde_json::from_slice(&repaired(body).expect("something to repair")).expect("JSON")
    }

    #[test]
    fn the_deviations_of_python_and_careless_servers_are_read() {
        assert_eq!(value(br#"{"a":"x\ud83dy"}"#)["a"], "x\u{fffd}y");
        assert_eq!(value(br#"{"a":"\udc00","b":"\ud83d\ude00"}"#)["a"], "\u{fffd}");
        assert_eq!(value(br#"{"a":"\udc00","b":"\ud83d\ude00"}"#)["b"], "\u{1f600}");
        assert_eq!(value(br#"{"a":"\ud83d\\u"}"#)["a"], "\u{fffd}\\u");
        assert_eq!(value(br#"{"a":[NaN,Infinity,-Infinity,-1],"b":"NaN \" NaN"}"#)["a"][3], -1);
        assert_eq!(value(br#"{"a":NaN,"b":"NaN \" NaN"}"#)["b"], "NaN \" NaN");
        assert_eq!(value(b"{\"a\":\"x\ny\"}")["a"], "x\ny");
        assert_eq!(value(b"\xef\xbb\xbf{\"a\":1}")["a"], 1);
    }

    #[test]
    fn valid_json_and_other_texts_are_left_unchanged() {
        for body in [
            &br#"{"a":"\ud83d\ude00 \\ \" -1"}"#[..],
            b"",
            b"<html>",
            b"{\"a\":\"\\",
            b"{\"a\":\"\\u12",
            b"{\"a\":NaN,\"b\":\"\xff\"}",
        ] {
            assert_eq!(repaired(body), None, "{}", String::from_utf8_lossy(body));
        }
    }
}
