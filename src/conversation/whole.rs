//! Whether the answer to a piece is whole, and how the piece is asked again if not.

use super::attempts::attempt;
use super::parts::{Accepted, PendingRequest, asked};
use super::step::Step;
use super::{ConversationRules, Turn, no_body, unfit};
use crate::job::split::OnMismatch;
use crate::outcome::{Answer, Fault, Flaw};
use crate::request::ChatRequest;

impl ConversationRules {
    /// The meaning of an answer for its piece.
    pub(super) fn judged(
        &self,
        first: &ChatRequest,
        steps: &[Step],
        asked: PendingRequest<'_>,
        answer: Answer,
    ) -> Turn {
        let flaw = asked.flaw(&answer);
        if let Some(flaw) = flaw.clone().filter(|_| !self.keeps_flaws()) {
            let turn = self.divided(first, steps, &asked, &answer);
            return turn.unwrap_or_else(|| lacking(flaw, steps, answer));
        }
        match asked.accept(answer, flaw) {
            Accepted::Whole(answer) => Turn::Answered(answer),
            Accepted::Part(step) => turn_to_part(first, steps, step),
        }
    }

    /// How a row continues after an answer without a text, which was paid for; `None` if it does not.
    pub fn emptied(&self, first: &ChatRequest, steps: &[Step], answer: &Answer) -> Option<Turn> {
        let (again, own) = attempt(first, steps).ok()?;
        self.divided(&again, own, &asked(&again, own).ok()?, answer)
    }

    /// The first of the parts in which a text is asked again; `None` if it cannot be divided, or is not to be.
    pub(super) fn divided(
        &self,
        first: &ChatRequest,
        steps: &[Step],
        asked: &PendingRequest<'_>,
        answer: &Answer,
    ) -> Option<Turn> {
        if self.on_mismatch != Some(OnMismatch::Split) {
            return None;
        }
        let asks = asked.division(first, answer)?;
        let results = asked.flaw(answer).map_or_else(Vec::new, Flaw::into_texts);
        Some(turn_to_part(first, steps, Step { answer: answer.clone(), asks, results }))
    }
}

fn turn_to_part(first: &ChatRequest, steps: &[Step], step: Step) -> Turn {
    let all: Vec<Step> = steps.iter().cloned().chain([step.clone()]).collect();
    let next = asked(first, &all).map(|asked| asked.request.into_owned());
    match next {
        Ok(request) => Turn::Ask(step, Box::new(request)),
        Err(message) => Turn::Failed(Fault { usage: step.answer.usage, ..no_body(message) }),
    }
}

/// The failure of a piece whose answer is not whole. The evidence is the answer to the piece, which `keep` would accept.
fn lacking(flaw: Flaw, steps: &[Step], answer: Answer) -> Turn {
    let whole = steps.iter().find(|step| step.asks.turns_to_a_part());
    let response = whole.map_or(&answer, |step| &step.answer).response.clone();
    let (code, message) = (flaw.code.clone(), flaw.message.clone());
    Turn::Failed(unfit(&code, message, &Answer { response, flaw: Some(flaw), ..answer }))
}
