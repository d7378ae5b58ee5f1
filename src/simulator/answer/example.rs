//! A value that satisfies a JSON Schema, for structured answers and the arguments of tools.
//!
//! It knows what such schemas are made of in practice: types, enumerations, bounds, references and
//! alternatives. Patterns it does not know.

use serde_json::{Map, Value, json};

use super::super::fingerprint::Fingerprint;
use super::prose::quote;

/// A schema that refers to itself is not followed further than this.
const DEEPEST: usize = 12;

/// What an example is made from.
pub(super) struct Example<'a> {
    /// The text that strings quote.
    pub(super) hint: &'a str,
    pub(super) fingerprint: Fingerprint,
}

/// A value that satisfies the schema, the same for the same request.
pub(super) fn example(schema: &Value, from: &Example) -> Value {
    build(schema, schema, "", from, 0)
}

fn build(schema: &Value, root: &Value, name: &str, from: &Example, depth: usize) -> Value {
    if depth > DEEPEST {
        return Value::Null;
    }
    if let Some(target) = referred(schema, root) {
        return build(target, root, name, from, depth + 1);
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    let number = from.fingerprint.derive(name, depth as u64).number();
    if let Some(choices) = schema.get("enum").and_then(Value::as_array)
        && !choices.is_empty()
    {
        return choices[(number % choices.len() as u64) as usize].clone();
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema.get(key).and_then(|list| list.get(0)) {
            return build(first, root, name, from, depth + 1);
        }
    }
    match kind(schema) {
        "object" => build_object(schema, root, from, depth),
        "array" => build_array(schema, root, name, from, depth),
        "integer" => json!(pick_integer(schema, number)),
        "number" => json!(pick_integer(schema, number) as f64),
        "boolean" => json!(number.is_multiple_of(2)),
        "null" => Value::Null,
        _ => json!(build_string(schema, name, from)),
    }
}

/// The schema that a `$ref` within the document names.
fn referred<'a>(schema: &Value, root: &'a Value) -> Option<&'a Value> {
    root.pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
}

/// The first type that is not null; a schema without one is an object if it has properties.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() => "object",
        _ => "string",
    }
}

fn build_object(schema: &Value, root: &Value, from: &Example, depth: usize) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object);
    let fields: Map<String, Value> = properties
        .into_iter()
        .flatten()
        .map(|(name, property)| (name.clone(), build(property, root, name, from, depth + 1)))
        .collect();
    Value::Object(fields)
}

fn build_array(schema: &Value, root: &Value, name: &str, from: &Example, depth: usize) -> Value {
    let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1);
    let most = schema.get("maxItems").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let items = schema.get("items").unwrap_or(&Value::Null);
    (0..least.max(1).min(most).min(64)).map(|_| build(items, root, name, from, depth + 1)).collect()
}

/// A whole number within the schema's bounds, near its lower one.
fn pick_integer(schema: &Value, number: u64) -> i64 {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let low = bound("minimum").map(f64::ceil).or(bound("exclusiveMinimum").map(|low| low.floor() + 1.0));
    let high = bound("maximum").map(f64::floor).or(bound("exclusiveMaximum").map(|high| high.ceil() - 1.0));
    let low = low.or(high.map(|high| high.min(1.0))).unwrap_or(1.0) as i64;
    let high = high.map_or(low.saturating_add(9), |high| high as i64).max(low);
    low + (number % (high - low + 1).unsigned_abs().max(1)) as i64
}

fn build_string(schema: &Value, name: &str, from: &Example) -> String {
    match schema.get("format").and_then(Value::as_str) {
        Some("date") => return "2026-01-15".into(),
        Some("date-time") => return "2026-01-15T09:30:00Z".into(),
        Some("email") => return "someone@example.com".into(),
        Some("uri") => return "https://example.com/".into(),
        _ => {}
    }
    let text =
        if name.contains("city") || name.contains("location") { place(from.hint) } else { quote(from.hint) };
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64).map(|bound| bound as usize);
    let longest = bound("maxLength").unwrap_or(usize::MAX);
    let mut text: String = text.chars().take(longest).collect();
    let missing = bound("minLength").unwrap_or(0).saturating_sub(text.chars().count());
    text.extend(std::iter::repeat_n('.', missing.min(10_000)));
    text
}

/// The first word after "in" or "for" that begins like a name.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn example_of(schema: Value) -> Value {
        example(&schema, &Example { hint: "A fine day", fingerprint: Fingerprint::of_bytes(b"row") })
    }

    #[test]
    fn every_property_gets_a_value_of_its_type() {
        let value = example_of(json!({"type": "object", "properties": {
            "title": {"type": "string", "maxLength": 6},
            "stars": {"type": "integer", "minimum": 1, "maximum": 5},
            "mood": {"enum": ["good", "bad"]},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
            "author": {"type": ["string", "null"]},
        }}));
        assert_eq!(value["title"], "A fine");
        assert!((1..=5).contains(&value["stars"].as_i64().unwrap()));
        assert!(["good", "bad"].contains(&value["mood"].as_str().unwrap()));
        assert_eq!(value["tags"].as_array().unwrap().len(), 2);
        assert!(value["author"].is_string());
    }

    #[test]
    fn references_are_followed_and_circles_end() {
        let value = example_of(json!({"$ref": "#/$defs/node", "$defs": {
            "node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}},
        }}));
        assert!(value["next"].is_object());
    }

    #[test]
    fn bounds_that_leave_one_number_give_that_number() {
        assert_eq!(example_of(json!({"type": "integer", "minimum": 7, "maximum": 7})), json!(7));
        assert_eq!(example_of(json!({"type": "integer", "maximum": -3})), json!(-3));
    }
}
