//! Numbers of JSON with more digits than 64 bits hold: taken as text, with all of them.

use serde_json::Value;

/// The most digits of a decimal number that a number of 64 bits always tells from another's, and writers of such numbers give.
const HELD: usize = 17;

/// Reads JSON, in which numbers of more than 64 bits become text.
///
/// # Errors
///
/// When it is no JSON.
pub fn from_str(text: &str) -> serde_json::Result<Value> {
    let value = serde_json::from_str(text)?;
    match quoted(text) {
        Some(text) => serde_json::from_str(&text),
        None => Ok(value),
    }
}

/// Whether there are so many digits in a row that some may get lost.
fn may_lose_some(text: &str) -> bool {
    let mut run = 0;
    text.bytes().any(|byte| {
        run = if byte.is_ascii_digit() || byte == b'.' { run + 1 } else { 0 };
        run > HELD
    })
}

/// Valid JSON with quotes around each number that 64 bits do not hold. `None` when there is none.
pub fn quoted(text: &str) -> Option<String> {
    if !may_lose_some(text) {
        return None;
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    let mut is_changed = false;
    while let Some(start) = rest.find(['"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let is_text = rest.starts_with('"');
        let end = if is_text { end_of_text(rest) } else { end_of_number(rest) };
        let (token, behind) = rest.split_at(end);
        if !is_text && is_lost(token) {
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

/// Whether a number is another one in 64 bits: a whole number that is too large, or a decimal one with digits that do not count.
fn is_lost(token: &str) -> bool {
    if token.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit()) {
        return token.parse::<i64>().is_err() && token.parse::<u64>().is_err();
    }
    let Some(said) = decimal(token).filter(|(digits, _)| digits.len() > HELD) else { return false };
    token.parse::<f64>().is_ok_and(|number| decimal(&format!("{number:e}")) != Some(said))
}

/// The digits of a number that count, and the power of ten that they are to be multiplied by.
fn decimal(token: &str) -> Option<(String, i64)> {
    let (number, power) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
    let (whole, part) = number.trim_start_matches('-').split_once('.').unwrap_or((number, ""));
    let digits = whole.trim_start_matches('-').to_owned() + part;
    let counting = digits.trim_start_matches('0').trim_end_matches('0');
    let zeros = digits.len() - digits.trim_end_matches('0').len();
    let power = power.parse::<i64>().ok()? - i64::try_from(part.len()).ok()? + i64::try_from(zeros).ok()?;
    Some((counting.to_owned(), power))
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
    fn decimal_numbers_become_text_where_digits_would_be_lost() {
        for exact in [
            "0.12345678901234567890123",
            "1234567890123456789.5",
            "-12345678901234567890123.0",
            "1.00000000000000000001e-7",
        ] {
            assert_eq!(quoted(&format!("[{exact}]")), Some(format!("[\"{exact}\"]")));
        }
        for same in [
            "0.1",
            "0.10000000000000001",
            "1.500000000000000000000",
            "0.00000000000000000000000000015",
            "100000000000000000000000.0",
            "1e22",
            "123456789012345678e-1000000000000000000000",
        ] {
            assert_eq!(quoted(&format!("[{same}]")), None, "{same}");
        }
    }
}
