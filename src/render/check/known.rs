//! The parameters of the chat API that are known, and what kind of value each has.

use serde_json::Value;

/// What the value of a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// A number.
    Number,
    /// A whole number.
    Whole,
    /// True or false.
    Switch,
    /// Text.
    Text,
    /// A list.
    List,
    /// An object.
    Object,
    /// One of several.
    Mixed,
}

/// Every parameter of the vendor's page on the OpenAI-compatible chat API, and of the page on qwen-mt.
const PARAMETERS: [(&str, ValueKind); 35] = [
    ("model", ValueKind::Text),
    ("messages", ValueKind::List),
    ("stream", ValueKind::Switch),
    ("stream_options", ValueKind::Object),
    ("temperature", ValueKind::Number),
    ("top_p", ValueKind::Number),
    ("top_k", ValueKind::Whole),
    ("presence_penalty", ValueKind::Number),
    ("repetition_penalty", ValueKind::Number),
    ("seed", ValueKind::Whole),
    ("n", ValueKind::Whole),
    ("max_tokens", ValueKind::Whole),
    ("stop", ValueKind::Mixed),
    ("logprobs", ValueKind::Switch),
    ("top_logprobs", ValueKind::Whole),
    ("response_format", ValueKind::Object),
    ("tools", ValueKind::List),
    ("tool_choice", ValueKind::Mixed),
    ("parallel_tool_calls", ValueKind::Switch),
    ("enable_thinking", ValueKind::Switch),
    ("thinking_budget", ValueKind::Whole),
    ("preserve_thinking", ValueKind::Switch),
    ("reasoning_effort", ValueKind::Text),
    ("enable_search", ValueKind::Switch),
    ("search_options", ValueKind::Object),
    ("enable_code_interpreter", ValueKind::Switch),
    ("vl_high_resolution_images", ValueKind::Switch),
    ("max_pixels", ValueKind::Whole),
    ("modalities", ValueKind::List),
    ("audio", ValueKind::Object),
    ("cache_control", ValueKind::Object),
    ("translation_options", ValueKind::Object),
    ("skill", ValueKind::Mixed),
    // Of OpenAI's own API; whether Qwen takes them is not known, and left to the service.
    ("frequency_penalty", ValueKind::Number),
    ("max_completion_tokens", ValueKind::Whole),
];

/// Names of other servers' parameters that are one letter away from a known one.
const ELSEWHERE: [&str; 1] = ["top_a"];

impl ValueKind {
    /// The kind of a known parameter's value.
    pub fn of(name: &str) -> Option<Self> {
        PARAMETERS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// The value of this kind that a row's value stands for. A column of a CSV file holds nothing but text, where an empty
    /// cell is no value; and a column of numbers with a gap in it comes out of many a tool with all of them as fractions.
    /// What stands for nothing of the kind stays what it is.
    pub fn read(self, value: Value) -> Value {
        let read = match (&value, self) {
            (_, Self::Text | Self::Mixed) => None,
            (Value::String(text), _) if text.trim().is_empty() => Some(Value::Null),
            (Value::String(text), Self::Switch) => text.trim().to_lowercase().parse().ok().map(Value::Bool),
            (Value::String(text), _) => serde_json::from_str(text.trim()).ok().map(|value| self.read(value)),
            (Value::Number(number), Self::Whole) => number.as_f64().and_then(whole).map(Value::from),
            _ => None,
        };
        read.filter(|read| read.is_null() || self.holds(read)).unwrap_or(value)
    }

    /// Whether a value is of this kind.
    pub(super) fn holds(self, value: &Value) -> bool {
        match self {
            Self::Number => value.is_number(),
            Self::Whole => value.is_i64() || value.is_u64(),
            Self::Switch => value.is_boolean(),
            Self::Text => value.is_string(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
            Self::Mixed => true,
        }
    }

    /// The kind in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Whole => "a whole number",
            Self::Switch => "true or false",
            Self::Text => "text",
            Self::List => "a list",
            Self::Object => "an object",
            Self::Mixed => "a value",
        }
    }
}

/// A number without a fraction, as long as a fraction holds it exactly.
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

/// Every known parameter with its kind.
pub(super) fn parameters() -> impl Iterator<Item = (&'static str, ValueKind)> {
    PARAMETERS.into_iter()
}

/// The known parameter that an unknown name is a slip of: the same but for case and underscores, or one letter missing,
/// doubled, wrong or swapped. A wrong letter tells nothing in a short name: `top_k` is no slip of `top_p`.
pub(super) fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace(['_', '-'], "");
    let one = plain(name);
    let slip = |known: &str| {
        let other = plain(known);
        if one == other {
            return true;
        }
        // Only one letter may be missing; most names are told apart by that, at a hundredth of the cost.
        if one.len().abs_diff(other.len()) > 1 {
            return false;
        }
        let longer = one.len().max(other.len());
        let wrong_letter = one.len() == other.len() && strsim::levenshtein(&one, &other) == 1;
        other.len() >= 4 && strsim::damerau_levenshtein(&one, &other) == 1 && (!wrong_letter || longer >= 6)
    };
    known.into_iter().find(|known| slip(known)).filter(|_| !ELSEWHERE.contains(&name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_row_s_text_stands_for_depends_on_the_parameter() {
        let read = |key: &str, value: Value| ValueKind::of(key).expect("known").read(value);
        assert_eq!(read("temperature", json!(" 0.5 ")), json!(0.5));
        assert_eq!(read("seed", json!("7")), json!(7));
        assert_eq!(read("seed", json!(7.0)), json!(7));
        assert_eq!(read("seed", json!("7.0")), json!(7));
        assert_eq!(read("seed", json!("seven")), json!("seven"));
        assert_eq!(read("temperature", json!("")), json!(null));
        assert_eq!(read("enable_thinking", json!("True")), json!(true));
        assert_eq!(read("enable_thinking", json!("1")), json!("1"));
        assert_eq!(read("tools", json!("[]")), json!([]));
        assert_eq!(read("stop", json!("7")), json!("7"));
    }
}
