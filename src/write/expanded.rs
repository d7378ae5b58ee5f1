//! An answer in its fields: what the columns of a schema hold.

use serde_json::Value;

use super::answer::AnswerValue;
use crate::outcome::{RowResult, Status};
use crate::schema::{Field, FieldValue, parse_answer};

/// The JSON value of a row's answer, where the output has columns of its fields and the row is answered.
pub(super) struct Expanded(Option<Value>);

impl Expanded {
    /// Reads the answer of a row, for the output's columns of these fields; for none, nothing is read.
    pub(super) fn read(result: &RowResult, fields: &[Field]) -> Self {
        let answer = result.answer.as_ref().filter(|_| !fields.is_empty() && result.status == Status::Ok);
        let response = answer.and_then(|answer| answer.response.as_deref());
        Self(response.and_then(|response| parse_answer(response).ok()))
    }

    /// What the answer holds in a field.
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
