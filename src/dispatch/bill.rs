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

/// What a reply is billed for.
#[derive(Debug, Clone, Copy)]
pub(super) struct BilledRequest<'r> {
    pub(super) request: &'r ChatRequest,
    /// The price of its tokens on the way it took, if known.
    pub(super) price: Option<&'r Price>,
    /// The most that it can use, and the reservation for that.
    pub(super) worst_estimate: Estimate,
    pub(super) reservation: Reserve,
}

impl<'r> BilledRequest<'r> {
    /// A request that was sent by itself.
    pub(super) fn of(request: &'r ChatRequest, flight: &Flight) -> Self {
        let Flight { worst_estimate, reservation, .. } = *flight;
        Self { request, price: request.price.as_deref(), worst_estimate, reservation }
    }
}

impl Bill {
    /// The usage according to a reply. Missing counts are taken at their worst case. `quick`: the reply came sooner than
    /// any answer could.
    pub(super) fn of(reply: &Reply, billed: &BilledRequest<'_>, quick: bool) -> Self {
        let (usage, answer, may_be_billed) = match reply {
            Ok(answer) => (answer.usage, Some(answer), true),
            Err(fault) => (fault.usage, fault.partial.as_deref(), fault.may_be_billed(quick)),
        };
        let thought = answer.map_or(billed.request.thinks, crate::outcome::Answer::thought);
        match usage {
            Some(usage) => Self::counted(&usage, billed, thought),
            None if may_be_billed => {
                let written = answer.map_or(0, crate::outcome::Answer::text_bytes) as u64;
                Self { cost: None, tokens: 0, reserved: uncounted(billed, written) }
            }
            None => Self { cost: None, tokens: 0, reserved: Reserve::NOTHING },
        }
    }

    fn counted(usage: &Usage, billed: &BilledRequest<'_>, thought: bool) -> Self {
        let BilledRequest { request, price, worst_estimate: worst, reservation } = *billed;
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
                if is_priced { counted } else { counted.max(reservation.cost) }
            }
            _ => 0.0,
        };
        let reserved = Reserve { cost: open, tokens };
        Self { cost, tokens: total, reserved }
    }
}

/// The maximum cost of a request whose answer has this many bytes: no tokenizer makes more tokens of them. So an answer
/// that was longer than could be known is not ignored.
fn uncounted(billed: &BilledRequest<'_>, written: u64) -> Reserve {
    let worst = billed.worst_estimate;
    let longer = Estimate { max_completion_tokens: worst.max_completion_tokens.max(written), ..worst };
    billed.reservation.most(worst_at(billed.price, billed.request.thinks, &longer))
}

/// The maximum cost of a request that is sent by itself.
pub(super) fn worst_of(request: &ChatRequest, worst: &Estimate) -> Reserve {
    worst_at(request.price.as_deref(), request.thinks, worst)
}

/// The maximum cost of a request at a price.
pub(super) fn worst_at(price: Option<&Price>, thinks: bool, worst: &Estimate) -> Reserve {
    let cost = |price: &Price| price.worst_case(worst.prompt_tokens, worst.max_completion_tokens, thinks);
    Reserve { cost: price.map_or(0.0, cost), tokens: worst.worst_case_tokens() }
}
