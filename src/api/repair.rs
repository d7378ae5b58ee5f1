//! JSON that is nearly JSON: what servers write that the standard does not know, and that a reader can make sense of. Only a
//! body that could not be read comes here.

/// The body as standard JSON; `None` where there is nothing to repair.
///
/// A surrogate without its partner becomes U+FFFD; `NaN` and the infinities, which Python writes, become null; a control
/// character inside a text is escaped; a byte-order mark is dropped. Bytes that are no UTF-8 were damaged on the way, and
/// are left alone.
pub(super) fn repaired(body: &[u8]) -> Option<Vec<u8>> {
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
            b'\\' if in_text => escape(rest, &mut repaired),
            ..0x20 if in_text => {
                repaired.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                1
            }
            b'N' | b'I' | b'-' if !in_text => number(rest, &mut repaired),
            _ => {
                repaired.push(byte);
                1
            }
        };
        at += taken;
    }
    (repaired != body).then_some(repaired)
}

/// Takes an escape. Gives the bytes it takes in the body.
fn escape(rest: &[u8], repaired: &mut Vec<u8>) -> usize {
    const REPLACEMENT: &[u8] = b"\\ufffd";
    match unit(rest) {
        Some(0xd800..0xdc00) => match unit(rest.get(6..).unwrap_or_default()) {
            Some(0xdc00..0xe000) => copy(&rest[..12], repaired),
            _ => {
                repaired.extend_from_slice(REPLACEMENT);
                6
            }
        },
        Some(0xdc00..0xe000) => {
            repaired.extend_from_slice(REPLACEMENT);
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

/// Takes a number that JSON does not know, or else one byte. Gives the bytes it takes in the body.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn value(body: &[u8]) -> serde_json::Value {
        serde_json::from_slice(&repaired(body).expect("something to repair")).expect("JSON")
    }

    #[test]
    fn what_python_and_careless_servers_write_is_read() {
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
    fn what_is_json_or_nothing_at_all_is_left_alone() {
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
