//! Fields of a reply that servers write in different ways: a number as text, a text as a number, a count with a
//! decimal point. A field that cannot be read is absent, and never makes a paid answer unreadable.

use std::fmt;

use serde::de::{DeserializeOwned, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Number, Value};

/// A text; a number is read as text.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match deserializer.deserialize_any(Scalars)? {
        Scalar::Text(text) => Some(text),
        Scalar::Number(number) => Some(number.to_string()),
        Scalar::Other => None,
    })
}

/// A count; one with a decimal point, or as text, is read too.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(match deserializer.deserialize_any(Scalars)? {
        Scalar::Number(number) => number.as_u64().or_else(|| number.as_f64().and_then(rounded)),
        Scalar::Text(text) => text.trim().parse().ok().or_else(|| text.trim().parse().ok().and_then(rounded)),
        Scalar::Other => None,
    })
}

/// An optional part of a reply: absent if it has an unknown form.
pub(super) fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    Ok(serde_json::from_str(Box::<RawValue>::deserialize(deserializer)?.get()).ok())
}

/// Whether a field has content: null, false, 0, and an empty text, list or object have none.
pub(super) fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(says_something(Box::<RawValue>::deserialize(deserializer)?.get()))
}

/// Whether a JSON value has content, at any depth.
pub(super) fn says_something(json: &str) -> bool {
    fn in_it(value: &Value) -> bool {
        match value {
            Value::Null => false,
            Value::Bool(flag) => *flag,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.trim().is_empty(),
            Value::Array(items) => items.iter().any(in_it),
            Value::Object(fields) => fields.values().any(in_it),
        }
    }
    serde_json::from_str::<Value>(json).is_ok_and(|value| in_it(&value))
}

/// Whether a tool call names something to call: a call of a function must name the function.
pub(super) fn is_call(json: &str) -> bool {
    let Ok(call @ Value::Object(_)) = serde_json::from_str(json) else { return false };
    let is_named = |call: &Value| {
        let name = call.get("name").and_then(Value::as_str);
        name.is_some_and(|name| !name.trim().is_empty())
    };
    let is_of_a_function =
        call.get("function").is_some() || call.get("name").is_some() || !says_something(json);
    !is_of_a_function || is_named(&call) || call.get("function").is_some_and(is_named)
}

/// A field that is a single value, read without building a tree of other values.
enum Scalar {
    Text(String),
    Number(Number),
    Other,
}

struct Scalars;

impl<'de> Visitor<'de> for Scalars {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Scalar, E> {
        Ok(Scalar::Text(text))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Scalar, E> {
        Ok(Number::from_f64(number).map_or(Scalar::Other, Scalar::Number))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Scalar, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

fn rounded(number: f64) -> Option<u64> {
    (number.is_finite() && (0.0..9e15).contains(&number)).then(|| number.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Read {
        #[serde(default, deserialize_with = "text")]
        id: Option<String>,
        #[serde(default, deserialize_with = "count")]
        tokens: Option<u64>,
        #[serde(default, deserialize_with = "optional")]
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Inner {
        a: u8,
    }

    fn read(text: &str) -> Read {
        serde_json::from_str(text).expect("whatever stands there")
    }

    #[test]
    fn counts_are_read_in_every_form() {
        for (written, tokens) in [
            ("12", Some(12)),
            ("12.0", Some(12)),
            ("1.2e1", Some(12)),
            ("\"12\"", Some(12)),
            ("\" 12.0 \"", Some(12)),
            ("0", Some(0)),
            ("null", None),
            ("-3", None),
            ("1e300", None),
            ("\"many\"", None),
            ("[1]", None),
            ("true", None),
        ] {
            assert_eq!(read(&format!("{{\"tokens\":{written}}}")).tokens, tokens, "{written}");
        }
        assert_eq!(read("{}").tokens, None);
    }

    #[test]
    fn names_and_parts_are_read_or_absent() {
        assert_eq!(read("{\"id\":17}").id.as_deref(), Some("17"));
        assert_eq!(read("{\"id\":\"a\"}").id.as_deref(), Some("a"));
        assert_eq!(read("{\"id\":{}}").id, None);
        assert_eq!(read("{\"inner\":{\"a\":1}}").inner, Some(Inner { a: 1 }));
        assert_eq!(read("{\"inner\":\"none\"}").inner, None);
    }

    #[test]
    fn a_call_of_a_function_must_name_it() {
        for call in [
            "{\"function\":{\"name\":\"f\"}}",
            "{\"name\":\"f\",\"arguments\":{}}",
            "{\"type\":\"custom\",\"custom\":{\"name\":\"f\"}}",
        ] {
            assert!(is_call(call), "{call}");
        }
        for none in [
            "null",
            "{}",
            "{\"id\":\"\"}",
            "{\"id\":\"a\",\"function\":{\"name\":\" \"}}",
            "{\"function\":{}}",
        ] {
            assert!(!is_call(none), "{none}");
        }
    }
}
