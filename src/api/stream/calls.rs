//! Tool calls, joined from their deltas.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::api::lenient;
use crate::near_json::Halves;

/// A piece of a tool call. Servers differ in what they omit or repeat in later pieces.
#[derive(Debug, Default, Deserialize)]
pub(super) struct CallDelta {
    #[serde(default, deserialize_with = "lenient::count")]
    index: Option<u64>,
    #[serde(default, deserialize_with = "lenient::text")]
    id: Option<String>,
    r#type: Option<String>,
    function: Option<FunctionDelta>,
}

#[derive(Debug, Deserialize)]
struct FunctionDelta {
    name: Option<String>,
    arguments: Option<Value>,
}

/// The calls of one choice.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Call>);

/// A tool call as in a whole reply, with DashScope's fields in DashScope's order.
#[derive(Debug, Serialize)]
struct Call {
    function: Function,
    #[serde(skip_serializing_if = "String::is_empty")]
    id: String,
    index: u64,
    r#type: String,
    /// The index of its pieces; several calls may have the same one.
    #[serde(skip)]
    carried: Option<u64>,
    #[serde(skip)]
    halves: Halves,
}

#[derive(Debug, Default, Serialize)]
struct Function {
    arguments: String,
    name: String,
}

impl Calls {
    /// Whether no call was made.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a piece. Returns how many bytes it added.
    pub(super) fn take(&mut self, delta: CallDelta) -> usize {
        let CallDelta { index, id, r#type, function } = delta;
        let names = function.as_ref().and_then(|function| function.name.as_deref());
        let begins = names.is_some_and(|name| !name.is_empty());
        let call = self.call(index, id.as_deref(), begins);
        // The first identifier and type are kept; some servers repeat them, some with another value or an empty one.
        if call.id.is_empty() {
            call.id = id.unwrap_or_default();
        }
        if call.r#type.is_empty() {
            call.r#type = r#type.unwrap_or_default();
        }
        let before = call.function.name.len() + call.function.arguments.len();
        if let Some(FunctionDelta { name, arguments }) = function {
            call.function.take_name(&name.unwrap_or_default());
            match arguments {
                None | Some(Value::Null) => {}
                Some(Value::String(piece)) => {
                    let piece = call.halves.join(piece);
                    call.function.arguments.push_str(&piece);
                }
                // The protocol demands text, but this is clear enough.
                Some(value) => call.function.arguments.push_str(&value.to_string()),
            }
        }
        (call.function.name.len() + call.function.arguments.len()).saturating_sub(before)
    }

    /// The call that a piece belongs to: by its identifier, if that is known; else the last with its index; without an
    /// index, the last. Some servers give every call the index 0: one with a new identifier and a name is another call.
    fn call(&mut self, index: Option<u64>, id: Option<&str>, begins: bool) -> &mut Call {
        let id = id.filter(|id| !id.is_empty());
        let known = id.and_then(|id| self.0.iter().position(|call| call.id == id));
        let is_another =
            |call: &Call| begins && id.is_some() && !call.id.is_empty() && !call.function.name.is_empty();
        let place = known.or_else(|| match (index, id) {
            (Some(_), _) => {
                let last = self.0.iter().rposition(|call| call.carried == index);
                last.filter(|place| !is_another(&self.0[*place]))
            }
            (None, Some(_)) => None,
            (None, None) => self.0.len().checked_sub(1),
        });
        let place = place.unwrap_or_else(|| {
            let next = self.0.iter().map(|call| call.index.saturating_add(1)).max().unwrap_or(0);
            let free = index.filter(|index| self.0.iter().all(|call| call.index != *index));
            let call = Call {
                function: Function::default(),
                id: String::new(),
                index: free.unwrap_or(next),
                r#type: String::new(),
                carried: index,
                halves: Halves::default(),
            };
            self.0.push(call);
            self.0.len() - 1
        });
        &mut self.0[place]
    }

    /// The calls in the order of their indexes, as JSON.
    pub(super) fn finish(mut self) -> Vec<Box<RawValue>> {
        self.0.sort_by_key(|call| call.index);
        let json = |mut call: Call| {
            call.function.arguments.extend(call.halves.end());
            if call.r#type.is_empty() {
                call.r#type = "function".to_owned();
            }
            // A struct of strings and a number always has a JSON text.
            serde_json::value::to_raw_value(&call).ok()
        };
        self.0.into_iter().filter_map(json).collect()
    }
}

impl Function {
    /// A name may arrive whole in the first piece, whole in every piece, growing from piece to piece, or cut in pieces.
    fn take_name(&mut self, piece: &str) {
        match piece {
            whole if whole.starts_with(&self.name) => self.name = whole.to_owned(),
            "" => {}
            more => self.name.push_str(more),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn joined(deltas: &[Value]) -> Value {
        let mut calls = Calls::default();
        for delta in deltas {
            calls.take(serde_json::from_value(delta.clone()).expect("a delta"));
        }
        let texts: Vec<String> = calls.finish().iter().map(|call| call.get().to_owned()).collect();
        serde_json::from_str(&format!("[{}]", texts.join(","))).expect("JSON")
    }

    fn call(index: u64, id: &str, name: &str, arguments: &str) -> Value {
        json!({"function": {"arguments": arguments, "name": name}, "id": id, "index": index, "type": "function"})
    }

    #[test]
    fn pieces_are_joined_by_index_whatever_their_order() {
        let deltas = [
            json!({"index": 1, "id": "b", "type": "function", "function": {"name": "two", "arguments": "{"}}),
            json!({"index": 0, "id": "a", "type": "function", "function": {"name": "one", "arguments": ""}}),
            json!({"index": 1, "function": {"arguments": "}"}}),
            json!({"index": 0, "function": {"arguments": "[1]"}}),
        ];
        assert_eq!(joined(&deltas), json!([call(0, "a", "one", "[1]"), call(1, "b", "two", "{}")]));
    }

    #[test]
    fn fields_omitted_or_repeated_in_later_pieces_change_nothing() {
        let first =
            json!({"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "1"}});
        for later in [
            json!({"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "2"}}),
            json!({"index": 0, "id": "", "type": "", "function": {"name": "", "arguments": "2"}}),
            json!({"index": 0, "id": null, "type": null, "function": {"name": null, "arguments": "2"}}),
            json!({"index": 0, "id": "other", "function": {"arguments": "2"}}),
            json!({"id": "a", "function": {"arguments": "2"}}),
            json!({"function": {"arguments": "2"}}),
        ] {
            assert_eq!(joined(&[first.clone(), later.clone()]), json!([call(0, "a", "f", "12")]), "{later}");
        }
    }

    #[test]
    fn calls_without_an_index_are_distinguished_by_their_identifiers() {
        let deltas = [
            json!({"id": "a", "function": {"name": "f", "arguments": "1"}}),
            json!({"id": "b", "function": {"name": "f", "arguments": "2"}}),
            json!({"id": "a", "function": {"arguments": "3"}}),
        ];
        assert_eq!(joined(&deltas), json!([call(0, "a", "f", "13"), call(1, "b", "f", "2")]));
    }

    #[test]
    fn calls_with_the_same_index_are_distinguished_by_their_identifiers() {
        let deltas = [
            json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "1"}}),
            json!({"index": 0, "function": {"arguments": "2"}}),
            json!({"index": 0, "id": "b", "function": {"name": "g", "arguments": "3"}}),
            json!({"index": 0, "function": {"arguments": "4"}}),
            json!({"index": 0, "id": "a", "function": {"arguments": "5"}}),
            json!({"index": 0, "id": "c", "function": {"name": "f", "arguments": "6"}}),
        ];
        let expected = [call(0, "a", "f", "125"), call(1, "b", "g", "34"), call(2, "c", "f", "6")];
        assert_eq!(joined(&deltas), json!(expected));
    }

    #[test]
    fn names_may_come_in_pieces_and_arguments_as_an_object() {
        let deltas = [
            json!({"index": 0, "id": "a", "function": {"name": "get_"}}),
            json!({"index": 0, "function": {"name": "weather", "arguments": {"in": "Rome"}}}),
        ];
        assert_eq!(joined(&deltas), json!([call(0, "a", "get_weather", r#"{"in":"Rome"}"#)]));
    }
}
