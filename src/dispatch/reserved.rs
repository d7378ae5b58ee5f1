//! Refusals of a job that has had answers: whose they are is open while nobody is answered. Judgment on them is reserved until
//! an answer makes them the rows' own, or so many have come together that it is the job or the service.

use crate::note::RequestEnd;
use crate::outcome::{Fault, FaultKind};

/// Ends alike, without an answer between them, that end a run which has had answers, once every request that was sent in
/// between has come back; and the most that are waited for.
const ALIKE: (usize, usize) = (20, 512);

/// Ends of any kind without an answer between them that end it as well, also those that are said to be about each row's own
/// content: a hundred bad rows may stand side by side in a file, and behind twice as many nobody is left to be believed.
const OF_ANY_KIND: usize = 200;

/// Codes of what a model, or a filter, finds in the content of one row. A filter that is out of order finds it in every row.
const OF_A_FILTER: [&str; 3] = ["refused", "content_filter", "data_inspection_failed"];

/// The refusals whose judgment is reserved.
#[derive(Debug, Default)]
pub(super) struct ReservedRefusals {
    held: Vec<OpenRefusal>,
    /// Answers in a row that were paid for and are not what the job asks for.
    unfit: usize,
    /// Whether they have ended the run: those that come in afterwards are no fault of their rows either.
    has_ended: bool,
}

/// What a refusal leads to.
#[derive(Debug)]
pub(super) enum RefusalEffect {
    /// Nothing yet.
    Open,
    /// An earlier refusal is its row's own, and need not wait for an answer.
    Believed(Box<RequestEnd>),
    /// The job ends.
    Ends,
}

/// A refusal, and the turn in which its request was sent.
#[derive(Debug)]
struct OpenRefusal {
    ended: RequestEnd,
    fault: Fault,
    turn: u64,
    /// Whether it is said to be about what is in its row.
    of_the_row: bool,
}

impl ReservedRefusals {
    /// Takes a refusal in, with the turn in which its request was sent and whether it is said to be about what is in its row.
    /// `is_open`: whether one of the requests that were sent from one turn to another is still out.
    pub(super) fn take(
        &mut self,
        ended: RequestEnd,
        fault: &Fault,
        (turn, of_the_row): (u64, bool),
        is_open: impl Fn(u64, u64) -> bool,
    ) -> RefusalEffect {
        self.held.push(OpenRefusal { ended, fault: fault.clone(), turn, of_the_row });
        let (fewest, most) = ALIKE;
        let alike = self.held.iter().rev().take_while(|one| is_alike(&one.fault, fault)).count();
        // What is about its own row says nothing of the others, until it is too often said.
        let alike = if of_the_row { 0 } else { alike };
        let is_settled = |count: usize| {
            let latest = &self.held[self.held.len() - count..];
            let turns = || latest.iter().map(|one| one.turn);
            !is_open(turns().min().unwrap_or(turn), turns().max().unwrap_or(turn))
        };
        let others = self.held.iter().filter(|one| !one.of_the_row).count();
        self.has_ended |= alike >= most
            || others >= most
            || (alike >= fewest && is_settled(alike))
            || (self.held.len() >= OF_ANY_KIND && is_settled(self.held.len()));
        if self.has_ended {
            return RefusalEffect::Ends;
        }
        // Where so many requests are out that an answer to one of them may be long in coming, what is said of a row's own
        // content is believed without it.
        let too_many = self.held.len() >= most;
        let first = self.held.iter().position(|one| one.of_the_row).filter(|_| too_many);
        first.map_or(RefusalEffect::Open, |first| {
            RefusalEffect::Believed(Box::new(self.held.remove(first).ended))
        })
    }

    /// An answer was paid for and is not what the job asks for. Says whether there have been so many in a row that the job
    /// would only go on to buy them.
    pub(super) fn take_unfit(&mut self) -> bool {
        self.unfit += 1;
        self.unfit >= OF_ANY_KIND
    }

    /// An answer was what the job asks for.
    pub(super) fn fits(&mut self) {
        self.unfit = 0;
    }

    /// A request that was sent in this turn was answered: what was refused before it was sent is the rows' own fault. An answer
    /// to an earlier one says nothing.
    pub(super) fn heard(&mut self, turn: u64) -> Vec<RequestEnd> {
        if self.has_ended {
            return Vec::new();
        }
        self.held.extract_if(.., |one| one.turn < turn).map(|one| one.ended).collect()
    }

    /// Ends the rows of a job that ends: gives those that have failed all the same, for what is in them. The others are pending.
    pub(super) fn abandon(&mut self) -> Vec<RequestEnd> {
        self.held.drain(..).filter(|one| one.of_the_row).map(|one| one.ended).collect()
    }

    /// Gives all of them back.
    pub(super) fn release(&mut self) -> Vec<RequestEnd> {
        self.held.drain(..).map(|one| one.ended).collect()
    }
}

/// Whether a refusal can be every row's: the API's own, or an answer with nothing in it. Not the length of a row: in a file
/// that is sorted by it, the last thousand rows may be too long for the model.
pub(super) fn may_be_everybody_s(fault: &Fault) -> bool {
    let of_the_api =
        matches!(fault.kind, FaultKind::RowRefused | FaultKind::Unusable | FaultKind::CutByServer);
    of_the_api && fault.status.is_some() && !fault.too_long
}

/// Whether a refusal is said to be about what is in its row.
pub(super) fn is_of_content(fault: &Fault) -> bool {
    fault.about == Some("messages") || OF_A_FILTER.contains(&fault.code.as_str())
}

/// Whether two refusals say the same: the same code, and the same words but for those with a digit in them, which are the
/// names of requests, times and counts.
fn is_alike(one: &Fault, other: &Fault) -> bool {
    let words = |fault: &'_ Fault| -> Vec<String> {
        let is_plain = |word: &&str| !word.contains(|c: char| c.is_ascii_digit());
        fault.message.split_whitespace().filter(is_plain).map(str::to_owned).collect()
    };
    (one.status, &one.code) == (other.status, &other.code)
        && (one.message == other.message || words(one) == words(other))
}
