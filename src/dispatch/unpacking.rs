//! The end of a pack: its answer is taken apart, or its rows go alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::time::Instant;

use super::flight::SentRequest;
use super::ledger::Ledger;
use super::pass::Pass;
use super::work::Work;
use crate::conversation::{Asks, Step};
use crate::endpoint::Endpoint;
use crate::note::Outcome;
use crate::outcome::{Answer, Fault, Usage};
use crate::packs::{PackPart, PackRefusal, shares, taken_apart};
use crate::request::ChatRequest;

impl<E: Endpoint, L: Ledger> Pass<'_, '_, E, L> {
    /// Takes the answer to a pack apart. Each part is its row's answer like any other; if they are not one for one, none is
    /// used, and each row keeps its share of what was paid.
    pub(super) fn unpack(&mut self, work: Work, answer: Answer, end: SentRequest, now: Instant) {
        let shape = work.request.shape;
        let Some(members) = work.pack else { return };
        let apart = {
            let requests: Vec<&ChatRequest> = members.iter().map(|member| &member.request).collect();
            let apart = catch_unwind(AssertUnwindSafe(|| taken_apart(&requests, &answer)));
            apart.unwrap_or(Err(PackRefusal::Marks))
        };
        self.count_pack(apart.is_err());
        let parts = apart.unwrap_or_else(|refusal| {
            self.preflight(end.service).accepted(shape);
            vec![Err(refusal); members.len()]
        });
        self.end_each(members.into_vec(), parts, answer, end, now);
    }

    /// Ends each row with its part, or lets it go alone; each has its share of what was paid.
    fn end_each(
        &mut self,
        members: Vec<Work>,
        parts: Vec<PackPart>,
        answer: Answer,
        end: SentRequest,
        now: Instant,
    ) {
        let sent = bytes_of(&members);
        let bytes = |(part, sent): (&PackPart, &u64)| part.as_ref().map_or(*sent, |part| part.len() as u64);
        let received: Vec<u64> = parts.iter().zip(&sent).map(bytes).collect();
        let usages = divided(answer.usage.as_ref(), &sent, &received);
        let ends = end.divided(&weights(&members, &answer, &usages, &sent));
        let bare = Answer { response: None, reasoning: None, tool_calls: None, ..answer.clone() };
        // The first row that is not answered keeps the evidence.
        let mut evidence = Some(answer.clone());
        for (((member, part), usage), end) in members.into_iter().zip(parts).zip(usages).zip(ends) {
            match part {
                Ok(part) => {
                    let answer = Answer { response: Some(part), usage, ..answer.clone() };
                    self.converse(member, answer, end, now);
                }
                Err(refusal) => {
                    let answer = Answer { usage, ..evidence.take().unwrap_or_else(|| bare.clone()) };
                    let results = vec![refusal.code().to_owned(), refusal.to_string()];
                    let mut member = member.alone();
                    self.step(&mut member, Step { answer, asks: Asks::Alone, results }, end);
                    self.queues.wait(now, member);
                }
            }
        }
    }

    /// A pack met a fault that one of its rows may be to blame for: each goes alone, at once.
    pub(super) fn fell_apart(&mut self, work: Work, fault: Fault, end: SentRequest, now: Instant) {
        if fault.is_the_api_s_own() {
            self.service_is_there(end.service, now);
        }
        // A bad moment of the service says nothing of packs.
        if !fault.kind.passes() {
            self.count_pack(true);
        }
        self.store_ends(&work, end, Outcome::Retry(fault));
        self.scatter(work, now);
    }

    /// Lets the rows of a pack that was sent go alone.
    pub(super) fn scatter(&mut self, work: Work, now: Instant) {
        for member in work.pack.into_iter().flatten() {
            self.queues.wait(now, member.alone());
        }
    }

    /// Stores the end of a request that brought no answer, for each of its rows.
    pub(super) fn store_ends(&mut self, work: &Work, end: SentRequest, ending: Outcome) {
        let Some(members) = &work.pack else { return self.store(end.of(work, ending)) };
        let ends = end.of_each(&bytes_of(members));
        for (number, (member, end)) in members.iter().zip(ends).enumerate() {
            let ending = if number == 0 { ending.clone() } else { without_usage(&ending) };
            self.store(end.of(member, ending));
        }
    }

    fn count_pack(&mut self, failed: bool) {
        if let Some(packing) = &mut self.dispatcher.packing {
            packing.count(failed);
        }
    }
}

/// A fault as it is stored for the other rows of its request: its usage is counted once.
fn without_usage(ending: &Outcome) -> Outcome {
    match ending {
        Outcome::Retry(fault) => {
            let fault = Fault { usage: None, evidence: None, partial: None, ..fault.clone() };
            Outcome::Retry(fault)
        }
        ending => ending.clone(),
    }
}

/// The bytes of each row's text.
fn bytes_of(members: &[Work]) -> Vec<u64> {
    members.iter().map(|member| member.travel.as_ref().map_or(1, |text| text.bytes)).collect()
}

fn divided(usage: Option<&Usage>, sent: &[u64], received: &[u64]) -> Vec<Option<Usage>> {
    match usage {
        Some(usage) => shares::of_usage(usage, sent, received).into_iter().map(Some).collect(),
        None => vec![None; sent.len()],
    }
}

/// By what money is divided: the price of each row's tokens, in millionths of millionths; tokens where no price is known, and bytes
/// where the service counted none.
fn weights(members: &[Work], answer: &Answer, usages: &[Option<Usage>], sent: &[u64]) -> Vec<u64> {
    let price = members.first().and_then(|member| member.request.price.as_ref());
    let cost =
        |usage: &Option<Usage>| Some((price?.of(usage.as_ref()?, answer.thought())? * 1e12).round() as u64);
    let costs: Option<Vec<u64>> = usages.iter().map(cost).collect();
    let tokens = || usages.iter().map(|usage| usage.as_ref()?.total_tokens).collect();
    costs.filter(|costs| costs.iter().any(|cost| *cost > 0)).or_else(tokens).unwrap_or_else(|| sent.to_vec())
}
