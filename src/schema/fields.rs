//! The fields of an answer, according to the top level of a schema.

use serde_json::{Number, Value};

/// The longest chain of references that is followed: they may form a circle.
const DEEPEST: usize = 16;

/// A field of an answer, which becomes a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// The property's name.
    pub name: String,
    /// The kind of its values; null is allowed for all.
    pub kind: FieldKind,
}

/// The kind of a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// Text.
    Text,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Number,
    /// True or false.
    Boolean,
    /// Anything else: lists, objects, and values of several kinds.
    Json,
}

/// The value of a field in one answer.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue<'a> {
    /// The answer does not have it, or its value is not of the field's kind.
    Null,
    /// Text.
    Text(&'a str),
    /// A whole number; one beyond 64 bits with a sign is null.
    Integer(i64),
    /// A number.
    Number(&'a Number),
    /// True or false.
    Boolean(bool),
    /// Any other JSON.
    Json(&'a Value),
}

impl Field {
    /// The value of the field in an answer.
    pub fn value<'a>(&self, answer: &'a Value) -> FieldValue<'a> {
        let value = match answer.get(&self.name) {
            None | Some(Value::Null) => return FieldValue::Null,
            Some(value) => value,
        };
        match (self.kind, value) {
            (FieldKind::Text, Value::String(text)) => FieldValue::Text(text),
            (FieldKind::Integer, Value::Number(number)) => {
                whole(number).map_or(FieldValue::Null, FieldValue::Integer)
            }
            (FieldKind::Number, Value::Number(number)) => FieldValue::Number(number),
            (FieldKind::Boolean, Value::Bool(flag)) => FieldValue::Boolean(*flag),
            (FieldKind::Json, value) => FieldValue::Json(value),
            _ => FieldValue::Null,
        }
    }
}

/// A whole number in any notation: for a schema, `3.0` is one.
fn whole(number: &Number) -> Option<i64> {
    let bounds = -(2.0_f64.powi(63))..2.0_f64.powi(63);
    let written_otherwise =
        |float: f64| (float.fract() == 0.0 && bounds.contains(&float)).then_some(float as i64);
    // A number beyond the range was read as a float only because it is too large, or fits only without a sign.
    number.as_i64().or_else(|| number.as_f64().filter(|_| number.is_f64()).and_then(written_otherwise))
}

/// The fields of the top level; `None` when it has no properties.
pub(super) fn of(schema: &Value) -> Option<Vec<Field>> {
    let top = followed(schema, schema)?;
    let is_object = top.get("type").is_none_or(|kind| match kind {
        Value::Array(kinds) => kinds.iter().any(|kind| kind == "object"),
        kind => kind == "object",
    });
    let properties = top.get("properties")?.as_object()?;
    let field =
        |(name, property): (&String, &Value)| Field { name: name.clone(), kind: kind(property, schema) };
    (is_object && !properties.is_empty()).then(|| properties.iter().map(field).collect())
}

/// The schema that a chain of references within the document leads to.
fn followed<'a>(mut schema: &'a Value, root: &'a Value) -> Option<&'a Value> {
    for _ in 0..DEEPEST {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => schema = root.pointer(reference.strip_prefix('#')?)?,
            None => return Some(schema),
        }
    }
    None
}

/// The kind of all values of a property.
fn kind(property: &Value, root: &Value) -> FieldKind {
    let mut kinds = Vec::new();
    gather(property, root, DEEPEST, &mut kinds);
    kinds.into_iter().flatten().reduce(joined).unwrap_or(FieldKind::Json)
}

/// The kind that holds the values of both.
fn joined(one: FieldKind, other: FieldKind) -> FieldKind {
    use FieldKind::{Integer, Number};
    match (one, other) {
        (one, other) if one == other => one,
        (Integer, Number) | (Number, Integer) => Number,
        _ => FieldKind::Json,
    }
}

/// Appends the kinds that a schema allows; null is `None`.
fn gather(schema: &Value, root: &Value, depth: usize, kinds: &mut Vec<Option<FieldKind>>) {
    let Some(schema) = followed(schema, root).filter(|_| depth > 0) else {
        return kinds.push(Some(FieldKind::Json));
    };
    if let Some(kind) = schema.get("type") {
        let words = kind.as_array().map_or(std::slice::from_ref(kind), Vec::as_slice);
        return kinds.extend(words.iter().map(|word| of_word(word.as_str().unwrap_or_default())));
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return kinds.extend(values.iter().map(of_value));
    }
    if let Some(value) = schema.get("const") {
        return kinds.push(of_value(value));
    }
    let list = |key: &str| schema.get(key).and_then(Value::as_array);
    // An `allOf` of a single schema means that schema; references get a title in this way.
    let lists = [list("anyOf"), list("oneOf"), list("allOf").filter(|list| list.len() == 1)];
    match lists.into_iter().flatten().next() {
        Some(alternatives) => {
            alternatives.iter().for_each(|alternative| gather(alternative, root, depth - 1, kinds));
        }
        None => kinds.push(Some(FieldKind::Json)),
    }
}

fn of_word(word: &str) -> Option<FieldKind> {
    Some(match word {
        "null" => return None,
        "string" => FieldKind::Text,
        "integer" => FieldKind::Integer,
        "number" => FieldKind::Number,
        "boolean" => FieldKind::Boolean,
        _ => FieldKind::Json,
    })
}

fn of_value(value: &Value) -> Option<FieldKind> {
    Some(match value {
        Value::Null => return None,
        Value::String(_) => FieldKind::Text,
        Value::Number(number) if whole(number).is_some() => FieldKind::Integer,
        Value::Number(_) => FieldKind::Number,
        Value::Bool(_) => FieldKind::Boolean,
        Value::Array(_) | Value::Object(_) => FieldKind::Json,
    })
}
