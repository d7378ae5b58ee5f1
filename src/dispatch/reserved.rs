//! Refusals in a job that has had answers: while nobody is answered, it is open whose fault they are. The verdict is
//! reserved until an answer makes them the rows' own, or until there are so many that the job or the service is at fault.

use crate::note::RequestEnd;
use crate::outcome::{Fault, FaultKind};

/// How many similar ends without an answer between them end a run that has had answers, once every request sent in between
/// has returned; and the maximum to wait for.
const ALIKE: (usize, usize) = (20, 512);

/// How many ends of any kind without an answer between them also end it, including those about a row's own content: a
/// hundred bad rows may be neighbours in a file, but after twice as many nothing can be believed.
const OF_ANY_KIND: usize = 200;

/// Codes for what a model or a filter finds in the content of one row. A broken filter finds it in every row.
const OF_A_FILTER: [&str; 3] = ["refused", "content_filter", "data_inspection_failed"];

/// The refusals with a reserved verdict.
#[derive(Debug, Default)]
pub(super) struct ReservedRefusals {
    held: Vec<OpenRefusal>,
    /// Answers in a row that were paid for but are not what the job requires.
    unfit: usize,
    /// Whether they have ended the run: later ones are not their rows' fault either.
    has_ended: bool,
}

/// The result of a refusal.
#[derive(Debug)]
pub(super) enum RefusalEffect {
    /// Undecided.
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
    /// Whether it is reported to be about the row's content.
    of_the_row: bool,
}

impl ReservedRefusals {
    /// Records a refusal, with the turn in which its request was sent and whether it is about the row's content. `is_open`:
    /// whether a request sent in a range of turns is still in flight.
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
        // A refusal about its own row says nothing about the others, until there are too many.
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
        // If so many requests are in flight that an answer may take long, refusals about a row's own content are believed
        // without one.
        let too_many = self.held.len() >= most;
        let first = self.held.iter().position(|one| one.of_the_row).filter(|_| too_many);
        first.map_or(RefusalEffect::Open, |first| {
            RefusalEffect::Believed(Box::new(self.held.remove(first).ended))
        })
    }

    /// An answer was paid for but is not what the job requires. Returns whether there were so many in a row that the job
    /// would only go on buying them.
    pub(super) fn take_unfit(&mut self) -> bool {
        self.unfit += 1;
        self.unfit >= OF_ANY_KIND
    }

    /// An answer was what the job requires.
    pub(super) fn fits(&mut self) {
        self.unfit = 0;
    }

    /// A request sent in this turn was answered: refusals of requests sent before it are the rows' own. An answer to an
    /// earlier one proves nothing.
    pub(super) fn heard(&mut self, turn: u64) -> Vec<RequestEnd> {
        if self.has_ended {
            return Vec::new();
        }
        self.held.extract_if(.., |one| one.turn < turn).map(|one| one.ended).collect()
    }

    /// Ends the rows of a job that ends: returns those that have failed because of their content. The others stay pending.
    pub(super) fn abandon(&mut self) -> Vec<RequestEnd> {
        self.held.drain(..).filter(|one| one.of_the_row).map(|one| one.ended).collect()
    }

    /// Returns all of them.
    pub(super) fn release(&mut self) -> Vec<RequestEnd> {
        self.held.drain(..).map(|one| one.ended).collect()
    }
}

/// Whether a refusal can affect every row: the API's own, or an empty answer. A row's length cannot: in a file sorted by
/// length, the last thousand rows may be too long for the model.
pub(super) fn may_be_everybody_s(fault: &Fault) -> bool {
    let of_the_api =
        matches!(fault.kind, FaultKind::RowRefused | FaultKind::Unusable | FaultKind::CutByServer);
    of_the_api && fault.status.is_some() && !fault.too_long
}

/// Whether a refusal is about the row's content.
pub(super) fn is_of_content(fault: &Fault) -> bool {
    fault.about == Some("messages") || OF_A_FILTER.contains(&fault.code.as_str())
}

/// Whether two refusals are alike: the same code, and the same words except those with digits, which are request ids, times
/// and counts.
fn is_alike(one: &Fault, other: &Fault) -> bool {
    let words = |fault: &'_ Fault| -> Vec<String> {
        let is_plain = |word: &&str| !word.contains(|c: char| c.is_ascii_digit());
        fault.message.split_whitespace().filter(is_plain).map(str::to_owned).collect()
    };
    (one.status, &one.code) == (other.status, &other.code)
        && (one.message == other.message || words(one) == words(other))
}
