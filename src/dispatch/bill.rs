//! What a request came to: what the service counted of it, and what stays set aside because it did not.

use super::flight::Flight;
use crate::job::price::Price;
use crate::outcome::{Reply, Usage};
use crate::request::{ChatRequest, Estimate};
use crate::reserve::Reserve;

/// What a request came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bill {
    /// What it cost, where that is known.
    pub(crate) cost: Option<f64>,
    /// What it used, as far as the service counted it.
    pub(crate) tokens: u64,
    /// What it may have cost beyond that.
    pub(crate) reserved: Reserve,
}

impl Bill {
    /// What the reply to a request says that it came to. What is missing counts at its worst. `quick`: the reply came
    /// sooner than any answer could.
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
        // A total that is larger than the worst is an answer that was longer than could be known.
        let beyond = usage.total_tokens.map_or(0, |total| total.saturating_sub(worst.worst_case_tokens()));
        let prompt = usage.prompt_tokens.unwrap_or(worst.prompt_tokens);
        let completion =
            usage.completion_tokens.unwrap_or(worst.max_completion_tokens.saturating_add(beyond));
        let total = usage.total_tokens.unwrap_or(0);
        // Of a total and one part the other would follow, were the total one.
        let is_total = usage.total_tokens.is_some()
            && usage.prompt_tokens.is_some() == usage.completion_tokens.is_some();
        let tokens = if is_total { 0 } else { prompt.saturating_add(completion).saturating_sub(total) };
        let open = match (cost, price) {
            (None, Some(price)) => {
                let counted = price.worst_case(prompt, completion, request.thinks || thought);
                // Past the last tier the price itself is not known.
                let is_priced = price.tier(prompt).is_some();
                if is_priced { counted } else { counted.max(flight.reservation.cost) }
            }
            _ => 0.0,
        };
        let reserved = Reserve { cost: open, tokens };
        Self { cost, tokens: total, reserved }
    }
}

/// The most that a request can have cost whose answer has so many bytes: no tokenizer makes more tokens of them, so that an
/// answer that was longer than could be known is not passed over.
fn uncounted(request: &ChatRequest, flight: &Flight, written: u64) -> Reserve {
    let worst = flight.worst_estimate;
    let longer = Estimate { max_completion_tokens: worst.max_completion_tokens.max(written), ..worst };
    flight.reservation.most(worst_of(request, &longer))
}

/// The most that a request can cost.
pub(super) fn worst_of(request: &ChatRequest, worst: &Estimate) -> Reserve {
    let price = request.price.as_deref();
    let cost =
        |price: &Price| price.worst_case(worst.prompt_tokens, worst.max_completion_tokens, request.thinks);
    Reserve { cost: price.map_or(0.0, cost), tokens: worst.worst_case_tokens() }
}
