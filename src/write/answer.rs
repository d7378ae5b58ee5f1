//! The answer columns: their names, their kinds, and their values in a row.

use serde_json::{Number, Value};

use crate::job::price::rounded;
use crate::outcome::{Answer, RowResult, Usage};
use crate::schema::FieldKind;

/// The names of the answer columns, in the order in which they follow the input's.
pub const ANSWER_COLUMNS: [&str; 17] = [
    "response",
    "reasoning",
    "tool_calls",
    "finish_reason",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "cost",
    "model",
    "request_id",
    "attempts",
    "latency_ms",
    "status",
    "error_code",
    "error",
];

/// The names of the columns that follow them in jobs that have something for them.
const FURTHER_COLUMNS: [&str; 5] = ["packed", "warnings", "piece", "pieces", "pieces_failed"];

/// Which further columns an output has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FurtherColumns {
    /// Whether rows can travel together.
    pub packed: bool,
    /// Whether answers can have warnings.
    pub warnings: bool,
    /// Those for the pieces of rows.
    pub pieces: PieceColumns,
}

/// Which columns an output has for the pieces of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PieceColumns {
    /// None: rows are not cut.
    #[default]
    None,
    /// How many pieces a row has, and how many have failed.
    Counts,
    /// Each piece is a row: its number, and how many the input's row has.
    Numbers,
}

/// One answer column. The variants are in the order of [`ANSWER_COLUMNS`] and [`FURTHER_COLUMNS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum AnswerColumn {
    Response,
    Reasoning,
    ToolCalls,
    FinishReason,
    PromptTokens,
    CompletionTokens,
    TotalTokens,
    CachedTokens,
    ReasoningTokens,
    Cost,
    Model,
    RequestId,
    Attempts,
    LatencyMs,
    Status,
    ErrorCode,
    Error,
    Packed,
    Warnings,
    Piece,
    Pieces,
    PiecesFailed,
}

/// The kind of an answer column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerKind {
    Text,
    Integer,
    Number,
    Boolean,
    /// JSON values of any kind, as their text.
    Json,
}

impl AnswerKind {
    /// The kind of a field of the answer.
    pub(super) fn of_field(kind: FieldKind) -> Self {
        match kind {
            FieldKind::Text => Self::Text,
            FieldKind::Integer => Self::Integer,
            FieldKind::Number => Self::Number,
            FieldKind::Boolean => Self::Boolean,
            FieldKind::Json => Self::Json,
        }
    }
}

/// The value of one row in an answer column, or in a column for a field of the answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum AnswerValue<'a> {
    Null,
    Text(&'a str),
    /// Texts: an array in JSONL, its JSON text elsewhere.
    Texts(&'a [String]),
    /// JSON text: an array in JSONL, its text elsewhere.
    Json(&'a str),
    Integer(i64),
    /// A number, spelled as in JSON.
    Number(Number),
    Boolean(bool),
    /// A JSON value: unchanged in JSONL, its text elsewhere.
    Value(&'a Value),
}

impl AnswerColumn {
    const ALL: [Self; 22] = [
        Self::Response,
        Self::Reasoning,
        Self::ToolCalls,
        Self::FinishReason,
        Self::PromptTokens,
        Self::CompletionTokens,
        Self::TotalTokens,
        Self::CachedTokens,
        Self::ReasoningTokens,
        Self::Cost,
        Self::Model,
        Self::RequestId,
        Self::Attempts,
        Self::LatencyMs,
        Self::Status,
        Self::ErrorCode,
        Self::Error,
        Self::Packed,
        Self::Warnings,
        Self::Piece,
        Self::Pieces,
        Self::PiecesFailed,
    ];

    /// The answer columns of an output, in order.
    pub(super) fn all(further: FurtherColumns) -> impl Iterator<Item = Self> {
        let FurtherColumns { packed, warnings, pieces } = further;
        Self::ALL.into_iter().filter(move |column| match column {
            Self::Packed => packed,
            Self::Warnings => warnings,
            Self::Piece => pieces == PieceColumns::Numbers,
            Self::Pieces => pieces != PieceColumns::None,
            Self::PiecesFailed => pieces == PieceColumns::Counts,
            _ => true,
        })
    }

    /// The column's name, without a prefix.
    pub(super) fn name(self) -> &'static str {
        let index = self as usize;
        ANSWER_COLUMNS.get(index).copied().unwrap_or_else(|| FURTHER_COLUMNS[index - ANSWER_COLUMNS.len()])
    }

    /// The kind of all the column's values.
    pub(super) fn kind(self) -> AnswerKind {
        match self {
            Self::PromptTokens
            | Self::CompletionTokens
            | Self::TotalTokens
            | Self::CachedTokens
            | Self::ReasoningTokens
            | Self::Attempts
            | Self::LatencyMs
            | Self::Packed
            | Self::Piece
            | Self::Pieces
            | Self::PiecesFailed => AnswerKind::Integer,
            Self::Cost => AnswerKind::Number,
            _ => AnswerKind::Text,
        }
    }

    /// The value of a row's result in this column.
    pub(super) fn value(self, result: &RowResult) -> AnswerValue<'_> {
        let answer = result.answer.as_ref();
        let text = |field: fn(&Answer) -> &Option<String>| {
            answer.and_then(|answer| field(answer).as_deref()).map_or(AnswerValue::Null, AnswerValue::Text)
        };
        let tokens = |field: fn(&Usage) -> Option<u64>| {
            count(answer.and_then(|answer| answer.usage.as_ref()).and_then(field))
        };
        match self {
            Self::Response => text(|answer| &answer.response),
            Self::Reasoning => text(|answer| &answer.reasoning),
            Self::ToolCalls => match answer.and_then(|answer| answer.tool_calls.as_deref()) {
                Some(calls) => AnswerValue::Json(calls),
                None => AnswerValue::Null,
            },
            Self::FinishReason => text(|answer| &answer.finish_reason),
            Self::PromptTokens => tokens(|usage| usage.prompt_tokens),
            Self::CompletionTokens => tokens(|usage| usage.completion_tokens),
            Self::TotalTokens => tokens(|usage| usage.total_tokens),
            Self::CachedTokens => tokens(|usage| usage.cached_tokens),
            Self::ReasoningTokens => tokens(|usage| usage.reasoning_tokens),
            // JSON cannot represent NaN or infinity.
            Self::Cost => {
                let cost = result.cost.map(rounded).and_then(Number::from_f64);
                cost.map_or(AnswerValue::Null, AnswerValue::Number)
            }
            Self::Model => text(|answer| &answer.model),
            Self::RequestId => text(|answer| &answer.request_id),
            Self::Attempts => count(result.attempts.map(u64::from)),
            Self::LatencyMs => count(result.latency_ms),
            Self::Status => AnswerValue::Text(result.status.as_str()),
            Self::ErrorCode => result.error_code.as_deref().map_or(AnswerValue::Null, AnswerValue::Text),
            Self::Error => result.error.as_deref().map_or(AnswerValue::Null, AnswerValue::Text),
            Self::Warnings if result.warnings.is_empty() => AnswerValue::Null,
            Self::Warnings => AnswerValue::Texts(&result.warnings),
            Self::Packed => count(result.packed.map(u64::from)),
            Self::Piece => count(result.pieces.number),
            Self::Pieces => count(result.pieces.count),
            Self::PiecesFailed => count(result.pieces.failed),
        }
    }
}

/// A count as a signed number, as Parquet and its readers have it. Larger counts become the maximum.
fn count(number: Option<u64>) -> AnswerValue<'static> {
    match number {
        Some(number) => AnswerValue::Integer(i64::try_from(number).unwrap_or(i64::MAX)),
        None => AnswerValue::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_column_goes_by_the_name_at_its_place() {
        assert!(AnswerColumn::all(FurtherColumns::default()).map(AnswerColumn::name).eq(ANSWER_COLUMNS));
        let of = |warnings, pieces| {
            let further = AnswerColumn::all(FurtherColumns { packed: warnings, warnings, pieces })
                .skip(ANSWER_COLUMNS.len());
            further.map(AnswerColumn::name).collect::<Vec<_>>()
        };
        assert_eq!(of(true, PieceColumns::Counts), ["packed", "warnings", "pieces", "pieces_failed"]);
        assert_eq!(of(false, PieceColumns::Numbers), ["piece", "pieces"]);
        assert_eq!(AnswerColumn::ToolCalls.name(), "tool_calls");
        assert_eq!(AnswerColumn::LatencyMs.name(), "latency_ms");
        assert_eq!(AnswerColumn::Error.name(), "error");
    }

    #[test]
    fn an_unknown_or_senseless_cost_is_null_and_never_zero() {
        assert_eq!(AnswerColumn::Cost.value(&RowResult::default()), AnswerValue::Null);
        let result = RowResult { cost: Some(f64::NAN), ..RowResult::default() };
        assert_eq!(AnswerColumn::Cost.value(&result), AnswerValue::Null);
    }
}
