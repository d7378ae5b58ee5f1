//! The answers to a row's pieces become one again, in the text's own frame or by the row's last request.

use std::sync::Arc;

use super::bad_rows::BAD_ROW;
use super::split_row::SplitRow;
use crate::job::split::Combine;
use crate::note::EntryPart;
use crate::outcome::{Answer, PieceCounts, RowResult, Status};
use crate::row::Item;

/// A row of the input with its result.
pub struct FoldedRow {
    /// The row.
    pub item: Item,
    /// Its result.
    pub result: RowResult,
    /// The results that the output has of it: one, or that of each piece.
    pub lines: Vec<RowResult>,
}

/// Collects the results of one row's requests.
pub(super) struct Folding {
    combine: Combine,
    of_row: Vec<RowResult>,
}

impl Folding {
    pub(super) fn new(combine: Combine) -> Self {
        Self { combine, of_row: Vec::new() }
    }

    /// Adds the next request with its result; `None` for a row that has none. Gives the row after its last one.
    pub(super) fn add(
        &mut self,
        part: EntryPart,
        (whole, item): (Option<Arc<SplitRow>>, Option<Item>),
        result: Option<RowResult>,
    ) -> Option<FoldedRow> {
        self.of_row.extend(result);
        if !part.is_last() {
            return None;
        }
        let of_row = std::mem::take(&mut self.of_row);
        if let Some(whole) = whole {
            let result = folded(&whole, self.combine, &of_row);
            let lines = lines(self.combine, result.clone(), of_row);
            return Some(FoldedRow { item: whole.item(), result, lines });
        }
        let item = item?;
        let result = with_place(of_row.into_iter().next().unwrap_or_default(), &item);
        Some(FoldedRow { item, lines: vec![result.clone()], result })
    }
}

/// For a row that could not be read, the output has nothing else by which to find it.
fn with_place(result: RowResult, item: &Item) -> RowResult {
    if result.error_code.as_deref() != Some(BAD_ROW) {
        return result;
    }
    RowResult { error: result.error.map(|reason| format!("{}: {reason}", item.place())), ..result }
}

/// The code of a row whose answers do not fit into its text's frame.
const LOST_PARAGRAPHS: &str = "lost_paragraphs";

/// The result of a row, from the results of all its pieces in order.
fn folded(whole: &SplitRow, combine: Combine, results: &[RowResult]) -> RowResult {
    let mut sum = sums(results);
    let failed = results.iter().filter(|result| result.status == Status::Failed).count();
    sum.pieces = PieceCounts {
        number: None,
        count: u64::try_from(results.len()).ok(),
        failed: u64::try_from(failed).ok(),
    };
    sum.status = state(results);
    match sum.status {
        Status::Failed => {
            let (number, first) = first_failure(results);
            sum.error_code.clone_from(&first.error_code);
            let reason = first.error.as_deref().unwrap_or_default();
            sum.error = Some(format!("{}: {reason}", whole.name(number)));
        }
        Status::Ok if combine == Combine::Join => match joined(whole, results) {
            Ok(text) => sum.answer.get_or_insert_default().response = Some(text),
            Err(reason) => {
                sum.status = Status::Failed;
                (sum.error_code, sum.error) = (Some(LOST_PARAGRAPHS.to_owned()), Some(reason));
            }
        },
        // A text without a letter is its own answer.
        Status::Skipped => {
            sum.answer = Some(Answer { response: Some(whole.text().to_owned()), ..Answer::default() });
        }
        _ => {}
    }
    sum
}

/// The results of the rows of an output that a row becomes; `result` is its own.
fn lines(combine: Combine, result: RowResult, of_pieces: Vec<RowResult>) -> Vec<RowResult> {
    // A row without pieces is in the output all the same.
    if combine != Combine::Rows || of_pieces.is_empty() {
        return vec![result];
    }
    let count = u64::try_from(of_pieces.len()).ok();
    let numbered = |(result, number)| {
        let pieces = PieceCounts { number: Some(number), count, failed: None };
        RowResult { pieces, ..result }
    };
    of_pieces.into_iter().zip(1..).map(numbered).collect()
}

/// The state of a row: the worst of its pieces.
fn state(results: &[RowResult]) -> Status {
    let is_any = |status: fn(Status) -> bool| results.iter().any(|result| status(result.status));
    if is_any(|status| status == Status::Failed) {
        Status::Failed
    } else if is_any(|status| !matches!(status, Status::Ok | Status::Skipped)) {
        Status::Pending
    } else if is_any(|status| status == Status::Ok) {
        Status::Ok
    } else {
        Status::Skipped
    }
}

fn first_failure(results: &[RowResult]) -> (usize, &RowResult) {
    let failed = |(_, result): &(usize, &RowResult)| result.status == Status::Failed;
    results.iter().enumerate().find(failed).unwrap_or((0, &results[0]))
}

/// What the pieces of a row used together. An amount that is unknown for one is unknown for all.
fn sums(results: &[RowResult]) -> RowResult {
    let mut sum = RowResult { cost: Some(0.0), ..RowResult::default() };
    for result in results {
        sum.cost = sum.cost.zip(result.cost).map(|(one, other)| one + other);
        sum.attempts = match (sum.attempts, result.attempts) {
            (None, None) => None,
            (one, other) => Some(one.unwrap_or(0) + other.unwrap_or(0)),
        };
        sum.latency_ms = sum.latency_ms.max(result.latency_ms);
        if let Some(answer) = &result.answer {
            add_answer(&mut sum.answer, answer);
        }
    }
    sum
}

/// Adds the answer of the next piece, but its text.
fn add_answer(sum: &mut Option<Answer>, answer: &Answer) {
    let Some(sum) = sum else {
        // One request's id says nothing of the others.
        *sum = Some(Answer {
            response: None,
            reasoning: None,
            tool_calls: None,
            request_id: None,
            ..answer.clone()
        });
        return;
    };
    sum.usage = sum.usage.zip(answer.usage).map(|(mut all, one)| {
        all.add(&one);
        all
    });
    // What ended one answer early is worse than a regular end.
    let is_worse = answer.finish_reason.as_deref().is_some_and(|reason| reason != "stop");
    if is_worse && sum.finish_reason.as_deref().is_none_or(|reason| reason == "stop") {
        sum.finish_reason.clone_from(&answer.finish_reason);
    }
    sum.simulated |= answer.simulated;
}

/// The text of a row with the answers in the place of its pieces, or why they do not fit.
fn joined(whole: &SplitRow, results: &[RowResult]) -> Result<String, String> {
    let answers: Vec<&str> = results
        .iter()
        .map(|result| {
            result.answer.as_ref().and_then(|answer| answer.response.as_deref()).unwrap_or_default()
        })
        .collect();
    whole.split.join(whole.text(), &answers).map_err(|error| error.to_string())
}
