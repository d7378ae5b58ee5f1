//! The attempts at a row: an answer that does not pass a check ends one, and the next begins with the row's first request, or with
//! that and what was wrong.

use std::borrow::Cow;

use super::body;
use super::step::{Asks, Step, of_its_own};
use crate::request::ChatRequest;

/// The code of an answer that does not pass a check.
pub const CHECK_FAILED: &str = "check_failed";

/// The request with which the present attempt at a row began, and the steps since: an answer that did not pass a check ends an
/// attempt. The same request and steps, if none has.
///
/// # Errors
///
/// The steps are not those of this request.
pub(super) fn attempt<'a>(
    first: &'a ChatRequest,
    steps: &'a [Step],
) -> Result<(Cow<'a, ChatRequest>, &'a [Step]), String> {
    let steps = of_its_own(steps);
    let Some(last) = steps.iter().rposition(|step| step.asks == Asks::Check) else {
        return Ok((Cow::Borrowed(first), steps));
    };
    // A translation model takes the text and nothing else, and a piece is to be found in the request again when it is halved.
    let again = match first.single_turn || first.piece.is_some() {
        true => Cow::Borrowed(first),
        false => Cow::Owned(body::corrected(first, &steps[last])?),
    };
    Ok((again, &steps[last + 1..]))
}
