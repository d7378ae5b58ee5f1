//! Money and tokens are capped before they are spent: what is in flight is set aside at its worst.

use super::stop::Cap;
use crate::job::limits::Caps;
use crate::outcome::Usage;
use crate::request::{ChatRequest, Estimate};

/// What a job has spent, in the period that its caps count over, and what it has set aside.
#[derive(Debug)]
pub(crate) struct Purse {
    caps: Caps,
    spent_cost: f64,
    spent_tokens: u64,
    reserved_cost: f64,
    reserved_tokens: u64,
    in_flight: usize,
}

/// What was set aside for one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reservation {
    cost: f64,
    tokens: u64,
}

/// Why a request cannot leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Short {
    /// It may be able to once some of what is in flight has turned out cheaper than its worst.
    ForNow,
    /// It never will.
    ForGood(Cap),
}

impl Purse {
    /// A purse from which earlier runs have taken.
    pub(crate) fn new(caps: Caps, spent_cost: f64, spent_tokens: u64) -> Self {
        let (reserved_cost, reserved_tokens, in_flight) = (0.0, 0, 0);
        Self { caps, spent_cost, spent_tokens, reserved_cost, reserved_tokens, in_flight }
    }

    /// Keeps to other caps from now on.
    pub(crate) fn change(&mut self, caps: Caps) {
        self.caps = caps;
    }

    /// Nothing is spent yet of the period that begins. What is in flight may have left a moment after it began, and counts
    /// in it.
    pub(crate) fn start_anew(&mut self) {
        (self.spent_cost, self.spent_tokens) = (0.0, 0);
    }

    /// Sets the worst case of a request aside.
    ///
    /// # Errors
    ///
    /// When a cap could be passed.
    pub(crate) fn reserve(&mut self, request: &ChatRequest, worst: &Estimate) -> Result<Reservation, Short> {
        let Estimate { prompt_tokens, max_completion_tokens } = *worst;
        let price = request.price.as_deref();
        let cost =
            price.map_or(0.0, |price| price.worst_case(prompt_tokens, max_completion_tokens, request.thinks));
        let tokens = worst.worst_case_tokens();
        let short = match self.caps {
            Caps { cost: Some(cap), .. } if self.spent_cost + self.reserved_cost + cost > cap => {
                Some(Cap::Cost)
            }
            Caps { total_tokens: Some(cap), .. }
                if self.spent_tokens.saturating_add(self.reserved_tokens).saturating_add(tokens) > cap =>
            {
                Some(Cap::TotalTokens)
            }
            _ => None,
        };
        match short {
            Some(cap) if self.in_flight == 0 => Err(Short::ForGood(cap)),
            Some(_) => Err(Short::ForNow),
            None => {
                self.reserved_cost += cost;
                self.reserved_tokens = self.reserved_tokens.saturating_add(tokens);
                self.in_flight += 1;
                Ok(Reservation { cost, tokens })
            }
        }
    }

    /// Takes the whole reservation for an answer whose usage the service did not say: its cost is not known.
    pub(crate) fn settle_unknown(&mut self, reservation: Reservation) -> Option<f64> {
        self.settle(reservation, None, None);
        self.spent_tokens += reservation.tokens;
        self.spent_cost += reservation.cost;
        None
    }

    /// Gives a reservation back and takes what the request used and cost instead. Says the cost, where it is known.
    pub(crate) fn settle(
        &mut self,
        reservation: Reservation,
        usage: Option<&Usage>,
        cost: Option<f64>,
    ) -> Option<f64> {
        self.in_flight -= 1;
        self.reserved_tokens = self.reserved_tokens.saturating_sub(reservation.tokens);
        self.reserved_cost = if self.in_flight == 0 { 0.0 } else { self.reserved_cost - reservation.cost };
        let usage = usage?;
        // What the service did not count, and what has no price for so long an input, counts at its worst.
        self.spent_tokens =
            self.spent_tokens.saturating_add(usage.total_tokens.unwrap_or(reservation.tokens));
        self.spent_cost += cost.unwrap_or(reservation.cost);
        cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Fingerprint;

    #[test]
    fn what_is_in_flight_counts_at_its_worst_until_it_is_settled() {
        let caps = Caps { total_tokens: Some(100), ..Caps::default() };
        let mut purse = Purse::new(caps, 0.0, 20);
        let worst = Estimate { prompt_tokens: 10, max_completion_tokens: 30 };
        let request = ChatRequest::of_body(b"{}".to_vec(), Fingerprint([0; 16]));
        let reserve = |purse: &mut Purse| purse.reserve(&request, &worst);
        let first = reserve(&mut purse).expect("60 of 100");
        let second = reserve(&mut purse).expect("100 of 100");
        assert_eq!(reserve(&mut purse), Err(Short::ForNow));
        let usage = Usage { total_tokens: Some(15), ..Usage::default() };
        purse.settle(first, Some(&usage), None);
        assert_eq!(reserve(&mut purse), Err(Short::ForNow), "35 spent, 40 in flight, 40 more");
        purse.settle(second, Some(&usage), None);
        let third = reserve(&mut purse).expect("90 of 100");
        purse.settle(third, Some(&usage), None);
        assert_eq!(reserve(&mut purse), Err(Short::ForGood(Cap::TotalTokens)));
    }
}
