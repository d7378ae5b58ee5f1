//! The requests that rows needed after their first, by purpose.

use serde::Serialize;

use super::Asks;
use crate::text::{count, counted};

/// The number of each kind. The JSON names are those of the journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FollowUps {
    /// With the results of tools.
    pub tools: u64,
    /// For an answer that satisfies the schema, or passes the checks.
    pub repair: u64,
    /// With a larger `max_tokens`.
    pub grow: u64,
    /// For the rest of a cut answer.
    pub rest: u64,
    /// For parts of pieces whose answers were not whole.
    pub halve: u64,
    /// For further groups of parts that were more than fit into one request.
    pub merge: u64,
    /// For rows of packs whose answers were not one for one.
    pub alone: u64,
}

impl FollowUps {
    /// Adds a number of one kind.
    pub fn add(&mut self, asks: Asks, requests: u64) {
        let kind = match asks {
            Asks::Tools => &mut self.tools,
            Asks::Repair | Asks::Check => &mut self.repair,
            Asks::Grow => &mut self.grow,
            Asks::Continue => &mut self.rest,
            Asks::Halve | Asks::Gaps | Asks::Part => &mut self.halve,
            Asks::Merge => &mut self.merge,
            Asks::Alone => &mut self.alone,
        };
        *kind += requests;
    }

    /// The sum of both.
    pub fn plus(self, others: Self) -> Self {
        Self {
            tools: self.tools + others.tools,
            repair: self.repair + others.repair,
            grow: self.grow + others.grow,
            rest: self.rest + others.rest,
            halve: self.halve + others.halve,
            merge: self.merge + others.merge,
            alone: self.alone + others.alone,
        }
    }

    /// The numbers in words, for people.
    pub fn words(&self) -> Vec<String> {
        let rounds = counted(self.tools, "round");
        let all = [
            (self.tools, format!("{rounds} of tools")),
            (self.repair, counted(self.repair, "repair")),
            (self.grow, format!("{} with more tokens", count(self.grow))),
            (self.rest, counted(self.rest, "continuation")),
            (self.halve, format!("{} for parts of pieces", count(self.halve))),
            (self.merge, format!("{} for groups of parts", count(self.merge))),
            (self.alone, format!("{} for rows of failed packs", count(self.alone))),
        ];
        all.into_iter().filter(|(requests, _)| *requests > 0).map(|(_, words)| words).collect()
    }
}

/// The number of requests, and of those kinds that are worth mentioning.
pub fn requests(all: u64, follow_ups: &FollowUps, throttled: u64, faults: u64) -> String {
    let mut parts = follow_ups.words();
    let rest = [(throttled, "throttled"), (faults, "without an answer")];
    let rest = rest.iter().filter(|(requests, _)| *requests > 0);
    parts.extend(rest.map(|(requests, words)| format!("{} {words}", count(*requests))));
    match parts.is_empty() {
        true => counted(all, "request"),
        false => format!("{} ({})", counted(all, "request"), parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_listed_by_purpose_and_without_zeros() {
        let mut follow_ups = FollowUps::default();
        assert_eq!(requests(1, &follow_ups, 0, 0), "1 request");
        follow_ups.add(Asks::Repair, 10);
        assert_eq!(requests(58, &follow_ups, 0, 0), "58 requests (10 repairs)");
        follow_ups.add(Asks::Tools, 1);
        let all = follow_ups.plus(FollowUps { grow: 2, halve: 4, ..FollowUps::default() });
        let expected = "2,000 requests (1 round of tools, 10 repairs, 2 with more tokens, 4 for parts of pieces, 3 \
            throttled, 4 without an answer)";
        assert_eq!(requests(2000, &all, 3, 4), expected);
    }
}
