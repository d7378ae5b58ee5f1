//! What a cell of a spreadsheet holds.

use std::borrow::Cow;

use calamine::DataRef;
use serde_json::{Number, Value};

use crate::format::column_letters;
use crate::sheet_time::SheetTime;

/// Up to here, a number without a fraction is a whole number, each of which a float holds exactly.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// The value of a cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SheetValue {
    Text(String),
    Number(f64),
    Boolean(bool),
    Time(SheetTime),
    /// An error of a formula: `#N/A`.
    Error(String),
    /// A formula whose value the file does not have.
    Unstored,
}

impl SheetValue {
    /// The value of a cell; `None` for an empty one.
    pub(super) fn of(data: DataRef<'_>, is_formula: bool, is_1904: bool) -> Option<Self> {
        let text = |text: &str| (!text.is_empty()).then(|| Self::Text(text.to_owned()));
        match data {
            DataRef::Empty => is_formula.then_some(Self::Unstored),
            DataRef::Int(number) => Some(Self::Number(number as f64)),
            DataRef::Float(number) => Some(Self::Number(number)),
            DataRef::Bool(flag) => Some(Self::Boolean(flag)),
            DataRef::String(owned) => text(&owned),
            DataRef::SharedString(shared) => text(shared),
            DataRef::DateTimeIso(iso) | DataRef::DurationIso(iso) => text(&iso),
            DataRef::DateTime(time) => {
                let serial = time.as_f64();
                let time = SheetTime::of_serial(serial, time.is_duration(), is_1904);
                Some(time.map_or(Self::Number(serial), Self::Time))
            }
            DataRef::Error(error) => Some(Self::Error(error.to_string())),
        }
    }

    /// The value as templates and other formats have it.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Text(text) => Value::from(text.as_str()),
            Self::Number(number) => json_number(*number),
            Self::Boolean(flag) => Value::Bool(*flag),
            Self::Time(time) => Value::String(time.text()),
            Self::Error(_) | Self::Unstored => Value::Null,
        }
    }

    /// The value as text.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) | Self::Error(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(json_number(*number).to_string()),
            Self::Boolean(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
            Self::Time(time) => Cow::Owned(time.text()),
            Self::Unstored => Cow::Borrowed(""),
        }
    }

    /// A byte that is another one for values of another kind.
    pub(super) fn sign(&self) -> u8 {
        match self {
            Self::Text(_) => b't',
            Self::Number(_) => b'n',
            Self::Boolean(_) => b'b',
            Self::Time(_) => b'd',
            Self::Error(_) | Self::Unstored => b'-',
        }
    }

    /// The bytes of its text, about.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Text(text) | Self::Error(text) => text.len() as u64,
            _ => 8,
        }
    }
}

fn json_number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= WHOLE {
        #[expect(clippy::cast_possible_truncation, reason = "the number is whole and fits")]
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// The name of a cell: `D7`. `index` is that of its column, from 0.
pub(super) fn cell_name(row: u64, index: usize) -> String {
    format!("{}{row}", column_letters(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_without_a_fraction_are_whole_and_cells_have_their_names() {
        let json = |number| json_number(number).to_string();
        assert_eq!([json(3.0), json(-0.0), json(19.99), json(1e20)], ["3", "0", "19.99", "1e+20"]);
        assert_eq!(cell_name(7, 3), "D7");
    }
}
