//! Whole numbers in JSON that no 64-bit type holds: read as text, with all their digits. A decimal number stays a number,
//! however many digits it has: templates compare and calculate with it.

use serde_json::Value;

/// The first number that signed 64-bit integers do not reach: 2^63.
const FIRST_LOST: f64 = 9_223_372_036_854_775_808.0;

/// Reads JSON and turns whole numbers of more than 64 bits into text.
///
/// # Errors
///
/// When it is not JSON.
pub fn from_str(text: &str) -> serde_json::Result<Value> {
    let value = serde_json::from_str(text)?;
    match Some(&value).filter(|value| may_be_rounded(value)).and_then(|_| quoted(text)) {
        Some(text) => serde_json::from_str(&text),
        None => Ok(value),
    }
}

/// Whether a value holds a number so large that its digits may have been rounded: it is cheaper to examine the values than
/// each byte of their text.
pub fn may_be_rounded(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64() && number.as_f64().is_some_and(|n| n.abs() >= FIRST_LOST),
        Value::Array(values) => values.iter().any(may_be_rounded),
        Value::Object(fields) => fields.values().any(may_be_rounded),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Valid JSON with quotes around each whole number that 64 bits do not hold; `None` if there is none.
pub fn quoted(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    let mut is_changed = false;
    while let Some(start) = rest.find(['"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let is_text = rest.starts_with('"');
        let end = if is_text { end_of_text(rest) } else { end_of_number(rest) };
        let (token, behind) = rest.split_at(end);
        if !is_text && is_too_large(token) {
            out.extend(["\"", token, "\""]);
            is_changed = true;
        } else {
            out.push_str(token);
        }
        rest = behind;
    }
    out.push_str(rest);
    is_changed.then_some(out)
}

/// Whether a number is a whole one that 64 bits do not hold.
fn is_too_large(token: &str) -> bool {
    token.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit())
        && token.parse::<i64>().is_err()
        && token.parse::<u64>().is_err()
}

fn end_of_text(text: &str) -> usize {
    let mut is_escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

fn end_of_number(text: &str) -> usize {
    text.find(|letter: char| !matches!(letter, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_past_64_bits_become_text() {
        let text =
            r#"{"a\"1":[18446744073709551616,-9223372036854775809,1e30,0.5],"b":"18446744073709551616"}"#;
        let exact =
            r#"{"a\"1":["18446744073709551616","-9223372036854775809",1e30,0.5],"b":"18446744073709551616"}"#;
        assert_eq!(quoted(text).as_deref(), Some(exact));
        assert_eq!(quoted(r#"{"a":18446744073709551615,"b":-9223372036854775808}"#), None);
    }

    #[test]
    fn decimal_numbers_stay_numbers_however_many_digits_they_have() {
        for same in [
            "0.33333333333333333333",
            "1234567890123456789012.5",
            "-12345678901234567890123.0",
            "1.00000000000000000001e-7",
            "123456789012345678901234e5",
            "1e22",
        ] {
            assert_eq!(quoted(&format!("[{same}]")), None, "{same}");
        }
    }

    #[test]
    fn a_number_that_was_rounded_is_found_at_any_depth() {
        let read = |text: &str| may_be_rounded(&serde_json::from_str(text).expect("JSON"));
        assert!(read(r#"[{"a":18446744073709551616}]"#));
        assert!(read("-9223372036854775809"));
        assert!(!read("[18446744073709551615, 0.33333333333333333333, null]"));
    }
}
