//! Parses a line of JSONL into a row's fields.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::pass::ReadPass;
use crate::digits;

/// The fields of the object in `text`, with or without white space around it. Whole numbers of more than 64 bits become
/// text. If a key appears twice, the last value is used, at the position of the first.
///
/// Columns outside the pass's projection are parsed as strictly as the others, but dropped: a line is valid or invalid
/// whatever the projection.
///
/// # Errors
/// Why `text` is not an object, in a sentence without a full stop; columns are counted in characters.
pub(super) fn parse(text: &str, pass: &ReadPass) -> Result<Map<String, Value>, String> {
    let first = text.trim_ascii_start().as_bytes().first();
    if first == Some(&b'{') {
        let fields = read(text, Fields { pass }).map_err(|error| broken(text, &error))?;
        if !fields.values().any(digits::may_be_rounded) {
            return Ok(fields);
        }
        return match digits::quoted(text) {
            Some(text) => read(&text, Fields { pass }).map_err(|error| broken(&text, &error)),
            None => Ok(fields),
        };
    }
    read(text, Checked).map_err(|error| broken(text, &error))?;
    let found = match first {
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    };
    Err(format!("each line must be a JSON object, but this one is {found}"))
}

/// The column names in a line that is an object.
///
/// # Errors
/// The line is not an object.
pub(super) fn names(text: &str) -> Result<BTreeSet<String>, String> {
    read(text, KeyNames).map_err(|error| broken(text, &error))
}

fn read<'a, S: DeserializeSeed<'a>>(text: &'a str, seed: S) -> serde_json::Result<S::Value> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

fn broken(text: &str, error: &serde_json::Error) -> String {
    let whole = error.to_string();
    let reason = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(reason, _)| reason);
    // serde_json counts bytes, and may stop in the middle of a character.
    let column = text.char_indices().take_while(|(byte, _)| *byte < error.column()).count();
    let reason = match reason.strip_prefix("EOF while parsing ") {
        Some(what) => format!("the line ends in the middle of {what}"),
        None => reason.to_owned(),
    };
    let advice = match text.trim() {
        "[" | "{" => "; each line must hold one object: `jq -c '.[]'` converts a JSON document to such lines",
        _ => "",
    };
    format!("not valid JSON at column {column}: {reason}{advice}")
}

/// Reads an object and keeps the fields in a pass's projection.
struct Fields<'a> {
    pass: &'a ReadPass,
}

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key_seed(KeyName)? {
            if self.pass.keeps(&name) {
                fields.insert(name.into_owned(), map.next_value()?);
            } else {
                map.next_value_seed(Checked)?;
            }
        }
        Ok(fields)
    }
}

/// Reads the keys of an object.
struct KeyNames;

impl<'de> DeserializeSeed<'de> for KeyNames {
    type Value = BTreeSet<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for KeyNames {
    type Value = BTreeSet<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = map.next_key_seed(KeyName)? {
            names.insert(name.into_owned());
            map.next_value_seed(Checked)?;
        }
        Ok(names)
    }
}

/// Reads a key, borrowed if it has no escapes.
struct KeyName;

impl<'de> DeserializeSeed<'de> for KeyName {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeyName {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// Reads any value and drops it. serde's `IgnoredAny` would accept lone surrogates, numbers out of range and endless
/// nesting.
struct Checked;

impl<'de> DeserializeSeed<'de> for Checked {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Checked)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(KeyName)?.is_some() {
            map.next_value_seed(Checked)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Projection;

    fn only_b() -> ReadPass {
        ReadPass { wanted: Projection::Only(["b".to_owned()].into()), ..ReadPass::of_all() }
    }

    #[test]
    fn fields_keep_their_order_and_of_equal_keys_the_last_wins() {
        let fields = parse(r#"{"b":1,"a":null,"b":2}"#, &ReadPass::of_all()).unwrap();
        assert_eq!(Value::Object(fields).to_string(), r#"{"b":2,"a":null}"#);
        let fields = parse(r#"{"a":[{"x":1.5}],"b":"\u00e9"}"#, &only_b()).unwrap();
        assert_eq!(Value::Object(fields).to_string(), r#"{"b":"é"}"#);
    }

    #[test]
    fn whole_numbers_past_64_bits_keep_their_digits_as_text() {
        let fields =
            parse(r#"{"a":18446744073709551615,"b":[-123456789012345678901]}"#, &ReadPass::of_all()).unwrap();
        let exact = r#"{"a":18446744073709551615,"b":["-123456789012345678901"]}"#;
        assert_eq!(Value::Object(fields).to_string(), exact);
    }

    #[test]
    fn a_line_is_right_or_wrong_whatever_is_wanted_of_it() {
        let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
        for text in
            [r#"{"a":"\ud800"}"#, r#"{"a":1e999}"#, r#"{"a":[1,]}"#, "{\"a\":\"\0\"}", &deep, r#"{"a":1}}"#]
        {
            let whole = parse(text, &ReadPass::of_all()).unwrap_err();
            assert_eq!(parse(text, &only_b()).unwrap_err(), whole, "{text}");
        }
    }

    #[test]
    fn a_line_that_is_not_an_object_is_reported_as_what_it_is() {
        let refusal = |text| parse(text, &ReadPass::of_all()).unwrap_err();
        assert!(refusal("[1]").ends_with("this one is an array"));
        assert!(refusal("17").ends_with("this one is a number"));
        assert_eq!(refusal("nonsense"), "not valid JSON at column 2: expected ident");
        assert_eq!(
            refusal(r#"{"é": 1 "#),
            "not valid JSON at column 8: the line ends in the middle of an object"
        );
    }
}
