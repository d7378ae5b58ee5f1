//! A value that satisfies a JSON Schema, for structured answers and the arguments of tools.
//!
//! It supports what such schemas use in practice: types, enumerations, bounds, patterns, formats, references and
//! alternatives. It ignores keywords that only exclude values (`not`, `if`, `dependentRequired`, `contains`).

mod numbers;
mod pattern;
mod text;

use serde_json::{Map, Value, json};

use super::super::fingerprint::RequestDigest;

/// Below this depth, only what a schema requires is built.
const DEEP: usize = 6;
/// A schema that requires itself is followed no deeper than this.
const DEEPEST: usize = 24;
/// The maximum number of items in an array.
const MOST_ITEMS: u64 = 64;

/// The source of an example.
pub(super) struct Example<'a> {
    /// The text that strings quote.
    pub(super) hint: &'a str,
    pub(super) fingerprint: RequestDigest,
}

/// A value that satisfies the schema, the same for the same request.
pub(super) fn example(schema: &Value, from: &Example) -> Value {
    ExampleBuilder { root: schema, from }.build(schema, "", 0)
}

struct ExampleBuilder<'a> {
    root: &'a Value,
    from: &'a Example<'a>,
}

impl ExampleBuilder<'_> {
    /// A value for a place in the schema, identified by `name`.
    fn build(&self, schema: &Value, name: &str, depth: usize) -> Value {
        if depth > DEEPEST {
            return Value::Null;
        }
        if let Some(target) = self.referred(schema) {
            return self.build(target, name, depth + 1);
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        let number = self.number(name, depth);
        if let Some(choices) = schema.get("enum").and_then(Value::as_array)
            && !choices.is_empty()
        {
            return choices[(number % choices.len() as u64) as usize].clone();
        }
        if let Some(merged) = self.merged(schema, depth) {
            return self.build(&merged, name, depth + 1);
        }
        match kind(schema) {
            "object" => self.build_object(schema, depth),
            "array" => self.build_array(schema, name, depth),
            "integer" => json!(numbers::integer(schema, number)),
            "number" => json!(numbers::real(schema, number)),
            "boolean" => json!(number.is_multiple_of(2)),
            "null" => Value::Null,
            _ => json!(text::build(schema, name, number, self.from.hint)),
        }
    }

    /// A number that differs between places and between requests.
    fn number(&self, name: &str, depth: usize) -> u64 {
        self.from.fingerprint.derive(name, depth as u64).number()
    }

    /// The schema to which a `$ref` within the document points.
    fn referred(&self, schema: &Value) -> Option<&Value> {
        self.root.pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
    }

    /// Merges a schema with alternatives or parts into one: its own keywords, all of its parts, and the first of its
    /// alternatives; deep in a schema that contains itself, the alternative that is null.
    fn merged(&self, schema: &Value, depth: usize) -> Option<Value> {
        let list = |key: &str| schema.get(key).and_then(Value::as_array).filter(|list| !list.is_empty());
        let mut parts: Vec<&Value> = Vec::new();
        for alternatives in ["anyOf", "oneOf"].into_iter().filter_map(list) {
            let null = alternatives.iter().find(|one| one.get("type") == Some(&json!("null")));
            parts.extend(null.filter(|_| depth >= DEEP).or(alternatives.first()));
        }
        parts.extend(list("allOf").into_iter().flatten());
        if parts.is_empty() {
            return None;
        }
        let mut merged = schema.as_object().cloned().unwrap_or_default();
        for key in ["anyOf", "oneOf", "allOf"] {
            merged.remove(key);
        }
        for part in parts {
            let part = self.referred(part).unwrap_or(part);
            part.as_object().into_iter().flatten().for_each(|(key, value)| add(&mut merged, key, value));
        }
        Some(Value::Object(merged))
    }

    fn build_object(&self, schema: &Value, depth: usize) -> Value {
        let nothing = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut fields = Map::new();
        for (name, property) in properties {
            if depth < DEEP || required.contains(&name.as_str()) {
                fields.insert(name.clone(), self.build(property, name, depth + 1));
            }
        }
        let other = schema.get("additionalProperties").unwrap_or(&Value::Null);
        for name in required {
            if !fields.contains_key(name) {
                fields.insert(name.to_owned(), self.build(other, name, depth + 1));
            }
        }
        Value::Object(fields)
    }

    fn build_array(&self, schema: &Value, name: &str, depth: usize) -> Value {
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
        let least = bound("minItems").unwrap_or(0);
        let wanted = if depth < DEEP { least.max(1) } else { least };
        let wanted = wanted.min(bound("maxItems").unwrap_or(u64::MAX)).min(MOST_ITEMS) as usize;
        let distinct = schema.get("uniqueItems") == Some(&Value::Bool(true));
        // Before draft 2020-12, a list under `items` described the first items.
        let items = schema.get("items").unwrap_or(&Value::Null);
        let first = schema.get("prefixItems").or(Some(items)).and_then(Value::as_array);
        let mut values: Vec<Value> = Vec::new();
        // More tries than items, since with few choices the same value recurs.
        for index in 0..wanted * 16 {
            if values.len() == wanted {
                break;
            }
            let item = first.and_then(|first| first.get(values.len())).unwrap_or(items);
            let value = self.build(item, &format!("{name}.{index}"), depth + 1);
            if !(distinct && values.contains(&value)) {
                values.push(value);
            }
        }
        Value::Array(values)
    }
}

/// Adds a keyword of another schema to a schema that must satisfy both.
fn add(merged: &mut Map<String, Value>, key: &str, value: &Value) {
    match (merged.get_mut(key), value) {
        (Some(Value::Object(known)), Value::Object(more)) => {
            for (name, property) in more {
                known.entry(name.clone()).or_insert_with(|| property.clone());
            }
        }
        (Some(Value::Array(known)), Value::Array(more)) if key == "required" => {
            known.extend(more.iter().cloned())
        }
        (Some(_), _) => {}
        (None, value) => {
            merged.insert(key.to_owned(), value.clone());
        }
    }
}

/// The first type that is not null; for a schema without one, the type that its other keywords suit.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() || schema.get("required").is_some() => "object",
        _ if schema.get("items").is_some() || schema.get("prefixItems").is_some() => "array",
        _ if schema.get("minimum").is_some() || schema.get("maximum").is_some() => "number",
        _ => "string",
    }
}

#[cfg(test)]
mod tests;
