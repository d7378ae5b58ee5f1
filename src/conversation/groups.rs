//! The groups of a request over answers that are more than fit into one request: they are asked one after the other, and the
//! answers to them together at the end.

use std::borrow::Cow;

use super::step::{Asks, Step};
use crate::outcome::Answer;
use crate::request::ChatRequest;

/// The request over a group of parts that a row waits for, and the steps that follow from that request. For any other request,
/// the same request and steps.
///
/// # Errors
///
/// The steps are not those of this request.
pub(super) fn of_group<'a>(
    first: &'a ChatRequest,
    steps: &'a [Step],
) -> Result<(Cow<'a, ChatRequest>, &'a [Step]), String> {
    let Some(groups) = &first.groups else { return Ok((Cow::Borrowed(first), steps)) };
    let answers = answers(steps);
    if answers.is_empty() {
        return Ok((Cow::Borrowed(first), steps));
    }
    let parts = groups.next(&answers).ok_or("the journal has more groups of parts than there can be")?;
    let last = steps.iter().rposition(|step| step.asks == Asks::Merge);
    Ok((Cow::Owned((groups.make)(&parts)?), &steps[last.map_or(0, |last| last + 1)..]))
}

/// The request over the next group, after an answer to one; `None` if that is the answer to all, or if there are no groups.
pub(super) fn after_group(
    first: &ChatRequest,
    steps: &[Step],
    answer: &Answer,
) -> Option<Result<ChatRequest, String>> {
    let groups = first.groups.as_ref()?;
    let mut answers = answers(steps);
    answers.push(answer.response.clone().unwrap_or_default());
    groups.next(&answers).map(|parts| (groups.make)(&parts))
}

/// The answers to the groups so far.
fn answers(steps: &[Step]) -> Vec<String> {
    let of_groups = steps.iter().filter(|step| step.asks == Asks::Merge);
    of_groups.map(|step| step.answer.response.clone().unwrap_or_default()).collect()
}
