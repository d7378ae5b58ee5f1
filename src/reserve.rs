//! Amounts that are set aside: the most that requests could have cost, while their actual cost is unknown.

use std::ops::{Add, AddAssign};

use serde::{Serialize, Serializer};

use crate::job::price::rounded;

/// Money and tokens that are set aside. In JSON, the fields are among those of the surrounding object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Reserve {
    /// Tokens of prompts and answers.
    #[serde(rename = "reserved_tokens")]
    pub tokens: u64,
    /// Money; 0 if no price is known.
    #[serde(rename = "reserved_cost", serialize_with = "as_written")]
    pub cost: f64,
}

fn as_written<S: Serializer>(cost: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    rounded(*cost).serialize(serializer)
}

/// The largest relative rounding error of money.
const NOISE: f64 = 1e-9;

impl Reserve {
    /// Nothing.
    pub const NOTHING: Self = Self { cost: 0.0, tokens: 0 };

    /// This without the other; never below zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self { cost: (self.cost - other.cost).max(0.0), tokens: self.tokens.saturating_sub(other.tokens) }
    }

    /// A multiple of this.
    #[must_use]
    pub fn times(self, number: u64) -> Self {
        Self { cost: self.cost * number as f64, tokens: self.tokens.saturating_mul(number) }
    }

    /// The smaller of each.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        Self { cost: self.cost.min(other.cost), tokens: self.tokens.min(other.tokens) }
    }

    /// The larger of each.
    #[must_use]
    pub fn most(self, other: Self) -> Self {
        Self { cost: self.cost.max(other.cost), tokens: self.tokens.max(other.tokens) }
    }

    /// Whether this is no more than the other, apart from rounding errors.
    pub fn fits(self, other: Self) -> bool {
        self.tokens <= other.tokens && self.cost <= other.cost * (1.0 + NOISE)
    }
}

impl Add for Reserve {
    type Output = Self;

    /// The sum of both; tokens saturate.
    fn add(self, other: Self) -> Self {
        Self { cost: self.cost + other.cost, tokens: self.tokens.saturating_add(other.tokens) }
    }
}

impl AddAssign for Reserve {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Reserve {
    fn sum<I: Iterator<Item = Self>>(reserves: I) -> Self {
        reserves.fold(Self::NOTHING, Self::add)
    }
}
