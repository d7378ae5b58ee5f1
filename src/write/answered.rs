//! What the columns of an output that are not the input's have of a row, alike in every format.

use serde_json::Value;

use super::answer::AnswerValue;
use super::columns::{ColumnSource, Layout};
use crate::outcome::{RowResult, Status};
use crate::schema::{Field, FieldValue, parse_answer};

/// The result of a row, with the JSON value of its answer if the output has columns for its fields.
pub(super) struct Answered<'r> {
    result: &'r RowResult,
    layout: &'r Layout,
    expanded: Option<Value>,
    /// The same of the answers to its combinations, where they are beside one another.
    combinations: Vec<Option<Value>>,
}

impl<'r> Answered<'r> {
    /// Parses the answer of a row, if the output has columns for fields of it and the row is answered.
    pub(super) fn read(result: &'r RowResult, layout: &'r Layout) -> Self {
        let fields = &layout.fields;
        let combinations = result.combinations.iter().map(|result| expanded(result, fields)).collect();
        Self { result, layout, expanded: expanded(result, fields), combinations }
    }

    /// The value of a column; null for one of the input's.
    pub(super) fn value(&self, source: ColumnSource) -> AnswerValue<'_> {
        match source {
            ColumnSource::Input(_) => AnswerValue::Null,
            ColumnSource::Answer(answer) => answer.value(self.result),
            ColumnSource::Field(index) => field_of(self.expanded.as_ref(), &self.layout.fields[index]),
            ColumnSource::Each(name) => {
                let value = self.result.combination.and_then(|one| self.layout.each.value(one, name));
                value.map_or(AnswerValue::Null, AnswerValue::Text)
            }
            ColumnSource::Response(number) => {
                let response = self.result.combinations.get(number).and_then(RowResult::response);
                response.map_or(AnswerValue::Null, AnswerValue::Text)
            }
            ColumnSource::ResponseField(number, index) => {
                let answer = self.combinations.get(number).and_then(Option::as_ref);
                field_of(answer, &self.layout.fields[index])
            }
        }
    }
}

/// The JSON value of an answer.
fn expanded(result: &RowResult, fields: &[Field]) -> Option<Value> {
    let answer = result.answer.as_ref().filter(|_| !fields.is_empty() && result.status == Status::Ok);
    answer.and_then(|answer| parse_answer(answer.response.as_deref()?).ok())
}

/// The value of a field in an answer.
fn field_of<'v>(answer: Option<&'v Value>, field: &Field) -> AnswerValue<'v> {
    match answer.map_or(FieldValue::Null, |answer| field.value(answer)) {
        FieldValue::Null => AnswerValue::Null,
        FieldValue::Text(text) => AnswerValue::Text(text),
        FieldValue::Integer(number) => AnswerValue::Integer(number),
        FieldValue::Number(number) => AnswerValue::Number(number.clone()),
        FieldValue::Boolean(flag) => AnswerValue::Boolean(flag),
        FieldValue::Json(value) => AnswerValue::Value(value),
    }
}
