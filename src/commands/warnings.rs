//! What a user should know before rows are sent: shown by `preview`, and by `run` as it begins.

use serde_json::Value;

use super::failure::Failure;
use super::resume::shell_quoted;
use crate::job::Job;
use crate::journal::matching::Matched;
use crate::journal::neighbours::with_answers;
use crate::journal::reader::Reader;
use crate::pipeline::Opened;
use crate::pipeline::cost_estimate::{CostEstimate, Unasked};
use crate::pipeline::plan::Plan;
use crate::pipeline::requests::first_requests;
use crate::pipeline::run_record::SIMULATOR;
use crate::text::{count, counted, money};

/// The warnings about the rows to be sent, one per line. `cost_estimate` is that of the requests to send.
pub(super) fn warnings(
    job: &Job,
    cost_estimate: &CostEstimate,
    reader: Option<&Reader>,
) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for (reason, requests) in cost_estimate.unavailable.iter().filter(|(_, requests)| *requests > 0) {
        lines.push(format!("warning: {reason}; {} may be refused", counted(*requests, "request")));
    }
    if cost_estimate.unasked.requests > 0 {
        let reasoning = reader.map(Reader::mean_reasoning_tokens).transpose()?.flatten();
        lines.push(unasked(job, &cost_estimate.unasked, reasoning));
    }
    let without: Vec<String> =
        offered(job).filter(|name| !has_command(job, name)).map(str::to_owned).collect();
    if !job.tools.is_empty() && !without.is_empty() {
        let names = without.join("`, `");
        lines.push(format!(
            "warning: `request.tools` offers `{names}`, which has no command under [tools]; a row fails if the \
             model calls it"
        ));
    }
    if cost_estimate.unbounded > 0 && (job.caps.cost.is_some() || job.caps.total_tokens.is_some()) {
        let requests = counted(cost_estimate.unbounded, "request");
        lines.push(format!(
            "warning: the maximum length of the answers to {requests} is not known; caps set aside twice the \
             longest answer so far for each, and a longer one may exceed them. `max_tokens` under [request] \
             limits them, or `max_output` in your own model table"
        ));
    }
    if cost_estimate.rising > 0 {
        let requests = counted(cost_estimate.rising, "request");
        lines.push(format!(
            "warning: the price of {requests} rises with the length of the input, but from where is not known: \
             costs shown are a minimum, and a cap on cost may be exceeded"
        ));
    }
    Ok(lines)
}

/// Warns that no row uses the glossary in a job whose rows are all new: a few added rows need not use it.
pub(super) fn unused_glossary(job: &Job, plan: &Plan) -> Option<String> {
    let glossary = [&job.glossary.terms, &job.glossary.memory].into_iter().flatten().next()?;
    let all_new = plan.matched.unanswered() == plan.requests && plan.to_send() > 0;
    (all_new && !plan.cost_estimate.uses_glossary).then(|| {
        format!(
            "warning: no entry of the glossary {} occurs in any row; are its sources in the language of the \
             rows, and do its columns source_lang and target_lang, if any, match the request?",
            glossary.display()
        )
    })
}

/// How many first rows are compared to see whether another journal has the answers of this job.
const LOOKED_FOR: usize = 64;

/// Warns that a journal next to that of a job with no answers yet has the answers that the job would buy, as happens when
/// the path of the output has changed.
pub(super) fn answered_elsewhere(opened: &Opened, plan: &Plan) -> Option<String> {
    let Matched { kept, moved, changed, gone, .. } = plan.matched;
    if kept + moved + changed + gone > 0 || plan.to_send() == 0 {
        return None;
    }
    let (own, output) = (opened.journal(), &opened.job.output.path);
    let other = with_answers(&own, [&own, output], || first_requests(opened, LOOKED_FOR), SIMULATOR)?;
    // Two different jobs may have some requests in common.
    (other.answered * 2 > other.asked).then(|| {
        let journal = shell_quoted(&other.path.to_string_lossy());
        format!(
            "warning: {journal} has answers to {} of the first {}; this run pays for them again. To use them: \
             --journal {journal} (or `journal` under [output])",
            count(other.answered as u64),
            counted(other.asked as u64, "request"),
        )
    })
}

/// The names of the tools that the job offers to the model in every row.
fn offered(job: &Job) -> impl Iterator<Item = &str> {
    let tools = job.request.get("tools").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    tools.iter().filter_map(|tool| tool.pointer("/function/name")?.as_str())
}

fn has_command(job: &Job, name: &str) -> bool {
    job.tools.iter().any(|tool| tool.name == name)
}

/// Warns that requests think without being asked to, what that may cost, and what decides it.
fn unasked(job: &Job, unasked: &Unasked, reasoning: Option<f64>) -> String {
    let requests = counted(unasked.requests, "request");
    let verb = if unasked.requests == 1 { "thinks" } else { "think" };
    let place = match job.model.name {
        Some(_) => "under [request]",
        None => "in the bodies that the rows bring",
    };
    format!(
        "warning: {requests} {verb} before answering, because the model does by default, although the job does \
         not ask for it; {}; set `enable_thinking = false` or a `thinking_budget` {place}",
        thinking_price(unasked, reasoning)
    )
}

fn thinking_price(unasked: &Unasked, reasoning: Option<f64>) -> String {
    if unasked.unpriced == unasked.requests {
        return "the cost of the thoughts is not known".to_owned();
    }
    if let Some(tokens) = reasoning {
        return format!(
            "based on the answers so far, with about {} reasoning tokens each, the thoughts cost about {} (an \
             estimate)",
            count(tokens.round() as u64),
            money(unasked.token * tokens)
        );
    }
    let thousand = money(unasked.token * 1000.0);
    let each = format!("1,000 tokens of thought each cost {thousand} in all");
    match unasked.boundless {
        0 => format!(
            "{each}, and the longest chains of thought, of {} tokens, {} (estimates)",
            count(unasked.longest_tokens),
            money(unasked.longest)
        ),
        _ => format!("{each} (an estimate); its longest chain of thought is not known"),
    }
}
