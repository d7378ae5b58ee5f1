//! The results of a row's requests become its own: pieces one again, in the text's own frame or by the row's last request, and
//! combinations beside one another.

use std::sync::Arc;

use serde_json::Value;

use super::bad_rows::BAD_ROW;
use super::opened::WARNINGS;
use super::over::PartsRenderer;
use super::row_requests::{Combinations, RowRequests};
use super::{Opened, PipelineError};
use crate::conversation::LOST_PARAGRAPHS;
use crate::job::RowLayout;
use crate::job::each::Combination;
use crate::job::split::{Combine, OnMismatch};
use crate::journal::reader::Reader;
use crate::note::EntryPart;
use crate::outcome::{Answer, PieceCounts, RowResult, Status};
use crate::row::Item;

/// A row of the input with its result.
pub struct FoldedRow {
    /// The row.
    pub item: Item,
    /// Its result.
    pub result: RowResult,
    /// The results of its combinations, in a job with `[each]`; none if the row could not be read.
    pub each: Vec<RowResult>,
    /// The results that the output has of it: one, or that of each piece or combination.
    pub lines: Vec<RowResult>,
}

/// Collects the results of one row's requests.
pub(super) struct Folding<'r> {
    combine: Combine,
    /// Whether an answer that lacks paragraphs of its piece takes its place all the same.
    keep: bool,
    /// Whether the warnings of documents are among those of their answers.
    joins_warnings: bool,
    merger: Option<PartsRenderer>,
    each: Option<Arc<Combinations>>,
    layout: RowLayout,
    reader: &'r Reader,
    of_row: Vec<RowResult>,
}

impl<'r> Folding<'r> {
    pub(super) fn new(opened: &Opened, reader: &'r Reader) -> Self {
        let (combine, merger) = (opened.combine(), opened.merger().cloned());
        let keep = opened.conversation().on_mismatch == Some(OnMismatch::Keep);
        let (each, layout) = (opened.requester().each.clone(), opened.job.output.layout);
        let joins_warnings = opened.joins_warnings();
        Self { combine, keep, joins_warnings, merger, each, layout, reader, of_row: Vec::new() }
    }

    /// Adds the next request with its result; `None` for a row that has none. Gives the row after its last one.
    pub(super) fn add(
        &mut self,
        part: EntryPart,
        (whole, item): (Option<Arc<RowRequests>>, Option<Item>),
        result: Option<RowResult>,
    ) -> Result<Option<FoldedRow>, PipelineError> {
        self.of_row.extend(result);
        if !part.is_last() {
            return Ok(None);
        }
        let of_row = std::mem::take(&mut self.of_row);
        Ok(match (whole, item) {
            (Some(whole), _) => Some(self.with_warnings(self.several(&whole, of_row)?)),
            (None, Some(item)) => Some(self.with_warnings(self.only(part, item, of_row))),
            (None, None) => None,
        })
    }

    /// The row with the warnings of its document before those of its answers, if they are one column.
    fn with_warnings(&self, mut row: FoldedRow) -> FoldedRow {
        let found = row.item.row().filter(|_| self.joins_warnings).and_then(|row| row.fields.get(WARNINGS));
        let texts = found.and_then(Value::as_array).into_iter().flatten();
        let texts: Vec<String> = texts.filter_map(Value::as_str).map(str::to_owned).collect();
        if !texts.is_empty() {
            // Those of a document are no news about its answer, and are not counted with `result`.
            for line in &mut row.lines {
                line.warnings = texts.iter().cloned().chain(line.warnings.drain(..)).collect();
            }
        }
        row
    }

    /// A row that is one request or none, or could not be read.
    fn only(&self, part: EntryPart, item: Item, of_row: Vec<RowResult>) -> FoldedRow {
        let status = if part.count == 0 { Status::Skipped } else { Status::Pending };
        let none = RowResult { status, ..RowResult::default() };
        let result = with_place(of_row.into_iter().next().unwrap_or(none), &item);
        let lines = match (&self.each, self.layout) {
            (Some(each), RowLayout::Long) => (0..each.all.len())
                .map(|number| RowResult { combination: Some(number), ..result.clone() })
                .collect(),
            _ => vec![result.clone()],
        };
        FoldedRow { item, result, each: Vec::new(), lines }
    }

    /// A row of several requests.
    fn several(&self, whole: &RowRequests, of_row: Vec<RowResult>) -> Result<FoldedRow, PipelineError> {
        let (mut results, mut lines) = (Vec::new(), Vec::new());
        for (number, of_pieces) in whole.by_combination(of_row).into_iter().enumerate() {
            let result = self.combination(whole, number, &of_pieces)?;
            lines.push(self::lines(self.combine, result.clone(), of_pieces));
            results.push(result);
        }
        let item = whole.item();
        let Some(each) = &self.each else {
            let (result, lines) = (results.pop().unwrap_or_default(), lines.pop().unwrap_or_default());
            return Ok(FoldedRow { item, result, each: Vec::new(), lines });
        };
        let result = beside(each, &results);
        let lines = match self.layout {
            RowLayout::Long => long(lines),
            RowLayout::Wide if self.combine == Combine::Rows => wide_pieces(each, lines),
            RowLayout::Wide => vec![RowResult { combinations: results.clone(), ..result.clone() }],
        };
        Ok(FoldedRow { item, result, each: results, lines })
    }

    /// The result of a combination, from those of its pieces.
    fn combination(
        &self,
        whole: &RowRequests,
        number: usize,
        of_pieces: &[RowResult],
    ) -> Result<RowResult, PipelineError> {
        if whole.cut.is_none() {
            let skipped = || RowResult { status: Status::Skipped, ..RowResult::default() };
            return Ok(of_pieces.first().cloned().unwrap_or_else(skipped));
        }
        let result = folded(whole, self.combine, of_pieces, self.keep);
        let Some(merger) = self.merger.as_ref().filter(|_| result.status == Status::Ok) else {
            return Ok(result);
        };
        match parts_of(of_pieces) {
            Some(parts) => self.merged(merger, (whole, number), parts, result),
            // The answer to the only piece is the row's.
            None => Ok(RowResult { answer: of_pieces.first().and_then(|one| one.answer.clone()), ..result }),
        }
    }

    /// The result of a row whose pieces are all answered, with that of the request over their answers.
    fn merged(
        &self,
        merger: &PartsRenderer,
        (whole, number): (&RowRequests, usize),
        parts: Vec<String>,
        pieces: RowResult,
    ) -> Result<RowResult, PipelineError> {
        let merge = match merger.request(&whole.fields_for(number), parts) {
            Ok(request) => match self.reader.entry_over(request.fingerprint)? {
                Some(entry) => self.reader.result_of(entry.number)?,
                None => RowResult::default(),
            },
            Err(problem) => RowResult {
                status: Status::Failed,
                error_code: Some(BAD_ROW.to_owned()),
                error: Some(problem.in_a_line()),
                ..RowResult::default()
            },
        };
        let warnings = pieces.warnings.clone().into_iter();
        let sum = RowResult { pieces: pieces.pieces, ..sums(&[pieces, merge.clone()]) };
        let response = merge.answer.and_then(|answer| answer.response).filter(|_| merge.status == Status::Ok);
        let answer = sum.answer.map(|answer| Answer { response, ..answer });
        Ok(RowResult {
            // What a failed row has used is shown too.
            answer: answer.filter(|_| matches!(merge.status, Status::Ok | Status::Failed)),
            status: merge.status,
            warnings: warnings.chain(merge.warnings.iter().map(|text| format!("merge: {text}"))).collect(),
            error_code: merge.error_code,
            error: merge.error.map(|error| format!("merge: {error}")),
            ..sum
        })
    }
}

/// The answers to a row's pieces, if there are several.
pub(super) fn parts_of(results: &[RowResult]) -> Option<Vec<String>> {
    let response = |result: &RowResult| result.response().unwrap_or_default().to_owned();
    (results.len() > 1).then(|| results.iter().map(response).collect())
}

/// For a row that could not be read, the output has nothing else by which to find it.
fn with_place(result: RowResult, item: &Item) -> RowResult {
    if result.error_code.as_deref() != Some(BAD_ROW) {
        return result;
    }
    RowResult { error: result.error.map(|reason| format!("{}: {reason}", item.place())), ..result }
}

/// The result of a row, from the results of all its pieces in order.
fn folded(whole: &RowRequests, combine: Combine, results: &[RowResult], keep: bool) -> RowResult {
    let mut sum = sums(results);
    let failed = results.iter().filter(|result| result.status == Status::Failed).count();
    let of_piece = |(number, result): (usize, &RowResult)| {
        let name = whole.cut.as_ref().map(|cut| cut.name(number)).unwrap_or_default();
        result.warnings.iter().map(move |text| format!("{name}: {text}")).collect::<Vec<_>>()
    };
    sum.warnings = results.iter().enumerate().flat_map(of_piece).collect();
    sum.pieces = PieceCounts {
        number: None,
        count: u64::try_from(results.len()).ok(),
        failed: u64::try_from(failed).ok(),
    };
    sum.status = Status::of_requests(results.iter().map(|result| result.status));
    match sum.status {
        Status::Failed => {
            let (number, first) = first_failure(results);
            sum.error_code.clone_from(&first.error_code);
            let reason = first.error.as_deref().unwrap_or_default();
            let name = whole.cut.as_ref().map(|cut| cut.name(number)).unwrap_or_default();
            sum.error = Some(format!("{name}: {reason}"));
        }
        Status::Ok if combine == Combine::Join => match joined(whole, results, keep) {
            Ok(text) => sum.answer.get_or_insert_default().response = Some(text),
            Err(reason) => {
                sum.status = Status::Failed;
                (sum.error_code, sum.error) = (Some(LOST_PARAGRAPHS.to_owned()), Some(reason));
            }
        },
        // What a digest, and a file of its own, have of a row whose pieces are rows.
        Status::Ok if combine == Combine::Rows => {
            let text = results.iter().filter_map(RowResult::response).collect::<Vec<_>>().join("\n\n");
            sum.answer.get_or_insert_default().response = Some(text);
        }
        // A text without a letter is its own answer.
        Status::Skipped => {
            sum.answer = Some(Answer { response: Some(whole.text().to_owned()), ..Answer::default() });
        }
        _ => {}
    }
    sum
}

/// The result of a row, from those of all its combinations.
fn beside(each: &Combinations, results: &[RowResult]) -> RowResult {
    let mut sum = sums(results);
    sum.status = Status::of_requests(results.iter().map(|result| result.status));
    sum.pieces = counts(results);
    let of_combination = |(one, result): (&Combination, &RowResult)| {
        let name = one.shown();
        result.warnings.iter().map(move |text| format!("{name}: {text}")).collect::<Vec<_>>()
    };
    sum.warnings = each.all.iter().zip(results).flat_map(of_combination).collect();
    let named = each.all.iter().zip(results);
    let failed: Vec<_> = named.filter(|(_, result)| result.status == Status::Failed).collect();
    if let [(combination, first), others @ ..] = failed.as_slice() {
        let reason = first.error.as_deref().unwrap_or_default();
        let others: Vec<String> = others.iter().map(|(combination, _)| combination.shown()).collect();
        let others = match others.as_slice() {
            [] => String::new(),
            names => format!("; also failed: {}", names.join("; ")),
        };
        sum.error = Some(format!("{}: {reason}{others}", combination.shown()));
        sum.error_code.clone_from(&first.error_code);
    }
    sum
}

/// The pieces of all combinations together.
fn counts(results: &[RowResult]) -> PieceCounts {
    let sum = |count: fn(&PieceCounts) -> Option<u64>| {
        let counts: Vec<u64> = results.iter().filter_map(|result| count(&result.pieces)).collect();
        (!counts.is_empty()).then(|| counts.iter().sum())
    };
    PieceCounts { number: None, count: sum(|pieces| pieces.count), failed: sum(|pieces| pieces.failed) }
}

/// A row of the output for each combination, or for each of its pieces.
fn long(lines: Vec<Vec<RowResult>>) -> Vec<RowResult> {
    let numbered = |(number, lines): (usize, Vec<RowResult>)| {
        lines.into_iter().map(move |line| RowResult { combination: Some(number), ..line })
    };
    lines.into_iter().enumerate().flat_map(numbered).collect()
}

/// A row of the output for each piece, with that piece of every combination.
fn wide_pieces(each: &Combinations, lines: Vec<Vec<RowResult>>) -> Vec<RowResult> {
    let most = lines.iter().map(Vec::len).max().unwrap_or(0);
    let skipped = || RowResult { status: Status::Skipped, ..RowResult::default() };
    let line = |number: usize| {
        let results: Vec<RowResult> =
            lines.iter().map(|lines| lines.get(number).cloned().unwrap_or_else(skipped)).collect();
        let first = results.iter().find(|result| result.pieces.count.is_some());
        let pieces = first.map(|result| result.pieces).unwrap_or_default();
        RowResult { pieces, ..RowResult { combinations: results.clone(), ..beside(each, &results) } }
    };
    (0..most).map(line).collect()
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

fn first_failure(results: &[RowResult]) -> (usize, &RowResult) {
    let failed = |(_, result): &(usize, &RowResult)| result.status == Status::Failed;
    results.iter().enumerate().find(failed).unwrap_or((0, &results[0]))
}

/// What the requests of a row used together. An amount that is unknown for one that was sent is unknown for all; what was not
/// sent used nothing.
fn sums(results: &[RowResult]) -> RowResult {
    let was_sent =
        |result: &&RowResult| result.cost.is_some() || result.attempts.is_some_and(|times| times > 0);
    let costs = results.iter().filter(was_sent).map(|result| result.cost);
    let cost = costs.reduce(|one, other| one.zip(other).map(|(one, other)| one + other)).flatten();
    let mut sum = RowResult { cost, ..RowResult::default() };
    for result in results {
        sum.attempts = match (sum.attempts, result.attempts) {
            (None, None) => None,
            (one, other) => Some(one.unwrap_or(0) + other.unwrap_or(0)),
        };
        sum.latency_ms = sum.latency_ms.max(result.latency_ms);
        sum.packed = sum.packed.max(result.packed);
        if let Some(answer) = result.answer.as_ref().filter(|_| result.status != Status::Skipped) {
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
fn joined(whole: &RowRequests, results: &[RowResult], keep: bool) -> Result<String, String> {
    let answers: Vec<&str> = results.iter().map(|result| result.response().unwrap_or_default()).collect();
    let Some(cut) = &whole.cut else { return Ok(answers.concat()) };
    let joined = match keep {
        true => cut.split.join_as_they_are(whole.text(), &answers),
        false => cut.split.join(whole.text(), &answers),
    };
    joined.map_err(|error| error.to_string())
}
