//! The usage of a request: what the service counted, and what stays reserved because it was not counted.

use super::flight::Flight;
use crate::job::price::Price;
use crate::outcome::{Reply, Usage};
use crate::request::{ChatRequest, Estimate};
use crate::reserve::Reserve;

/// The usage and cost of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bill {
    /// The cost, if it is known.
    pub(crate) cost: Option<f64>,
    /// The tokens that the service counted.
    pub(crate) tokens: u64,
    /// The most that it may have cost beyond that.
    pub(crate) reserved: Reserve,
}

impl Bill {
    /// The usage according to a reply. Missing counts are taken at their worst case. `quick`: the reply came sooner than
    /// any answer could.
    pub(super) fn of(reply: &Reply, request: &ChatRequest, flight: &Flight, quick: bool) -> Self {
        let (usage, answer, may_be_billed) = match reply {
            Ok(answer) => (answer.usage, Some(answer), true),
            Err(fault) => (fault.usage, fault.partial.as_deref(), fault.may_be_billed(quick)),
        };
        let thought = answer.map_or(request.thinks, crate::outcome::Answer::thought);
        match usage {
            Some(usage) => Self::counted(&usage, request, flight, thought),
            None if may_be_billed => {
                let written = answer.map_or(0, crate::outcome::Answer::text_bytes) as u64;
                Self { cost: None, tokens: 0, reserved: uncounted(request, flight, written) }
            }
            None => Self { cost: None, tokens: 0, reserved: Reserve::NOTHING },
        }
    }

    fn counted(usage: &Usage, request: &ChatRequest, flight: &Flight, thought: bool) -> Self {
        let worst = flight.worst_estimate;
        let price = request.price.as_deref();
        let cost = price.and_then(|price| price.of(usage, thought));
        // A total above the worst case means that the answer was longer than could be known.
        let beyond = usage.total_tokens.map_or(0, |total| total.saturating_sub(worst.worst_case_tokens()));
        let prompt = usage.prompt_tokens.unwrap_or(worst.prompt_tokens);
        let completion =
            usage.completion_tokens.unwrap_or(worst.max_completion_tokens.saturating_add(beyond));
        let total = usage.total_tokens.unwrap_or(0);
        // From a total and one part the other would follow, if the total is really a total.
        let is_total = usage.total_tokens.is_some()
            && usage.prompt_tokens.is_some() == usage.completion_tokens.is_some();
        let tokens = if is_total { 0 } else { prompt.saturating_add(completion).saturating_sub(total) };
        let open = match (cost, price) {
            (None, Some(price)) => {
                let counted = price.worst_case(prompt, completion, request.thinks || thought);
                // Beyond the last tier the price itself is unknown.
                let is_priced = price.tier(prompt).is_some();
                if is_priced { counted } else { counted.max(flight.reservation.cost) }
            }
            _ => 0.0,
        };
        let reserved = Reserve { cost: open, tokens };
        Self { cost, tokens: total, reserved }
    }
}

/// The maximum cost of a request whose answer has this many bytes: no tokenizer makes more tokens of them. So an answer
/// that was longer than could be known is not ignored.
fn uncounted(request: &ChatRequest, flight: &Flight, written: u64) -> Reserve {
    let worst = flight.worst_estimate;
    let longer = Estimate { max_completion_tokens: worst.max_completion_tokens.max(written), ..worst };
    flight.reservation.most(worst_of(request, &longer))
}

/// The maximum cost of a request.
pub(super) fn worst_of(request: &ChatRequest, worst: &Estimate) -> Reserve {
    let price = request.price.as_deref();
    let cost =
        |price: &Price| price.worst_case(worst.prompt_tokens, worst.max_completion_tokens, request.thinks);
    Reserve { cost: price.map_or(0.0, cost), tokens: worst.worst_case_tokens() }
}
