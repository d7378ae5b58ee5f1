//! The fields of an answer, for the columns of a schema.

use serde_json::Value;

use super::answer::AnswerValue;
use crate::outcome::{RowResult, Status};
use crate::schema::{Field, FieldValue, parse_answer};

/// The JSON value of a row's answer, if the output has columns for its fields and the row is answered.
pub(super) struct Expanded(Option<Value>);

impl Expanded {
    /// Parses the answer of a row for the output's columns of these fields; without fields, parses nothing.
    pub(super) fn read(result: &RowResult, fields: &[Field]) -> Self {
        let answer = result.answer.as_ref().filter(|_| !fields.is_empty() && result.status == Status::Ok);
        let response = answer.and_then(|answer| answer.response.as_deref());
        Self(response.and_then(|response| parse_answer(response).ok()))
    }

    /// The value of a field in the answer.
    pub(super) fn value(&self, field: &Field) -> AnswerValue<'_> {
        match self.0.as_ref().map_or(FieldValue::Null, |answer| field.value(answer)) {
            FieldValue::Null => AnswerValue::Null,
            FieldValue::Text(text) => AnswerValue::Text(text),
            FieldValue::Integer(number) => AnswerValue::Integer(number),
            FieldValue::Number(number) => AnswerValue::Number(number.clone()),
            FieldValue::Boolean(flag) => AnswerValue::Boolean(flag),
            FieldValue::Json(value) => AnswerValue::Value(value),
        }
    }
}
