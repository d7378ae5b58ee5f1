//! Caps money and tokens before they are spent: requests in flight are reserved at their worst case, and usage that nobody
//! can count stays reserved.

use super::bill::Bill;
use super::stop::Cap;
use crate::job::limits::Caps;
use crate::reserve::Reserve;

/// What a job has spent and reserved in the period of its caps.
#[derive(Debug)]
pub(crate) struct Budget {
    caps: Caps,
    spent_cost: f64,
    spent_tokens: u64,
    /// What stays reserved for requests that have ended with unknown usage.
    kept: Reserve,
    /// What requests in batches may cost until they are collected, in whatever period.
    submitted: Reserve,
    out: Reserve,
    in_flight: usize,
}

/// Why a request cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Short {
    /// It may fit once some requests in flight have turned out cheaper than their worst case.
    ForNow,
    /// It never will.
    ForGood(Cap),
}

impl Budget {
    /// A budget from which earlier runs have spent, and in which they have left reservations.
    pub(crate) fn new(caps: Caps, spent_cost: f64, spent_tokens: u64, kept: Reserve) -> Self {
        Self {
            caps,
            spent_cost,
            spent_tokens,
            kept,
            submitted: Reserve::NOTHING,
            out: Reserve::NOTHING,
            in_flight: 0,
        }
    }

    /// With requests in batches that earlier runs have submitted.
    #[must_use]
    pub(crate) fn with_submitted(self, submitted: Reserve) -> Self {
        Self { submitted, ..self }
    }

    /// Applies other caps from now on.
    pub(crate) fn change(&mut self, caps: Caps) {
        self.caps = caps;
    }

    /// Whether there is a cap on money or tokens.
    pub(crate) fn is_capped(&self) -> bool {
        self.caps.cost.is_some() || self.caps.total_tokens.is_some()
    }

    /// Resets the spending for a new period. Requests in flight may have been sent a moment after it began, and count in
    /// it.
    pub(crate) fn restart(&mut self) {
        (self.spent_cost, self.spent_tokens, self.kept) = (0.0, 0, Reserve::NOTHING);
    }

    /// What the caps leave for requests beyond those in flight.
    pub(crate) fn left(&self) -> Reserve {
        let aside = self.kept + self.submitted + self.out;
        let cost = self.caps.cost.map_or(f64::MAX, |cap| (cap - self.spent_cost - aside.cost).max(0.0));
        let tokens = self
            .caps
            .total_tokens
            .map_or(u64::MAX, |cap| cap.saturating_sub(self.spent_tokens).saturating_sub(aside.tokens));
        Reserve { cost, tokens }
    }

    /// Whether a request exceeds a cap whatever becomes of those in flight.
    pub(crate) fn is_beyond(&self, worst: Reserve) -> bool {
        let aside = self.kept + self.submitted + worst;
        self.caps.cost.is_some_and(|cap| self.spent_cost + aside.cost > cap)
            || self.caps.total_tokens.is_some_and(|cap| self.spent_tokens.saturating_add(aside.tokens) > cap)
    }

    /// Reserves the worst case of a request.
    ///
    /// # Errors
    ///
    /// A cap could be exceeded.
    pub(crate) fn reserve(&mut self, worst: Reserve) -> Result<(), Short> {
        let aside = self.kept + self.submitted + self.out + worst;
        let short = match self.caps {
            Caps { cost: Some(cap), .. } if self.spent_cost + aside.cost > cap => Some(Cap::Cost),
            Caps { total_tokens: Some(cap), .. } if self.spent_tokens.saturating_add(aside.tokens) > cap => {
                Some(Cap::TotalTokens)
            }
            _ => None,
        };
        match short {
            Some(cap) if self.in_flight == 0 => Err(Short::ForGood(cap)),
            Some(_) => Err(Short::ForNow),
            None => {
                self.out += worst;
                self.in_flight += 1;
                Ok(())
            }
        }
    }

    /// Sets aside what is submitted in a batch, until it is collected.
    pub(crate) fn submit(&mut self, worst: Reserve) {
        self.submitted += worst;
    }

    /// What was set aside for a batch, or a part of it, was not used.
    pub(crate) fn withdraw(&mut self, worst: Reserve) {
        self.submitted = self.submitted.minus(worst);
    }

    /// Replaces what was set aside for a request of a batch by its actual usage.
    pub(crate) fn collected(&mut self, worst: Reserve, bill: &Bill) {
        self.withdraw(worst);
        self.spend(bill);
    }

    /// Releases the reservation of a request.
    pub(crate) fn give_back(&mut self, worst: Reserve) {
        self.in_flight -= 1;
        self.out = if self.in_flight == 0 { Reserve::NOTHING } else { self.out.minus(worst) };
    }

    /// Replaces the reservation of a request by its actual usage.
    pub(crate) fn settle(&mut self, worst: Reserve, bill: &Bill) {
        self.give_back(worst);
        self.spend(bill);
    }

    fn spend(&mut self, bill: &Bill) {
        self.spent_tokens = self.spent_tokens.saturating_add(bill.tokens);
        self.spent_cost += bill.cost.unwrap_or(0.0);
        self.kept += bill.reserved;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORST: Reserve = Reserve { cost: 0.0, tokens: 40 };

    fn budget(cap: u64, spent: u64, kept: u64) -> Budget {
        let caps = Caps { total_tokens: Some(cap), ..Caps::default() };
        Budget::new(caps, 0.0, spent, Reserve { tokens: kept, ..Reserve::NOTHING })
    }

    fn bill(tokens: u64, reserved: u64) -> Bill {
        Bill { cost: None, tokens, reserved: Reserve { tokens: reserved, ..Reserve::NOTHING } }
    }

    #[test]
    fn requests_in_flight_count_at_their_worst_case_until_they_are_settled() {
        let mut budget = budget(100, 20, 0);
        assert_eq!(budget.reserve(WORST), Ok(()), "60 of 100");
        assert_eq!(budget.reserve(WORST), Ok(()), "100 of 100");
        assert_eq!(budget.reserve(WORST), Err(Short::ForNow));
        budget.settle(WORST, &bill(15, 0));
        assert_eq!(budget.reserve(WORST), Err(Short::ForNow), "35 spent, 40 in flight, 40 more");
        budget.settle(WORST, &bill(15, 0));
        assert_eq!(budget.reserve(WORST), Ok(()), "90 of 100");
        budget.settle(WORST, &bill(15, 0));
        assert_eq!(budget.reserve(WORST), Err(Short::ForGood(Cap::TotalTokens)));
    }

    #[test]
    fn usage_that_nobody_counts_stays_reserved() {
        let mut budget = budget(100, 0, 20);
        assert_eq!(budget.reserve(WORST), Ok(()), "60 of 100");
        budget.settle(WORST, &bill(0, 40));
        assert_eq!(budget.reserve(WORST), Ok(()), "100 of 100");
        budget.settle(WORST, &bill(5, 20));
        assert_eq!(budget.left().tokens, 100 - 20 - 40 - 25);
        assert_eq!(budget.reserve(WORST), Err(Short::ForGood(Cap::TotalTokens)));
    }
}
