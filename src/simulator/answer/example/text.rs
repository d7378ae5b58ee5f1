//! Strings for a schema: from its pattern, from its format, or a quotation of the right length.

use serde_json::Value;

use super::super::quote::quote;
use super::pattern;

/// The maximum length to which a string is extended.
const LONGEST: usize = 10_000;

pub(super) fn build(schema: &Value, name: &str, number: u64, hint: &str) -> String {
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64).map(|bound| bound as usize);
    let least = bound("minLength").unwrap_or(0).min(LONGEST);
    if let Some(text) =
        schema.get("pattern").and_then(Value::as_str).and_then(|p| pattern::text(p, number, least))
    {
        return text;
    }
    if let Some(text) = schema.get("format").and_then(Value::as_str).and_then(of_format) {
        return text.to_owned();
    }
    let text = if name.contains("city") || name.contains("location") { place(hint) } else { quote(hint) };
    let longest = bound("maxLength").unwrap_or(usize::MAX);
    let mut text: String = text.chars().take(longest).collect();
    let missing = least.saturating_sub(text.chars().count());
    text.extend(std::iter::repeat_n('.', missing));
    text
}

/// A text in one of JSON Schema's formats.
fn of_format(format: &str) -> Option<&'static str> {
    Some(match format {
        "date" => "2026-01-15",
        "date-time" => "2026-01-15T09:30:00Z",
        "time" => "09:30:00Z",
        "duration" => "P1D",
        "email" => "someone@example.com",
        "hostname" => "example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "uri" => "https://example.com/",
        "uuid" => "123e4567-e89b-12d3-a456-426614174000",
        _ => return None,
    })
}

/// The first word after "in" or "for" that starts like a name.
fn place(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .windows(2)
        .filter(|pair| ["in", "for", "of", "at"].contains(&pair[0]))
        .map(|pair| pair[1].trim_matches(|c: char| !c.is_alphanumeric()))
        .find(|word| word.starts_with(char::is_uppercase))
        .unwrap_or("Hangzhou")
        .to_owned()
}
