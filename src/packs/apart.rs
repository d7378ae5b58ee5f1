//! The answer to a pack, taken apart: one part for each row, or none at all.

use super::body::{is_translation, text_of};
use super::refusal::PackRefusal;
use super::{doubts, lengths, marks};
use crate::outcome::Answer;
use crate::request::ChatRequest;

/// The text that answers a row of a pack; or why that row alone is asked again.
pub type PackPart = Result<String, PackRefusal>;

/// The texts that answer the rows of a pack, in their order.
///
/// # Errors
///
/// Why it is doubtful that the answer is one for one. None of it is to be used.
pub fn taken_apart(rows: &[&ChatRequest], answer: &Answer) -> Result<Vec<PackPart>, PackRefusal> {
    match answer.finish_reason.as_deref() {
        Some("stop") if answer.tool_calls.is_none() => {}
        reason => return Err(PackRefusal::Ended(reason.unwrap_or("nothing").to_owned())),
    }
    let response = answer.response.as_deref().unwrap_or_default();
    let parts = marks::parts(response, rows.len()).ok_or(PackRefusal::Marks)?;
    if let Some(blank) = parts.iter().position(|part| part.is_empty()) {
        return Err(PackRefusal::Blank(blank + 1));
    }
    let texts: Vec<String> = rows.iter().filter_map(|row| text_of(row)).collect();
    let texts: Vec<&str> = texts.iter().map(|text| text.trim()).collect();
    if texts.len() != parts.len() {
        return Err(PackRefusal::Marks);
    }
    let translates = rows.first().is_some_and(|row| is_translation(row));
    let doubled = doubts::check(&texts, &parts, translates)?;
    if translates {
        lengths::check(&texts, &parts)?;
    }
    let mut parts: Vec<PackPart> = parts.into_iter().map(|part| Ok(part.to_owned())).collect();
    for (one, other) in doubled {
        for part in [one, other] {
            parts[part] = Err(PackRefusal::Doubled(one + 1, other + 1));
        }
    }
    Ok(parts)
}
